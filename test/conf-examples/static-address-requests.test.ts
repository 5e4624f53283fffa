import { describe, expect, test } from "vitest";
import { canRun, type Node, ping } from "../helpers/index.ts";
import { type Container, programs, type Requests, runExample } from "./example.ts";

const wanted = [
  { ip: "10.26.0.101", mac: "02:26:00:00:01:01" },
  { ip: "10.26.0.102", mac: "02:26:00:00:01:02" },
] as const;

interface Link {
  readonly address: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string }[];
}

async function actual(node: Node, container: Container): Promise<{ ip: string; mac: string }> {
  const [link] = await node.execJson<Link[]>("ip", ["-j", "address", "show", "eth0"], {
    netns: container.name,
  });
  const ip = link?.addr_info.find(({ family }) => family === "inet")?.local ?? "";
  return { ip, mac: link?.address ?? "" };
}

const byCapability: Requests = [
  { capabilities: { ips: [wanted[0].ip], mac: wanted[0].mac } },
  { capabilities: { ips: [`${wanted[1].ip}/24`], mac: wanted[1].mac } },
];

const byArgs: Requests = [
  { cniArgs: { ips: [wanted[0].ip], mac: wanted[0].mac } },
  { args: `IgnoreUnknown=1;IP=${wanted[1].ip};MAC=${wanted[1].mac}` },
];

describe.runIf(canRun(...programs))("conf-examples/static-address-requests", () => {
  test.each([
    ["capabilities", byCapability],
    ["args.cni and CNI_ARGS", byArgs],
  ])("gives containers the addresses they ask for by %s", async (_, requests) => {
    const prove = async ({ node, first, second }: { node: Node; first: Container; second: Container }) => {
      expect(await actual(node, first)).toEqual(wanted[0]);
      expect(await actual(node, second)).toEqual(wanted[1]);
      expect(await ping(node, wanted[1].ip, { netns: first.name })).toBe(true);
    };
    await runExample("static-address-requests.conflist", prove, requests);
  });
});
