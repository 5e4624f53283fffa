import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** All tests lie in test/, but for those of a plugin that is one folder. */
const withEnding = (ending: string) => [`test/**/*${ending}`, `{plugins,ipam}/[!_]*/test/*${ending}`];
const every = withEnding(".test.ts");
const pure = withEnding(".pure.test.ts");
const slow = withEnding(".slow.test.ts");

/** Starts the slow files first: one that begins last would keep a single core busy at the end. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ project }: TestSpecification) => project.name === "slow";
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    // The ending of a file's name is its tier: test/README.md.
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: pure,
          pool: "threads",
          isolate: false,
          // No build is there, and no node can be made: test/helpers/node.ts.
          env: { PODWIRE_DIST: "no-build", PODWIRE_TIER: "pure" },
        },
      },
      { extends: true, test: { name: "kernel", include: every, exclude: [...pure, ...slow] } },
      { extends: true, test: { name: "slow", include: slow } },
      // The same tests of natives and protocol, on an executable that the sanitizers watch.
      {
        extends: true,
        test: {
          name: "sanitized",
          include: ["test/native/*.test.ts", "test/shared/cni/protocol/*.test.ts"],
          exclude: [...pure, ...slow],
          env: { PODWIRE_DIST: "dist/sanitized", PODWIRE_TIER: "sanitized" },
        },
      },
    ],
    sequence: { sequencer: SlowFirst },
    // A process per file: tests wait for the kernel more than they compute, and a file that is killed takes
    // its namespaces with it.
    pool: "forks",
    setupFiles: ["test/helpers/natives.ts"],
    fileParallelism: true,
    // They wait more than they compute; vitest alone would use one core less than there are.
    maxWorkers: availableParallelism() + 1,
    // The kernel takes its time to tear down interfaces and namespaces on a loaded machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    globals: false,
  },
});
