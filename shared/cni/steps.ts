/** The steps of a call and their durations, for the call log. Without a log nothing is recorded. */
import { monotonicMilliseconds } from "../system/clock.ts";

export interface Step {
  readonly name: string;
  /** Undefined for a step that has not ended. */
  milliseconds?: number;
}

let steps: Step[] | undefined;
let begun = 0;

/** Starts the recording. Steps are in the order of their starts, and may be nested. */
export function recordSteps(): void {
  steps = [];
  begun = monotonicMilliseconds();
}

/** Milliseconds since the recording started. */
export const elapsedMilliseconds = (): number => monotonicMilliseconds() - begun;

export function recordedSteps(): readonly Step[] {
  return steps ?? [];
}

/** Runs `work` as a step of that name. */
export function step<Value>(name: string, work: () => Value): Value {
  return steps === undefined ? work() : timed(steps, name, work);
}

function timed<Value>(list: Step[], name: string, work: () => Value): Value {
  const entry: Step = { name };
  list.push(entry);
  const start = monotonicMilliseconds();
  try {
    return work();
  } finally {
    entry.milliseconds = rounded(monotonicMilliseconds() - start);
  }
}

/** The clock's resolution is microseconds. */
export const rounded = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
