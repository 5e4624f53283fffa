import { evaluator, type Node, type RunningCommand, runModule, writeModule } from "../../helpers/index.ts";

const prelude = `
import * as places from "./shared/system/absolute-path.ts";
import * as signals from "./shared/system/blocked-signals.ts";
import * as directories from "./shared/system/directory.ts";
import * as files from "./shared/system/file.ts";
import * as statuses from "./shared/system/file-status.ts";
import * as flocks from "./shared/system/flock.ts";
import * as locks from "./shared/system/lock.ts";
import * as namespaces from "./shared/system/netns.ts";
import * as self from "./shared/system/own-process.ts";
import * as polls from "./shared/system/poll.ts";
import { findExecutable, programFolders, runProcess } from "./shared/system/process.ts";
import * as sysctls from "./shared/system/sysctl.ts";
import * as texts from "./shared/system/text.ts";
const failure = (work) => { try { return { returned: work() ?? null }; } catch (thrown) { return { name: thrown.name, errno: thrown.errno, message: thrown.message }; } };
const say = (value) => console.log(JSON.stringify(value, (key, each) => typeof each === "bigint" ? String(each) : each) ?? "null");
const text = texts.decodeText;
`;

/**
 * Runs statements on the node with the modules of shared/system at hand, and `say` to hand one value back.
 * `failure` gives what a function throws.
 */
export const onNode = <T = unknown>(node: Node, statements: string): Promise<T> =>
  runModule<T>(node, `${prelude}\n${statements}`);

/** As `onNode`, where nothing is handed back. */
export const doOnNode = async (node: Node, statements: string): Promise<void> => {
  await onNode(node, `${statements}\nsay(null);`);
};

/** The program of `onNode`, to be started and not waited for. */
export const program = (statements: string): string => `${prelude}\n${statements}`;

/** Starts statements that say "ready" when others may go on, and waits for that. */
export async function startOnNode(node: Node, statements: string): Promise<RunningCommand> {
  const script = await writeModule(program(statements));
  const running = node.start(evaluator, script.words);
  void running.ended.finally(() => script[Symbol.asyncDispose]());
  await running.firstLine();
  return running;
}
