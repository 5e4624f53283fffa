/**
 * How much of a sweep is visited. A sweep goes through all points of something: the system calls of a plugin's call, or inputs
 * made at random. PODWIRE_SWEEP=all visits all of them; otherwise a spread, in which each system call site occurs at least once.
 */
export const isWholeSweep = process.env["PODWIRE_SWEEP"] === "all";

/** `pure` or `sanitized`: the projects of vitest.config.ts whose tests have less at hand. */
export const tier = process.env["PODWIRE_TIER"];

/** A number of runs, rounds or inputs: `spread` of them, or `all`. */
export const sweepSize = ({ spread, all }: { readonly spread: number; readonly all: number }): number =>
  isWholeSweep ? all : spread;
