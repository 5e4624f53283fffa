import { describe, test } from "vitest";
import { canRun } from "../helpers/index.ts";
import { programs } from "./example.ts";
import { expectHostPort } from "./host-port.ts";

describe.runIf(canRun(...programs))("conf-examples/ptp-portmap-iptables", () => {
  test("leads a port of the node to a container: for other machines, the node and containers", () =>
    expectHostPort("ptp-portmap-iptables.conflist"));
});
