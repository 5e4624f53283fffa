import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BadTerms, readTerms, type Terms } from "../../../ipam/dhcp/lease/terms.ts";
import { readFrame, writeFrame } from "../../../ipam/dhcp/wire/frame.ts";
import { MessageType, Option, readMessage, writeMessage } from "../../../ipam/dhcp/wire/message.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { formatCidr } from "../../../shared/ip/cidr.ts";

const mac = Uint8Array.of(2, 0, 0, 0, 0, 7);
const envelope = { sourceMac: mac, targetMac: mac, source: 0x0a090001, target: 0x0a090032 };
/** Where the packet begins: behind the offload header and Ethernet's. */
const IP = 24;

describe("a frame", () => {
  const bytes = fc.uint8Array({ maxLength: 600 });

  test("is read as it was written, also with padding", () => {
    fc.assert(
      fc.property(bytes, fc.nat(40), (payload, padding) => {
        const frame = writeFrame(envelope, payload);
        const padded = new Uint8Array(frame.length + padding);
        padded.set(frame);
        expect(readFrame(padded)).toEqual({ sourceMac: mac, source: envelope.source, payload });
      }),
    );
  });

  test("with a bit that is wrong is refused", () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat(7), (payload, place, bit) => {
        const frame = writeFrame(envelope, payload);
        const at = IP + (place % (frame.length - IP));
        const sum = IP + 20 + 6;
        frame[at] = (frame[at] ?? 0) ^ (1 << bit);
        // 0 says that there is no checksum.
        fc.pre((frame[sum] ?? 0) !== 0 || (frame[sum + 1] ?? 0) !== 0);
        expect(readFrame(frame)).toBeTypeOf("string");
      }),
    );
  });

  test.each([1, 2])("whose sum the kernel vouches for (flag %d) is read", (flag) => {
    const frame = writeFrame(envelope, Uint8Array.of(1, 2, 3));
    frame[IP + 26] = 0x12;
    expect(readFrame(frame)).toMatch(/UDP checksum/);
    frame[0] = flag;
    expect(readFrame(frame)).toMatchObject({ payload: Uint8Array.of(1, 2, 3) });
  });

  test("of any bytes is never read beyond its end", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (any) => void readFrame(any)));
    const frame = writeFrame(envelope, Uint8Array.of(1, 2, 3));
    for (let length = 0; length < frame.length; length++)
      expect(readFrame(frame.subarray(0, length))).toBeTypeOf("string");
  });
});

/** A server's answer with these options after the message type. */
function answer(
  options: readonly (readonly [number, readonly number[]])[],
  address = 0x0a090032,
): Uint8Array {
  const all = new Map([[Option.messageType as number, Uint8Array.of(MessageType.ack)]]);
  for (const [code, value] of options) all.set(code, Uint8Array.from(value));
  const base = { xid: 7, seconds: 0, mac, clientAddress: 0, broadcast: false };
  const bytes = writeMessage({ ...base, options: all });
  bytes[0] = 2;
  new DataView(bytes.buffer).setUint32(16, address);
  return bytes;
}

const mask = [Option.subnetMask, [255, 255, 255, 0]] as const;
const server = [Option.serverIdentifier, [10, 9, 0, 1]] as const;
const time = [Option.leaseTime, [0, 0, 0, 100]] as const;
const router = [Option.routers, [10, 9, 0, 1, 10, 9, 0, 2]] as const;
const usual = [mask, server, time, router];

function termsOf(
  options: readonly (readonly [number, readonly number[]])[],
  requested: number[] = [],
): Terms {
  const message = readMessage(answer(options));
  if (typeof message === "string") throw new Error(message);
  return readTerms(message, requested);
}

const routesOf = (options: readonly (readonly [number, readonly number[]])[]) =>
  termsOf(options).routes.map(({ destination, gateway, scope }) =>
    [formatCidr(destination), gateway === undefined ? `scope ${scope}` : `via ${formatIp(gateway)}`].join(
      " ",
    ),
  );

describe("a message", () => {
  test("of any bytes is read, or refused with words", () => {
    const bytes = fc.uint8Array({ minLength: 230, maxLength: 400 });
    fc.assert(
      fc.property(bytes, fc.boolean(), (any, isPlausible) => {
        if (isPlausible && any.length >= 240) any.set(answer([]).subarray(0, 240));
        const message = readMessage(any);
        if (typeof message === "string") return;
        try {
          readTerms(message, [6, 15, 119]);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(BadTerms);
        }
      }),
    );
  });

  test("has long values in several options (RFC 3396), and more options in file and sname (option 52)", () => {
    const long = Array.from({ length: 600 }, (_, at) => at & 0xff);
    const bytes = answer([
      [200, long],
      [Option.overload, [3]],
    ]);
    bytes.set([201, 2, 1, 2, Option.end], 108);
    bytes.set([202, 1, 9, Option.end], 44);
    const message = readMessage(bytes);
    if (typeof message === "string") throw new Error(message);
    expect([...(message.options.get(200) ?? [])]).toEqual(long);
    expect(message.options.get(201)).toEqual(Uint8Array.of(1, 2));
    expect(message.options.get(202)).toEqual(Uint8Array.of(9));
  });

  test.each([
    [
      "an option beyond the end",
      (bytes: Uint8Array) => bytes.set([6, 200], bytes.length - 2),
      "beyond the end",
    ],
    ["no cookie", (bytes: Uint8Array) => bytes.set([0], 236), "no DHCP options"],
    ["a client's", (bytes: Uint8Array) => bytes.set([1], 0), "not a server's"],
    [
      "no type",
      (bytes: Uint8Array) => bytes.set([Option.pad, Option.pad, Option.pad], 240),
      "no message type",
    ],
  ] as const)("is refused: %s", (_, change, words) => {
    // Not ended before the last bytes.
    const bytes = answer([]).fill(0, 243);
    change(bytes);
    expect(readMessage(bytes)).toContain(words);
  });
});

describe("terms", () => {
  test("have address, gateway, default route, and the times of the RFC", () => {
    const terms = termsOf(usual);
    expect(formatCidr(terms.address)).toBe("10.9.0.50/24");
    expect(terms).toMatchObject({ lease: 100, renewal: 50, rebinding: 85, dns: {} });
    expect(routesOf(usual)).toEqual(["0.0.0.0/0 via 10.9.0.1"]);
  });

  test.each([
    [
      "T1 and T2 of the server",
      [
        [58, 20],
        [59, 40],
      ],
      { renewal: 20, rebinding: 40 },
    ],
    ["T2 after the end", [[59, 100]], { renewal: 50, rebinding: 85 }],
    ["T1 after T2", [[58, 90]], { renewal: 50, rebinding: 85 }],
  ] as const)("take %s", (_, times, expected) => {
    const options = times.map(([code, value]) => [code, [0, 0, 0, value]] as const);
    expect(termsOf([...usual, ...options])).toMatchObject(expected);
  });

  test("last an hour if the server does not say how long", () => {
    expect(termsOf([mask, server])).toMatchObject({ lease: 3600, renewal: 1800, rebinding: 3060 });
  });

  test("may have no end", () => {
    const options = [mask, server, [Option.leaseTime, [255, 255, 255, 255]]] as const;
    expect(termsOf(options)).toMatchObject({ lease: Infinity, renewal: Infinity, rebinding: Infinity });
  });

  test("have the routes of option 33 by class, and those of option 121 alone (RFC 3442)", () => {
    const classful = [Option.staticRoutes, [172, 16, 0, 0, 10, 9, 0, 3, 192, 0, 2, 0, 10, 9, 0, 4]] as const;
    const withStatic = ["172.16.0.0/16 via 10.9.0.3", "192.0.2.0/24 via 10.9.0.4", "0.0.0.0/0 via 10.9.0.1"];
    expect(routesOf([...usual, classful])).toEqual(withStatic);
    const bytes = [
      24, 198, 51, 100, 10, 9, 0, 5, 0, 10, 9, 0, 6, 32, 10, 8, 0, 1, 0, 0, 0, 0, 12, 172, 31, 10, 9, 0, 7,
    ];
    const classless = [Option.classlessRoutes, bytes] as const;
    expect(routesOf([...usual, classful, classless])).toEqual([
      "198.51.100.0/24 via 10.9.0.5",
      "0.0.0.0/0 via 10.9.0.6",
      "10.8.0.1/32 scope 253",
      "172.16.0.0/12 via 10.9.0.7",
    ]);
  });

  test("are taken without what says nothing: a default route in option 33, and options without a value", () => {
    const withDefault = [Option.staticRoutes, [0, 0, 0, 0, 10, 9, 0, 3, 10, 8, 0, 0, 10, 9, 0, 4]] as const;
    expect(routesOf([...usual, withDefault])).toEqual(["10.0.0.0/8 via 10.9.0.4", "0.0.0.0/0 via 10.9.0.1"]);
    expect(routesOf([mask, server, time, [Option.routers, []], [Option.staticRoutes, []]])).toEqual([]);
  });

  test("have DNS settings if they are asked for", () => {
    const text = (words: string) => [...words].map((character) => character.charCodeAt(0));
    const list = [
      ...[3, ...text("eng"), 5, ...text("apple"), 3, ...text("com"), 0],
      9,
      ...text("marketing"),
      0xc0,
      4,
    ];
    const options = [
      ...usual,
      [6, [10, 9, 0, 1, 10, 9, 0, 2]],
      [15, text("example.org\0")],
      [119, list],
    ] as const;
    expect(termsOf(options).dns).toEqual({});
    expect(termsOf(options, [6, 15, 119]).dns).toEqual({
      nameservers: ["10.9.0.1", "10.9.0.2"],
      domain: "example.org",
      search: ["eng.apple.com", "marketing.apple.com"],
    });
  });

  test.each([
    ["no mask", [server, time], "no subnet mask"],
    ["a mask with gaps", [[1, [255, 0, 255, 0]], server, time], "subnet mask is 255.0.255.0"],
    ["the mask 0.0.0.0", [[1, [0, 0, 0, 0]], server, time], "subnet mask is 0.0.0.0"],
    ["a mask of 3 bytes", [[1, [255, 255, 0]], server, time], "option 1 has 3 bytes instead of 4"],
    ["no server", [mask, time], "which server"],
    ["no seconds", [mask, server, [51, [0, 0, 0, 0]]], "lease time is 0"],
    ["half a router", [...usual, [3, [10, 9]]], "option 3 has 2 bytes"],
    ["half a route", [...usual, [33, [10, 9, 0, 0]]], "option 33 has 4 bytes"],
    ["a route without its router", [...usual, [121, [24, 10, 9, 0]]], "option 121 is malformed"],
    ["a prefix of 33 bits", [...usual, [121, [33, 1, 2, 3, 4, 5, 6, 7, 8, 9]]], "option 121 is malformed"],
  ] as const)("are refused: %s", (_, options, words) => expect(() => termsOf(options)).toThrow(words));

  test.each([0, 0xffffffff, 0x7f000001, 0xe0000001])("are refused with the address %d", (address) => {
    const message = readMessage(answer(usual, address));
    if (typeof message === "string") throw new Error(message);
    expect(() => readTerms(message, [])).toThrow(BadTerms);
  });
});
