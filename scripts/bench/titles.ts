/** How the tables of calls name things. */
import type { Extent } from "./extent.ts";
import type { Measured, MeasuredVerb } from "./measure.ts";

/** A call; with a star where the reference does something else. */
export const titleOf = ({ subject }: Measured, verb: MeasuredVerb): string =>
  `${subject.name} ${verb}${subject.referenceRuns === undefined ? "" : " \\*"}`;

/** How many attachments the full nodes hold. */
export const heldOf = ({ held, heldReference }: Extent): string =>
  held === heldReference ? String(held) : `${held} / ${heldReference}`;
