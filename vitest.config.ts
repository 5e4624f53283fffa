import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/helpers/natives.ts"],
    // A process per file: tests wait for the kernel more than they compute, and a file that is killed takes
    // its namespaces with it.
    pool: "forks",
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
