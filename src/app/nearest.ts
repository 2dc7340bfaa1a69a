/** The option that was probably meant, by edit distance; null where none is close. */
export function nearest(word: string, options: readonly string[]): string | null {
  let best: { readonly option: string; readonly distance: number } | null = null;
  for (const option of options) {
    const distance = editDistance(word, option);
    if (distance <= Math.max(1, Math.floor(option.length / 3)) && (best === null || distance < best.distance)) best = { option, distance };
  }
  return best?.option ?? null;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] as number;
}
