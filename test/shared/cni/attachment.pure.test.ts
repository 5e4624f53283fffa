import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { containerMac, hostMac } from "../../../shared/attachment/mac.ts";
import {
  hostInterfaceName,
  isOfNetwork,
  networkText,
  ownerComment,
  ownerHash,
  ownerText,
  readOwner,
  shortName,
} from "../../../shared/cni/attachment.ts";
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";

interface Named {
  readonly owner: AttachmentKey;
  readonly text: string;
  readonly comment: string;
  /** Of which of the first 60 owners' networks it is. */
  readonly ofNetworks: readonly boolean[];
  readonly network: string;
  readonly host: string;
  readonly hash: string;
  readonly containerMac: string;
  readonly hostMac: string;
}

const names = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-zA-Z0-9_.-]{0,8}$/),
  fc.stringMatching(/^[a-z0-9][a-zA-Z0-9_.-]{60,300}$/),
  fc.constantFrom(
    "a",
    "aa",
    "a.a",
    `${"x".repeat(72)}`,
    `${"x".repeat(73)}`,
    `${"x".repeat(300)}y`,
    `${"x".repeat(300)}z`,
  ),
);
const owners = fc.record({
  network: names,
  containerId: names,
  ifname: fc.constantFrom("eth0", "eth1", "net1", "a".repeat(15), "\u65e5\u672c\u8a9e\u65e5\u672c"),
});

const keyOf = ({ network, containerId, ifname }: AttachmentKey) =>
  JSON.stringify([network, containerId, ifname]);

describe("the names of attachments", () => {
  let named: Named[];

  beforeAll(() => {
    const sample = fc.sample(owners, 400);
    // The same once more: they must come to the same names.
    const all = [...sample, ...sample.slice(0, 20)];
    const networks = all.slice(0, 60).map(({ network }) => network);
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    named = all.map((owner) => ({
      owner,
      text: ownerText(owner),
      comment: ownerComment(owner),
      ofNetworks: networks.map((network) => isOfNetwork(ownerComment(owner), network)),
      network: networkText(owner.network),
      host: hostInterfaceName(owner),
      hash: ownerHash(owner),
      containerMac: hex(containerMac(owner, [])),
      hostMac: hex(hostMac(owner)),
    }));
  });

  const expectDistinct = (nameOf: (each: Named) => string) => {
    const owner = new Map<string, string>();
    for (const each of named) {
      const before = owner.get(nameOf(each));
      if (before !== undefined) expect(before, nameOf(each)).toBe(keyOf(each.owner));
      owner.set(nameOf(each), keyOf(each.owner));
    }
    expect(owner.size).toBe(new Set(named.map(({ owner: each }) => keyOf(each))).size);
  };

  test("are one for each, in words, as a hash and as an interface", () => {
    expectDistinct(({ text }) => text);
    expectDistinct(({ comment }) => comment);
    expectDistinct(({ hash }) => hash);
    expectDistinct(({ host }) => host);
    expectDistinct(({ hostMac }) => hostMac);
    expectDistinct(({ containerMac }) => containerMac);
  });

  test("fit where they are put: an alias, a comment, an interface name", () => {
    for (const { text, comment, host } of named) {
      expect(Buffer.byteLength(text), text).toBeLessThanOrEqual(200);
      expect(Buffer.byteLength(comment), comment).toBeLessThanOrEqual(128);
      if (Buffer.byteLength(text) <= 128) expect(comment).toBe(text);
      expect(host).toMatch(/^veth[0-9a-f]{11}$/);
    }
  });

  test("say in plain words what is short enough for it", () => {
    for (const { owner, text } of named) {
      if (owner.network.length <= 55) expect(text).toContain(`network=${owner.network} `);
      if (owner.containerId.length <= 55) expect(text).toContain(`container=${owner.containerId} `);
      expect(text.endsWith(` interface=${owner.ifname}`)).toBe(true);
    }
  });

  test("begin with the name of their network, and with no other one's", () => {
    for (const { owner, network } of named) {
      for (const other of named.slice(0, 60)) {
        expect(other.text.startsWith(network)).toBe(other.owner.network === owner.network);
      }
    }
    for (const { owner, ofNetworks } of named) {
      expect(ofNetworks).toEqual(named.slice(0, 60).map((other) => other.owner.network === owner.network));
    }
  });

  test("are the same for an owner that was read from a comment, where its names may be cut", () => {
    for (const { owner, comment } of named) {
      const read = readOwner(comment);
      if (read === undefined) throw new Error(comment);
      expect(ownerComment(read)).toBe(comment);
      expect(shortName(read.network)).toBe(shortName(owner.network));
      for (const length of [55, 80]) expect(shortName("x".repeat(length))).not.toBe(shortName(read.network));
    }
  });

  test("give MAC addresses for one interface each, locally administered and not of a vendor", () => {
    for (const { containerMac, hostMac } of named) {
      for (const mac of [containerMac, hostMac]) {
        expect(mac).toHaveLength(12);
        expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
      }
      expect(containerMac).not.toBe(hostMac);
    }
  });
});
