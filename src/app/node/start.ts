import { randomBytes } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import { height, unixTime } from '../../base/units.ts';
import { hdKeys } from '../../bitcoin/hd.ts';
import type { Network } from '../../bitcoin/network.ts';
import { DEFAULT_LIMITS } from '../../bolt/channel/limits.ts';
import { view } from '../../bolt/channel/view.ts';
import { DEFAULT_COSTS, type Prior } from '../../bolt/route/cost.ts';
import { decodeWith } from '../../codec/codec.ts';
import { checkChain, openChain, parseChainUrl } from '../../io/chain/open.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { type GossipService, openGossip } from '../../io/gossip/service.ts';
import type { LocalUniverse } from '../../io/universe/local.ts';
import { numberCodec } from '../../node/codec.ts';
import { DEFAULT_POLICY } from '../../node/own-gossip.ts';
import { loadState } from '../../node/persist.ts';
import type { Address, NodeCommand, NodeEffect, NodeEnv, NodeFailure, NodeInput, NodeReply, NodeState } from '../../node/types.ts';
import { openStore, type Store } from '../../store/store.ts';
import { Custodian } from '../asset/custodian.ts';
import { custodyPorts } from '../asset/custody-node.ts';
import { networkDir } from '../config.ts';
import { AppError } from '../error.ts';
import type { Operation } from '../operation.ts';
import type { NodeRuntime } from '../runtime.ts';
import { readSeed } from '../seed.ts';
import type { OwnUniverse } from '../universe/own.ts';
import { ChainDriver, chainError, FALLBACK_FEERATES, firstCursor } from './chain-driver.ts';
import { Links } from './links.ts';
import { Loop } from './loop.ts';

export interface StartOptions {
  readonly datadir: string;
  readonly network: Network;
  /** URL of the chain backend. */
  readonly chain: string | null;
  readonly passphrase: string | null;
  readonly needs: Exclude<Operation['needs'], 'nothing'>;
  readonly signal: AbortSignal;
  progress(text: string): void;
  log?(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** `host:port` each; a daemon listens, a one-shot command does not. */
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  readonly alias?: string | null;
  /** Funding outputs are not looked up: channels that peers tell of are taken to exist. */
  readonly assumeValid?: boolean;
  /** How likely balances of others are before anything is learned; null: the default. */
  readonly prior?: Prior | null;
  /** Named in the store's lock. */
  readonly command?: string;
}

const TICK_MS = 1_000;
/** How long a one-shot command waits for its peers before it goes on with those that came. */
const PEERS_PATIENCE_MS = 8_000;
/** How long an ending command waits until what it began with its peers is signed by both. */
const QUIET_PATIENCE_MS = 3_000;

/** Opens the store, follows the chain, connects to peers: as much of it as `needs` says. Throws AppError or StoreError. */
export async function startNode(options: StartOptions): Promise<Node> {
  const directory = networkDir(options);
  const store = openStore({ directory, create: false, command: options.command ?? `lnkit ${process.argv.slice(2, 4).join(' ')}` });
  try {
    return await Node.start(options, directory, store);
  } catch (error) {
    store.close();
    throw error;
  }
}

export class Node implements NodeRuntime {
  readonly store: Store;
  readonly gossip: GossipService;
  readonly chain: ChainSource | null;
  readonly custodian: Custodian | null;
  readonly #options: StartOptions;
  #universe: OwnUniverse | null = null;
  readonly #loop: Loop;
  readonly #links: Links;
  readonly #chain: ChainDriver | null;
  readonly #keys: ReturnType<typeof hdKeys>;
  #ticker: NodeJS.Timeout | null = null;
  #isLive = false;
  #reorganised = false;
  #announced: readonly Address[] = [];

  static async start(options: StartOptions, directory: string, store: Store): Promise<Node> {
    const stored = store.load();
    const seed = await readSeed({ directory, passphrase: options.passphrase });
    const keys = hdKeys(seed, options.network);
    const loaded = loadState(stored, { network: options.network, keys, walletKeys: keys.wallet });
    if (!loaded.ok)
      throw new AppError({
        code: 'STORE_CORRUPT',
        message: `the store is damaged at ${loaded.failure.path}: ${loaded.failure.message}`,
        hint: 'restore it from a backup; it was not written to',
      });
    const source = options.needs === 'store' ? null : await connectChain(options);
    let state = loaded.value;
    if (source !== null && state.cursor.length === 0)
      state = { ...state, cursor: await firstCursor(source, createdAt(stored.meta.get('created_at'))) };
    let node: Node | null = null;
    const log = options.log ?? (() => {});
    const gossip = await openGossip({
      directory,
      network: options.network,
      nodeId: keys.nodeId,
      send: (link, _peer, message) => node?.send(link, message),
      punish: (link, peer, why) => node?.punish(link, peer, why),
      backlog: (link) => node?.backlog(link) ?? 0,
      now: () => unixTime(Math.floor(Date.now() / 1000)),
      chain: options.assumeValid === true ? null : source,
      costs: { ...DEFAULT_COSTS, prior: options.prior ?? DEFAULT_COSTS.prior },
      log,
    });
    node = new Node({ options, store, gossip, state, source, keys });
    try {
      await node.#begin();
    } catch (error) {
      await node.#end();
      throw error;
    }
    return node;
  }

  private constructor(part: {
    readonly options: StartOptions;
    readonly store: Store;
    readonly gossip: GossipService;
    readonly state: NodeState;
    readonly source: ChainSource | null;
    readonly keys: ReturnType<typeof hdKeys>;
  }) {
    const { options, source } = part;
    this.store = part.store;
    this.gossip = part.gossip;
    this.#options = options;
    this.#keys = part.keys;
    this.#loop = new Loop({
      state: part.state,
      store: part.store,
      env: (state) => this.#env(state),
      act: (effect) => this.#act(effect),
      onFatal: (error) => this.#fatal(error),
    });
    this.#links = new Links({
      nodeSecret: part.keys.nodeSecret,
      submit: (input) => this.#loop.push(input),
      whenDrained: (run) => this.#loop.whenDrained(run),
      gossipRoom: () => this.gossip.room(),
    });
    const log = options.log ?? (() => {});
    this.chain = source;
    const watch = (look: (state: NodeState) => void): (() => void) => this.#loop.watch(look);
    this.custodian =
      source === null
        ? null
        : new Custodian(custodyPorts({ node: this, watch, chain: source, universe: () => this.#ownUniverse(source), log }));
    this.#chain =
      source === null
        ? null
        : new ChainDriver({
            source,
            state: () => this.state,
            env: () => this.#env(this.state),
            submit: (input) => {
              this.#tellGossip(input);
              return this.submit(input);
            },
            log,
          });
  }

  get state(): NodeState {
    return this.#loop.state;
  }

  /** As it was taken from the operating system; for `--listen` with port 0. */
  get listening(): readonly Address[] {
    return this.#announced;
  }

  /**
   * The graph of a daemon hears of blocks as well, but for those of long ago: what is spent in them closes channels. A block that is taken back
   * opens them again, so it hears of those always, and of what comes in their place.
   */
  #tellGossip(input: NodeInput): void {
    if (input.kind === 'block_disconnected') this.#reorganised = true;
    else if (input.kind !== 'block' || !(this.#isLive || this.#reorganised)) return;
    this.gossip.block(input);
  }

  env(): NodeEnv {
    return this.#env(this.state);
  }

  graph(): { readonly nodes: number; readonly channels: number; readonly synced: boolean } {
    return this.gossip.status();
  }

  submit(input: NodeInput): Promise<void> {
    return this.#loop.submit(input);
  }

  command(command: NodeCommand): Promise<Result<NodeReply, NodeFailure>> {
    return this.#loop.command(command);
  }

  until<T>(pick: (state: NodeState) => T | null, signal: AbortSignal): Promise<T> {
    const now = pick(this.state);
    if (now !== null) return Promise.resolve(now);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        stop();
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        end();
        reject(signal.reason instanceof AppError ? signal.reason : new AppError({ code: 'INTERRUPTED', message: 'interrupted' }));
      };
      const stop = this.#loop.watch((state) => {
        const found = pick(state);
        if (found === null) return;
        end();
        resolve(found);
      });
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  async connect(peer: { readonly nodeId: Uint8Array; readonly host: string; readonly port: number }, signal: AbortSignal): Promise<void> {
    const nodeId = peer.nodeId as NodeId;
    if (this.state.peers.get(nodeId)?.session.kind === 'up') return;
    await this.command({ kind: 'connect_peer', peer: nodeId, address: { host: peer.host, port: peer.port } });
    const outcome = await this.until((state) => {
      const session = state.peers.get(nodeId)?.session;
      return session?.kind === 'up' || session?.kind === 'down' ? session : null;
    }, signal);
    if (outcome.kind === 'down')
      throw new AppError({
        code: 'PEER_UNREACHABLE',
        message: `${toHex(nodeId)}@${peer.host}:${peer.port} could not be reached: ${outcome.why}`,
        hint: 'check the address, and whether the peer is running',
      });
  }

  /** Ends what began, in order: signatures under way, links, chain, store. */
  async stop(): Promise<void> {
    if (this.#options.needs === 'peers') await this.#untilQuiet();
    await this.#end();
    this.store.close();
  }

  send(link: number, message: Parameters<Links['send']>[1]): void {
    this.#links.send(link, message);
  }

  backlog(link: number): number {
    return this.#links.backlog(link);
  }

  punish(link: number, peer: NodeId, why: string): void {
    this.#options.log?.('warn', `${toHex(peer)} let go: ${why}`);
    this.#links.close(link);
  }

  async #begin(): Promise<void> {
    const { options } = this;
    if (this.#chain !== null) {
      options.progress('reading the chain');
      await this.#chain.catchUp(options.progress);
      this.#isLive = (options.listen ?? []).length > 0;
      this.#chain.goLive();
      // A command that ends asks its couriers once, when it is about assets.
      if (this.#isLive) this.custodian?.start();
    }
    if (options.needs !== 'peers') return;
    await this.#listen();
    this.#ticker = setInterval(() => {
      this.#loop.push({ kind: 'tick' });
      this.gossip.tick(unixTime(Math.floor(Date.now() / 1000)));
    }, TICK_MS);
    await this.submit({ kind: 'tick' });
    await this.#untilPeersCame();
  }

  /** Opened when there is something to keep in it: most commands have nothing. */
  async #ownUniverse(chain: ChainSource): Promise<LocalUniverse> {
    const { openOwnUniverse } = await import('../universe/own.ts');
    const isKnownGroup = (key: Uint8Array): boolean => this.state.assets.groups.has(key);
    this.#universe ??= openOwnUniverse({ ...this.#options, chain, isKnownGroup });
    return this.#universe.universe;
  }

  get assumesValid(): boolean {
    return this.#options.assumeValid === true;
  }

  get options(): StartOptions {
    return this.#options;
  }

  async #listen(): Promise<void> {
    const bound: Address[] = [];
    for (const text of this.#options.listen ?? []) {
      const address = parseAddress(text);
      try {
        bound.push({ host: address.host, port: await this.#links.listen(address) });
      } catch (error) {
        throw new AppError({
          code: 'USAGE',
          message: `cannot listen on ${text}: ${(error as Error).message}`,
          hint: 'choose another --listen HOST:PORT',
        });
      }
    }
    this.#announced = bound;
  }

  /** One-shot commands wait for the peers of their channels; a daemon goes on at once. */
  async #untilPeersCame(): Promise<void> {
    if ((this.#options.listen ?? []).length > 0) return;
    const limit = AbortSignal.any([this.#options.signal, AbortSignal.timeout(PEERS_PATIENCE_MS)]);
    const settled = (state: NodeState): true | null => {
      for (const channel of state.channels.values()) {
        const { peer, phase, connected } = view(channel);
        if (phase === 'closed' || phase === 'closing' || phase === 'force_closing') continue;
        const session = state.peers.get(peer)?.session;
        if (session === undefined || (session.kind === 'down' && session.attempts > 0)) continue;
        if (session.kind !== 'up' || !connected) return null;
        // Ours is sent: the peer's channel_ready is on its way, unless it has not seen the blocks yet.
        if (phase === 'awaiting_channel_ready') return null;
      }
      return true;
    };
    await this.until(settled, limit).catch((error: unknown) => {
      if (this.#options.signal.aborted) throw error;
    });
  }

  /** Until both sides have signed what is under way: a peer that is left in the middle would have to ask again. */
  async #untilQuiet(): Promise<void> {
    const quiet = (state: NodeState): true | null => {
      for (const channel of state.channels.values()) {
        const seen = view(channel);
        if (seen.connected && seen.busy) return null;
      }
      return true;
    };
    await this.until(quiet, AbortSignal.timeout(QUIET_PATIENCE_MS)).catch(() => {});
  }

  async #end(): Promise<void> {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    await this.custodian?.stop();
    this.#universe?.close();
    await this.#links.closeAll();
    await this.#loop.stop();
    await this.#chain?.stop();
    await this.gossip.close();
  }

  #env(state: NodeState): NodeEnv {
    return {
      now: unixTime(Math.floor(Date.now() / 1000)),
      height: state.cursor.at(-1)?.height ?? height(0),
      feerates: this.#chain?.feerates ?? FALLBACK_FEERATES,
      keys: this.#keys,
      walletKeys: this.#keys.wallet,
      random: (length) => new Uint8Array(randomBytes(length)),
      limits: DEFAULT_LIMITS,
      plan: this.gossip.plan,
      defaultPolicy: DEFAULT_POLICY,
      network: this.#options.network,
      alias: this.#options.alias ?? `lnkit-${toHex(this.#keys.nodeId).slice(0, 8)}`,
      addresses: (this.#options.announce ?? []).map(parseAddress),
      hasInvoice: (hash) => this.store.invoice(hash) !== null,
    };
  }

  /** What was committed has to leave; where it cannot, that is like a connection that broke. */
  #act(effect: NodeEffect): void {
    try {
      this.#carryOut(effect);
    } catch (error) {
      this.#options.log?.('error', `bug while carrying out ${effect.kind}: ${(error as Error).stack}`);
      if (effect.kind === 'send') this.#links.close(effect.link);
    }
  }

  #carryOut(effect: NodeEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#links.send(effect.link, effect.message);
        return;
      case 'close_link':
        this.#options.log?.('info', `closing the link to ${toHex(effect.peer)}: ${effect.why}`);
        this.#links.close(effect.link);
        return;
      case 'connect':
        this.#links.connect(effect.peer, effect.address);
        return;
      case 'publish':
        this.#chain?.publish(effect.tx, effect.label);
        return;
      case 'gossip':
      case 'gossip_malformed':
      case 'announce':
      case 'peer_ready':
      case 'peer_gone':
        this.gossip.handle(effect);
        return;
      case 'learn':
        this.gossip.learn(effect.hops, effect.outcome);
        return;
      case 'log':
        this.#options.log?.(effect.level, effect.text);
        return;
      case 'record':
      case 'reply':
        return;
    }
  }

  /** Nothing of the failed commit has left: ending at once is the one safe thing to do. */
  #fatal(error: Error): void {
    process.stderr.write(`lnkit stops, nothing of its last step has left: ${error.message}\n`);
    process.exit(1);
  }
}

async function connectChain(options: StartOptions): Promise<ChainSource> {
  if (options.chain === null)
    throw new AppError({
      code: 'CHAIN_UNREACHABLE',
      message: 'no chain backend is configured',
      hint: 'give --chain bitcoind://USER:PASS@HOST:PORT, or set LNKIT_CHAIN',
    });
  const address = parseChainUrl(options.chain, options.network);
  if (!address.ok) throw new AppError(address.failure);
  const source = openChain(address.value);
  const status = await checkChain(source, options.network);
  if (status.ok) return source;
  source.close();
  throw chainError(status.failure);
}

function createdAt(blob: Uint8Array | undefined): number {
  if (blob === undefined) return 0;
  const decoded = decodeWith(numberCodec, blob);
  return decoded.ok ? decoded.value : 0;
}

export function parseAddress(text: string): Address {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? -1);
  if (match === null || port < 0 || port > 65535) throw new AppError({ code: 'USAGE', message: `"${text}" is not HOST:PORT` });
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
}
