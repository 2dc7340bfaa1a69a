import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseChainUrl } from '../io/chain/open.ts';
import { RpcClient } from '../io/chain/rpc.ts';
import { openRegtestFile, openRegtestInMemory } from '../io/regtest/file.ts';
import { serveRegtest } from '../io/regtest/server.ts';
import { networkDir, type Settings } from './config.ts';
import { AppError } from './error.ts';
import type { JsonObject } from './operation.ts';
import { count, hex, list, object, text } from './schema.ts';

export const serveSchema = object({ chain: text(), cookie: text(), esplora: text(), block_height: count(), pid: count() });
export const mineSchema = object({ blocks: list(hex(32)), block_height: count() });

export interface ServeOptions {
  readonly settings: Settings;
  /** HOST:PORT on loopback. */
  readonly listen: string;
  readonly keep: 'file' | 'memory';
  readonly signal: AbortSignal;
  ready(json: JsonObject): void;
}

/** Runs the built-in regtest chain until the signal, or a client's `stop`, ends it. */
export async function serveChain(options: ServeOptions): Promise<void> {
  const directory = networkDir({ ...options.settings, network: 'regtest' });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [host, port] = hostAndPort(options.listen);
  const { chain, faucet, close } = open(options.keep, join(directory, 'chain.dat'));
  try {
    let stop = (): void => {};
    const ended = new Promise<void>((resolve) => {
      stop = resolve;
      options.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const cookieFile = join(directory, 'chain.cookie');
    const server = await serveRegtest({ chain, faucet, host, port, cookieFile, onStop: stop }).catch((error: unknown) => {
      throw new AppError({
        code: 'USAGE',
        message: `cannot serve on ${options.listen}: ${(error as Error).message}`,
        hint: 'choose another --listen',
      });
    });
    const place = server.bitcoindUrl.slice(server.bitcoindUrl.lastIndexOf('@'));
    options.ready({
      chain: server.bitcoindUrl,
      cookie: `bitcoind+cookie://${encodeURI(cookieFile)}${place}`,
      esplora: server.esploraUrl,
      block_height: chain.tip.height,
      pid: process.pid,
    });
    await ended;
    await server.close();
  } finally {
    close();
  }
}

function open(keep: 'file' | 'memory', path: string) {
  if (keep === 'memory') return openRegtestInMemory();
  const opened = openRegtestFile(path);
  if (!opened.ok) throw new AppError({ ...opened.failure, hint: 'another `lnkit chain serve` may run; --memory keeps nothing' });
  return opened.value;
}

function hostAndPort(text: string): readonly [host: string, port: number] {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65535) throw new AppError({ code: 'USAGE', message: `"${text}" is not HOST:PORT` });
  return [(match[1] as string).replace(/^\[|\]$/g, ''), Number(match[2])];
}

/** Mines on a regtest chain, the built-in one or a bitcoind, over its RPC. To the chain's own wallet where `to` is null. */
export async function mineBlocks(part: {
  readonly settings: Settings;
  readonly blocks: number;
  readonly to: string | null;
}): Promise<JsonObject> {
  const { settings, blocks, to } = part;
  if (settings.network !== 'regtest')
    throw new AppError({ code: 'WRONG_NETWORK', message: `nobody mines ${settings.network} on demand`, hint: 'give --network regtest' });
  if (settings.chain === null)
    throw new AppError({ code: 'CHAIN_UNREACHABLE', message: 'no chain backend is configured', hint: 'give --chain' });
  const address = parseChainUrl(settings.chain, settings.network);
  if (!address.ok) throw new AppError(address.failure);
  if (address.value.kind !== 'bitcoind')
    throw new AppError({ code: 'USAGE', message: 'mining goes over RPC', hint: 'give the bitcoind:// URL of the chain' });
  const rpc = new RpcClient(address.value);
  try {
    const mined = to === null ? await call(rpc, 'generate', [blocks]) : await call(rpc, 'generatetoaddress', [blocks, to]);
    const height = await call(rpc, 'getblockcount', []);
    return { blocks: mined as readonly string[], block_height: height as number };
  } finally {
    rpc.close();
  }
}

async function call(rpc: RpcClient, method: string, params: readonly unknown[]): Promise<unknown> {
  const answer = await rpc.call(method, params);
  if (!answer.ok) {
    const { code, message, hint } = answer.failure;
    throw new AppError({ code: code === 'MALFORMED' ? 'CHAIN_UNREACHABLE' : code, message, hint: hint ?? undefined });
  }
  if (answer.value.kind === 'result') return answer.value.value;
  const { code, message } = answer.value;
  // bitcoind's "method not found": it has no wallet of its own to mine to.
  if (code === -32601) throw new AppError({ code: 'USAGE', message: 'this chain has no wallet to mine to', hint: 'give --to ADDRESS' });
  throw new AppError({ code: 'USAGE', message: `the chain refused: ${message}` });
}
