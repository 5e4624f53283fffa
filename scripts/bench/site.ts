import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { enter } from "../../test/helpers/enter.ts";
import { bunBinary, createNode, type Node, projectRoot } from "../../test/helpers/index.ts";
import type { Case } from "./cases.ts";
import type { Answer, Call, WorkerRequest } from "./protocol.ts";

export type Verb = "ADD" | "DEL";

/** A node where one implementation of the plugins is measured. */
export interface Site extends AsyncDisposable {
  /** Attaches containers, unmeasured, and keeps them. */
  hold(count: number): Promise<void>;
  /** Makes namespaces for containers that will be attached. */
  prepare(names: readonly string[]): Promise<void>;
  /** Attaches or detaches one container. */
  measure(verb: Verb, name: string): Promise<Answer>;
}

const config = "/run/bench.json";

// As many at once as a busy kubelet starts; the kernel and the locks let no more through anyway.
const fillWidth = 4;

function startWorker(node: Node) {
  const program = join(projectRoot, "scripts/bench/worker.ts");
  const [file, args] = enter({ pid: node.pid }, bunBinary, [program]);
  const child = execa(file, args, { stdin: "pipe", buffer: false, reject: false });
  child.stderr.pipe(process.stderr);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (request: WorkerRequest): Promise<Answer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error("the measuring process ended");
    return JSON.parse(value) as Answer;
  };
}

/** A container ID of the length that runtimes use. */
const containerId = (name: string): string => createHash("sha256").update(name).digest("hex");

function callOf(folder: string, { plugin }: Case, verb: Verb, name: string): Call {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId(name),
    CNI_NETNS: `/run/netns/${name}`,
    CNI_IFNAME: "eth0",
    CNI_PATH: folder,
  };
  return { executable: join(folder, plugin), env, input: config, output: `/run/bench-${verb}-${name}` };
}

const addNamespaces = (node: Node, names: readonly string[]) =>
  node.exec("ip", ["-batch", "-"], { input: names.map((name) => `netns add ${name}\n`).join("") });

/** Makes a site for the implementation whose executables are in `folder`. */
export async function createSite(folder: string, subject: Case): Promise<Site> {
  const node = await createNode();
  writeFileSync(node.path(config), JSON.stringify(subject.config));
  const ask = startWorker(node);
  const succeed = async (request: WorkerRequest): Promise<Answer> => {
    const answer = await ask(request);
    const [first] = answer.failed;
    if (first === undefined) return answer;
    const said = [first, `${first}.err`].map((file) => readFileSync(node.path(file), "utf8")).join("");
    throw new Error(`${folder}/${subject.plugin}: ${answer.failed.length} calls failed: ${said}`);
  };
  const prepare = async (names: readonly string[]): Promise<void> => void (await addNamespaces(node, names));
  return {
    prepare,
    hold: async (count) => {
      const names = Array.from({ length: count }, (_, index) => `held${index}`);
      if (count === 0) return;
      await prepare(names);
      const calls = names.map((name) => callOf(folder, subject, "ADD", name));
      await succeed({ kind: "fill", calls, width: fillWidth });
    },
    measure: (verb, name) => succeed({ kind: "measure", call: callOf(folder, subject, verb, name) }),
    [Symbol.asyncDispose]: () => node.dispose(),
  };
}
