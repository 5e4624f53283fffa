import { readFileSync } from "node:fs";
import { parseMessages } from "netlink";
import { describe, expect, test } from "vitest";
import { Attributes, readAttributes } from "../../../shared/netlink/attributes.ts";
import { isHairpin, isIsolated } from "../../../shared/netlink/bridge.ts";
import { readLink } from "../../../shared/netlink/link.ts";
import { decodeMessages } from "../../../shared/netlink/message.ts";
import { isForwarding } from "../../../shared/netlink/spanning-tree.ts";

/** What `ip -d link show` was answered, and what it made of it. */
interface Recorded {
  readonly datagrams: readonly string[];
  readonly shown: readonly IpLink[];
}

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly operstate: string;
  readonly promiscuity: number;
  readonly address: string;
  readonly link?: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind: string; readonly info_slave_data?: Record<string, unknown> };
}

const recorded = JSON.parse(
  readFileSync(new URL("recorded/links.json", import.meta.url), "utf8"),
) as Recorded;
const datagrams = recorded.datagrams.map((text) => Buffer.from(text, "hex"));

const NEWLINK = 16;

describe("the recorded answer of the kernel", () => {
  test("is split into the messages that the package netlink finds", () => {
    for (const datagram of datagrams) {
      const ours = decodeMessages(datagram).map(({ type, flags, sequence, body }) => [
        type,
        flags,
        sequence,
        body.length,
      ]);
      const theirs = parseMessages(datagram).map(({ type, flags, seq, data }) => [
        type,
        flags,
        seq,
        data.length,
      ]);
      expect(ours).toEqual(theirs);
    }
    expect(datagrams.flatMap(decodeMessages).filter(({ type }) => type === NEWLINK)).toHaveLength(4);
  });

  test("is used to its last byte", () => {
    for (const { type, body } of datagrams.flatMap(decodeMessages)) {
      if (type !== NEWLINK) continue;
      const attributes = readAttributes(body, 16);
      const lengths = attributes.map(({ value }) => Math.ceil((4 + value.length) / 4) * 4);
      expect(lengths.reduce((sum, length) => sum + length, 16)).toBe(body.length);
      expect(attributes.length).toBeGreaterThan(30);
      expect(new Attributes(body, 16).text(3)).toMatch(/^(lo|br0|veth0|eth0)$/);
    }
  });

  test("is read as ip(8) reads it", () => {
    const links = datagrams
      .flatMap(decodeMessages)
      .filter(({ type }) => type === NEWLINK)
      .map(({ body }) => readLink(body));
    const nameOf = (index: number) => recorded.shown.find(({ ifindex }) => ifindex === index)?.ifname;
    for (const [at, shown] of recorded.shown.entries()) {
      const port = shown.linkinfo?.info_slave_data;
      const link = links[at];
      if (link === undefined) throw new Error(shown.ifname);
      expect(link).toMatchObject({
        index: shown.ifindex,
        name: shown.ifname,
        mac: shown.address,
        mtu: shown.mtu,
        isUp: shown.flags.includes("UP"),
        isLoopback: shown.flags.includes("LOOPBACK"),
        kind: shown.linkinfo?.info_kind ?? "",
        alias: shown.ifalias ?? "",
        promiscuity: shown.promiscuity,
      });
      expect(isHairpin(link)).toBe(port?.["hairpin"] ?? false);
      expect(isIsolated(link)).toBe(port?.["isolated"] ?? false);
      expect(isForwarding(link)).toBe(port?.["state"] === "forwarding");
      expect(nameOf(link.master)).toBe(shown.master);
      expect(nameOf(link.peer)).toBe(shown.link);
    }
    expect(links.map(({ name }) => name)).toEqual(recorded.shown.map(({ ifname }) => ifname));
  });
});
