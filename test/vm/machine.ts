import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Answers, readAnswers } from "./answers.ts";
import { buildInitramfs } from "./initramfs.ts";
import { cacheFolder, type Kernel } from "./kernel.ts";
import { startQemu } from "./qemu.ts";

/** A running virtual machine that takes shell scripts. */
export interface Machine {
  /** Runs a script as root, in the machine's own namespaces. Any number may run at the same time. */
  run(script: string, input?: string | Uint8Array): Promise<ScriptResult>;
  /** Switches off, by force if need be, and removes all traces. */
  stop(): Promise<void>;
}

export interface ScriptResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const bootLimit = 180_000;
const scriptLimit = 180_000;
const stopLimit = 20_000;

/** Boots Debian's kernel; the file system inside is this machine's below a layer that is thrown away. */
export async function startMachine(kernel: Kernel): Promise<Machine> {
  const share = newShare();
  const log = join(share, "console.log");
  const remove = () => rmSync(share, { recursive: true, force: true });
  try {
    await buildInitramfs(kernel, share, join(share, "initramfs"));
    const qemu = startQemu({ image: kernel.image, initramfs: join(share, "initramfs"), share, log });
    const answers = readAnswers(qemu.stdout, () => consoleEnd(log));
    const stop = async (): Promise<void> => {
      qemu.stdin.write("off\n");
      const timer = setTimeout(() => qemu.kill("SIGKILL"), stopLimit);
      await qemu;
      clearTimeout(timer);
      remove();
    };
    await answers.wait("ready", bootLimit).catch(async (error: unknown) => {
      qemu.kill("SIGKILL");
      throw new Error(`${error}\n${(await qemu).stderr}`);
    });
    return { run: scriptRunner(share, (line) => qemu.stdin.write(`${line}\n`), answers), stop };
  } catch (error) {
    remove();
    throw error;
  }
}

/**
 * A folder named after this process, below the cache: that is on a file system that 9p serves, whatever /tmp is.
 * Folders of processes that were killed are removed.
 */
function newShare(): string {
  mkdirSync(cacheFolder, { recursive: true });
  for (const name of readdirSync(cacheFolder)) {
    const pid = /^run-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(cacheFolder, name), { recursive: true });
  }
  return mkdtempSync(join(cacheFolder, `run-${process.pid}-`));
}

/** The files of a script go through the shared folder; the serial line only carries its name and exit code. */
function scriptRunner(share: string, send: (line: string) => void, answers: Answers): Machine["run"] {
  let count = 0;
  return async (script, input = "") => {
    const name = `${++count}`;
    const folder = join(share, name);
    mkdirSync(folder);
    writeFileSync(join(folder, "script"), script);
    writeFileSync(join(folder, "in"), input);
    const answer = answers.wait(name, scriptLimit);
    send(name);
    const exitCode = Number(await answer);
    const read = (file: string) => readFileSync(join(folder, file), "utf8").trimEnd();
    return { exitCode, stdout: read("out"), stderr: read("err") };
  };
}

/** What explains a machine that died or hangs. */
function consoleEnd(log: string): string {
  try {
    return readFileSync(log, "utf8").split("\n").slice(-60).join("\n");
  } catch {
    return "(no console)";
  }
}
