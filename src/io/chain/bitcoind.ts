import { type Bytes, toHex } from '../../base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../base/ids.ts';
import { fail, ok } from '../../base/result.ts';
import type { FeeratePerKw, Height } from '../../base/units.ts';
import { satOfBtc } from '../../bitcoin/amount.ts';
import { type BlockHeader, formatBlockHash, parseBlockHash } from '../../bitcoin/block.ts';
import { fromBtcPerKvbyte } from '../../bitcoin/fees.ts';
import { encodeTx, formatTxId, parseTxId, type Tx } from '../../bitcoin/tx.ts';
import { bytesOfHex, heightOf, member, readBlock, readHeader, readTransaction } from './decode.ts';
import { pollTip, subscribeZmq, waitForTip } from './hints.ts';
import { type RpcAnswer, RpcClient, type RpcOptions } from './rpc.ts';
import {
  type BlockRef,
  type BroadcastOutcome,
  type ChainBlock,
  type ChainFailure,
  type ChainResult,
  type ChainSource,
  type ChainStatus,
  type FoundOutput,
  type KnownTx,
  malformed,
  rejection,
  type StopWatching,
  type UnspentOutput,
  unreachable,
} from './source.ts';

export interface BitcoindOptions extends RpcOptions {
  /** Between looks where neither ZMQ nor waiting is to be had; 2 s by default. */
  readonly pollMs?: number;
}

/** RPC_INVALID_ADDRESS_OR_KEY: what is asked for is not known. */
const NOT_FOUND = -5;
const OUT_OF_RANGE = -8;
const ALREADY_IN_CHAIN = -27;
const WAIT_MS = 20_000;
/** From this version on bitcoind has 16 threads for RPC and `waitfornewblock` knows the caller's tip; before, waiting would starve others. */
const WAITS_WELL = 290000;

/** bitcoind's JSON-RPC (Bitcoin Core 0.21 or newer, and the built-in regtest chain). Wallet and index are not needed. */
export class Bitcoind implements ChainSource {
  readonly backend = 'bitcoind';
  readonly place: string;
  readonly #rpc: RpcClient;
  readonly #pollMs: number;
  readonly #zmqHost: string;
  readonly #watches = new Set<StopWatching>();

  constructor(options: BitcoindOptions) {
    this.#rpc = new RpcClient(options);
    this.place = this.#rpc.place;
    this.#pollMs = options.pollMs ?? 2_000;
    this.#zmqHost = options.host.includes(':') ? `[${options.host}]` : options.host;
  }

  async network(): Promise<ChainResult<BlockHash>> {
    const genesis = await this.blockHash(0 as Height);
    return genesis.ok && genesis.value === null ? fail(this.#odd('getblockhash')) : (genesis as ChainResult<BlockHash>);
  }

  async status(): Promise<ChainResult<ChainStatus>> {
    const info = await this.#value('getblockchaininfo');
    if (!info.ok) return info;
    const tip = this.#ref(member(info.value, 'bestblockhash'), member(info.value, 'blocks'));
    const headers = heightOf(member(info.value, 'headers'));
    if (tip === null || headers === null) return fail(this.#odd('getblockchaininfo'));
    // On regtest the tip may be as old as the genesis block, and bitcoind then calls itself in initial download.
    const downloading = member(info.value, 'initialblockdownload') === true && member(info.value, 'chain') !== 'regtest';
    return ok({ tip, headers, synced: !downloading && tip.height >= headers });
  }

  async tip(): Promise<ChainResult<BlockRef>> {
    const status = await this.status();
    return status.ok ? ok(status.value.tip) : status;
  }

  async blockHash(height: Height): Promise<ChainResult<BlockHash | null>> {
    const answer = await this.#value('getblockhash', [height], OUT_OF_RANGE);
    if (!answer.ok || answer.value === null) return answer as ChainResult<null>;
    const hash = typeof answer.value === 'string' ? parseBlockHash(answer.value) : null;
    return hash === null ? fail(this.#odd('getblockhash')) : ok(hash);
  }

  async header(hash: BlockHash): Promise<ChainResult<BlockHeader | null>> {
    const answer = await this.#value('getblockheader', [formatBlockHash(hash), false], NOT_FOUND);
    if (!answer.ok || answer.value === null) return answer as ChainResult<null>;
    const raw = bytesOfHex(answer.value);
    return raw === null ? fail(this.#odd('getblockheader')) : readHeader(this.place, hash, raw);
  }

  async block(hash: BlockHash): Promise<ChainResult<ChainBlock | null>> {
    const name = formatBlockHash(hash);
    const answers = await this.#rpc.batch([
      { method: 'getblock', params: [name, 0] },
      { method: 'getblockheader', params: [name, true] },
    ]);
    if (!answers.ok) return answers;
    const block = this.#take('getblock', answers.value[0] as RpcAnswer, NOT_FOUND);
    if (!block.ok || block.value === null) return block as ChainResult<null>;
    const header = this.#take('getblockheader', answers.value[1] as RpcAnswer);
    if (!header.ok) return header;
    const [raw, height] = [bytesOfHex(block.value), heightOf(member(header.value, 'height'))];
    if (raw === null || height === null) return fail(this.#odd('getblock'));
    return readBlock(this.place, hash, height, raw);
  }

  async broadcast(tx: Tx): Promise<ChainResult<BroadcastOutcome>> {
    const answer = await this.#rpc.call('sendrawtransaction', [toHex(encodeTx(tx))]);
    if (!answer.ok) return answer;
    if (answer.value.kind === 'result') return ok({ kind: 'accepted' });
    if (answer.value.code === ALREADY_IN_CHAIN) return ok({ kind: 'known' });
    return ok(rejection(answer.value.message));
  }

  async testAccept(tx: Tx): Promise<ChainResult<BroadcastOutcome>> {
    const answer = await this.#value('testmempoolaccept', [[toHex(encodeTx(tx))]]);
    if (!answer.ok) return answer;
    const verdict = Array.isArray(answer.value) ? answer.value[0] : undefined;
    if (member(verdict, 'allowed') === true) return ok({ kind: 'accepted' });
    const reason = member(verdict, 'reject-reason') ?? member(verdict, 'package-error');
    return typeof reason === 'string' ? ok(rejection(reason)) : fail(this.#odd('testmempoolaccept'));
  }

  async feerate(targetBlocks: number): Promise<ChainResult<FeeratePerKw | null>> {
    const answer = await this.#value('estimatesmartfee', [Math.min(1008, Math.max(1, Math.round(targetBlocks)))]);
    if (!answer.ok) return answer;
    // Without enough history there is no `feerate`, only `errors`.
    const rate = member(answer.value, 'feerate');
    return ok(typeof rate === 'number' && rate > 0 && Number.isFinite(rate) ? fromBtcPerKvbyte(rate) : null);
  }

  async minFeerate(): Promise<ChainResult<FeeratePerKw | null>> {
    const answer = await this.#value('getmempoolinfo');
    if (!answer.ok) return answer;
    const rate = member(answer.value, 'mempoolminfee');
    return ok(typeof rate === 'number' && rate >= 0 && Number.isFinite(rate) ? fromBtcPerKvbyte(rate) : null);
  }

  async transaction(txid: TxId): Promise<ChainResult<KnownTx | null>> {
    const answer = await this.#value('getrawtransaction', [formatTxId(txid), true], NOT_FOUND);
    if (!answer.ok || answer.value === null) return answer as ChainResult<null>;
    const raw = bytesOfHex(member(answer.value, 'hex'));
    const tx = raw === null ? fail(this.#odd('getrawtransaction')) : readTransaction(this.place, txid, raw);
    if (!tx.ok) return tx;
    const block = member(answer.value, 'blockhash');
    if (block === undefined) return ok({ tx: tx.value, confirmed: null });
    const header = await this.#value('getblockheader', [block, true]);
    if (!header.ok) return header;
    const confirmed = this.#ref(block, member(header.value, 'height'));
    const onBest = (member(header.value, 'confirmations') as number) > 0;
    return confirmed === null ? fail(this.#odd('getrawtransaction')) : ok({ tx: tx.value, confirmed: onBest ? confirmed : null });
  }

  async txidAt(at: { readonly height: Height; readonly txIndex: number }): Promise<ChainResult<TxId | null>> {
    const hash = await this.blockHash(at.height);
    if (!hash.ok || hash.value === null) return hash as ChainResult<null>;
    const block = await this.#value('getblock', [formatBlockHash(hash.value), 1], NOT_FOUND);
    if (!block.ok || block.value === null) return block as ChainResult<null>;
    const ids = member(block.value, 'tx');
    if (!Array.isArray(ids)) return fail(this.#odd('getblock'));
    const id: unknown = ids[at.txIndex];
    if (id === undefined) return ok(null);
    const txid = typeof id === 'string' ? parseTxId(id) : null;
    return txid === null ? fail(this.#odd('getblock')) : ok(txid);
  }

  async output(outpoint: OutPoint): Promise<ChainResult<UnspentOutput | null>> {
    const answers = await this.#rpc.batch([
      { method: 'gettxout', params: [formatTxId(outpoint.txid), outpoint.vout, false] },
      { method: 'getblockcount' },
    ]);
    if (!answers.ok) return answers;
    const found = this.#take('gettxout', answers.value[0] as RpcAnswer);
    if (!found.ok || found.value === null) return found as ChainResult<null>;
    const count = this.#take('getblockcount', answers.value[1] as RpcAnswer);
    if (!count.ok) return count;
    const amount = satOfBtc(member(found.value, 'value'));
    const script = bytesOfHex(member(member(found.value, 'scriptPubKey'), 'hex'));
    const [tip, depth] = [heightOf(count.value), heightOf(member(found.value, 'confirmations'))];
    if (amount === null || script === null || tip === null || depth === null || depth > tip + 1) return fail(this.#odd('gettxout'));
    return ok({ amount, script, height: (tip - depth + 1) as Height, coinbase: member(found.value, 'coinbase') === true });
  }

  async unspent(scripts: readonly Bytes[]): Promise<ChainResult<readonly FoundOutput[]>> {
    if (scripts.length === 0) return ok([]);
    // Reading the whole set takes minutes on the main network.
    const answer = await this.#rpc.call('scantxoutset', ['start', scripts.map((script) => `raw(${toHex(script)})`)], 900_000);
    const scan = answer.ok ? this.#take('scantxoutset', answer.value) : answer;
    if (!scan.ok) return scan;
    const list = member(scan.value, 'unspents');
    if (!Array.isArray(list)) return fail(this.#odd('scantxoutset'));
    const found: FoundOutput[] = [];
    for (const each of list) {
      const id = member(each, 'txid');
      const [txid, vout] = [typeof id === 'string' ? parseTxId(id) : null, heightOf(member(each, 'vout'))];
      const [amount, script, height] = [
        satOfBtc(member(each, 'amount')),
        bytesOfHex(member(each, 'scriptPubKey')),
        heightOf(member(each, 'height')),
      ];
      if (txid === null || vout === null || amount === null || script === null || height === null) return fail(this.#odd('scantxoutset'));
      found.push({ outpoint: { txid, vout }, amount, script, height });
    }
    return ok(found);
  }

  async mempool(): Promise<ChainResult<readonly TxId[]>> {
    const answer = await this.#value('getrawmempool');
    if (!answer.ok) return answer;
    const ids = Array.isArray(answer.value) ? answer.value.map((id) => (typeof id === 'string' ? parseTxId(id) : null)) : [null];
    return ids.every((id) => id !== null) ? ok(ids) : fail(this.#odd('getrawmempool'));
  }

  /** By ZMQ where bitcoind publishes blocks, else by waiting where it waits well, else by polling. */
  watchTip(onHint: () => void): StopWatching {
    let stopped = false;
    let inner: StopWatching = () => undefined;
    const start = (begin: () => StopWatching): void => {
      if (!stopped) inner = begin();
    };
    void this.#howToWatch().then((how) => {
      if (how.kind === 'poll') return start(() => pollTip(this, this.#pollMs, onHint));
      if (how.kind === 'wait') return start(() => waitForTip((known) => this.#waitForNewBlock(known), onHint));
      const onLost = (): void => start(() => pollTip(this, this.#pollMs, onHint));
      start(() => subscribeZmq({ address: how.address, topics: how.topics, onHint, onLost }));
    });
    const stop = (): void => {
      stopped = true;
      this.#watches.delete(stop);
      inner();
    };
    this.#watches.add(stop);
    return stop;
  }

  close(): void {
    for (const stop of [...this.#watches]) stop();
    this.#rpc.close();
  }

  async #howToWatch(): Promise<Watching> {
    const answers = await this.#rpc.batch([{ method: 'getzmqnotifications' }, { method: 'getnetworkinfo' }]);
    if (!answers.ok) return { kind: 'poll' };
    const [zmq, network] = answers.value.map((answer) => (answer.kind === 'result' ? answer.value : null));
    for (const each of Array.isArray(zmq) ? zmq : []) {
      const [type, address] = [member(each, 'type'), member(each, 'address')];
      if ((type !== 'pubhashblock' && type !== 'pubrawblock') || typeof address !== 'string' || !address.startsWith('tcp://')) continue;
      // A publisher that listens everywhere is reached where bitcoind is.
      const reachable = address.replace(/^tcp:\/\/(0\.0\.0\.0|\*|\[::\])(?=:)/, `tcp://${this.#zmqHost}`);
      return { kind: 'zmq', address: reachable, topics: [type.slice('pub'.length)] };
    }
    const version = member(network, 'version');
    return { kind: typeof version === 'number' && version >= WAITS_WELL ? 'wait' : 'poll' };
  }

  async #waitForNewBlock(known: BlockHash | null): Promise<BlockHash | null> {
    if (known === null) {
      const tip = await this.tip();
      return tip.ok ? tip.value.hash : null;
    }
    const answer = await this.#rpc.call('waitfornewblock', [WAIT_MS, formatBlockHash(known)], WAIT_MS + 10_000);
    const hash = answer.ok && answer.value.kind === 'result' ? member(answer.value.value, 'hash') : null;
    return typeof hash === 'string' ? parseBlockHash(hash) : null;
  }

  /** The value of a call. An error of code `absent` gives null, any other a failure. */
  async #value(method: string, params: readonly unknown[] = [], absent?: number): Promise<ChainResult<unknown>> {
    const answer = await this.#rpc.call(method, params);
    return answer.ok ? this.#take(method, answer.value, absent) : answer;
  }

  #take(method: string, answer: RpcAnswer, absent?: number): ChainResult<unknown> {
    if (answer.kind === 'result') return ok(answer.value);
    if (answer.code === absent) return ok(null);
    const pruned = /pruned/i.test(answer.message);
    return fail(unreachable(`${this.place} answers ${method} with error ${answer.code}: ${answer.message}`, pruned ? PRUNED : null));
  }

  #ref(hash: unknown, height: unknown): BlockRef | null {
    const [parsed, at] = [typeof hash === 'string' ? parseBlockHash(hash) : null, heightOf(height)];
    return parsed === null || at === null ? null : { hash: parsed, height: at };
  }

  #odd(method: string): ChainFailure {
    return malformed(`${this.place} sent an answer to ${method} that cannot be read`);
  }
}

type Watching =
  | { readonly kind: 'zmq'; readonly address: string; readonly topics: readonly string[] }
  | { readonly kind: 'wait' }
  | { readonly kind: 'poll' };

const PRUNED = 'this bitcoind has deleted old blocks: use one that has them, or an Esplora server';
