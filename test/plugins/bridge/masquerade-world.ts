/** A network that masquerades, and a world in which it shows. */
import { createOutside, type Outside, seenAddress, startEcho } from "../../helpers/index.ts";
import { Host, hostLocal, type Keys, network, type Pod, subnet4, subnet6 } from "./host.ts";

export const config = network({ isDefaultGateway: true, ipMasq: true, ipam: hostLocal([subnet4, subnet6]) });
export const withoutMasquerade = { ...config, ipMasq: false };
export const backends = ["iptables", "nftables"] as const;
export const without = (ipMasqBackend: string) => ({ ...withoutMasquerade, ipMasqBackend });
export const withBackend = (ipMasqBackend: string, keys: Keys = {}) => ({
  ...config,
  ipMasqBackend,
  ...keys,
});

export interface World extends AsyncDisposable {
  readonly host: Host;
  readonly outside: Outside;
}

/** A host with a way out, and a server there that says where its clients come from. */
export const createWorld = async (): Promise<World> => {
  const host = await Host.create();
  const outside = await createOutside(host.node);
  await startEcho(outside, 80);
  const dispose = async () => {
    await outside.dispose();
    await host.node.dispose();
  };
  return { host, outside, [Symbol.asyncDispose]: dispose };
};

/** What the outside sees of a container's connection, by family. */
export const seenOutside = async ({ host, outside }: World, pod: Pod) => {
  const seen = (address: string) =>
    seenAddress(host.node, address, 80, { netns: pod.name, milliseconds: 1500 });
  const [v4, v6] = await Promise.all([seen(outside.address4), seen(outside.address6)]);
  return { v4, v6 };
};

export const masqueraded = ({ outside }: World) => ({ v4: outside.nodeAddress4, v6: outside.nodeAddress6 });
export const unanswered = { v4: undefined, v6: undefined };
