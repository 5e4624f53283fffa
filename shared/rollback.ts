/** Undoing: every step says first how to take it back, and success is explicit. */

export class Rollback {
  private readonly undos: (() => void)[] = [];

  /** Say this before the step: a step that fails half-way, or whose answer is lost, is undone too. */
  onFailure(undo: () => void): void {
    this.undos.push(undo);
  }

  /** The work is done and stays. */
  commit(): void {
    this.undos.length = 0;
  }

  /** Takes back what was not committed, last step first. What cannot be undone is left to DEL and GC. */
  run(): void {
    // Nothing is allocated where nothing is to be undone: memory may just have run out.
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      try {
        undo();
      } catch {
        // The error that made us undo is the one to report.
      }
    }
  }
}
