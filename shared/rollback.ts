/** Undoing: every step says first how to take it back, and success is explicit. */

export class Rollback {
  private undos: (() => void)[] = [];

  /** Say this before the step: a step that fails half-way, or whose answer is lost, is undone too. */
  onFailure(undo: () => void): void {
    this.undos.push(undo);
  }

  /** The work is done and stays. */
  commit(): void {
    this.undos = [];
  }

  /** Takes back what was not committed, last step first. What cannot be undone is left to DEL and GC. */
  run(): void {
    for (const undo of this.undos.reverse()) {
      try {
        undo();
      } catch {
        // The error that made us undo is the one to report.
      }
    }
    this.undos = [];
  }
}
