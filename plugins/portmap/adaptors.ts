/** The backends. */
import { runAll } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { type Backend, backends, chooseBackend } from "../../shared/netfilter/backend.ts";
import { withNetfilter, withNetfilterLeftOpen } from "../../shared/netfilter/host.ts";
import type { Forwarding, HeldPort, PortmapAdaptor, PortmapHost } from "./adaptor.ts";
import { iptablesAdaptor } from "./iptables/index.ts";
import { nftablesAdaptor } from "./nftables/index.ts";
import type { PortRecord } from "./record.ts";

type Environment = PortmapHost["environment"];

const adaptors: Readonly<Record<Backend, PortmapAdaptor>> = {
  iptables: iptablesAdaptor,
  nftables: nftablesAdaptor,
};

/** Works with one backend: the one that is given, or the node's. */
export function withBackend(
  backend: Backend | undefined,
  environment: Environment,
  work: (adaptor: PortmapAdaptor, host: PortmapHost) => void,
): void {
  const adaptor = adaptors[backend ?? chooseBackend(environment)];
  withNetfilter((connection) => work(adaptor, { connection, environment }));
}

function withEachBackend(
  environment: Environment,
  work: (adaptor: PortmapAdaptor, host: PortmapHost) => void,
): void {
  withNetfilterLeftOpen((connection) =>
    runAll(backends.map((name) => () => work(adaptors[name], { connection, environment }))),
  );
}

/** Removes the owner's rules, whichever backend made them: the configuration may have changed since ADD. */
export function removeEverywhere(
  owner: AttachmentKey,
  forwarding: Forwarding | undefined,
  environment: Environment,
): void {
  withEachBackend(environment, (adaptor, host) => adaptor.remove(host, owner, forwarding));
}

/** Works with all ports that the kernel has of ours, in either backend; they can be asked only meanwhile. */
export function withHeldPorts<Value>(environment: Environment, work: (held: HeldPort[]) => Value): Value {
  return withNetfilter((connection) =>
    work(backends.flatMap((name) => adaptors[name].held({ connection, environment }))),
  );
}

/** Removes what the reference plugin made for the owner's container. */
export function removeReference(owner: AttachmentKey, environment: Environment): void {
  withEachBackend(environment, (adaptor, host) => adaptor.removeReference(host, owner));
}

/** Removes what is the network's and belongs to none of `keep`. */
export function collectEverywhere(
  network: string,
  keep: readonly AttachmentKey[],
  environment: Environment,
): void {
  withEachBackend(environment, (adaptor, host) => adaptor.collect(host, network, keep));
}

/** Removes what was made for values of the configuration that no record has. The registry must be locked. */
export function collectUnused(records: readonly PortRecord[], environment: Environment): void {
  withNetfilterLeftOpen((connection) =>
    runAll(
      backends.map((name) => () => {
        const used = records.filter(({ backend }) => backend === name).map(({ forwarding }) => forwarding);
        adaptors[name].collectUnused({ connection, environment }, used);
      }),
    ),
  );
}

/**
 * Throws unless the forwarding is in place. Without a configured backend any will do: what the node offers may have
 * changed since ADD.
 */
export function checkAny(
  backend: Backend | undefined,
  forwarding: Forwarding,
  environment: Environment,
): void {
  const chosen = backend ?? chooseBackend(environment);
  const check = (name: Backend) =>
    withBackend(name, environment, (adaptor, host) => adaptor.check(host, forwarding));
  try {
    check(chosen);
  } catch (thrown) {
    const [other] = backends.filter((name) => name !== chosen);
    if (backend !== undefined || other === undefined) throw thrown;
    try {
      check(other);
    } catch {
      // What the chosen one says is what helps.
      throw thrown;
    }
  }
}
