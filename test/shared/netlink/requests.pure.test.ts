import { readFileSync } from "node:fs";
import { formatAttribute, type NetlinkAttribute, parseAttributes, parseMessages } from "netlink";
import { describe, expect, test } from "vitest";
import { made } from "./recorded/made.ts";

const recorded = JSON.parse(
  readFileSync(new URL("recorded/requests.json", import.meta.url), "utf8"),
) as Record<string, { command: string; bytes: string }>;

/** How the payload of an attribute is to be read; other payloads are bytes. */
type Payload = "text" | { readonly header?: number; readonly nested: Readonly<Record<number, Payload>> };

const peer: Payload = { header: 16, nested: { 3: "text" } };
/** By message type: the length of the fixed header, and the attributes that hold text or more attributes. */
const linkBody: Payload = {
  header: 16,
  nested: {
    3: "text",
    18: { nested: { 1: "text", 2: { nested: { 1: peer } }, 4: "text", 5: { nested: {} } } },
    20: "text",
    26: { nested: {} },
  },
};
const bodies: Record<number, Payload> = {
  16: linkBody,
  17: linkBody,
  19: linkBody,
  20: { header: 8, nested: {} },
  21: { header: 8, nested: {} },
  24: { header: 12, nested: { 8: { nested: {} } } },
  28: { header: 12, nested: {} },
};

/** What a message says, whatever the order of its attributes: read by the package netlink, not by our codec. */
const decode = (bytes: Buffer, payload: Payload | undefined): unknown => {
  if (payload === undefined) return bytes.toString("hex");
  if (payload === "text") return bytes.toString().replace(/\0$/, "");
  const { header = 0, nested } = payload;
  const attributes: Record<number, unknown[]> = {};
  const keep = ({ type, data }: NetlinkAttribute): void => {
    const values = attributes[type] ?? [];
    attributes[type] = values;
    values.push(decode(data, nested[type]));
  };
  parseAttributes(bytes.subarray(header), keep);
  return { header: bytes.subarray(0, header).toString("hex"), attributes };
};

const [NEWROUTE, DESTINATION, TABLE] = [24, 1, 15];

/** What iproute2 says of a route in another way: a table below 256 only in the header, "default" as an address. */
const asOurs = (type: number, body: Buffer): Buffer => {
  if (type !== NEWROUTE) return body;
  const [, prefixLength = 0, , , table = 0] = body;
  const said = new Map<number, Uint8Array>();
  parseAttributes(body.subarray(12), (attribute) => {
    said.set(attribute.type, Buffer.concat(formatAttribute(attribute)));
  });
  if (!said.has(TABLE)) said.set(TABLE, Buffer.from([8, 0, TABLE, 0, table, 0, 0, 0]));
  if (prefixLength === 0) said.delete(DESTINATION);
  return Buffer.concat([body.subarray(0, 12), ...said.values()]);
};

const theirs = (name: string): { type: number; flags: number; said: unknown } => {
  const [message] = parseMessages(Buffer.from(recorded[name]?.bytes ?? "", "hex"));
  if (message === undefined) throw new Error(name);
  const { type, flags, data } = message;
  return { type, flags, said: decode(asOurs(type, data), bodies[type]) };
};

/** RTM_NEWLINK without NLM_F_CREATE is RTM_SETLINK. */
const [NEWLINK, SETLINK, ECHO] = [16, 19, 0x8];
const asSet = (type: number, flags: number) => (type === NEWLINK && (flags & 0x400) === 0 ? SETLINK : type);

describe("a request", () => {
  const ours = (name: string): { type: number; flags: number; said: unknown } => {
    const message = made[name];
    if (message === undefined) throw new Error(name);
    const { type, flags, body } = message;
    // Ours alone ask for the result.
    return { type, flags: flags & ~ECHO, said: decode(Buffer.from(body), bodies[type]) };
  };

  const comparable = Object.entries(recorded).filter(([name]) => name !== "port");

  test.each(comparable)("%s says what $command says", (name) => {
    const [wanted, got] = [theirs(name), ours(name)];
    expect(got.said).toEqual(wanted.said);
    expect(got.flags).toBe(wanted.flags);
    expect(asSet(got.type, got.flags)).toBe(asSet(wanted.type, wanted.flags));
  });

  test("port sets what $command sets, and the alias with it, by name", () => {
    interface Said {
      attributes: Record<number, unknown[]>;
    }
    const portData = (said: unknown) => {
      const [info] = (said as Said).attributes[18] ?? [];
      return (info as Said).attributes[5];
    };
    const got = ours("port");
    expect(portData(got.said)).toEqual(portData(theirs("port").said));
    expect(got.said).toMatchObject({ attributes: { 3: ["veth0"], 20: ["podwire"] } });
  });

  test("is made for every command that was recorded", () => {
    expect(Object.keys(made)).toEqual(Object.keys(recorded));
  });
});
