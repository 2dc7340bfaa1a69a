import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isNetwork, NETWORKS, type Network } from '../bitcoin/network.ts';
import { PRIORS, type Prior } from '../bolt/route/cost.ts';
import { durationMs } from './duration.ts';
import { AppError } from './error.ts';

/** What the global flags say, as typed; undefined where a flag is not given. */
export interface GlobalFlags {
  readonly datadir?: string | undefined;
  readonly network?: string | undefined;
  readonly chain?: string | undefined;
  readonly timeout?: string | undefined;
  /** A file, or `-` for stdin. */
  readonly passphrase?: string | undefined;
}

export interface Settings {
  readonly datadir: string;
  readonly network: Network;
  /** URL of the chain backend; null where none is configured. */
  readonly chain: string | null;
  readonly timeoutMs: number | null;
  /** Where the passphrase of the seed comes from; `-` is stdin. */
  readonly passphrase: { readonly from: 'env'; readonly value: string } | { readonly from: 'file'; readonly path: string } | null;
  /** `[node]` of lnkit.toml: alias, color, listen, announce, trusted peers. */
  readonly node: NodeSettings;
  /** `[routing]` of lnkit.toml. */
  readonly routing: RoutingSettings;
}

export interface NodeSettings {
  readonly alias: string | null;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
}

export interface RoutingSettings {
  /** How likely balances are before anything is learned; null: the default. */
  readonly prior: Prior | null;
}

export type Environment = { readonly [name: string]: string | undefined };

/** Flag, then environment, then `<datadir>/lnkit.toml`, then default. Throws USAGE on what is not understood. */
export function resolveSettings(flags: GlobalFlags, env: Environment = process.env): Settings {
  const datadir = resolve(expandHome(first(flags.datadir, env['LNKIT_DATADIR']) ?? '~/.lnkit'));
  const file = readConfigFile(join(datadir, 'lnkit.toml'));
  const network = first(flags.network, env['LNKIT_NETWORK'], file.text('network')) ?? 'bitcoin';
  if (!isNetwork(network)) throw usage(`"${network}" is not a network`, `networks are ${NETWORKS.join(', ')}`);
  const timeout = first(flags.timeout, env['LNKIT_TIMEOUT'], file.text('timeout'));
  return {
    datadir,
    network,
    chain: first(flags.chain, env['LNKIT_CHAIN'], file.text(`${network}.chain`), file.text('chain')) ?? null,
    timeoutMs: timeout === undefined ? null : durationMs(timeout),
    passphrase: passphraseOf(flags, env, file),
    node: { alias: file.text('node.alias') ?? null, listen: file.texts('node.listen'), announce: file.texts('node.announce') },
    routing: { prior: priorOf(file.text('routing.prior')) },
  };
}

function priorOf(text: string | undefined): Prior | null {
  if (text === undefined) return null;
  const prior = PRIORS.find((known) => known === text);
  if (prior === undefined) throw usage(`"${text}" is no prior`, `routing.prior is one of ${PRIORS.join(', ')}`);
  return prior;
}

/** The folder of one network: seed, store, lock and socket. */
export const networkDir = (settings: { readonly datadir: string; readonly network: Network }): string =>
  join(settings.datadir, settings.network);
export const socketPath = (settings: { readonly datadir: string; readonly network: Network }): string =>
  join(networkDir(settings), 'rpc.sock');

function passphraseOf(flags: GlobalFlags, env: Environment, file: ConfigFile): Settings['passphrase'] {
  if (flags.passphrase !== undefined) return { from: 'file', path: flags.passphrase };
  const value = env['LNKIT_PASSPHRASE'];
  if (value !== undefined && value !== '') return { from: 'env', value };
  const path = first(env['LNKIT_PASSPHRASE_FILE'], file.text('passphrase_file'));
  return path === undefined ? null : { from: 'file', path: expandHome(path) };
}

interface ConfigFile {
  text(key: string): string | undefined;
  texts(key: string): readonly string[];
}

const NO_FILE: ConfigFile = { text: () => undefined, texts: () => [] };

function readConfigFile(path: string): ConfigFile {
  if (!existsSync(path)) return NO_FILE;
  // Loaded only where there is a file: most runs have none.
  const { parse } = createRequire(import.meta.url)('smol-toml') as typeof import('smol-toml');
  let table: unknown;
  try {
    table = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw usage(`${path} cannot be read: ${error instanceof Error ? error.message : error}`, 'correct the file or remove it');
  }
  const find = (key: string): unknown => key.split('.').reduce<unknown>((at, name) => (isTable(at) ? at[name] : undefined), table);
  return {
    text(key) {
      const found = find(key);
      if (found === undefined || isTable(found)) return undefined;
      if (typeof found !== 'string' && typeof found !== 'number') throw usage(`${key} in ${path} is not text`, 'put it in quotes');
      return `${found}`;
    },
    texts(key) {
      const found = find(key);
      if (found === undefined) return [];
      const items = Array.isArray(found) ? found : [found];
      if (!items.every((item) => typeof item === 'string')) throw usage(`${key} in ${path} is not a list of text`, 'write ["one", "two"]');
      return items;
    },
  };
}

const isTable = (found: unknown): found is { readonly [name: string]: unknown } =>
  typeof found === 'object' && found !== null && !Array.isArray(found);

const first = (...options: readonly (string | undefined)[]): string | undefined =>
  options.find((option) => option !== undefined && option !== '');

const expandHome = (path: string): string => (path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path);

const usage = (message: string, hint: string): AppError => new AppError({ code: 'USAGE', message, hint });
