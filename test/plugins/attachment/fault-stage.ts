/** For test/plugins/portmap, until its rows are in ../sweep/subjects.ts. */
export { expectErrorOrSuccess, forEachStep } from "../sweep/stage.ts";
