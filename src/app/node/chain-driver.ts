import { setTimeout as sleep } from 'node:timers/promises';
import { toHex } from '../../base/bytes.ts';
import { type FeeratePerKw, feeratePerKw, type Height, height } from '../../base/units.ts';
import { formatTxId, type Tx, txId } from '../../bitcoin/tx.ts';
import { publishable } from '../../bolt/channel/channel.ts';
import type { Feerates, TxLabel } from '../../bolt/channel/types.ts';
import { cursorAt, follow, followLive } from '../../io/chain/follow.ts';
import type { ChainBlock, ChainFailure, ChainResult, ChainSource } from '../../io/chain/source.ts';
import { unconfirmedAnchors } from '../../node/asset/fate.ts';
import type { BlockInput, BlockPoint, NodeEnv, NodeInput, NodeState } from '../../node/types.ts';
import { unconfirmedOwn } from '../../node/wallet/coins.ts';
import { AppError } from '../error.ts';

/** Where the backend has no estimate (a fresh regtest): 4, 10 and 20 sat/vB. */
export const FALLBACK_FEERATES: Feerates = {
  background: feeratePerKw(1_000),
  normal: feeratePerKw(2_500),
  priority: feeratePerKw(5_000),
  minimum: feeratePerKw(253),
};
const TARGETS = { background: 144, normal: 6, priority: 2 } as const;
const RETRY_MS = 5_000;
/** A mempool larger than this is not searched for payments to us: they show when they confirm. */
const MEMPOOL_SEARCH_LIMIT = 500;

export interface ChainDriverOptions {
  readonly source: ChainSource;
  state(): NodeState;
  env(): NodeEnv;
  submit(input: NodeInput): Promise<void>;
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** Pause after a bug; 5 s. */
  readonly retryMs?: number;
}

/** Leads the chain into the node, and the node's transactions to the chain. */
export class ChainDriver {
  readonly #options: ChainDriverOptions;
  readonly #abort = new AbortController();
  readonly #looked = new Set<string>();
  /** Told in the log: what waits in a mempool is sent again at every block. */
  readonly #told = new Set<string>();
  #broadcasts: Promise<void> = Promise.resolve();
  #live: Promise<void> = Promise.resolve();
  feerates: Feerates = FALLBACK_FEERATES;

  constructor(options: ChainDriverOptions) {
    this.#options = options;
  }

  /** Follows the chain up to its present tip. Throws AppError (exit 8) where the backend fails. */
  async catchUp(progress: (text: string) => void): Promise<void> {
    const { source, state } = this.#options;
    await this.refreshFeerates();
    for await (const event of follow(source, { recent: state().cursor })) {
      if (!event.ok) throw chainError(event.failure);
      if (event.value.kind === 'connect' && event.value.block.height % 100 === 0)
        progress(`reading the chain: block ${event.value.block.height}`);
      await this.#take(event.value);
    }
    await this.#synced();
  }

  /** Goes on following in the background until `stop`. A node that no longer sees the chain could lose money, so a bug only delays it. */
  goLive(): void {
    this.#live = this.#keepFollowing();
  }

  async #keepFollowing(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#followLive().catch((error: Error) => this.#options.log('error', `following the chain: ${error.stack ?? error.message}`));
      if (this.#abort.signal.aborted) return;
      await sleep(this.#options.retryMs ?? RETRY_MS, undefined, { signal: this.#abort.signal }).catch(() => {});
    }
  }

  async #followLive(): Promise<void> {
    const { source, state, log } = this.#options;
    for await (const event of followLive(source, { recent: state().cursor }, { signal: this.#abort.signal })) {
      if (!event.ok) log('warn', `chain: ${event.failure.message}`);
      else if (event.value.kind === 'synced') await this.#synced();
      else await this.#take(event.value);
    }
  }

  async #take(
    event: { readonly kind: 'disconnect'; readonly block: BlockPoint } | { readonly kind: 'connect'; readonly block: ChainBlock },
  ): Promise<void> {
    if (event.kind === 'disconnect') await this.#options.submit({ kind: 'block_disconnected', ...event.block });
    else await this.#options.submit(blockInput(event.block));
  }

  async #synced(): Promise<void> {
    await this.refreshFeerates();
    this.rebroadcast();
    await this.searchMempool();
  }

  /** Sends again what should be in a mempool or in the chain: derived from the state, so that a restart forgets nothing. */
  rebroadcast(): void {
    const env = this.#options.env();
    const state = this.#options.state();
    const own = unconfirmedOwn(state.wallet);
    // The child of a commitment comes after it; all else of the wallet before, because a funding transaction may spend it.
    const send = (isAnchor: boolean): void => {
      for (const { tx, label } of own) if (tx !== null && (label === 'anchor') === isAnchor) this.publish(tx, label ?? 'spend');
    };
    send(false);
    const sent = new Set(own.map(({ txid }) => toHex(txid)));
    for (const { txid, tx } of unconfirmedAnchors(state.assets)) if (!sent.has(toHex(txid))) this.publish(tx, 'asset');
    for (const channel of state.channels.values()) {
      try {
        for (const { tx, label } of publishable(channel, env)) this.publish(tx, label);
      } catch (error) {
        this.#options.log('error', `what a channel has to publish: ${(error as Error).stack}`);
      }
    }
    send(true);
  }

  /** Broadcasts in order: a child comes after its parent. */
  publish(tx: Tx, label: TxLabel): void {
    const send = async (): Promise<void> => {
      const sent = await this.#options.source.broadcast(tx);
      const name = `${label} ${formatTxId(txId(tx))}`;
      if (!sent.ok) this.#options.log('warn', `${name} was not sent: ${sent.failure.message}`);
      else if (sent.value.kind === 'rejected') this.#tell('warn', `${name} was refused: ${sent.value.reason}`);
      else if (sent.value.kind === 'accepted') {
        this.#tell('info', `published ${name}`);
        this.#tellWallet(tx, label);
      }
    };
    // One that fails must not hold up those behind it.
    this.#broadcasts = this.#broadcasts.then(send).catch((error: Error) => this.#options.log('error', `publishing: ${error.message}`));
  }

  /** What a channel pays out (a sweep) is the wallet's from now on, with its name: no step has published it. */
  #tellWallet(tx: Tx, label: TxLabel): void {
    const { wallet } = this.#options.state();
    if (wallet.txs.has(txId(tx)) || !tx.outputs.some((output) => wallet.scripts.has(output.script))) return;
    void this.#options.submit({ kind: 'unconfirmed', tx, label });
  }

  #tell(level: 'info' | 'warn', text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#options.log(level, text);
  }

  /** Resolves when everything published so far was sent. */
  settled(): Promise<void> {
    return this.#broadcasts;
  }

  async refreshFeerates(): Promise<void> {
    const { source } = this.#options;
    const floor = valueIn(await source.minFeerate()) ?? FALLBACK_FEERATES.minimum;
    const minimum = feeratePerKw(Math.max(floor, FALLBACK_FEERATES.minimum));
    const at = async (target: number, fallback: FeeratePerKw): Promise<FeeratePerKw> =>
      feeratePerKw(Math.max(valueIn(await source.feerate(target)) ?? fallback, minimum));
    const [background, normal, priority] = await Promise.all([
      at(TARGETS.background, FALLBACK_FEERATES.background),
      at(TARGETS.normal, FALLBACK_FEERATES.normal),
      at(TARGETS.priority, FALLBACK_FEERATES.priority),
    ]);
    this.feerates = { background, normal, priority, minimum };
  }

  /** Finds payments to us that are not confirmed yet, where the mempool is small enough to look at each. */
  async searchMempool(): Promise<void> {
    const { source, state, submit } = this.#options;
    const ids = await source.mempool();
    if (!ids.ok || ids.value.length > MEMPOOL_SEARCH_LIMIT) return;
    // Those that have left the mempool need not be remembered.
    const present = new Set(ids.value.map(toHex));
    for (const key of this.#looked) if (!present.has(key)) this.#looked.delete(key);
    for (const id of ids.value) {
      const key = toHex(id);
      if (this.#looked.has(key)) continue;
      this.#looked.add(key);
      const found = await source.transaction(id);
      if (!found.ok || found.value === null || found.value.confirmed !== null) continue;
      const { tx } = found.value;
      if (tx.outputs.some((output) => state().wallet.scripts.has(output.script))) await submit({ kind: 'unconfirmed', tx });
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.settled();
    await this.#live;
    this.#options.source.close();
  }
}

export function blockInput(block: ChainBlock): BlockInput {
  return { kind: 'block', height: block.height, hash: block.hash, time: block.time, header: block.header, txs: block.txs };
}

export function chainError(failure: ChainFailure): AppError {
  const code = failure.code === 'MALFORMED' ? 'CHAIN_UNREACHABLE' : failure.code;
  return new AppError({ code, message: failure.message, hint: failure.hint ?? undefined });
}

const valueIn = <T>(result: ChainResult<T>): T | null => (result.ok ? result.value : null);

/** Two hours: a block's time may lie that far ahead of the truth. */
const TIME_SLACK_SECONDS = 7_200;

/** Where a wallet made at `createdAt` (unix seconds; 0: unknown, a restored one) begins to follow the chain. */
export async function firstCursor(source: ChainSource, createdAt: number): Promise<readonly BlockPoint[]> {
  const found = await cursorAt(source, createdAt === 0 ? height(0) : await heightBefore(source, createdAt - TIME_SLACK_SECONDS));
  if (!found.ok) throw chainError(found.failure);
  return found.value.recent;
}

/** The last block that is older than `time`, by bisection over the headers. */
async function heightBefore(source: ChainSource, time: number): Promise<Height> {
  const tip = await source.tip();
  if (!tip.ok) throw chainError(tip.failure);
  let [low, high] = [0, tip.value.height as number];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const hash = await source.blockHash(height(middle));
    if (!hash.ok) throw chainError(hash.failure);
    const header = hash.value === null ? null : await source.header(hash.value);
    if (header !== null && !header.ok) throw chainError(header.failure);
    if (header?.value != null && header.value.time < time) low = middle;
    else high = middle - 1;
  }
  return height(low);
}
