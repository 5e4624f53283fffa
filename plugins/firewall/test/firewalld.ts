/** firewalld and a message bus on a node, with no file of the machine's. */
import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import type { Node, RunningCommand } from "../../../test/helpers/index.ts";

const NAME = "org.fedoraproject.FirewallD1";

const busConfiguration = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
    <allow send_type="method_call"/><allow send_type="method_return"/><allow send_type="signal"/>
    <allow send_type="error"/><allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="signal"/><allow receive_type="error"/>
  </policy>
</busconfig>
`;

/** Starts a message bus, and waits until it listens. */
export async function startBus(node: Node): Promise<RunningCommand> {
  await node.exec("mkdir", ["-p", "/run/dbus", "/run/firewalld"]);
  writeFileSync(node.path("/run/dbus.conf"), busConfiguration);
  const bus = node.start("dbus-daemon", ["--config-file=/run/dbus.conf", "--nofork", "--nopidfile"]);
  const isThere = async () =>
    (await node.exec("test", ["-S", "/run/dbus/system_bus_socket"], { reject: false })).exitCode;
  await expect.poll(isThere, { timeout: 20_000 }).toBe(0);
  return bus;
}

const send = (node: Node, destination: string, path: string, member: string, ...words: string[]) =>
  node.exec(
    "dbus-send",
    [
      "--system",
      "--print-reply",
      `--dest=${destination}`,
      path,
      member,
      ...words.map((word) => `string:${word}`),
    ],
    { reject: false },
  );

/** Starts firewalld, and waits until it serves. */
export async function startFirewalld(node: Node): Promise<RunningCommand> {
  const folders = ["--system-config", "/run/firewalld-etc", "--log-file", "/run/firewalld.log"];
  const firewalld = node.start("firewalld", ["--nofork", "--nopid", ...folders]);
  const method = "org.freedesktop.DBus.NameHasOwner";
  const isServed = async () =>
    (await send(node, "org.freedesktop.DBus", "/org/freedesktop/DBus", method, NAME)).stdout;
  await expect.poll(isServed, { timeout: 60_000 }).toContain("boolean true");
  // It has its name before it flushes all rules, as it does when it starts. It answers after that.
  await send(node, NAME, "/org/fedoraproject/FirewallD1", `${NAME}.getDefaultZone`);
  return firewalld;
}

/** The sources of a zone, as another client of D-Bus sees them. */
export async function sourcesOf(node: Node, zone = "trusted"): Promise<string[]> {
  const member = `${NAME}.zone.getSources`;
  const { stdout } = await send(node, NAME, "/org/fedoraproject/FirewallD1", member, zone);
  return [...stdout.matchAll(/string "([^"]+)"/g)].map(([, source = ""]) => source).sort();
}

export const changeSource = (node: Node, verb: "add" | "remove", zone: string, source: string) =>
  send(node, NAME, "/org/fedoraproject/FirewallD1", `${NAME}.zone.${verb}Source`, zone, source);
