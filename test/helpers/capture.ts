import { readFileSync, rmSync } from "node:fs";
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
  // What the kernel has handed over is written within a moment; the last frame is given that.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await running.stop("SIGINT");
  const path = node.path(file);
  const frames = readPcap(readFileSync(path));
  rmSync(path);
  return frames;
}
