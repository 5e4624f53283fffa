/**
 * What the other ports of a bridge see of an ADD: the announcements that are meant for them, and nothing else. But for what the
 * kernel does in its own time: reports of multicast groups, repeated for a second or two, and of link-local addresses.
 */
import { describe, expect, test } from "vitest";
import { capture, type Frame } from "../../helpers/capture.ts";
import { canRun } from "../../helpers/index.ts";
import { link } from "../attachment/kernel-state.ts";
import { Host, hostLocal, type Keys, l2Network, network, programs, subnet4, subnet6 } from "./host.ts";

const [ARP, IPV6] = [0x0806, 0x86dd];
const [SOLICITATION, ADVERTISEMENT] = [135, 136];

/** A frame in words: gratuitous ARP (RFC 5227) or neighbour discovery (RFC 4861), of which address; else its bytes. */
const inWords = (frame: Frame): string => {
  const type = frame.readUInt16BE(12);
  if (type === ARP && frame.subarray(28, 32).equals(frame.subarray(38, 42)))
    return `ARP ${[...frame.subarray(28, 32)].join(".")}`;
  const kind = type === IPV6 && frame[20] === 58 ? frame[54] : undefined;
  const address =
    frame[62] === 0xfe ? "link-local" : `fd00:1::${frame.subarray(62, 78).at(-1)?.toString(16)}`;
  if (kind === ADVERTISEMENT) return `advertisement ${address}`;
  if (kind === SOLICITATION) return `solicitation ${address}`;
  return frame.toString("hex");
};

/** The frames that a container on the bridge gets from others during an ADD, in words, each kind once, sorted. */
const seenDuring = async (host: Host, config: Keys): Promise<string[]> => {
  const [friend, pod] = await host.pods("friend", "a");
  await host.add(friend, { ...config, runtimeConfig: {}, portIsolation: false });
  // The bridge itself is new, and speaks for some seconds.
  const { address } = await link(host.node, "br0");
  const filter = `not ether src ${address} and not ip6 dst ff02::16`;
  const inside = { netns: "friend", direction: "in" } as const;
  const frames = await capture(host.node, "eth0", filter, () => host.add(pod, config), inside);
  return [...new Set(frames.map(inWords))].filter((words) => !words.endsWith("link-local")).sort();
};

const dual = { ipam: hostLocal([subnet4, subnet6]) };
const six = { ipam: hostLocal([subnet6]) };
const asked = { runtimeConfig: { mac: "02:00:00:00:00:55" } };
const filtered = { isGateway: true, ipMasq: true, macspoofchk: true };
const ofSix = ["advertisement fd00:1::3"];

const cases: [string, Keys, string[]][] = [
  ["its MAC address follows from the IPv4 address", network(), []],
  ["its MAC address follows from the IPv6 address", network(six), []],
  ["with gateway, masquerade and spoof check", network(filtered), []],
  [
    "on a port that is isolated, and sends frames back",
    network({ portIsolation: true, hairpinMode: true }),
    [],
  ],
  ["it has no address", l2Network(), []],
  ["it has no address, and a MAC address that was asked for", l2Network(asked), []],
  ["its IPv6 address is not what its MAC address follows from", network({ ...dual, ...filtered }), ofSix],
  ["its MAC address was asked for", network(asked), ["ARP 10.1.0.3"]],
  ["the same, with both families", network({ ...dual, ...asked }), ["ARP 10.1.0.3", ...ofSix]],
  ["duplicates are to be found", network({ ...six, enabledad: true }), [...ofSix, "solicitation fd00:1::3"]],
];

describe.runIf(canRun("tcpdump", ...programs))("of a new container the others hear", () => {
  test.each(cases)("when %s", async (_case, config, expected) => {
    await using host = await Host.create();
    expect(await seenDuring(host, config)).toEqual(expected);
  });
});
