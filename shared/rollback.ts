/** Undo: each step registers its undo first, and success is explicit. */

export class Rollback {
  private readonly undos: (() => void)[] = [];

  /** Call this before the step: then a step that fails halfway, or whose answer is lost, is undone, too. */
  onFailure(undo: () => void): void {
    this.undos.push(undo);
  }

  /** The work is done: drops the undo steps. */
  commit(): void {
    this.undos.length = 0;
  }

  /** Undoes all uncommitted steps, the last one first. DEL and GC remove what cannot be undone. */
  run(): void {
    // Allocates nothing if there is nothing to undo: memory may be exhausted.
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      try {
        undo();
      } catch {
        // The error that caused the undo is the one to report.
      }
    }
  }
}
