/** The extent of a benchmark, and its reference. */
export interface Extent {
  /** The folder of the reference's executables. */
  readonly reference: string;
  /** Measured rounds of each plugin call. */
  readonly pairs: number;
  /** The number of attachments on a full node: ours, and the reference's. */
  readonly held: number;
  readonly heldReference: number;
  /** Measured rounds of packets, and how many seconds each lasts. */
  readonly rounds: number;
  readonly seconds: number;
  /** The longest wait in seconds, before each measurement, for the machine to become idle. */
  readonly settle: number;
}
