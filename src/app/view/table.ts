import type { Style } from './style.ts';

/** Columns by name: a right-aligned one ends in `>`. Cells may be painted; their width counts without the paint. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  const names = columns.map((column) => column.replace(/>$/, ''));
  const widths = names.map((name, i) => Math.max(name.length, ...rows.map((row) => widthOf(row[i] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => pad(cell, widths[i] as number, (columns[i] as string).endsWith('>')))
      .join('  ')
      .trimEnd();
  return [style.dim(line(names)), ...rows.map(line)].join('\n');
}

/** Labels and values under each other; what is null or undefined is left out. */
export function facts(
  pairs: readonly (readonly [label: string, value: string | number | bigint | null | undefined])[],
  style: Style,
): string {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `${style.dim(label.padEnd(width))}  ${value}`).join('\n');
}

/** A long identifier, short enough for a table: its head and its tail. */
export const shorten = (text: string, head = 8, tail = 6): string =>
  text.length <= head + tail + 2 ? text : `${text.slice(0, head)}..${text.slice(-tail)}`;

/** A unix time for people, in UTC. */
export const showTime = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

function pad(cell: string, width: number, right: boolean): string {
  const gap = ' '.repeat(Math.max(0, width - widthOf(cell)));
  return right ? gap + cell : cell + gap;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of terminals begin with one
const PAINT = /\u001b\[[0-9;]*m/g;
const widthOf = (cell: string): number => [...cell.replace(PAINT, '')].length;
