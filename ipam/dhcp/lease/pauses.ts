/** The pauses between the requests of an exchange. */
import { randomNumber } from "./release.ts";

/** The first requests follow each other fast, as with the reference plugin; then the pauses double from 4 s (RFC 2131, section 4.1). */
const FAST = 4;
const FAST_PAUSE = 2000;
const FIRST_PAUSE = 4000;
const MOST_JITTER = 1000;
/** Whatever is configured: a loop without pauses would flood the network. */
const LEAST_PAUSE = 20;

/** Milliseconds after this many requests; `most` without what is added or taken at random. */
export function pauseAfter(attempt: number, most: number): number {
  const wanted = attempt <= FAST ? FAST_PAUSE : FIRST_PAUSE * 2 ** (attempt - FAST - 1);
  const base = Math.max(LEAST_PAUSE, Math.min(wanted, most));
  const jitter = Math.min(MOST_JITTER, base / 2);
  return base + (randomNumber() / 0x80000000 - 1) * jitter;
}
