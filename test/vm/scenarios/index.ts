import { findPluginFolders, scenariosOf } from "../../../scripts/plugins.ts";
import { access } from "./access.ts";
import { bandwidth } from "./bandwidth.ts";
import { gateway } from "./gateway.ts";
import { lifecycle } from "./lifecycle.ts";
import { noVxlan } from "./no-vxlan.ts";
import { ownedLinks } from "./owned-links.ts";
import { refusal } from "./refusal.ts";
import type { Scenario } from "./scenario.ts";
import { selinux } from "./selinux.ts";
import { tracked } from "./tracked.ts";
import { trunk } from "./trunk.ts";

interface Module {
  readonly scenarios: readonly Scenario[];
}

/** Those in the plugins' own folders. */
async function ofPlugins(): Promise<Scenario[]> {
  const files = findPluginFolders().flatMap((plugin) => scenariosOf(plugin) ?? []);
  const modules = await Promise.all(files.map((file) => import(file) as Promise<Module>));
  return modules.flatMap(({ scenarios }) => scenarios);
}

/** All that runs in the virtual machine; the test file makes one test of each. */
export const scenarios: readonly Scenario[] = [
  ...access,
  ...gateway,
  ...trunk,
  ...lifecycle,
  ...refusal,
  ...noVxlan,
  ...bandwidth,
  ...tracked,
  ...ownedLinks,
  ...selinux,
  ...(await ofPlugins()),
];
