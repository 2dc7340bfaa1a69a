import { showMsat, showSat } from '../amount.ts';
import type { Decoded, Piece } from '../decode/types.ts';
import type { Json, JsonObject } from '../operation.ts';
import type { Style } from './style.ts';

/** What decode found, for people: the verdict first, then the fields. */
export function decodeView(decoded: Decoded, style: Style): string {
  const { kind, network, valid, problems, error, explain: _, ...rest } = decoded.json;
  const verdict = valid === true ? style.good('valid') : style.bad('not valid');
  const head = `${style.bold(`${kind}`)}${network === null ? '' : ` (${network})`}: ${verdict}`;
  const notes = (problems as readonly string[]).map((problem) => `  ${style.warn(problem)}`);
  const hint = isObject(error) && typeof error['hint'] === 'string' ? [`  ${style.dim(error['hint'])}`] : [];
  return [head, ...notes, ...hint, ...lines(rest, 1, style)].join('\n');
}

/** One row a piece: offset, name, meaning, and what stands there. */
export function explainView(pieces: readonly Piece[], style: Style): string {
  if (pieces.length === 0) return '';
  const width = Math.max(...pieces.map(({ name }) => name.length));
  const digits = `${pieces.at(-1)?.at ?? 0}`.length;
  const rows = pieces.map(({ at, raw, name, meaning }) => {
    const shown = raw.length <= 64 ? raw : `${raw.slice(0, 58)}..${raw.slice(-4)}`;
    return `${style.dim(`${at}`.padStart(digits))}  ${style.name(name.padEnd(width))}  ${shown}  ${style.dim(abridge(meaning))}`;
  });
  return rows.join('\n');
}

const abridge = (text: string): string => (text.length <= 100 ? text : `${text.slice(0, 97)}...`);

function lines(value: JsonObject, depth: number, style: Style): readonly string[] {
  const shown = Object.entries(value).filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0));
  const width = Math.max(0, ...shown.map(([name, item]) => (isSimple(item) ? name.length : 0)));
  const indent = '  '.repeat(depth);
  return shown.flatMap(([name, item]) => {
    if (isSimple(item)) return [`${indent}${style.dim(name.padEnd(width))}  ${simple(name, item)}`];
    if (isFeature(item)) return [`${indent}${style.dim(name)}  ${item.map(featureText).join(', ')}`];
    if (Array.isArray(item) && item.every(isSimple))
      return [`${indent}${style.dim(name)}`, ...item.map((one) => `${indent}  ${simple(name, one)}`)];
    if (Array.isArray(item)) return [`${indent}${style.dim(name)}`, ...item.flatMap((one, i) => nested(one, `${i}`, depth + 1, style))];
    return [`${indent}${style.dim(name)}`, ...lines(item as JsonObject, depth + 1, style)];
  });
}

function nested(item: Json, label: string, depth: number, style: Style): readonly string[] {
  const indent = '  '.repeat(depth);
  if (isSimple(item)) return [`${indent}${simple(label, item)}`];
  if (Array.isArray(item)) return item.flatMap((one, i) => nested(one, `${label}.${i}`, depth, style));
  return [`${indent}${style.dim(`- ${label}`)}`, ...lines(item as JsonObject, depth + 1, style)];
}

interface FeatureRow {
  readonly bit: number;
  readonly name: string | null;
  readonly required: boolean;
}

const isFeature = (item: Json): item is Json & readonly (FeatureRow & JsonObject)[] =>
  Array.isArray(item) && item.length > 0 && item.every((one) => isObject(one) && 'bit' in one && 'required' in one);

const featureText = ({ bit, name, required }: FeatureRow): string => `${name ?? 'unknown'} (${bit}${required ? ', required' : ''})`;

function simple(name: string, value: Json): string {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (name.endsWith('_msat')) return showMsat(value);
    if (name.endsWith('_sat')) return value < 0 ? `${value} sat` : showSat(value);
    if ((name === 'timestamp' || name.endsWith('_at')) && value < 8_640_000_000_000)
      return `${value} (${new Date(Number(value) * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC)`;
    if (name === 'expiry') return `${value} s`;
  }
  return typeof value === 'string' ? printable(value) : `${value}`;
}

/** Descriptions come from strangers: control characters could move the cursor and forge what is shown. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const isSimple = (value: Json): boolean => typeof value !== 'object' || value === null;
