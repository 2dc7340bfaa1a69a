import type { Bytes } from '../../base/bytes.ts';
import { equal } from '../../base/bytes.ts';
import { bytesMap } from '../../base/bytes-map.ts';
import type { BlockHash, OutPoint, TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Block } from '../../bitcoin/block.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { type Tx, type TxOutput, txId } from '../../bitcoin/tx.ts';
import {
  ancestorAt,
  type BlockNode,
  buildBlock,
  type CheckScripts,
  type Coin,
  checkAmounts,
  coinKey,
  connectBlock,
  genesisNode,
  type Spend,
} from './consensus.ts';
import { type Accepted, type Entry, Mempool, type Reject } from './mempool.ts';
import { CONSENSUS_FLAGS, checkScripts, POLICY_FLAGS } from './scripts.ts';

/** What happened to the chain; also what a file of it holds, in this order. */
export type ChainRecord =
  | { readonly kind: 'block'; readonly block: Block }
  | { readonly kind: 'invalidate'; readonly hash: BlockHash }
  | { readonly kind: 'reconsider'; readonly hash: BlockHash }
  | { readonly kind: 'tx'; readonly tx: Tx };

export interface RegtestOptions {
  /** Unix seconds; the machine's clock by default. Blocks are never earlier than the median time past allows. */
  readonly now?: () => number;
  /** sat per 1000 vB; 1000 by default. */
  readonly minRelayFeerate?: bigint;
  /** Told of everything that changes the chain or the mempool, before the change shows. */
  readonly record?: (record: ChainRecord) => void;
}

/**
 * A whole regtest chain in one object: blocks with all branches, unspent outputs, mempool. It validates as Bitcoin Core does, scripts included,
 * and answers synchronously. Heights and hashes that do not exist give null.
 */
export class RegtestChain {
  readonly #now: () => number;
  readonly #record: (record: ChainRecord) => void;
  readonly #listeners = new Set<() => void>();
  /** The strictest flags that a transaction's scripts have passed with: ids commit to the spent outputs, so this never changes. */
  readonly #passed = new WeakMap<Tx, number>();
  #nodes = bytesMap<BlockHash, BlockNode>();
  #invalid = bytesMap<BlockHash, true>();
  #best: BlockNode[];
  #order = 1;
  #mempool: Mempool;
  #estimate: bigint | null = null;
  #restoring = false;

  constructor(options: RegtestOptions = {}) {
    this.#now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.#record = options.record ?? (() => undefined);
    this.#mempool = new Mempool({
      minRelayFeerate: options.minRelayFeerate ?? 1000n,
      incrementalFeerate: options.minRelayFeerate ?? 1000n,
    });
    const genesis = genesisNode();
    this.#nodes = this.#nodes.set(genesis.hash, genesis);
    this.#best = [genesis];
  }

  get tip(): BlockNode {
    return this.#best.at(-1) as BlockNode;
  }
  get mempool(): Mempool {
    return this.#mempool;
  }

  /** The block at a height of the best chain. */
  at(height: number): BlockNode | null {
    return this.#best[height] ?? null;
  }
  /** A block of any branch. */
  node(hash: BlockHash): BlockNode | null {
    return this.#nodes.get(hash) ?? null;
  }
  isBest(node: BlockNode): boolean {
    return this.#best[node.height] === node;
  }

  /** A transaction of the best chain or the mempool. */
  transaction(txid: TxId): { readonly tx: Tx; readonly block: BlockNode | null } | null {
    const entry = this.#mempool.entries.get(txid);
    if (entry !== undefined) return { tx: entry.tx, block: null };
    const place = this.tip.confirmed.get(txid);
    if (place === undefined) return null;
    const block = this.#best[place.height] as BlockNode;
    return { tx: block.txs[place.index] as Tx, block };
  }
  /** Unspent on the best chain. */
  coin(outpoint: OutPoint): Coin | null {
    return this.tip.coins.get(coinKey(outpoint)) ?? null;
  }
  /** Who spent an output; `height` null for the mempool. */
  spend(outpoint: OutPoint): { readonly txid: TxId; readonly vin: number; readonly height: number | null } | null {
    const key = coinKey(outpoint);
    const confirmed: Spend | undefined = this.tip.spends.get(key);
    if (confirmed !== undefined) return confirmed;
    const txid = this.#mempool.spenders.get(key);
    const entry = txid === undefined ? undefined : this.#mempool.entries.get(txid);
    if (entry === undefined) return null;
    return { txid: entry.txid, vin: entry.tx.inputs.findIndex((input) => equal(coinKey(input.prevout), key)), height: null };
  }

  /** Puts a transaction into the mempool; the failure is Bitcoin Core's. One that is there already is `known`. */
  submit(tx: Tx): Result<'accepted' | 'known', Reject> {
    if (this.tip.confirmed.has(txId(tx))) return fail({ code: -27, reason: 'Transaction outputs already in utxo set', details: null });
    const result = this.test(tx);
    if (!result.ok) return result.failure.reason === 'txn-already-in-mempool' ? ok('known') : result;
    this.#record({ kind: 'tx', tx });
    this.#mempool = result.value.mempool;
    this.#changed();
    return ok('accepted');
  }

  /** What `submit` would find. */
  test(tx: Tx): Result<Accepted & { readonly mempool: Mempool }, Reject> {
    return this.#mempool.accept(tx, { tip: this.tip, time: this.#now(), check: this.#check(POLICY_FLAGS) });
  }

  /** Mines `count` blocks that pay to a script, with what the mempool offers. `on`: a block to build a rival branch on, with empty blocks. */
  mine(count: number, payTo: Bytes, on: BlockNode | null = null): readonly BlockNode[] {
    const mined: BlockNode[] = [];
    for (let i = 0; i < count; i++) {
      const { txs, fees } = on === null ? this.#mempool.template() : { txs: [], fees: 0n };
      const parent = on === null ? this.tip : (mined.at(-1) ?? on);
      const block = buildBlock({ parent, txs, fees, payTo, time: this.#now(), extra: this.#order });
      const result = this.submitBlock(block);
      if (!result.ok) throw new Error(`the chain refuses its own block: ${result.failure}`);
      mined.push(result.value);
    }
    return mined;
  }

  /** Mines exactly these transactions, whatever the mempool and its rules say of them; consensus rules hold. */
  mineExactly(txs: readonly Tx[], payTo: Bytes): Result<BlockNode, string> {
    let coins = this.tip.coins;
    let fees = 0n;
    for (const tx of txs) {
      const spent = tx.inputs.map((input) => coins.get(coinKey(input.prevout)));
      if (!spent.every((coin) => coin !== undefined)) return fail('bad-txns-inputs-missingorspent');
      const fee = checkAmounts(tx, spent, this.tip.height + 1);
      if (!fee.ok) return fee;
      fees += fee.value;
      for (const [vout, output] of tx.outputs.entries())
        coins = coins.set(coinKey({ txid: txId(tx), vout }), { output, height: this.tip.height + 1, coinbase: false });
    }
    return this.submitBlock(buildBlock({ parent: this.tip, txs, fees, payTo, time: this.#now(), extra: this.#order }));
  }

  /** Takes a block on any known branch; the longest valid branch is best, of equals the first. */
  submitBlock(block: Block): Result<BlockNode, string> {
    const hash = blockHash(block.header);
    const known = this.#nodes.get(hash);
    if (known !== undefined) return this.#isInvalid(known) ? fail('duplicate-invalid') : fail('duplicate');
    const parent = this.#nodes.get(block.header.previous);
    if (parent === undefined) return fail('prev-blk-not-found');
    if (this.#isInvalid(parent)) return fail('bad-prevblk');
    const node = connectBlock(parent, block, this.#order, this.#check(CONSENSUS_FLAGS));
    if (!node.ok) return node;
    this.#record({ kind: 'block', block });
    this.#order++;
    this.#nodes = this.#nodes.set(hash, node.value);
    if (node.value.height > this.tip.height) this.#moveTo(node.value);
    return node;
  }

  /** Forbids a block and everything after it; false where the block is unknown or the genesis block. */
  invalidate(hash: BlockHash): boolean {
    const node = this.#nodes.get(hash);
    if (node === undefined || node.parent === null) return false;
    this.#record({ kind: 'invalidate', hash });
    this.#invalid = this.#invalid.set(hash, true);
    this.#choose();
    return true;
  }

  /** Takes `invalidate` back, for the block, what it stands on, and what stands on it. */
  reconsider(hash: BlockHash): boolean {
    const node = this.#nodes.get(hash);
    if (node === undefined) return false;
    this.#record({ kind: 'reconsider', hash });
    for (const each of this.#invalid.keys()) {
      const marked = this.#nodes.get(each) as BlockNode;
      const [low, high] = marked.height <= node.height ? [marked, node] : [node, marked];
      if (ancestorAt(high, low.height) === low) this.#invalid = this.#invalid.delete(each);
    }
    this.#choose();
    return true;
  }

  /** The chain and the mempool as a stored list of records left them. Scripts of stored blocks are not run again. */
  restore(records: Iterable<ChainRecord>): void {
    const txs: Tx[] = [];
    this.#restoring = true;
    for (const record of records) {
      if (record.kind === 'tx') txs.push(record.tx);
      else if (record.kind === 'block') this.submitBlock(record.block);
      else if (record.kind === 'invalidate') this.invalidate(record.hash);
      else this.reconsider(record.hash);
    }
    this.#restoring = false;
    this.#refill(txs);
  }

  /** sat per 1000 vB for confirmation within `blocks`: what fills so many blocks, and at least twice the relay fee. */
  estimateFeerate(blocks: number): bigint {
    if (this.#estimate !== null) return this.#estimate;
    const floor = 2n * this.#mempool.rules.minRelayFeerate;
    const chosen = this.#mempool.template(blocks * 3_996_000).entries;
    const last = chosen.at(-1);
    if (last === undefined || chosen.length === this.#mempool.entries.size) return floor;
    const rate = (last.fee * 1000n) / BigInt(last.vsize) + 1000n;
    return rate > floor ? rate : floor;
  }
  /** Fixes the estimate (sat per 1000 vB), or gives it back to the mempool with null. */
  setEstimate(feeratePerKvb: bigint | null): void {
    this.#estimate = feeratePerKvb;
  }

  /** Calls back after each change of the chain or the mempool, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #check(flags: number): CheckScripts {
    return (tx: Tx, spent: readonly TxOutput[]) => {
      const known = this.#passed.get(tx);
      if (this.#restoring || (known !== undefined && (known & flags) === flags)) return null;
      const fault = checkScripts(tx, spent, flags);
      if (fault !== null) return `${fault.reason}, input ${fault.index}`;
      this.#passed.set(tx, flags);
      return null;
    };
  }

  #isInvalid(node: BlockNode): boolean {
    for (const hash of this.#invalid.keys()) {
      const marked = this.#nodes.get(hash) as BlockNode;
      if (marked.height <= node.height && ancestorAt(node, marked.height) === marked) return true;
    }
    return false;
  }

  /** The longest valid branch, of equals the one that came first. */
  #choose(): void {
    let best: BlockNode = this.#best[0] as BlockNode;
    for (const node of this.#nodes.values()) {
      const better = node.height > best.height || (node.height === best.height && node.order < best.order);
      if (better && !this.#isInvalid(node)) best = node;
    }
    if (best !== this.tip) this.#moveTo(best);
  }

  /** Makes a block the tip, and gives the mempool back what left the chain. */
  #moveTo(best: BlockNode): void {
    const left: Tx[] = [];
    let fork = best;
    while (this.#best[fork.height] !== fork) fork = fork.parent as BlockNode;
    for (const node of this.#best.slice(fork.height + 1)) left.push(...node.txs.slice(1));
    this.#best.length = fork.height + 1;
    const added: BlockNode[] = [];
    for (let node = best; node !== fork; node = node.parent as BlockNode) added.push(node);
    this.#best.push(...added.reverse());
    this.#refill(left);
    this.#changed();
  }

  /** The mempool anew after the chain moved: first what left the chain, then what waited, each where the rules still allow it. */
  #refill(first: readonly Tx[]): void {
    const waited = this.#mempool.list().map((entry: Entry) => entry.tx);
    let mempool = new Mempool(this.#mempool.rules);
    const view = { tip: this.tip, time: this.#now(), check: this.#check(POLICY_FLAGS) };
    for (const tx of [...first, ...waited]) {
      if (this.tip.confirmed.has(txId(tx))) continue;
      const result = mempool.accept(tx, view);
      if (result.ok) mempool = result.value.mempool;
    }
    this.#mempool = mempool;
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
