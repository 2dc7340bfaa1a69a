import type { Msat, Sat } from '../base/units.ts';
import { msatOf, satOf } from './amount.ts';
import { durationMs } from './duration.ts';
import { AppError } from './error.ts';
import { nearest } from './nearest.ts';
import type { Schema } from './operation.ts';

/**
 * One flag of a command. The shape is oclif's own, as plain data: oclif reads it for the manifest and the help, `lnkit completions` and
 * `lnkit schema` read it too, and `parseArgv` below parses by it, without loading oclif.
 */
export interface FlagSpec<T> {
  readonly type: 'boolean' | 'option';
  readonly summary: string;
  readonly char?: string;
  readonly helpValue?: string;
  readonly options?: readonly string[];
  readonly multiple?: boolean;
  readonly required?: boolean;
  readonly helpGroup?: string;
  /** What completes it: `channels`, `peers`, `invoices`, `files`. */
  readonly completes?: Completes;
  readonly schema: Schema;
  parse(text: string): unknown;
  /** Only for the compiler. */
  readonly value?: T;
}

export type Completes = 'channels' | 'peers' | 'invoices' | 'payments' | 'files';

export interface ArgSpec<T> {
  readonly description: string;
  readonly required: boolean;
  /** Takes all that follow; only the last one may. */
  readonly multiple?: boolean;
  readonly options?: readonly string[];
  readonly completes?: Completes;
  readonly schema: Schema;
  parse(text: string): unknown;
  readonly value?: T;
}

// biome-ignore lint/suspicious/noExplicitAny: specs of every type stand in one table
export type FlagSpecs = { readonly [name: string]: FlagSpec<any> };
// biome-ignore lint/suspicious/noExplicitAny: specs of every type stand in one table
export type ArgSpecs = { readonly [name: string]: ArgSpec<any> };
export type FlagValues<F extends FlagSpecs> = { readonly [K in keyof F]: F[K] extends FlagSpec<infer T> ? T : never };
export type ArgValues<A extends ArgSpecs> = { readonly [K in keyof A]: A[K] extends ArgSpec<infer T> ? T : never };

type Extra = { readonly char?: string; readonly completes?: Completes; readonly helpValue?: string; readonly helpGroup?: string };

const verbatim = (text: string): string => text;
const integerOf = (text: string): number => {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw usage(`"${text}" is not a whole number`);
  return number;
};
const numberOf = (text: string): number => {
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(number)) throw usage(`"${text}" is not a number`);
  return number;
};
const hexOf =
  (bytes: number | null) =>
  (text: string): string => {
    if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw usage('it is not hexadecimal');
    if (bytes !== null && text.length !== 2 * bytes) throw usage(`it has ${text.length / 2} bytes where ${bytes} belong`);
    return text.toLowerCase();
  };

const TEXT: Schema = { type: 'string' };
const AMOUNT: Schema = { type: 'string', description: 'an amount with its unit, such as 1000sat' };

const option = <T>(summary: string, parse: (text: string) => unknown, more: Partial<FlagSpec<T>>): FlagSpec<T> => ({
  type: 'option',
  summary,
  parse,
  schema: TEXT,
  ...more,
});

/** Flags, by what they take. All are optional. */
export const flag = {
  boolean: (summary: string, extra: Extra = {}): FlagSpec<boolean> => ({
    type: 'boolean',
    summary,
    parse: () => true,
    schema: { type: 'boolean' },
    ...extra,
  }),
  text: (summary: string, extra: Extra = {}): FlagSpec<string | undefined> => option(summary, verbatim, extra),
  texts: (summary: string, extra: Extra = {}): FlagSpec<readonly string[]> =>
    option(summary, verbatim, { multiple: true, schema: { type: 'array', items: TEXT }, ...extra }),
  integer: (summary: string, extra: Extra = {}): FlagSpec<number | undefined> =>
    option(summary, integerOf, { helpValue: 'N', schema: { type: 'integer', minimum: 0 }, ...extra }),
  number: (summary: string, extra: Extra = {}): FlagSpec<number | undefined> =>
    option(summary, numberOf, { helpValue: 'N', schema: { type: 'number', minimum: 0 }, ...extra }),
  msat: (summary: string, extra: Extra = {}): FlagSpec<Msat | undefined> =>
    option(summary, msatOf, { helpValue: 'AMOUNT', schema: AMOUNT, ...extra }),
  sat: (summary: string, extra: Extra = {}): FlagSpec<Sat | undefined> =>
    option(summary, satOf, { helpValue: 'AMOUNT', schema: AMOUNT, ...extra }),
  duration: (summary: string, extra: Extra = {}): FlagSpec<number | undefined> =>
    option(summary, durationMs, { helpValue: 'DURATION', schema: TEXT, ...extra }),
  hex: (summary: string, bytes: number | null, extra: Extra = {}): FlagSpec<string | undefined> =>
    option(summary, hexOf(bytes), { helpValue: 'HEX', ...extra }),
  choice: <const T extends readonly string[]>(summary: string, options: T, extra: Extra = {}): FlagSpec<T[number] | undefined> =>
    option(summary, verbatim, { options, schema: { type: 'string', enum: options }, ...extra }),
};

const argument = <T>(description: string, parse: (text: string) => unknown, more: Partial<ArgSpec<T>>): ArgSpec<T> => ({
  description,
  required: true,
  parse,
  schema: TEXT,
  ...more,
});

type ArgExtra = { readonly completes?: Completes };

/** Arguments, by what they take. */
export const arg = {
  text: (description: string, extra: ArgExtra = {}): ArgSpec<string> => argument(description, verbatim, extra),
  optional: (description: string, extra: ArgExtra = {}): ArgSpec<string | undefined> =>
    argument(description, verbatim, { required: false, ...extra }),
  texts: (description: string, extra: ArgExtra = {}): ArgSpec<readonly string[]> =>
    argument(description, verbatim, { multiple: true, schema: { type: 'array', items: TEXT }, ...extra }),
  /** Any number of them, none too. */
  rest: (description: string, extra: ArgExtra = {}): ArgSpec<readonly string[]> =>
    argument(description, verbatim, { required: false, multiple: true, schema: { type: 'array', items: TEXT }, ...extra }),
  hex: (description: string, bytes: number | null, extra: ArgExtra = {}): ArgSpec<string> => argument(description, hexOf(bytes), extra),
  msat: (description: string): ArgSpec<Msat> => argument(description, msatOf, { schema: AMOUNT }),
  sat: (description: string): ArgSpec<Sat> => argument(description, satOf, { schema: AMOUNT }),
  optionalMsat: (description: string): ArgSpec<Msat | undefined> => argument(description, msatOf, { required: false, schema: AMOUNT }),
  optionalInteger: (description: string): ArgSpec<number | undefined> =>
    argument(description, integerOf, { required: false, schema: { type: 'integer', minimum: 0 } }),
};

const GLOBAL = { helpGroup: 'GLOBAL' } as const;

/** The flags that every command takes. */
export const GLOBAL_FLAGS = {
  datadir: flag.text('folder of all state [env: LNKIT_DATADIR, default: ~/.lnkit]', { ...GLOBAL, helpValue: 'DIR', completes: 'files' }),
  network: flag.choice('[env: LNKIT_NETWORK, default: bitcoin]', ['bitcoin', 'testnet4', 'signet', 'regtest'], GLOBAL),
  chain: flag.text('chain backend: bitcoind://USER:PASS@HOST:PORT, bitcoind+cookie:///PATH@HOST:PORT, esplora+https://HOST/PATH', {
    ...GLOBAL,
    helpValue: 'URL',
  }),
  passphrase: flag.text('file with the passphrase of the seed, - for stdin [env: LNKIT_PASSPHRASE, LNKIT_PASSPHRASE_FILE]', {
    ...GLOBAL,
    helpValue: 'FILE',
    completes: 'files',
  }),
  timeout: flag.text('give up waiting after this time; what was started goes on', { ...GLOBAL, helpValue: 'DURATION' }),
  json: flag.boolean('one JSON document on stdout (a stream: one a line)', GLOBAL),
  quiet: flag.boolean('no progress and no hints on stderr', GLOBAL),
  verbose: flag.boolean('more about what happens, on stderr', GLOBAL),
  'no-color': flag.boolean('no colours [env: NO_COLOR]', GLOBAL),
};
export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;

export interface Parsed<F extends FlagSpecs, A extends ArgSpecs> {
  readonly flags: FlagValues<F> & GlobalValues;
  readonly args: ArgValues<A>;
}

/** Reads the words behind a command. Throws USAGE. */
export function parseArgv<F extends FlagSpecs, A extends ArgSpecs>(
  spec: { readonly flags: F; readonly args: A },
  argv: readonly string[],
): Parsed<F, A> {
  const specs: FlagSpecs = { ...GLOBAL_FLAGS, ...spec.flags };
  const flags: Record<string, unknown> = {};
  for (const [name, { type, multiple }] of Object.entries(specs))
    flags[name] = multiple === true ? [] : type === 'boolean' ? false : undefined;
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word === '--') {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (word.length < 2 || word[0] !== '-') {
      words.push(word);
      continue;
    }
    const { name, found, inline } = findFlag(specs, word);
    if (found.type === 'boolean') {
      if (inline !== undefined) throw usage(`--${name} takes no value`);
      flags[name] = true;
      continue;
    }
    const text = inline ?? argv[++i];
    if (text === undefined || (inline === undefined && text.length > 1 && text.startsWith('--'))) throw usage(`--${name} needs a value`);
    const value = parseValue(`--${name}`, found, text);
    if (found.multiple === true) (flags[name] as unknown[]).push(value);
    else flags[name] = value;
  }
  return { flags: flags as Parsed<F, A>['flags'], args: readArgs(spec.args, words) as ArgValues<A> };
}

// biome-ignore lint/suspicious/noExplicitAny: a flag of any type
function findFlag(specs: FlagSpecs, word: string): { name: string; found: FlagSpec<any>; inline: string | undefined } {
  const equals = word.indexOf('=');
  const key = equals === -1 ? word : word.slice(0, equals);
  const inline = equals === -1 ? undefined : word.slice(equals + 1);
  const name = key.startsWith('--') ? key.slice(2) : Object.keys(specs).find((one) => specs[one]?.char === key.slice(1));
  const found = name !== undefined && Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (name === undefined || found === undefined)
    throw usage(`there is no flag ${key}`, didYouMean(key.replace(/^-+/, ''), Object.keys(specs)));
  return { name, found, inline };
}

function readArgs(specs: ArgSpecs, words: readonly string[]): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  let at = 0;
  for (const [name, spec] of Object.entries(specs)) {
    const label = name.toUpperCase();
    if (spec.multiple === true) {
      out[name] = words.slice(at).map((word) => parseValue(label, spec, word));
      if (spec.required && at >= words.length) throw usage(`${label} is missing: ${spec.description}`);
      return out;
    }
    const word = words[at++];
    if (word !== undefined) out[name] = parseValue(label, spec, word);
    else if (spec.required) throw usage(`${label} is missing: ${spec.description}`);
  }
  if (at < words.length) throw usage(`"${words[at]}" is one argument too many`);
  return out;
}

function parseValue(label: string, spec: { readonly options?: readonly string[]; parse(text: string): unknown }, text: string): unknown {
  if (spec.options !== undefined && !spec.options.includes(text)) throw usage(`${label}: "${text}" is none of ${spec.options.join(', ')}`);
  try {
    return spec.parse(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError({ code: 'USAGE', message: `${label}: ${error.message}`, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
}

function didYouMean(word: string, flags: readonly string[]): string | undefined {
  const near = nearest(word, flags);
  return near === null ? undefined : `did you mean --${near}?`;
}

function usage(message: string, hint?: string): AppError {
  return new AppError({ code: 'USAGE', message, ...(hint === undefined ? {} : { hint }) });
}
