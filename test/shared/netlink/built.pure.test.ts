import fc from "fast-check";
import { AttrStream, ifla, parseAttributes, rt } from "netlink";
import { describe, expect, test } from "vitest";
import { toBytes } from "../../../shared/ip/address.ts";
import { lastAddress } from "../../../shared/ip/cidr.ts";
import { addAddress, deleteAddress } from "../../../shared/netlink/address.ts";
import { newBridge, setPort } from "../../../shared/netlink/bridge.ts";
import { formatMac, parseMac, readLink, setLink } from "../../../shared/netlink/link.ts";
import { newVethPair } from "../../../shared/netlink/veth.ts";
import { cidrs, families } from "../cni/arbitraries.ts";

const indexes = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const macs = fc.uint8Array({ minLength: 6, maxLength: 6 });
const names = fc.stringMatching(/^[a-z0-9.]{1,15}$/);
const mtus = fc.integer({ min: 68, max: 65535 });
const texts = fc.string({ unit: "grapheme", maxLength: 60 }).filter((text) => !text.includes("\0"));

/** What the package netlink reads in a body that we made. */
const addressIn = (body: Uint8Array) => rt.parseAddressMessage(Buffer.from(body));
const linkIn = (body: Uint8Array) => rt.parseLinkMessage(Buffer.from(body));

/** The attributes in a payload, by type. */
const inside = (payload: Buffer | undefined): Map<number, Buffer> => {
  const found = new Map<number, Buffer>();
  if (payload !== undefined) parseAttributes(payload, ({ type, data }) => found.set(type, data));
  return found;
};

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array) => expect([...(a ?? [])]).toEqual([...b]);

describe("a request about an address", () => {
  test("says what it was made of, to the package netlink", () => {
    fc.assert(
      fc.property(families.chain(cidrs), indexes, fc.boolean(), (cidr, index, detectDuplicates) => {
        const { address, prefixLength } = cidr;
        const added = addressIn(addAddress(index, cidr, { detectDuplicates }).body);
        const removed = addressIn(deleteAddress(index, cidr).body);
        for (const { data, attrs } of [added, removed]) {
          expect(data).toMatchObject({
            family: address.family === 4 ? 2 : 10,
            prefixlen: prefixLength,
            index,
          });
          sameBytes(attrs.local, toBytes(address));
          sameBytes(attrs.address, toBytes(address));
        }
        const hasBroadcast = address.family === 4 && prefixLength < 31;
        expect(added.attrs.broadcast !== undefined).toBe(hasBroadcast);
        if (hasBroadcast) sameBytes(added.attrs.broadcast, toBytes(lastAddress(cidr)));
        expect(added.data.flags?.nodad ?? false).toBe(address.family === 6 && !detectDuplicates);
        expect(removed.attrs.broadcast).toBeUndefined();
      }),
    );
  });
});

describe("a request about a link", () => {
  test("for a new bridge says its name, address, MTU and kind", () => {
    fc.assert(
      fc.property(
        names,
        macs,
        fc.option(mtus, { nil: undefined }),
        fc.boolean(),
        (name, mac, mtu, vlanFiltering) => {
          const { attrs } = linkIn(
            newBridge({ name, mac, vlanFiltering, ...(mtu === undefined ? {} : { mtu }) }).body,
          );
          expect([attrs.ifname, attrs.mtu]).toEqual([name, mtu]);
          sameBytes(attrs.address, mac);
          const info = inside(attrs.linkinfo);
          expect(info.get(1)?.toString()).toBe("bridge\0");
          const data = info.get(2);
          expect(data !== undefined).toBe(vlanFiltering);
          if (data !== undefined) expect(ifla.parseBridge(data).vlanFiltering).toEqual(Buffer.from([1]));
        },
      ),
    );
  });

  test("for a veth pair says all of both ends", () => {
    const ends = fc.record({ name: names, mac: macs });
    fc.assert(
      fc.property(ends, ends, mtus, indexes, fc.nat(1000), (host, container, mtu, master, namespace) => {
        const { attrs } = linkIn(newVethPair({ host, container, mtu, master, namespace }).body);
        expect(attrs).toMatchObject({ ifname: host.name, mtu, master });
        sameBytes(attrs.address, host.mac);
        const info = inside(attrs.linkinfo);
        expect(info.get(1)?.toString()).toBe("veth\0");
        const peer = linkIn(ifla.parseVethInfo(info.get(2) ?? Buffer.alloc(0)).peer ?? Buffer.alloc(16));
        expect(peer.attrs).toMatchObject({ ifname: container.name, mtu, netNsFd: namespace });
        sameBytes(peer.attrs.address, container.mac);
      }),
    );
  });

  test("for a change says what changes, and nothing else", () => {
    const change = fc.record(
      { up: fc.boolean(), mtu: mtus, mac: macs, alias: texts, master: indexes, promiscuous: fc.boolean() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(indexes, change, (index, wanted) => {
        const { data, attrs } = linkIn(setLink({ index }, wanted).body);
        expect(data.index).toBe(index);
        expect([data.change?.up ?? false, data.change?.promisc ?? false]).toEqual([
          wanted.up !== undefined,
          wanted.promiscuous !== undefined,
        ]);
        expect([data.flags?.up ?? false, data.flags?.promisc ?? false]).toEqual([
          wanted.up ?? false,
          wanted.promiscuous ?? false,
        ]);
        expect([attrs.mtu, attrs.ifalias, attrs.master]).toEqual([wanted.mtu, wanted.alias, wanted.master]);
        expect(attrs.address === undefined).toBe(wanted.mac === undefined);
        if (wanted.mac !== undefined) sameBytes(attrs.address, wanted.mac);
      }),
    );
  });

  test("for a bridge port says its settings", () => {
    fc.assert(
      fc.property(
        names,
        texts,
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (name, alias, hairpin, isolated, up) => {
          const { data, attrs } = linkIn(setPort(name, { alias, hairpin, isolated, up }).body);
          expect([attrs.ifname, attrs.ifalias, data.flags?.up ?? false]).toEqual([name, alias, up]);
          const port = ifla.parseBridgePort(inside(attrs.linkinfo).get(5) ?? Buffer.alloc(0));
          expect(port.mode).toBe(Number(hairpin));
          expect(port.isolated).toEqual(Buffer.from([Number(isolated)]));
        },
      ),
    );
  });
});

describe("a link that the package netlink writes", () => {
  test("is read as it was written", () => {
    const model = fc.record({
      index: indexes,
      name: names,
      mac: macs,
      mtu: mtus,
      alias: texts,
      master: indexes,
      up: fc.boolean(),
    });
    fc.assert(
      fc.property(model, ({ index, name, mac, mtu, alias, master, up }) => {
        const out = new AttrStream();
        const data = { family: 0, type: 1, index, flags: up ? { up: true as const } : {}, change: {} };
        const attrs = { ifname: name, address: Buffer.from(mac), mtu, ifalias: alias, master };
        rt.formatLinkMessage({ kind: "link", data, attrs } as rt.LinkMessage, out);
        const expected = {
          index,
          name,
          mac: formatMac(mac),
          mtu,
          alias,
          master,
          isUp: up,
          kind: "",
          peer: 0,
        };
        expect(readLink(Buffer.concat(out.bufs))).toMatchObject(expected);
      }),
    );
  });

  test("that holds next to nothing is read without complaint", () => {
    expect(readLink(new Uint8Array(16))).toMatchObject({
      index: 0,
      name: "",
      mac: "",
      mtu: 0,
      kind: "",
      alias: "",
    });
  });
});

describe("a MAC address", () => {
  test("is read in every usual notation, in any case", () => {
    fc.assert(
      fc.property(macs, (mac) => {
        const text = formatMac(mac);
        expect(text).toBe(
          Buffer.from(mac)
            .toString("hex")
            .replace(/..(?=.)/g, "$&:"),
        );
        const dotted = Buffer.from(mac)
          .toString("hex")
          .replace(/....(?=.)/g, "$&.");
        for (const each of [text, text.toUpperCase(), text.replaceAll(":", "-"), dotted]) {
          sameBytes(parseMac(each), mac);
        }
      }),
    );
  });

  test.each([
    "",
    "x",
    "02:00:00:00:00",
    "02:00:00:00:00:00:00",
    "2:0:0:0:0:0",
    "02:00-00:00:00:00",
    "020000000000",
    "02:00:00:00:00:0g",
    " 02:00:00:00:00:00",
    "02:00:00:00:00:00\n",
  ])("is not %j", (text) => {
    expect(parseMac(text)).toBeUndefined();
  });
});
