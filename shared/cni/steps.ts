/** The steps of a call and how long they take, for the call's log. Without a log nothing is kept. */
import { monotonicMilliseconds } from "../system/clock.ts";

export interface Step {
  readonly name: string;
  /** Undefined while it runs, and so for a step that never ended. */
  milliseconds?: number;
}

let steps: Step[] | undefined;
let begun = 0;

/** From here on steps are kept, in the order in which they begin; a step may be part of the one before it. */
export function recordSteps(): void {
  steps = [];
  begun = monotonicMilliseconds();
}

/** How long steps have been kept. */
export const elapsedMilliseconds = (): number => monotonicMilliseconds() - begun;

export function recordedSteps(): readonly Step[] {
  return steps ?? [];
}

/** Does the work, as a step of that name. */
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

/** Microseconds are as far as the clock goes. */
export const rounded = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
