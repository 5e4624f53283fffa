import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linkAlias, masqueradedIn, ownerIn } from "../../../shared/cni/alias.ts";
import { type Cidr, formatCidr, parseCidr } from "../../../shared/ip/cidr.ts";

const owner = { network: "net", containerId: "c1", ifname: "eth0" };
const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text) as Cidr);

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,120}$/);
const address = fc.oneof(
  fc.ipV4().map((text) => `${text}/24`),
  fc.ipV6().map((text) => `${text}/64`),
);

describe("an interface's alias", () => {
  test("says whose it is and what is masqueraded", () => {
    const start = "podwire network=net container=c1 interface=eth0 masquerade=";
    expect(linkAlias(owner, [])).toBe(`${start}none`);
    expect(linkAlias(owner, cidrs("10.1.0.2/24", "fd00::2/64"))).toBe(`${start}10.1.0.2/24,fd00::2/64`);
  });

  test("gives back what it was made of, or nothing that is wrong", () => {
    fc.assert(
      fc.property(name, name, fc.array(address, { maxLength: 8 }), (network, containerId, texts) => {
        const key = { network, containerId, ifname: "eth0" };
        const wanted = cidrs(...texts).map(formatCidr);
        const alias = linkAlias(key, cidrs(...texts));
        expect(new TextEncoder().encode(alias).length).toBeLessThanOrEqual(255);
        expect([undefined, wanted]).toContainEqual(masqueradedIn(alias)?.map(formatCidr));
        expect([undefined, key]).toContainEqual(ownerIn(alias, network));
        if (containerId.length <= 64) expect(ownerIn(alias, network)).toEqual(key);
        if (texts.length <= 2 && network.length + containerId.length < 100)
          expect(masqueradedIn(alias)?.map(formatCidr)).toEqual(wanted);
      }),
    );
  });

  test.each(["", "uplink to the rack", "podwire network=net container=c1 interface=eth0", "x masquerade=y"])(
    "of another kind has no owner: %j",
    (alias) => {
      expect(masqueradedIn(alias)).toBeUndefined();
      expect(ownerIn(alias, "net")).toBeUndefined();
    },
  );

  test("is not taken for that of a network whose name begins alike", () => {
    const alias = linkAlias({ ...owner, network: "net2" }, []);
    expect(ownerIn(alias, "net")).toBeUndefined();
  });
});
