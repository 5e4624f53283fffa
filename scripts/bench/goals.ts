/** Compares figures with goals. */

/** Compares a figure with its upper limit. */
export function judgeMost(figure: number, goal: number | undefined): string {
  if (goal === undefined) return "";
  const missed = Math.round((figure / goal - 1) * 100);
  return `<= ${goal}, ${figure <= goal ? "met" : `missed by ${missed} %`}`;
}

/** Compares a figure with its lower limit. */
export function judgeLeast(figure: number, goal: number | undefined): string {
  if (goal === undefined) return "";
  const missed = Math.round((1 - figure / goal) * 100);
  return `>= ${goal}, ${figure >= goal ? "met" : `missed by ${missed} %`}`;
}
