import { AppError } from './error.ts';

const MS_PER: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `30s`, `5m`, `1h30m`, `7d`; a bare number is seconds, as `timeout` and `curl` take it. Throws USAGE. */
export function durationMs(text: string): number {
  const trimmed = text.trim().toLowerCase();
  const seconds = /^\d+(\.\d+)?$/.test(trimmed);
  const parts = seconds ? [`${trimmed}s`] : trimmed.match(/\d+(?:\.\d+)?(?:ms|min|[smhdw])/g);
  if (parts === null || (!seconds && parts.join('') !== trimmed)) throw notADuration(text);
  let total = 0;
  for (const part of parts) {
    const [, digits, unit] = /^([\d.]+)([a-z]+)$/.exec(part) as RegExpExecArray;
    total += Number(digits) * (MS_PER[unit as string] as number);
  }
  if (!Number.isSafeInteger(Math.round(total))) throw notADuration(text);
  return Math.round(total);
}

/** Whole seconds of a duration, rounded up. */
export const durationSeconds = (text: string): number => Math.ceil(durationMs(text) / 1000);

/** A span for people: `2 h 05 min`, `3.2 s`, `40 ms`. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${pad(Math.floor((ms % 60_000) / 1_000))} s`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${pad(Math.floor((ms % 3_600_000) / 60_000))} min`;
  return `${Math.floor(ms / 86_400_000)} d ${Math.floor((ms % 86_400_000) / 3_600_000)} h`;
}

const pad = (value: number): string => `${value}`.padStart(2, '0');

const notADuration = (text: string): AppError =>
  new AppError({ code: 'USAGE', message: `"${text}" is not a duration`, hint: 'write for example 30s, 5m, 1h30m or 7d' });
