import { equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { formatBlockHash } from '../../bitcoin/block.ts';
import { NETWORKS, type Network, networkParams } from '../../bitcoin/network.ts';
import { Bitcoind } from './bitcoind.ts';
import { Esplora } from './esplora.ts';
import type { RpcAuth } from './rpc.ts';
import { type ChainResult, type ChainSource, type ChainStatus, notSynced, wrongNetwork } from './source.ts';

/** What `--chain` names. */
export type ChainAddress =
  | { readonly kind: 'bitcoind'; readonly host: string; readonly port: number; readonly auth: RpcAuth }
  | { readonly kind: 'esplora'; readonly url: URL };

/** Never holds a part of the URL that could be a credential. */
export interface ChainUrlFailure {
  readonly code: 'USAGE';
  readonly message: string;
  readonly hint: string;
}

const DEFAULT_PORTS: { readonly [N in Network]: number } = { bitcoin: 8332, testnet4: 48332, signet: 38332, regtest: 18443 };
const HINT = 'bitcoind://USER:PASS@HOST:PORT, bitcoind+cookie:///PATH@HOST:PORT, esplora+https://HOST/PATH, or esplora+http:// on loopback';

/** Reads a `--chain` URL. User and password may be percent-encoded; without a port it is bitcoind's for the network. */
export function parseChainUrl(text: string, network: Network): Result<ChainAddress, ChainUrlFailure> {
  const match = /^([a-z][a-z+]*):\/\/(.*)$/s.exec(text.trim());
  if (match === null) return refuse('the chain backend is not given as a URL');
  const [, scheme = '', rest = ''] = match;
  switch (scheme) {
    case 'bitcoind':
      return withPassword(rest, network);
    case 'bitcoind+cookie':
      return withCookie(rest, network);
    case 'esplora+https':
    case 'esplora+http':
      return esplora(scheme === 'esplora+https' ? 'https' : 'http', rest);
    default:
      return refuse(`"${scheme}" is not a kind of chain backend`);
  }
}

/** The client of an address; nothing is sent yet. */
export function openChain(address: ChainAddress, options: { readonly timeoutMs?: number; readonly pollMs?: number } = {}): ChainSource {
  return address.kind === 'bitcoind' ? new Bitcoind({ ...address, ...options }) : new Esplora({ ...address, ...options });
}

/** Whether the backend answers, follows the right chain, and has caught up with it. */
export async function checkChain(source: ChainSource, network: Network): Promise<ChainResult<ChainStatus>> {
  const genesis = await source.network();
  if (!genesis.ok) return genesis;
  if (!equal(genesis.value, networkParams(network).chainHash)) {
    const other = NETWORKS.find((each) => equal(genesis.value, networkParams(each).chainHash));
    const found = other ?? `an unknown chain that begins with ${formatBlockHash(genesis.value)}`;
    return fail(wrongNetwork(`${source.place} follows ${found}, not ${network}`, `give --network, or the --chain of a ${network} node`));
  }
  const status = await source.status();
  if (!status.ok) return status;
  const { tip, headers, synced } = status.value;
  if (!synced)
    return fail(notSynced(`${source.place} is still catching up: block ${tip.height} of ${headers}`, 'wait until it is in sync'));
  return status;
}

function withPassword(rest: string, network: Network): Result<ChainAddress, ChainUrlFailure> {
  // A password may hold an @, a host may not.
  const at = rest.lastIndexOf('@');
  if (at === -1) return refuse('the chain URL has no user and password');
  const [place, pair] = [hostAndPort(rest.slice(at + 1), network), rest.slice(0, at)];
  if (!place.ok) return place;
  const colon = pair.indexOf(':');
  if (colon <= 0) return refuse('the chain URL has no user and password');
  const [user, password] = [decoded(pair.slice(0, colon)), decoded(pair.slice(colon + 1))];
  if (user === null || password === null) return refuse('user or password of the chain URL are badly percent-encoded');
  return ok({ kind: 'bitcoind', ...place.value, auth: { kind: 'password', user, password } });
}

function withCookie(rest: string, network: Network): Result<ChainAddress, ChainUrlFailure> {
  const at = rest.lastIndexOf('@');
  const path = at === -1 ? null : decoded(rest.slice(0, at));
  if (path === null || !path.startsWith('/')) return refuse('the chain URL has no absolute path of a cookie file');
  const place = hostAndPort(rest.slice(at + 1), network);
  return place.ok ? ok({ kind: 'bitcoind', ...place.value, auth: { kind: 'cookie', path } }) : place;
}

function esplora(scheme: 'http' | 'https', rest: string): Result<ChainAddress, ChainUrlFailure> {
  if (rest.split('/')[0]?.includes('@')) return refuse('an Esplora URL has no user and password');
  const url = URL.parse(`${scheme}://${rest}`);
  if (url === null || url.hostname === '' || rest.startsWith('/')) return refuse('the chain URL has no host');
  if (url.search !== '' || url.hash !== '') return refuse('an Esplora URL ends with its path');
  if (scheme === 'http' && !isLoopback(url.hostname)) return refuse(`esplora+http:// is for loopback only, and ${url.hostname} is not`);
  return ok({ kind: 'esplora', url });
}

function hostAndPort(text: string, network: Network): Result<{ readonly host: string; readonly port: number }, ChainUrlFailure> {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (match === null) return refuse('the chain URL has no HOST:PORT after the last @');
  const port = match[2] === undefined ? DEFAULT_PORTS[network] : Number(match[2]);
  if (port < 1 || port > 65535) return refuse(`${port} is not a port`);
  return ok({ host: (match[1] as string).replace(/^\[|\]$/g, ''), port });
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const refuse = (message: string): { readonly ok: false; readonly failure: ChainUrlFailure } => fail({ code: 'USAGE', message, hint: HINT });
