const interval = 10_000;

/** Something that takes long: returns what to call as it goes on, which tells the person at most every 10 s. */
export function createProgress(what: string, total: number): (done: number) => void {
  let told = Date.now();
  return (done) => {
    if (done >= total || Date.now() - told < interval) return;
    told = Date.now();
    process.stderr.write(`${what}: ${done} of ${total}\n`);
  };
}
