import type { VmNode } from "../node.ts";

/**
 * One test on a node in the virtual machine: it throws when something is wrong. Each gets a node of its own, so
 * scenarios do not see one another and run side by side.
 */
export interface Scenario {
  readonly name: string;
  /** True: its node has the machine's own network namespace, to which the kernel returns hardware. One scenario may have it. */
  readonly isMachine?: boolean;
  run(node: VmNode): Promise<void>;
}
