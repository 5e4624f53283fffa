import { access } from "./access.ts";
import { gateway } from "./gateway.ts";
import { lifecycle } from "./lifecycle.ts";
import { noVxlan } from "./no-vxlan.ts";
import { refusal } from "./refusal.ts";
import type { Scenario } from "./scenario.ts";
import { tracked } from "./tracked.ts";
import { trunk } from "./trunk.ts";

/** All that runs in the virtual machine; the test file makes one test of each. */
export const scenarios: readonly Scenario[] = [
  ...access,
  ...gateway,
  ...trunk,
  ...lifecycle,
  ...refusal,
  ...noVxlan,
  ...tracked,
];
