import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseIp } from "../../../shared/ip/address.ts";
import {
  addElement,
  createSet,
  deleteElement,
  destroySet,
  findElements,
  listSet,
  testElement,
} from "../../../shared/netfilter/ipset.ts";
import { BodyWriter } from "../../../shared/netlink/body-writer.ts";
import type { NetlinkMessage } from "../../../shared/netlink/message.ts";
import { canRun, createNode, type Node, runModule } from "../../helpers/index.ts";
import * as recorded from "./recorded.ts";
import { attributeTree, recordedMessages } from "./tree.ts";

const address = (text: string) => {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

/** ipset says protocol 7 and the newest revision; it numbers the lines of its input. */
const different = ["1", "4", "7.9"];

const owned = "podwire network=net container=c1 interface=eth0 in 10.1.0.0/24";
const cases: [string, NetlinkMessage, string][] = [
  ["create", createSet("podwire-masq6", 6, 1048576), recorded.createSet6],
  ["add v4", addElement("s4", { address: address("10.1.0.2"), comment: owned }), recorded.addElement4],
  [
    "add v6",
    addElement("podwire-masq6", { address: address("fd00::2"), comment: "x" }),
    recorded.addElement6,
  ],
  ["test", testElement("s4", { address: address("10.1.0.2") }), recorded.testElement4],
  ["delete", deleteElement("s4", { address: address("10.1.0.2") }), recorded.deleteElement4],
  ["destroy", destroySet("s4"), recorded.destroySet4],
];

describe("a message for IP sets", () => {
  test.each(cases)("to %s says what ipset says", (_name, message, digits) => {
    const [wanted] = recordedMessages(digits);
    expect(message.type).toBe(wanted?.type);
    const attributes = (bytes: Uint8Array | undefined) => attributeTree(bytes ?? new Uint8Array(), different);
    expect(attributes(message.body.subarray(4))).toEqual(attributes(wanted?.attributes));
  });

  test("speaks protocol 6, which old and new kernels take", () => {
    expect(attributeTree(listSet("s").body.subarray(4))).toContainEqual([1, "06"]);
  });
});

/** What the kernel answers to listSet: elements, 16 bytes of address for IPv6. */
const listing = (elements: readonly { bytes: Uint8Array; comment: string }[]): Uint8Array =>
  new BodyWriter()
    .raw(new Uint8Array(4))
    .nested(8, (list) => {
      for (const { bytes, comment } of elements) {
        list.nested(7, (data) => {
          data.nested(1, (ip) => ip.bytes((bytes.length === 4 ? 1 : 2) | 0x4000, bytes));
          data.text(26, comment);
        });
      }
    })
    .finish();

const anElement = fc.record({
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  ),
  comment: fc.stringMatching(/^[a-zé ]{0,30}$/),
});

describe("findElements", () => {
  test("returns exactly the elements whose comment contains the part", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anElement)), fc.stringMatching(/^[a-zé]{1,2}$/), (bodies, part) => {
        const found = findElements(bodies.map(listing), part);
        const wanted = bodies.flat().filter(({ comment }) => comment.includes(part));
        expect(found.map(({ comment }) => comment)).toEqual(wanted.map(({ comment }) => comment));
        expect(found.map((element) => element.address.value)).toEqual(
          wanted.map(({ bytes }) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`)),
        );
      }),
    );
  });

  test("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(findElements([bytes], "x")).toBeInstanceOf(Array);
      }),
    );
  });
});

describe.runIf(canRun("ipset"))("IP sets in the kernel", () => {
  let node: Node;
  beforeAll(async () => {
    node = await createNode();
  });
  afterAll(() => node.dispose());

  /** Sends the messages one by one; the errno of each refusal, 0 for none. */
  const send = (...messages: string[]): Promise<number[]> =>
    runModule<number[]>(
      node,
      `import * as sets from "./shared/netfilter/ipset.ts";
       import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
       import { parseIp } from "./shared/ip/address.ts";
       const connection = new NetlinkConnection(Protocol.netfilter);
       const messages = [${messages.map((message) => `sets.${message}`).join(", ")}];
       console.log(JSON.stringify(messages.map((m) => connection.transact([m])[0]?.error?.errno ?? 0)));`,
    );

  const members = async (set: string): Promise<string[]> => {
    const { stdout } = await node.exec("ipset", ["list", set]);
    return stdout
      .slice(stdout.indexOf("Members:\n") + "Members:\n".length)
      .split("\n")
      .sort();
  };

  test("are created, filled, asked, emptied and removed as ipset sees it", async () => {
    const add = (ip: string, comment: string) =>
      `addElement("${ip.includes(":") ? "b" : "a"}", { address: parseIp("${ip}"), comment: "${comment}" })`;
    expect(
      await send(
        'createSet("a", 4, 1048576)',
        'createSet("a", 4, 1048576)',
        'createSet("b", 6, 65536)',
        add("10.1.0.2", "first"),
        add("10.1.0.2", "second"),
        add("10.1.0.3", "third"),
        add("fd00::2", "sixth"),
      ),
    ).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(await members("a")).toEqual(['10.1.0.2 comment "second"', '10.1.0.3 comment "third"']);
    expect(await members("b")).toEqual(['fd00::2 comment "sixth"']);
    const missing = 4103;
    expect(
      await send(
        'testElement("a", { address: parseIp("10.1.0.2") })',
        'testElement("a", { address: parseIp("10.1.0.4") })',
        'deleteElement("a", { address: parseIp("10.1.0.2") })',
        'deleteElement("a", { address: parseIp("10.1.0.2") })',
        'destroySet("a")',
      ),
    ).toEqual([0, missing, 0, 0, 0]);
    expect((await node.exec("ipset", ["list", "-n"])).stdout).toBe("b");
  });

  test("are found by owner among a thousand", async () => {
    const lines = Array.from({ length: 1000 }, (_, index) => {
      const ip = `10.7.${Math.floor(index / 250)}.${index % 250}`;
      return `add many ${ip} comment "owner ${index} end"`;
    });
    const input = ["create many hash:ip comment", ...lines, ""].join("\n");
    await node.exec("ipset", ["restore"], { input });
    const found = await runModule<string[]>(
      node,
      `import { findElements, listSet } from "./shared/netfilter/ipset.ts";
       import { NetlinkConnection, Protocol } from "./shared/netlink/connection.ts";
       import { formatIp } from "./shared/ip/address.ts";
       const bodies = new NetlinkConnection(Protocol.netfilter).dump(listSet("many"));
       const find = (part) => findElements(bodies, part).map((e) => formatIp(e.address));
       console.log(JSON.stringify([...find("owner 777 "), ...find("owner 1000 "), find("owner").length]));`,
    );
    expect(found).toEqual(["10.7.3.27", 1000]);
  });
});
