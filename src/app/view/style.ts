import { createRequire } from 'node:module';
import { isTerminal } from '../output.ts';

type Paint = (text: string) => string;

/** What text for people is painted with; every paint returns the plain text where colours are off. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly name: Paint;
}

const plain: Paint = (text) => text;
export const PLAIN: Style = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, name: plain };

/** Colours where stdout is a terminal and nobody asked for none (NO_COLOR, --no-color). chalk is loaded only then. */
export function styleFor(part: { readonly noColor: boolean }): Style {
  const wanted = !part.noColor && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  if (!wanted || !isTerminal(1)) return PLAIN;
  const { default: chalk } = createRequire(import.meta.url)('chalk') as typeof import('chalk');
  return { bold: chalk.bold, dim: chalk.dim, good: chalk.green, bad: chalk.red, warn: chalk.yellow, name: chalk.cyan };
}
