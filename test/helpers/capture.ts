import { readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningCommand } from "./command.ts";
import type { Node } from "./node.ts";

/** One captured frame, from the Ethernet header on. */
export type Frame = Buffer;

/** Reads a file of libpcap's format: microseconds, this machine's byte order. */
export function readPcap(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    frames.push(bytes.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}

/** What the kernel sends by itself after the work, such as announcements from its work queues, is captured for so long. */
const AFTERWARDS = 300;

/** Waits until tcpdump has written all frames that it has got, 10 s at most: only then it sleeps (proc_pid_stat(5)). */
async function untilAsleep({ pid }: RunningCommand): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const [, state] = /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    if (state === "S") return;
    await sleep(10);
  }
  throw new Error("tcpdump has frames that it does not write");
}

let captures = 0;

/** Captures what passes an interface while `work` runs; `filter` is tcpdump's. Frames are whole. */
export async function capture(
  node: Node,
  device: string,
  filter: string,
  work: () => Promise<unknown>,
  options: { readonly netns?: string; readonly direction?: "in" | "out" } = {},
): Promise<Frame[]> {
  captures += 1;
  const file = `/run/capture-${process.pid}-${captures}`;
  const { netns, direction } = options;
  const direct = direction === undefined ? [] : ["-Q", direction];
  // -U and --immediate-mode: a frame is in the file when it has been seen.
  const args = [
    "-i",
    device,
    ...direct,
    "-nn",
    "-U",
    "--immediate-mode",
    "-Z",
    "root",
    "-s",
    "0",
    "-w",
    file,
    filter,
  ];
  const script = `exec tcpdump "$@" 2>&1`;
  const inside = netns === undefined ? {} : { netns };
  await using running = node.start("sh", ["-c", script, "sh", ...args], inside);
  // "listening on ...": what is sent before that is not seen.
  await running.firstLine();
  await work();
  await sleep(AFTERWARDS);
  await untilAsleep(running);
  await running.stop("SIGINT");
  const path = node.path(file);
  const frames = readPcap(readFileSync(path));
  rmSync(path);
  return frames;
}

/** Where frames are captured: the arguments of `capture`. */
export interface Place {
  readonly node: Node;
  readonly device: string;
  readonly filter: string;
  readonly netns?: string;
  readonly direction?: "in" | "out";
}

/** Captures at several places while `work` runs, which begins when all of them listen. Returns the frames of each. */
export async function captureEach(
  places: readonly Place[],
  work: () => Promise<unknown>,
): Promise<Frame[][]> {
  const [place, ...others] = places;
  if (place === undefined) {
    await work();
    return [];
  }
  const { node, device, filter, ...options } = place;
  let inner: Frame[][] = [];
  const own = await capture(
    node,
    device,
    filter,
    async () => {
      inner = await captureEach(others, work);
    },
    options,
  );
  return [own, ...inner];
}
