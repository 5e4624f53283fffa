/** The daemon's methods. */
import { parseInput, readConfiguration } from "../../../shared/cni/configuration.ts";
import { CniError, ErrorCode } from "../../../shared/cni/error.ts";
import type { AttachmentKey, Command, NetworkConfiguration } from "../../../shared/cni/plugin.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { readDhcp } from "../configuration.ts";
import { findInterface, NoInterface } from "../lease/interface.ts";
import { isKept, keptBy } from "../lease/kept.ts";
import { ownerName } from "../lease/owner.ts";
import type { GobObject, GobValue } from "../rpc/gob-types.ts";
import { resultType } from "../rpc/gob-types.ts";
import { writeResult } from "../rpc/result.ts";
import { Method } from "../rpc/wire.ts";
import type { Wanted } from "./acquisition.ts";
import { type Answer, type Handle, nothing, type Reply } from "./connection.ts";
import type { Lease } from "./lease.ts";
import type { Leases } from "./leases.ts";

const text = (value: GobValue): string => (typeof value === "string" ? value : "");

interface Call {
  readonly owner: AttachmentKey;
  readonly configuration: NetworkConfiguration;
  readonly parameters: GobObject;
}

function readCall(parameters: GobObject, command: Command): Call {
  const { StdinData: input } = parameters;
  const configuration = readConfiguration(
    parseInput(input instanceof Uint8Array ? input : new Uint8Array(0)),
    command,
  );
  const owner = {
    network: configuration.name,
    containerId: text(parameters["ContainerID"]),
    ifname: text(parameters["IfName"]),
  };
  return { owner, configuration, parameters };
}

const replyOf = (lease: Lease): Reply => ({ type: resultType, value: writeResult(lease.result()) });

/** What the caller wants, with the interface that it has. Throws codes 6, 7, 8. */
function wantedBy({ owner, configuration, parameters }: Call, hostPrefix: string): Wanted {
  const { requested, provided, priority } = readDhcp(configuration, text(parameters["Args"]));
  try {
    const place = findInterface(`${hostPrefix}${text(parameters["Netns"])}`, owner.ifname);
    return { owner, place, client: { requested, provided }, priority };
  } catch (thrown) {
    if (!(thrown instanceof NoInterface)) throw thrown;
    const code = thrown.isGone ? ErrorCode.invalidNamespace : ErrorCode.internal;
    throw new CniError(
      code,
      thrown.message,
      "the daemon must see the namespaces of containers: -hostprefix names the host's root",
    );
  }
}

export function serviceOf(leases: Leases, hostPrefix: string): Handle {
  const allocate = (call: Call, answer: Answer) => {
    const wanted = wantedBy(call, hostPrefix);
    const current = leases.current(wanted);
    if (current !== undefined) {
      answer(replyOf(current));
      return undefined;
    }
    return leases.acquire(wanted, { kind: "acquire" }, (outcome) => {
      const isTaken = answer(outcome instanceof CniError ? outcome : replyOf(outcome));
      // Its address would never be used.
      if (!isTaken && !(outcome instanceof CniError)) leases.drop(call.owner, "its caller is gone");
    });
  };
  return (method, parameters, answer) => {
    switch (method) {
      case Method.allocate:
        return allocate(readCall(parameters, "ADD"), answer);
      case Method.release:
        leases.release(readCall(parameters, "DEL").owner, "DEL");
        break;
      case Method.check:
        return check(leases, readCall(parameters, "CHECK"), hostPrefix, answer);
      case Method.collect:
        collect(leases, readCall(parameters, "GC"));
        break;
      case Method.status:
        break;
      default:
        throw new CniError(ErrorCode.internal, `rpc: can't find method ${method}`);
    }
    answer(nothing);
    return undefined;
  };
}

/**
 * CHECK: the lease is held, and is of the address in prevResult. A lease that is not known is of the reference plugin's daemon: a server
 * is asked to confirm its address, and the lease is held from then on.
 */
function check(leases: Leases, call: Call, hostPrefix: string, answer: Answer): (() => void) | undefined {
  const { owner, configuration } = call;
  const addresses = (configuration.prevResult?.ips ?? []).map(({ address }) => address.address);
  const [address] = addresses.filter(({ family }) => family === 4);
  const lease = leases.find(owner);
  if (lease !== undefined) {
    lease.checkHeld();
    const held = lease.terms.address.address;
    if (addresses.some(({ family, value }) => family === held.family && value === held.value)) {
      answer(nothing);
      return undefined;
    }
    const message = `the lease of ${ownerName(owner)} is of ${formatIp(held)}, which is not in prevResult`;
    throw new CniError(ErrorCode.internal, message, "run DEL and ADD");
  }
  if (address === undefined) {
    const message = `there is no lease of ${ownerName(owner)}, and no address in prevResult`;
    throw new CniError(ErrorCode.internal, message, "run DEL and ADD");
  }
  const wanted = wantedBy(call, hostPrefix);
  const goal = { kind: "confirm", wanted: Number(address.value) } as const;
  return leases.acquire(wanted, goal, (outcome) => {
    answer(outcome instanceof CniError ? unconfirmed(outcome, owner, formatIp(address)) : nothing);
  });
}

const unconfirmed = ({ message }: CniError, owner: AttachmentKey, address: string): CniError =>
  new CniError(
    ErrorCode.internal,
    `there is no lease of ${address} for ${ownerName(owner)}, and no server confirms it: ${message}`,
    "run DEL and ADD",
  );

function collect(leases: Leases, { configuration, parameters }: Call): void {
  const kept = keptBy(configuration, text(parameters["ListTime"]));
  for (const { record } of leases.all()) {
    if (!isKept(record, kept)) leases.release(record.owner, "GC");
  }
}
