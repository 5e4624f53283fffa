import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { IDaemonSet } from "kubernetes-models/apps/v1";
import { expect, test } from "vitest";
import { DEFAULT_SOCKET } from "../../ipam/dhcp/configuration.ts";
import { readDaemonOptions } from "../../ipam/dhcp/daemon/arguments.ts";
import { projectRoot } from "../helpers/paths.ts";
import { daemonSet, manifests } from "./manifests.ts";

const unit = (name: string): Map<string, string> => {
  const lines = readFileSync(join(projectRoot, "deploy", name), "utf8").split("\n");
  return new Map(
    lines.filter((line) => line.includes("=")).map((line) => line.split(/=(.*)/s, 2) as [string, string]),
  );
};

/** Where install puts the executables on a node. */
const installed = () =>
  daemonSet().spec?.template.spec?.volumes?.find(({ name }) => name === "executables")?.hostPath?.path;

test("the units start the daemon, on the socket that plugins look for", () => {
  expect(unit("cni-dhcp.socket").get("ListenStream")).toBe(DEFAULT_SOCKET);
  const [executable, word, ...flags] = unit("cni-dhcp.service").get("ExecStart")?.split(" ") ?? [];
  expect([executable, word]).toEqual([`${installed()}/dhcp`, "daemon"]);
  expect(readDaemonOptions(flags).socketPath).toBe(DEFAULT_SOCKET);
});

test("the DaemonSet starts the node's executable, and sees socket, leases and namespaces of the node", () => {
  const object = manifests().find(({ file }) => file === "dhcp-daemon.yaml")?.object as
    | IDaemonSet
    | undefined;
  const pod = object?.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  const [executable, word, ...flags] = container?.command ?? [];
  expect([executable, word]).toEqual([`${installed()}/dhcp`, "daemon"]);
  const { socketPath, hostPrefix } = readDaemonOptions(flags);
  const hostPaths = new Map(pod?.volumes?.map(({ name, hostPath }) => [name, hostPath?.path]));
  const seen = container?.volumeMounts?.map(({ name, mountPath }) => [mountPath, hostPaths.get(name)]);
  expect([socketPath, hostPrefix]).toEqual([DEFAULT_SOCKET, ""]);
  for (const path of [dirname(DEFAULT_SOCKET), "/run/podwire", "/run/netns"])
    expect(seen).toContainEqual([path, path]);
  expect(seen).toContainEqual(["/var/run/netns", "/run/netns"]);
  const namespaces = container?.volumeMounts?.filter(({ name }) => name === "namespaces");
  for (const { mountPropagation } of namespaces ?? []) expect(mountPropagation).toBe("HostToContainer");
  expect(namespaces).toHaveLength(2);
});
