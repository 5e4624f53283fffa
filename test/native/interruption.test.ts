import { readFileSync } from "node:fs";
import { execa } from "execa";
import { expect, test } from "vitest";
import { evaluator, writeModule } from "../helpers/index.ts";

const stateOf = (pid: number | undefined) =>
  /^State:\t(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];

/** The number of the system call that a process waits in (proc(5)). */
const callOf = (pid: number | undefined) => readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ")[0];

const recvfrom: Readonly<Record<string, string>> = { x64: "45", arm64: "207" };

// signal(7): a socket with a limit of time is interrupted by SIGSTOP and SIGCONT, though no handler is there.
test("a system call that a signal interrupts is made again", async () => {
  await using script = await writeModule(`
    const AF_UNIX = 1, SOCK_DGRAM = 2, SOL_SOCKET = 1, SO_RCVTIMEO = 20;
    const socket = native.socket(AF_UNIX, SOCK_DGRAM, 0);
    const limit = new Uint8Array(16);
    limit[0] = 3;
    native.setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, limit);
    console.log(String(native.recvfrom(socket, new Uint8Array(10), 0)));`);
  const running = execa(evaluator, script.words);
  const { pid } = running;
  await expect.poll(() => callOf(pid)).toBe(recvfrom[process.arch]);
  running.kill("SIGSTOP");
  await expect.poll(() => stateOf(pid)).toBe("T");
  running.kill("SIGCONT");
  const EAGAIN = 11;
  expect((await running).stdout).toBe(String(-EAGAIN));
});
