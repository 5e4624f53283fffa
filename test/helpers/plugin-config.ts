/** Networks and attachments as runtimes describe them to plugins. Runs in Node.js and in the engine. */

type Json = Readonly<Record<string, unknown>>;

/** A network as a .conflist file describes it. */
export interface Network {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (Json & { readonly type: string })[];
}

/** One interface of one container, and what its runtime asks for. */
export interface Attachment {
  readonly containerId: string;
  /** The path of the container's network namespace on the node. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** What the runtime offers, by capability: a plugin is given what its configuration says it is able to use. */
  readonly capabilities?: Json;
  /** What the runtime puts under `args.cni` of each plugin's configuration. */
  readonly cniArgs?: Json;
}

/** A CNI result of version 1.0.0 or newer. */
export interface Result {
  readonly cniVersion: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips?: readonly {
    readonly address: string;
    readonly gateway?: string;
    readonly interface?: number;
  }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

function runtimeConfig(plugin: Json, offered: Json): Json {
  const able = (plugin["capabilities"] ?? {}) as Record<string, boolean>;
  return Object.fromEntries(Object.entries(offered).filter(([capability]) => able[capability] === true));
}

/** What a plugin of a network finds on its standard input. `prevResult` is the result as far as it is known. */
export function pluginConfig(
  network: Network,
  index: number,
  attachment: Attachment,
  prevResult?: Result,
): Json {
  const plugin: Json = network.plugins[index] ?? {};
  const runtime = runtimeConfig(plugin, attachment.capabilities ?? {});
  return {
    ...plugin,
    cniVersion: network.cniVersion,
    name: network.name,
    ...(Object.keys(runtime).length === 0 ? {} : { runtimeConfig: runtime }),
    ...(attachment.cniArgs === undefined ? {} : { args: { cni: attachment.cniArgs } }),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}
