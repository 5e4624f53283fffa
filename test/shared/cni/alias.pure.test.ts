import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isOfNetwork, ownerComment, ownerText, readOwner } from "../../../shared/cni/attachment.ts";

const owner = { network: "net", containerId: "c1", ifname: "eth0" };

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,120}$/);

describe("an interface's alias", () => {
  test("says whose it is", () => {
    expect(ownerText(owner)).toBe("podwire network=net container=c1 interface=eth0");
  });

  test("gives back the owner, or one whose long names are cut and that is called the same", () => {
    fc.assert(
      fc.property(name, name, (network, containerId) => {
        const key = { network, containerId, ifname: "eth0" };
        const alias = ownerText(key);
        expect(new TextEncoder().encode(alias).length).toBeLessThanOrEqual(255);
        const read = readOwner(alias);
        expect(read && ownerText(read)).toBe(alias);
        expect(isOfNetwork(alias, network)).toBe(true);
        if (network.length <= 72 && containerId.length <= 72) expect(read).toEqual(key);
        const shorter = readOwner(ownerComment(key));
        expect(shorter && ownerComment(shorter)).toBe(ownerComment(key));
      }),
    );
  });

  test.each([
    "",
    "uplink to the rack",
    "network=net container=c1 interface=eth0",
    "podwire network=net",
    "x masquerade=y",
  ])("of another kind has no owner: %j", (alias) => {
    expect(readOwner(alias)).toBeUndefined();
    expect(isOfNetwork(alias, "nett")).toBe(false);
  });

  test("is not taken for that of a network whose name begins alike", () => {
    const alias = ownerText({ ...owner, network: "net2" });
    expect(isOfNetwork(alias, "net")).toBe(false);
    expect(isOfNetwork(alias, "net2")).toBe(true);
  });
});
