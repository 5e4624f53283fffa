/** Titles in the tables of calls. */
import type { Extent } from "./extent.ts";
import type { Measured, MeasuredVerb } from "./measure.ts";

/** A call's title; a star marks calls for which the reference does something else. */
export const titleOf = ({ subject }: Measured, verb: MeasuredVerb): string =>
  `${subject.name} ${verb}${subject.referenceRuns === undefined ? "" : " \\*"}`;

/** The number of attachments on the full nodes. */
export const heldOf = ({ held, heldReference }: Extent): string =>
  held === heldReference ? String(held) : `${held} / ${heldReference}`;
