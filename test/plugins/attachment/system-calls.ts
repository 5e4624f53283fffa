/** For test/plugins/portmap, until its rows are in ../sweep/subjects.ts. */
export { callWith, type Step, stepsOf } from "../sweep/system-calls.ts";
