/** How much is measured, and beside what. */
export interface Extent {
  /** The folder of the executables that ours are measured beside. */
  readonly reference: string;
  /** Measured rounds of each plugin call. */
  readonly pairs: number;
  /** Attachments on a full node: of ours, and of the reference. */
  readonly held: number;
  readonly heldReference: number;
  /** Measured rounds of packets, and how many seconds each lasts. */
  readonly rounds: number;
  readonly seconds: number;
  /** The most seconds to wait, before each measurement, for the machine to calm down. */
  readonly settle: number;
}
