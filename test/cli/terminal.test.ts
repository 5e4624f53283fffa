import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { canRun } from "../helpers/index.ts";
import { podwire } from "./podwire.ts";

/** What the command prints on a terminal: script(1) makes one. */
async function onTerminal(env: Readonly<Record<string, string>>): Promise<string> {
  const options = { env: { PATH: process.env["PATH"] ?? "", ...env }, extendEnv: false, input: "" } as const;
  return (await execa("script", ["-qec", `${podwire} --help`, "/dev/null"], options)).stdout;
}

describe.runIf(canRun("script"))("on a terminal", () => {
  test("headings are bold", async () => {
    expect(await onTerminal({ TERM: "xterm" })).toContain("\u001b[1mCommands\u001b[0m");
  });

  test("NO_COLOR and a dumb terminal switch colours off", async () => {
    expect(await onTerminal({ TERM: "xterm", NO_COLOR: "1" })).not.toContain("\u001b[");
    expect(await onTerminal({ TERM: "dumb" })).not.toContain("\u001b[");
    expect(await onTerminal({ TERM: "xterm", NO_COLOR: "" })).toContain("\u001b[1m");
  });
});
