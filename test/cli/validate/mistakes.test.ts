/** Files as people write them, and what `podwire validate` says: every finding, word by word. */
import { describe, expect, test } from "vitest";
import { distBin } from "../../helpers/index.ts";
import { files, run } from "../podwire.ts";
import { inLists } from "./in-lists.ts";
import { inPlugins } from "./in-plugins.ts";
import { net, ptp } from "./row.ts";

/** The findings as lines, with the file's name alone. */
async function findingsOf(contents: Record<string, object>): Promise<string[]> {
  using folder = files(contents);
  const { stdout } = await run(["validate", "--json", folder.path], { CNI_PATH: `${distBin}:/bin` });
  const found = JSON.parse(stdout) as Record<"file" | "severity" | "path" | "message" | "advice", string>[];
  return found.map(({ file, severity, path, message, advice }) => {
    const what = advice === "" ? message : `${message} (${advice})`;
    return `${file.slice(folder.path.length + 1)}: ${severity}: ${path} ${what}`.replaceAll(distBin, "BIN");
  });
}

describe("podwire validate, of what people write,", () => {
  test.each([...inLists, ...inPlugins])("%s", async (_, contents, findings) => {
    expect(await findingsOf(contents)).toEqual(findings);
  });

  test("says in the folder of runtimes which file those of Kubernetes take", async () => {
    using folder = files({ "10-a.conflist": { ...net(ptp), name: "a" }, "20-b.conflist": net(ptp) });
    const { exitCode, stdout } = await run(["validate", folder.path], { NETCONFPATH: folder.path });
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/20-b\.conflist:1:1: warning: sorts after 10-a\.conflist, .*Kubernetes/),
      `${folder.path}/10-a.conflist: ok`,
    ]);
  });
});
