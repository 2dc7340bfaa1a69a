// Nodes with assets on one small chain of real headers: what they publish is mined when a test says so, and what they stored is all that a restart has.
import { decodeTapAddressFor } from '../../../src/asset/address/address.ts';
import { bytesSource } from '../../../src/asset/proof/file.ts';
import type { AssetSnapshot } from '../../../src/asset/proof/verify.ts';
import { verifyFile } from '../../../src/asset/proof/verify-file.ts';
import { type Bytes, equal, toHex, utf8 } from '../../../src/base/bytes.ts';
import type { BlockHash, CommandId, TxId } from '../../../src/base/ids.ts';
import { feeratePerKw, height, sat, unixTime } from '../../../src/base/units.ts';
import { type BlockHeader, blockHash, merkleRoot } from '../../../src/bitcoin/block.ts';
import { type HdKeys, hdKeys } from '../../../src/bitcoin/hd.ts';
import { p2trScript } from '../../../src/bitcoin/script.ts';
import { type Tx, txId, txInput } from '../../../src/bitcoin/tx.ts';
import { DEFAULT_LIMITS } from '../../../src/bolt/channel/limits.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import type { AssetAction } from '../../../src/node/asset/commands.ts';
import { fileOf } from '../../../src/node/asset/files.ts';
import { type FileParts, takeApart } from '../../../src/node/asset/history.ts';
import { sendRequest } from '../../../src/node/asset/payout.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { Holding, Seedling } from '../../../src/node/asset/types.ts';
import { ASSET_TABLES, type Batch, type Row, type StoredState } from '../../../src/node/batch.ts';
import { DEFAULT_POLICY } from '../../../src/node/own-gossip.ts';
import { batchOf, loadState } from '../../../src/node/persist.ts';
import { step } from '../../../src/node/step.ts';
import type { NodeEffect, NodeEnv, NodeInput, NodeReply, NodeState } from '../../../src/node/types.ts';
import { newScript } from '../../../src/node/wallet/wallet.ts';

interface Mined {
  readonly header: BlockHeader;
  readonly txs: readonly Tx[];
}

export class AssetChain {
  readonly blocks: Mined[] = [];
  readonly nodes: AssetNode[] = [];
  mempool: Tx[] = [];
  #salt = 0;

  node(name: string): AssetNode {
    const made = new AssetNode(name, this);
    this.nodes.push(made);
    return made;
  }

  coinbase(script: Bytes = p2trScript(sha256(utf8('miner'))), amount = 50_000n): Tx {
    this.#salt += 1;
    const prevout = { txid: sha256(utf8(`coin ${this.#salt}`)) as TxId, vout: 0 };
    return { version: 2, inputs: [txInput(prevout, 0xffffffff)], outputs: [{ amount: sat(amount), script }], locktime: 0 };
  }

  /** One block with everything that waits; every script in it is run. */
  mine(...txs: readonly Tx[]): void {
    const all = [this.coinbase(), ...txs, ...this.mempool];
    this.mempool = [];
    for (const tx of all.slice(1 + txs.length)) this.#check(tx, all);
    const header: BlockHeader = {
      version: 2,
      previous: this.tip,
      merkleRoot: merkleRoot(all.map(txId)),
      time: 1_700_000_000 + this.blocks.length,
      bits: 0x207fffff,
      nonce: this.#salt,
    };
    this.blocks.push({ header, txs: all });
    for (const node of this.nodes) node.follow();
  }

  /** The newest block goes, and what was in it waits again, but for its coinbase. */
  unmine(): void {
    const gone = this.blocks.pop();
    if (gone === undefined) throw new Error('no block');
    this.mempool = [...gone.txs.slice(1), ...this.mempool];
    for (const node of this.nodes)
      node.step({ kind: 'block_disconnected', height: height(this.blocks.length + 1), hash: blockHash(gone.header) });
  }

  get tip(): BlockHash {
    const last = this.blocks.at(-1);
    return last === undefined ? (new Uint8Array(32) as BlockHash) : blockHash(last.header);
  }

  has = (header: BlockHeader, at: number): boolean => {
    const there = this.blocks[at - 1];
    return there !== undefined && equal(blockHash(there.header), blockHash(header));
  };

  publish(tx: Tx): void {
    if (!this.mempool.some((each) => equal(txId(each), txId(tx)))) this.mempool.push(tx);
  }

  #check(tx: Tx, block: readonly Tx[]): void {
    const known = [...this.blocks.flatMap((each) => each.txs), ...block];
    const spent = tx.inputs.map(({ prevout }) => {
      const output = known.find((each) => equal(txId(each), prevout.txid))?.outputs[prevout.vout];
      if (output === undefined) throw new Error('a missing input');
      return output;
    });
    const fault = checkScripts(tx, spent);
    if (fault !== null) throw new Error(`input ${fault.index}: ${fault.reason}`);
  }
}

export class AssetNode {
  readonly keys: HdKeys;
  readonly chain: AssetChain;
  readonly batches: Batch[] = [];
  readonly history = new Map<string, Bytes>();
  state: NodeState;
  /** Unix seconds. */
  now = 1_700_000_000;
  #next = 1;

  constructor(name: string, chain: AssetChain) {
    this.chain = chain;
    this.keys = hdKeys(sha256(utf8(`assets of ${name}`)), 'regtest');
    this.state = this.#load(this.stored());
  }

  #load(stored: StoredState): NodeState {
    const loaded = loadState(stored, { network: 'regtest', keys: this.keys, walletKeys: this.keys.wallet });
    if (!loaded.ok) throw new Error(`${loaded.failure.path}: ${loaded.failure.message}`);
    return loaded.value;
  }

  env(): NodeEnv {
    const rate = feeratePerKw(1000);
    return {
      now: unixTime(this.now),
      height: height(this.chain.blocks.length),
      feerates: { background: rate, normal: rate, priority: rate, minimum: feeratePerKw(253) },
      keys: this.keys,
      walletKeys: this.keys.wallet,
      random: (length) => new Uint8Array(length).fill(7),
      limits: DEFAULT_LIMITS,
      plan: () => ({ ok: false, failure: { code: 'NO_ROUTE', message: 'none', hint: '' } }),
      defaultPolicy: DEFAULT_POLICY,
      network: 'regtest',
      alias: '',
      addresses: [],
    };
  }

  step(...inputs: readonly NodeInput[]): readonly NodeEffect[] {
    const before = this.state;
    const after = step(before, inputs, this.env());
    this.batches.push(batchOf(before, after.state, after.effects));
    this.state = after.state;
    for (const effect of after.effects) {
      if (effect.kind === 'publish') this.chain.publish(effect.tx);
      if (effect.kind === 'log' && effect.level === 'error') throw new Error(effect.text);
    }
    return after.effects;
  }

  follow(): void {
    const { blocks } = this.chain;
    const { header, txs } = blocks.at(-1) as Mined;
    this.step({ kind: 'block', height: height(blocks.length), hash: blockHash(header), time: unixTime(header.time), header, txs });
  }

  /** The reply, or the code of the refusal. */
  ask(what: AssetAction): NodeReply | string {
    const effects = this.step({ kind: 'command', id: this.#next++ as CommandId, command: { kind: 'asset', what } });
    const reply = effects.find((effect) => effect.kind === 'reply');
    if (reply === undefined) throw new Error('no reply');
    return reply.result.ok ? reply.result.value : reply.result.failure.code;
  }
  told<K extends NodeReply['kind']>(what: AssetAction, kind: K): Extract<NodeReply, { kind: K }> {
    const reply = this.ask(what);
    if (typeof reply === 'string' || reply.kind !== kind) throw new Error(typeof reply === 'string' ? reply : reply.kind);
    return reply as Extract<NodeReply, { kind: K }>;
  }

  /** What a store gives back of everything committed so far. */
  stored(): StoredState {
    const tables = new Map<string, Map<string, Row>>();
    for (const { rows } of this.batches)
      for (const row of rows) {
        const table = tables.get(row.table) ?? new Map<string, Row>();
        tables.set(row.table, table);
        if (row.blob === null) table.delete(toHex(row.key));
        else table.set(toHex(row.key), row);
      }
    const blobs = (table: string): Bytes[] => [...(tables.get(table)?.values() ?? [])].map((row) => row.blob as Bytes);
    const none = { channels: [], extras: [], payments: [], invoices: [], forwards: [], peers: [] };
    const meta = new Map([...(tables.get('meta')?.values() ?? [])].map((row) => [new TextDecoder().decode(row.key), row.blob as Bytes]));
    return { ...none, assets: Object.fromEntries(ASSET_TABLES.map((table) => [table, blobs(table)])) as never, meta };
  }
  restart(): void {
    this.state = this.#load(this.stored());
  }

  /** Coins for fees, in blocks of their own. */
  fund(count = 1, amount = 50_000n): void {
    for (let i = 0; i < count; i++) {
      const next = newScript(this.state.wallet, this.keys.wallet);
      this.state = { ...this.state, wallet: next.wallet };
      this.chain.mine(this.chain.coinbase(next.script, amount));
    }
  }

  get assets() {
    return this.state.assets;
  }
  /** Our units of an asset (any, where none is named) that can be spent now, by holding. */
  free(): readonly Holding[] {
    return [...this.assets.holdings.values()].filter((holding) => holdingState(this.assets, holding) === 'confirmed');
  }
  amounts(): readonly bigint[] {
    return this.free()
      .map((holding) => holding.proof.asset.amount)
      .sort((a, b) => Number(a - b));
  }
  file(holding: Holding): Bytes {
    const file = fileOf(this.assets, holding, (link) => this.history.get(toHex(link)) ?? null);
    if (!file.ok) throw new Error(file.failure.message);
    return file.value;
  }

  /** Verifies a file as a stranger to the sender would, and takes it in. */
  receive(file: Bytes): Holding | null {
    this.verified(file);
    return this.told({ kind: 'import_file', file: this.takeApart(file), unspent: true }, 'asset_import').holding;
  }
  takeApart(file: Bytes): FileParts {
    const rows = takeApart(bytesSource(file));
    for (;;) {
      const { value, done } = rows.next();
      if (done !== true) this.history.set(toHex(value.key), value.blob as Bytes);
      else if (value.ok) return value.value;
      else throw new Error(value.failure.message);
    }
  }
  verified(file: Bytes): AssetSnapshot {
    const verified = verifyFile(bytesSource(file), {
      interpreter: checkScripts,
      chain: null,
      isInChain: this.chain.has,
      isKnownGroup: (key) => this.assets.groups.has(key),
    });
    if (!verified.ok) throw new Error(`${verified.failure.code}: ${verified.failure.message}`);
    return verified.value;
  }

  /** Sends to addresses, or says why not. */
  send(...texts: readonly string[]): NodeReply | string {
    const recipients = texts.map((text) => {
      const read = decodeTapAddressFor(text, 'regtest');
      if (!read.ok) throw new Error(read.failure.message);
      return { text, address: read.value, courier: read.value.proofCourier };
    });
    const request = sendRequest(this.assets, recipients);
    return request.ok ? this.ask({ kind: 'transfer', request: request.value, feerate: null, dryRun: false }) : request.failure.code;
  }
  address(assetId: Bytes, amount: bigint, version: 0 | 1 = 1): string {
    const request = { of: { kind: 'asset', assetId }, amount, version, assetVersion: 0, courier: 'universerpc://127.0.0.1:10029' } as const;
    return this.told({ kind: 'new_address', request }, 'asset_address').address.text;
  }
}

export const seedling = (name: string, amount: bigint, change: Partial<Seedling> = {}): Seedling => ({
  tag: utf8(name),
  type: 0,
  amount,
  assetVersion: 0,
  meta: null,
  group: { kind: 'none' },
  ...change,
});
