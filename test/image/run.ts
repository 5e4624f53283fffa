/**
 * Runs the tests where the Dockerfile's stage `test` has them run: all, or the files that are named.
 *   npm run test:image [-- test/plugins/ptp ...]
 */
import { projectRoot } from "../helpers/index.ts";
import { makeBase } from "./base.ts";
import { Buildah } from "./buildah.ts";

const image = "localhost/podwire-test:all";

// Ctrl-C ends what runs in the container, and then the work below fails in order: nothing is left behind.
process.on("SIGINT", () => {});

async function run(files: readonly string[]): Promise<number> {
  await using buildah = await Buildah.create();
  process.stderr.write("making the base image\n");
  await makeBase(buildah);
  process.stderr.write("building the stage test\n");
  await buildah.build(projectRoot, image, "--target", "test");
  const { Cmd = [], WorkingDir = "" } = await buildah.command(image);
  // A missing program must be an error, and not a test that is skipped.
  // The image's own command builds first: of hard links in a layer below, overlayfs makes files of their own when a
  // test links to one of them.
  const command = ["env", "CI=true", ...Cmd, "--", ...files];
  const container = await buildah.from(image);
  return (await buildah.showPrivileged(container, WorkingDir, command)) ?? 1;
}

process.exitCode = await run(process.argv.slice(2));
