import type { Style } from './style.ts';

export interface Bar {
  readonly label: string;
  readonly value: number;
}

export interface Point {
  readonly x: number;
  readonly label: string;
  readonly success: boolean;
}

const BAR_WIDTH = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Bars beside their labels, the longest as wide as the plot. */
export function barsView(title: string, bars: readonly Bar[], style: Style): string {
  const width = Math.max(...bars.map(({ label }) => label.length));
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const total = Math.max(
    1,
    bars.reduce((sum, { value }) => sum + value, 0),
  );
  const lines = bars.map(({ label, value }) => {
    const eighths = Math.round((value / most) * BAR_WIDTH * 8);
    const bar = `${'█'.repeat(eighths >> 3)}${EIGHTHS[eighths & 7]}`;
    return `${style.dim(label.padStart(width))} ${style.name(bar)} ${value} (${Math.round((100 * value) / total)} %)`;
  });
  return [style.bold(title), ...lines].join('\n');
}

/** Amounts from the smallest to the largest: what arrived, and what did not. */
export function successView(title: string, points: readonly Point[], style: Style): string {
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const width = Math.max(0, ...sorted.map(({ label }) => label.length));
  const most = Math.max(1, ...sorted.map(({ x }) => x));
  const lines = sorted.map(({ x, label, success }) => {
    const length = Math.max(1, Math.round((x / most) * BAR_WIDTH));
    const line = '─'.repeat(length - 1);
    return `${style.dim(label.padStart(width))} ${success ? style.good(`${line}● arrived`) : style.bad(`${line}✕ failed`)}`;
  });
  return [style.bold(title), ...lines].join('\n');
}

const ROW = 22;
const LABEL_WIDTH = 170;
const PLOT_WIDTH = 520;
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** Several bar plots under each other as an SVG document. */
export function barsSvg(plots: readonly { readonly title: string; readonly bars: readonly Bar[] }[]): string {
  let y = 10;
  const parts: string[] = [];
  for (const { title, bars } of plots) {
    const most = Math.max(1, ...bars.map(({ value }) => value));
    parts.push(textAt(10, y + 16, title, 'font-weight="bold"'));
    y += 26;
    for (const { label, value } of bars) {
      const width = (value / most) * PLOT_WIDTH;
      parts.push(textAt(LABEL_WIDTH - 8, y + 15, label, 'text-anchor="end"'));
      parts.push(`<rect x="${LABEL_WIDTH}" y="${y + 2}" width="${width.toFixed(1)}" height="${ROW - 4}" fill="#2a78b8"/>`);
      parts.push(textAt(LABEL_WIDTH + width + 6, y + 15, `${value}`, ''));
      y += ROW;
    }
    y += 16;
  }
  return document(y, parts);
}

/** Success against amount as an SVG document: a step that falls between what arrived and what did not, with every try as a point. */
export function successSvg(title: string, points: readonly Point[]): string {
  const height = 220;
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const most = Math.max(1, ...sorted.map(({ x }) => x));
  const at = (x: number): string => (60 + (x / most) * (PLOT_WIDTH + 60)).toFixed(1);
  const arrived = Math.max(0, ...sorted.filter(({ success }) => success).map(({ x }) => x));
  const parts = [
    textAt(10, 24, title, 'font-weight="bold"'),
    textAt(10, 66, 'arrived', ''),
    textAt(10, 176, 'failed', ''),
    `<polyline points="${at(0)},60 ${at(arrived)},60 ${at(arrived)},170 ${at(most)},170" fill="none" stroke="#2a78b8" stroke-width="2"/>`,
    ...sorted.map(
      ({ x, label, success }) =>
        `<circle cx="${at(x)}" cy="${success ? 60 : 170}" r="5" fill="${success ? '#2c8a3c' : '#c0392b'}"><title>${escaped(label)}</title></circle>`,
    ),
    textAt(Number(at(arrived)), 205, sorted.find(({ x }) => x === arrived)?.label ?? '0', 'text-anchor="middle"'),
  ];
  return document(height, parts);
}

const textAt = (x: number, y: number, text: string, more: string): string =>
  `<text x="${x.toFixed(1)}" y="${y}" font-size="13" font-family="sans-serif" ${more}>${escaped(text)}</text>`;

const document = (height: number, parts: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="760" height="${height}" viewBox="0 0 760 ${height}">\n<rect width="100%" height="100%" fill="white"/>\n${parts.join('\n')}\n</svg>\n`;
