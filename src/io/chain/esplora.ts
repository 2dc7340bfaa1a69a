import { Buffer } from 'node:buffer';
import { type Bytes, toHex } from '../../base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../base/ids.ts';
import { fail, ok } from '../../base/result.ts';
import { type FeeratePerKw, type Height, type Sat, sat } from '../../base/units.ts';
import { MAX_MONEY } from '../../bitcoin/amount.ts';
import { type BlockHeader, formatBlockHash, parseBlockHash } from '../../bitcoin/block.ts';
import { fromBtcPerKvbyte } from '../../bitcoin/fees.ts';
import { encodeTx, formatTxId, parseTxId, type Tx } from '../../bitcoin/tx.ts';
import { sha256 } from '../../crypto/hash.ts';
import { HttpClient } from '../http.ts';
import { bytesOfHex, heightOf, member, readBlock, readHeader, readTransaction } from './decode.ts';
import { pollTip } from './hints.ts';
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

export interface EsploraOptions {
  /** Where the API begins (`https://host/api`); http: or https:. */
  readonly url: URL;
  /** For a whole request; 30 s by default. */
  readonly timeoutMs?: number;
  /** Between looks at the tip; by default 0.5 s on loopback, otherwise 20 s. */
  readonly pollMs?: number;
}

const MAX_ANSWER = 16_000_000;
/** Requests at once for lists of scripts. */
const AT_ONCE = 8;

/** The REST API of Esplora (Blockstream's electrs and what speaks like it). Blocks and transactions are checked against their hashes. */
export class Esplora implements ChainSource {
  readonly backend = 'esplora';
  readonly place: string;
  readonly #base: string;
  readonly #timeoutMs: number;
  readonly #pollMs: number;
  readonly #http = new HttpClient({ maxSockets: 12 });
  readonly #closing = new AbortController();
  readonly #watches = new Set<StopWatching>();

  constructor(options: EsploraOptions) {
    this.#base = `${options.url.origin}${options.url.pathname.replace(/\/+$/, '')}`;
    this.place = `Esplora at ${this.#base}`;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    const local = ['127.0.0.1', '[::1]', 'localhost'].includes(options.url.hostname);
    this.#pollMs = options.pollMs ?? (local ? 500 : 20_000);
  }

  async network(): Promise<ChainResult<BlockHash>> {
    const genesis = await this.blockHash(0 as Height);
    return genesis.ok && genesis.value === null ? fail(this.#odd('block-height/0')) : (genesis as ChainResult<BlockHash>);
  }

  /** Esplora does not tell of headers ahead of its tip: it counts as in sync when it answers. */
  async status(): Promise<ChainResult<ChainStatus>> {
    const tip = await this.tip();
    return tip.ok ? ok({ tip: tip.value, headers: tip.value.height, synced: true }) : tip;
  }

  async tip(): Promise<ChainResult<BlockRef>> {
    const text = await this.#text('blocks/tip/hash');
    if (!text.ok) return text;
    const hash = parseBlockHash(text.value?.trim() ?? '');
    if (hash === null) return fail(this.#odd('blocks/tip/hash'));
    const height = await this.#heightOf(hash);
    if (!height.ok) return height;
    return height.value === null ? fail(this.#odd('block/…')) : ok({ hash, height: height.value });
  }

  async blockHash(height: Height): Promise<ChainResult<BlockHash | null>> {
    const text = await this.#text(`block-height/${height}`);
    if (!text.ok || text.value === null) return text as ChainResult<null>;
    const hash = parseBlockHash(text.value.trim());
    return hash === null ? fail(this.#odd('block-height')) : ok(hash);
  }

  async header(hash: BlockHash): Promise<ChainResult<BlockHeader | null>> {
    const text = await this.#text(`block/${formatBlockHash(hash)}/header`);
    if (!text.ok || text.value === null) return text as ChainResult<null>;
    const raw = bytesOfHex(text.value.trim());
    return raw === null ? fail(this.#odd('block/…/header')) : readHeader(this.place, hash, raw);
  }

  async block(hash: BlockHash): Promise<ChainResult<ChainBlock | null>> {
    const [height, raw] = await Promise.all([this.#heightOf(hash), this.#bytes(`block/${formatBlockHash(hash)}/raw`)]);
    if (!height.ok) return height;
    if (!raw.ok) return raw;
    if (height.value === null || raw.value === null) return ok(null);
    return readBlock(this.place, hash, height.value, raw.value);
  }

  async broadcast(tx: Tx): Promise<ChainResult<BroadcastOutcome>> {
    const answer = await this.#send('POST', 'tx', toHex(encodeTx(tx)));
    if (!answer.ok) return answer;
    const text = textOf(answer.value.body);
    if (answer.value.status === 200) return ok({ kind: 'accepted' });
    if (answer.value.status !== 400) return fail(this.#status(answer.value.status, 'tx'));
    // `sendrawtransaction RPC error: {"code":-26,"message":"..."}`
    const message = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text;
    if (/"code"\s*:\s*-27\b/.test(text)) return ok({ kind: 'known' });
    return ok(rejection(message.slice(0, 500)));
  }

  testAccept(): Promise<ChainResult<null>> {
    return Promise.resolve(ok(null));
  }

  async feerate(targetBlocks: number): Promise<ChainResult<FeeratePerKw | null>> {
    const estimates = await this.#json('fee-estimates');
    if (!estimates.ok) return estimates;
    if (typeof estimates.value !== 'object' || estimates.value === null) return fail(this.#odd('fee-estimates'));
    // The slowest target that is still fast enough; with none so fast, the fastest there is.
    const targets = Object.keys(estimates.value)
      .map(Number)
      .filter((target) => Number.isInteger(target) && target > 0)
      .sort((a, b) => a - b);
    const target = targets.findLast((each) => each <= targetBlocks) ?? targets[0];
    const rate = target === undefined ? null : member(estimates.value, String(target));
    return ok(typeof rate === 'number' && rate > 0 && Number.isFinite(rate) ? fromBtcPerKvbyte(rate / 1e5) : null);
  }

  minFeerate(): Promise<ChainResult<null>> {
    return Promise.resolve(ok(null));
  }

  async transaction(txid: TxId): Promise<ChainResult<KnownTx | null>> {
    const name = formatTxId(txid);
    const [raw, status] = await Promise.all([this.#bytes(`tx/${name}/raw`), this.#json(`tx/${name}/status`)]);
    if (!raw.ok) return raw;
    if (!status.ok) return status;
    if (raw.value === null || status.value === null) return ok(null);
    const tx = readTransaction(this.place, txid, raw.value);
    if (!tx.ok) return tx;
    if (member(status.value, 'confirmed') !== true) return ok({ tx: tx.value, confirmed: null });
    const confirmed = refOf(status.value);
    return confirmed === null ? fail(this.#odd('tx/…/status')) : ok({ tx: tx.value, confirmed });
  }

  async txidAt(at: { readonly height: Height; readonly txIndex: number }): Promise<ChainResult<TxId | null>> {
    const hash = await this.blockHash(at.height);
    if (!hash.ok || hash.value === null) return hash as ChainResult<null>;
    const text = await this.#text(`block/${formatBlockHash(hash.value)}/txid/${at.txIndex}`);
    if (!text.ok || text.value === null) return text as ChainResult<null>;
    const txid = parseTxId(text.value.trim());
    return txid === null ? fail(this.#odd('block/…/txid')) : ok(txid);
  }

  async output(outpoint: OutPoint): Promise<ChainResult<UnspentOutput | null>> {
    const [known, spend] = await Promise.all([
      this.transaction(outpoint.txid),
      this.#json(`tx/${formatTxId(outpoint.txid)}/outspend/${outpoint.vout}`),
    ]);
    if (!known.ok) return known;
    if (!spend.ok) return spend;
    if (known.value === null || known.value.confirmed === null || spend.value === null) return ok(null);
    const output = known.value.tx.outputs[outpoint.vout];
    const spent = member(spend.value, 'spent');
    if (typeof spent !== 'boolean') return fail(this.#odd('tx/…/outspend'));
    // A spend that waits in the mempool leaves the output unspent on the chain.
    const gone = spent && member(member(spend.value, 'status'), 'confirmed') === true;
    if (output === undefined || gone) return ok(null);
    const coinbase = known.value.tx.inputs[0]?.prevout.vout === 0xffffffff;
    return ok({ amount: output.amount, script: output.script, height: known.value.confirmed.height, coinbase });
  }

  /** Outputs spent in the mempool are left out: Esplora does not list them. */
  async unspent(scripts: readonly Bytes[]): Promise<ChainResult<readonly FoundOutput[]>> {
    const found: FoundOutput[] = [];
    for (let at = 0; at < scripts.length; at += AT_ONCE) {
      const answers = await Promise.all(scripts.slice(at, at + AT_ONCE).map((script) => this.#unspentOf(script)));
      for (const answer of answers) {
        if (!answer.ok) return answer;
        found.push(...answer.value);
      }
    }
    return ok(found);
  }

  async mempool(): Promise<ChainResult<readonly TxId[]>> {
    const list = await this.#json('mempool/txids');
    if (!list.ok) return list;
    const ids = Array.isArray(list.value) ? list.value.map((id) => (typeof id === 'string' ? parseTxId(id) : null)) : [null];
    return ids.every((id) => id !== null) ? ok(ids) : fail(this.#odd('mempool/txids'));
  }

  watchTip(onHint: () => void): StopWatching {
    const end = pollTip(this, this.#pollMs, onHint);
    const stop = (): void => {
      this.#watches.delete(stop);
      end();
    };
    this.#watches.add(stop);
    return stop;
  }

  close(): void {
    for (const stop of [...this.#watches]) stop();
    this.#closing.abort();
    this.#http.close();
  }

  async #unspentOf(script: Bytes): Promise<ChainResult<readonly FoundOutput[]>> {
    const list = await this.#json(`scripthash/${toHex(sha256(script))}/utxo`);
    if (!list.ok) return list;
    if (!Array.isArray(list.value)) return fail(this.#odd('scripthash/…/utxo'));
    const found: FoundOutput[] = [];
    for (const each of list.value) {
      const status = member(each, 'status');
      if (member(status, 'confirmed') !== true) continue;
      const id = member(each, 'txid');
      const [txid, vout, height] = [typeof id === 'string' ? parseTxId(id) : null, heightOf(member(each, 'vout')), refOf(status)?.height];
      const amount = satOf(member(each, 'value'));
      if (txid === null || vout === null || height === undefined || amount === null) return fail(this.#odd('scripthash/…/utxo'));
      found.push({ outpoint: { txid, vout }, amount, script, height });
    }
    return ok(found);
  }

  async #heightOf(hash: BlockHash): Promise<ChainResult<Height | null>> {
    const info = await this.#json(`block/${formatBlockHash(hash)}`);
    if (!info.ok || info.value === null) return info as ChainResult<null>;
    const height = heightOf(member(info.value, 'height'));
    return height === null ? fail(this.#odd('block/…')) : ok(height);
  }

  /** The body of a GET; null where Esplora does not know what is asked for. */
  async #bytes(path: string): Promise<ChainResult<Bytes | null>> {
    const answer = await this.#send('GET', path);
    if (!answer.ok) return answer;
    const { status, body } = answer.value;
    if (status === 200) return ok(body);
    if (status === 404 || (status === 400 && /not found/i.test(textOf(body)))) return ok(null);
    return fail(this.#status(status, path));
  }

  async #text(path: string): Promise<ChainResult<string | null>> {
    const body = await this.#bytes(path);
    return body.ok && body.value !== null ? ok(textOf(body.value)) : (body as ChainResult<null>);
  }

  /** Null where Esplora does not know what is asked for; it never answers with JSON's null. */
  async #json(path: string): Promise<ChainResult<unknown>> {
    const text = await this.#text(path);
    if (!text.ok || text.value === null) return text;
    try {
      const value: unknown = JSON.parse(text.value);
      return value === null ? fail(this.#odd(path)) : ok(value);
    } catch {
      return fail(this.#odd(path));
    }
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    body?: string,
  ): Promise<ChainResult<{ readonly status: number; readonly body: Bytes }>> {
    const answer = await this.#http.send({
      method,
      url: new URL(`${this.#base}/${path}`),
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'text/plain' } }),
      timeoutMs: this.#timeoutMs,
      maxBytes: MAX_ANSWER,
      signal: this.#closing.signal,
    });
    return answer.ok
      ? answer
      : fail(unreachable(`${this.place}: ${answer.failure.message}`, 'is the address right, and is it the root of the API?'));
  }

  #status(status: number, path: string): ChainFailure {
    const hint = status === 429 ? 'the server limits how often it is asked' : 'is the address the root of the API?';
    return unreachable(`${this.place} answers ${path.split('/')[0]} with HTTP status ${status}`, hint);
  }

  #odd(what: string): ChainFailure {
    return malformed(
      `${this.place} sent an answer to ${what.replace(/[0-9a-f]{64}/g, '…')} that cannot be read`,
      'is the address the root of the API?',
    );
  }
}

const textOf = (body: Bytes): string => Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');

const satOf = (value: unknown): Sat | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && BigInt(value) <= MAX_MONEY ? sat(value) : null;

function refOf(status: unknown): BlockRef | null {
  const [hash, height] = [member(status, 'block_hash'), heightOf(member(status, 'block_height'))];
  const parsed = typeof hash === 'string' ? parseBlockHash(hash) : null;
  return parsed === null || height === null ? null : { hash: parsed, height };
}
