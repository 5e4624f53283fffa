const interval = 10_000;

/** A progress report for long work. Call the returned function after each part: it prints at most every 10 s. */
export function createProgress(what: string, total: number): (done: number) => void {
  let printed = Date.now();
  return (done) => {
    if (done >= total || Date.now() - printed < interval) return;
    printed = Date.now();
    process.stderr.write(`${what}: ${done} of ${total}\n`);
  };
}
