/**
 * Reads the JSON reports of vitest.
 *
 *   node .ci/report.mjs again FIRST           the files to run again, one for each line
 *   node .ci/report.mjs sum FIRST [SECOND]    "PASSED FAILED SKIPPED"; tests that passed in SECOND only are printed to standard error
 */
import { readFileSync } from "node:fs";

const print = (stream, line) => stream.write(`${line}\n`);

/** More failures than these are no chance. */
const MOST_AGAIN = 10;

function read(path) {
  const { testResults = [] } = JSON.parse(readFileSync(path, "utf8") || "{}");
  const failedFiles = new Set(
    testResults.filter(({ status }) => status === "failed").map(({ name }) => name),
  );
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status }) => ({ id: `${name}: ${fullName}`, file: name, status })),
  );
  const withStatus = (...all) => tests.filter(({ status }) => all.includes(status));
  const failed = withStatus("failed");
  // A file that cannot even be loaded, or whose hook fails, has no failed test.
  const unloaded = [...failedFiles].filter((file) => !failed.some((test) => test.file === file));
  return {
    failedFiles,
    failed,
    unloaded,
    passed: withStatus("passed"),
    skipped: withStatus("pending", "skipped", "todo"),
  };
}

function again(first) {
  const { failedFiles, failed, unloaded } = read(first);
  const isChance = failed.length + unloaded.length <= MOST_AGAIN;
  for (const file of isChance ? failedFiles : []) print(process.stdout, file);
}

function sum(first, second) {
  const run = read(first);
  const repeated = second === undefined ? undefined : read(second);
  const names = new Set(repeated?.passed.map(({ id }) => id));
  const isMended = ({ id, file }) => names.has(id) && !repeated.unloaded.includes(file);
  const mended = run.failed.filter(isMended);
  for (const { id } of mended) print(process.stderr, `failed beside other tests, passed alone: ${id}`);
  const failed = run.failed.length - mended.length + run.unloaded.length;
  print(process.stdout, `${run.passed.length + mended.length} ${failed} ${run.skipped.length}`);
}

const [verb, ...reports] = process.argv.slice(2);
if (verb === "again") again(...reports);
else sum(...reports);
