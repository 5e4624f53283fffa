import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: { name: "podwire", include: ["test/**/*.test.ts", "{plugins,ipam}/[!_]*/test/*.test.ts"] },
      },
      // The same tests of natives and protocol, on an executable that the sanitizers watch.
      {
        extends: true,
        test: {
          name: "sanitized",
          include: ["test/native/*.test.ts", "test/shared/cni/protocol/*.test.ts"],
          env: { PODWIRE_DIST: "dist/sanitized" },
        },
      },
    ],
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
