/** Sources of a zone of firewalld: addresses whose traffic the zone decides about. Its runtime configuration alone is changed. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr, hostCidr } from "../../shared/ip/cidr.ts";
import { BusConnection, bus, busPath } from "./dbus/connection.ts";
import { type Answer, firstBoolean, firstText } from "./dbus/message.ts";

type Environment = Readonly<Record<string, string>>;

const NAME = "org.fedoraproject.FirewallD1";
const zoneMethod = (member: string) => ({
  destination: NAME,
  path: "/org/fedoraproject/FirewallD1",
  interface: `${NAME}.zone`,
  member,
});

const sourceOf = ({ address }: Cidr): string => formatCidr(hostCidr(address));

/** The code of firewalld's error: "ZONE_CONFLICT: '10.1.0.2/32' already bound to a zone". */
const codeOf = (answer: Answer): string => /^[A-Z_]+/.exec(firstText(answer))?.[0] ?? "";

function refused(answer: Answer, what: string): CniError {
  const said = firstText(answer) || (answer.error ?? "");
  if (codeOf(answer) === "INVALID_ZONE") {
    const advice = '"firewalldZone" names a zone that firewalld has: firewall-cmd --get-zones lists them';
    return new CniError(ErrorCode.invalidConfiguration, `firewalld refuses to ${what}: ${said}`, advice);
  }
  const advice = "see: firewall-cmd --get-active-zones, and journalctl -u firewalld";
  return new CniError(ErrorCode.internal, `firewalld refuses to ${what}: ${said}`, advice);
}

export class Firewalld {
  readonly #bus: BusConnection;

  constructor(connection: BusConnection) {
    this.#bus = connection;
  }

  /** Adds the sources that are missing. Throws CniError: 7 for an unknown zone, 999 for an address of another zone. */
  add(zone: string, addresses: readonly Cidr[]): void {
    for (const address of addresses) {
      const answer = this.#bus.call(zoneMethod("addSource"), zone, sourceOf(address));
      if (answer.error !== undefined && codeOf(answer) !== "ZONE_ALREADY_SET")
        throw refused(answer, `add ${formatIp(address.address)} to the zone ${quote(zone)}`);
    }
  }

  /** Removes the sources that the zone has. Those of other zones stay. */
  remove(zone: string, addresses: readonly Cidr[]): void {
    const gone = ["UNKNOWN_SOURCE", "NOT_ENABLED", "ZONE_CONFLICT", "INVALID_ZONE"];
    for (const address of addresses) {
      const answer = this.#bus.call(zoneMethod("removeSource"), zone, sourceOf(address));
      if (answer.error !== undefined && !gone.includes(codeOf(answer)))
        throw refused(answer, `remove ${formatIp(address.address)} from the zone ${quote(zone)}`);
    }
  }

  /** The first of the addresses that is no source of the zone; undefined if all are. Throws code 7 for an unknown zone. */
  missing(zone: string, addresses: readonly Cidr[]): Cidr | undefined {
    return addresses.find((address) => {
      const answer = this.#bus.call(zoneMethod("querySource"), zone, sourceOf(address));
      if (answer.error !== undefined) throw refused(answer, `look into the zone ${quote(zone)}`);
      return !firstBoolean(answer);
    });
  }
}

/** Gives `work` firewalld, or undefined where it does not run. Throws CniError code 11 if the message bus does not answer. */
export function withFirewalld<Value>(
  environment: Environment,
  work: (firewalld: Firewalld | undefined) => Value,
): Value {
  const connection = BusConnection.open(busPath(environment));
  if (connection === undefined) return work(undefined);
  try {
    const isRunning = firstBoolean(connection.call({ ...bus, member: "NameHasOwner" }, NAME));
    return work(isRunning ? new Firewalld(connection) : undefined);
  } finally {
    connection.close();
  }
}
