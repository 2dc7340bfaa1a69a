import { type Bytes, concat, EMPTY, equal, fromHex, toBigInt } from '../../base/bytes.ts';
import { type BytesMap, bytesMap } from '../../base/bytes-map.ts';
import type { BlockHash, OutPoint, TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { sat } from '../../base/units.ts';
import { MAX_MONEY } from '../../bitcoin/amount.ts';
import { type Block, type BlockHeader, blockHash, decodeBlock, hasProofOfWork, merkleRoot } from '../../bitcoin/block.ts';
import { OP, push, script, scriptNumber } from '../../bitcoin/script.ts';
import { encodeTx, outPointCodec, type Tx, type TxOutput, txId, txWeight } from '../../bitcoin/tx.ts';
import { encodeWith } from '../../codec/codec.ts';
import { sha256d } from '../../crypto/hash.ts';

/** The rules of a regtest chain: what a block must be, and what it does to the set of unspent outputs. */

export interface Coin {
  readonly output: TxOutput;
  readonly height: number;
  readonly coinbase: boolean;
}

export interface Spend {
  readonly txid: TxId;
  readonly vin: number;
  readonly height: number;
}

/**
 * A block in the tree, with everything that is true after it. The maps are persistent, so that a reorganisation is nothing but another node
 * becoming the tip.
 */
export interface BlockNode {
  readonly hash: BlockHash;
  readonly header: BlockHeader;
  readonly height: number;
  readonly txs: readonly Tx[];
  readonly parent: BlockNode | null;
  /** The order in which blocks arrived: of two branches of one height the first stays the best. */
  readonly order: number;
  readonly coins: BytesMap<Bytes, Coin>;
  readonly confirmed: BytesMap<TxId, { readonly height: number; readonly index: number }>;
  readonly spends: BytesMap<Bytes, Spend>;
}

export const REGTEST_BITS = 0x207fffff;
export const MAX_BLOCK_WEIGHT = 4_000_000;
export const COINBASE_MATURITY = 100;
const HALVING_BLOCKS = 150;
const LOCKTIME_THRESHOLD = 500_000_000;
const FINAL_SEQUENCE = 0xffffffff;
const COMMITMENT_HEAD = fromHex('6a24aa21a9ed');
const ZERO32: Bytes = new Uint8Array(32);

export const coinKey = (outpoint: OutPoint): Bytes => encodeWith(outPointCodec, outpoint);
export const subsidy = (height: number): bigint => 5_000_000_000n >> BigInt(Math.min(63, Math.floor(height / HALVING_BLOCKS)));
export const wtxId = (tx: Tx): TxId => sha256d(encodeTx(tx)) as TxId;
export const isCoinbase = (tx: Tx): boolean => {
  const prevout = tx.inputs[0]?.prevout;
  return tx.inputs.length === 1 && prevout?.vout === 0xffffffff && equal(prevout.txid, ZERO32);
};

/** Regtest's block 0, as Bitcoin Core has it. Its coinbase cannot be spent. */
export function genesisNode(): BlockNode {
  const decoded = decodeBlock(fromHex(GENESIS));
  if (!decoded.ok) throw new Error('the genesis block does not decode');
  const { header, txs } = decoded.value;
  const confirmed = bytesMap(txs.map((tx, index) => [txId(tx), { height: 0, index }] as const));
  return { hash: blockHash(header), header, height: 0, txs, parent: null, order: 0, coins: bytesMap(), confirmed, spends: bytesMap() };
}

const GENESIS =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a' +
  'dae5494dffff7f2002000000' +
  '0101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f' +
  '32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104' +
  '678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac000000' +
  '00';

/** Median of the times of the last eleven blocks (BIP 113). */
export function medianTimePast(node: BlockNode): number {
  const times: number[] = [];
  for (let at: BlockNode | null = node; at !== null && times.length < 11; at = at.parent) times.push(at.header.time);
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] as number;
}

export function ancestorAt(node: BlockNode, height: number): BlockNode {
  let at = node;
  while (at.height > height && at.parent !== null) at = at.parent;
  return at;
}

/** Whether the lock time lets the transaction into the block after `tip` (BIP 113: times are compared with the median time past). */
export function isFinal(tx: Tx, tip: BlockNode): boolean {
  if (tx.locktime === 0 || tx.locktime < (tx.locktime < LOCKTIME_THRESHOLD ? tip.height + 1 : medianTimePast(tip))) return true;
  return tx.inputs.every((input) => input.sequence === FINAL_SEQUENCE);
}

/** BIP 68: whether the relative locks let the transaction into the block after `tip`. `heights`: where each spent output confirmed. */
export function sequenceLocksHold(tx: Tx, heights: readonly number[], tip: BlockNode): boolean {
  if (tx.version < 2) return true;
  return tx.inputs.every((input, i) => {
    if (input.sequence >= 0x80000000) return true;
    const [height, value] = [heights[i] as number, input.sequence & 0xffff];
    if ((input.sequence & 0x400000) === 0) return height + value - 1 < tip.height + 1;
    // BIP 68: units of 512 seconds from the median time past of the block before the one that confirmed the output.
    return medianTimePast(ancestorAt(tip, Math.max(height - 1, 0))) + value * 512 - 1 < medianTimePast(tip);
  });
}

/** What holds for a transaction wherever it is; the reject reason of Bitcoin Core, or null. */
export function checkTransaction(tx: Tx): string | null {
  if (tx.inputs.length === 0) return 'bad-txns-vin-empty';
  if (tx.outputs.length === 0) return 'bad-txns-vout-empty';
  if (txWeight(tx) > MAX_BLOCK_WEIGHT) return 'bad-txns-oversize';
  let total = 0n;
  for (const output of tx.outputs) {
    if (output.amount > MAX_MONEY) return 'bad-txns-vout-toolarge';
    total += output.amount;
    if (total > MAX_MONEY) return 'bad-txns-txouttotal-toolarge';
  }
  let seen = bytesMap<Bytes, true>();
  for (const input of tx.inputs) seen = seen.set(coinKey(input.prevout), true);
  if (seen.size !== tx.inputs.length) return 'bad-txns-inputs-duplicate';
  if (!isCoinbase(tx) && tx.inputs.some(({ prevout }) => prevout.vout === 0xffffffff && equal(prevout.txid, ZERO32)))
    return 'bad-txns-prevout-null';
  return null;
}

/** The fee, or why amounts and maturity forbid the transaction in a block at `height`. */
export function checkAmounts(tx: Tx, coins: readonly Coin[], height: number): Result<bigint, string> {
  let sum = 0n;
  for (const coin of coins) {
    if (coin.coinbase && height - coin.height < COINBASE_MATURITY) return fail('bad-txns-premature-spend-of-coinbase');
    sum += coin.output.amount;
  }
  const paid = tx.outputs.reduce((total, output) => total + output.amount, 0n);
  return paid > sum ? fail('bad-txns-in-belowout') : ok(sum - paid);
}

export type CheckScripts = (tx: Tx, spent: readonly TxOutput[]) => string | null;

/** The node of a block on top of `parent`, or the reject reason of Bitcoin Core. */
export function connectBlock(parent: BlockNode, block: Block, order: number, check: CheckScripts): Result<BlockNode, string> {
  const bad = checkBlock(parent, block);
  if (bad !== null) return fail(bad);
  const height = parent.height + 1;
  let { coins, confirmed, spends } = parent;
  let fees = 0n;
  for (const [index, tx] of block.txs.entries()) {
    const txid = txId(tx);
    const fault = checkTransaction(tx);
    if (fault !== null) return fail(fault);
    if (index > 0) {
      const spent = tx.inputs.map((input) => coins.get(coinKey(input.prevout)));
      if (!spent.every((coin) => coin !== undefined)) return fail('bad-txns-inputs-missingorspent');
      const fee = checkAmounts(tx, spent, height);
      if (!fee.ok) return fee;
      fees += fee.value;
      if (!isFinal(tx, parent)) return fail('bad-txns-nonfinal');
      const heights = spent.map((coin) => coin.height);
      if (!sequenceLocksHold(tx, heights, parent)) return fail('bad-txns-nonfinal');
      const broken = check(
        tx,
        spent.map((coin) => coin.output),
      );
      if (broken !== null) return fail(`block-script-verify-flag-failed (${broken})`);
      for (const [vin, input] of tx.inputs.entries()) {
        const key = coinKey(input.prevout);
        coins = coins.delete(key);
        spends = spends.set(key, { txid, vin, height });
      }
    }
    // What starts with OP_RETURN can never be spent and is not kept.
    for (const [vout, output] of tx.outputs.entries())
      if (output.script[0] !== OP.RETURN) coins = coins.set(coinKey({ txid, vout }), { output, height, coinbase: index === 0 });
    confirmed = confirmed.set(txid, { height, index });
  }
  const minted = (block.txs[0] as Tx).outputs.reduce((total, output) => total + output.amount, 0n);
  if (minted > subsidy(height) + fees) return fail('bad-cb-amount');
  return ok({ hash: blockHash(block.header), header: block.header, height, txs: block.txs, parent, order, coins, confirmed, spends });
}

function checkBlock(parent: BlockNode, { header, txs }: Block): string | null {
  if (!equal(header.previous, parent.hash)) return 'prev-blk-not-found';
  if (header.bits !== REGTEST_BITS) return 'bad-diffbits';
  if (!hasProofOfWork(header)) return 'high-hash';
  if (header.time <= medianTimePast(parent)) return 'time-too-old';
  const coinbase = txs[0];
  if (coinbase === undefined || !isCoinbase(coinbase)) return 'bad-cb-missing';
  if (txs.slice(1).some(isCoinbase)) return 'bad-cb-multiple';
  if (!equal(header.merkleRoot, merkleRoot(txs.map(txId)))) return 'bad-txnmrklroot';
  if (coinbase.inputs[0]!.scriptSig.length < 2 || coinbase.inputs[0]!.scriptSig.length > 100) return 'bad-cb-length';
  // BIP 34: the coinbase starts with the height.
  const head = push(scriptNumber(parent.height + 1));
  if (!equal(coinbase.inputs[0]!.scriptSig.slice(0, head.length), head)) return 'bad-cb-height';
  if (txs.reduce((weight, tx) => weight + txWeight(tx), 4 * 81) > MAX_BLOCK_WEIGHT) return 'bad-blk-weight';
  return checkWitnessCommitment(coinbase, txs);
}

/** BIP 141: the last output with the commitment's head must commit to the witnesses; without one, no transaction may have any. */
function checkWitnessCommitment(coinbase: Tx, txs: readonly Tx[]): string | null {
  const commitment = coinbase.outputs.findLast(
    ({ script: bytes }) => bytes.length >= 38 && equal(bytes.subarray(0, COMMITMENT_HEAD.length), COMMITMENT_HEAD),
  );
  if (commitment === undefined) return txs.some((tx) => tx.inputs.some((i) => i.witness.length > 0)) ? 'unexpected-witness' : null;
  const reserved = coinbase.inputs[0]!.witness[0];
  if (coinbase.inputs[0]!.witness.length !== 1 || reserved?.length !== 32) return 'bad-witness-nonce-size';
  return equal(commitment.script.subarray(6, 38), witnessCommitment(txs, reserved)) ? null : 'bad-witness-merkle-match';
}

function witnessCommitment(txs: readonly Tx[], reserved: Bytes): Bytes {
  const ids = txs.map((tx, i) => (i === 0 ? (ZERO32 as TxId) : wtxId(tx)));
  return sha256d(concat(merkleRoot(ids), reserved));
}

/** A block on top of `parent` that pays subsidy and fees to `payTo`. `extra` (unsigned 32 bits) keeps coinbases of rival branches apart. */
export function buildBlock(part: {
  readonly parent: BlockNode;
  readonly txs: readonly Tx[];
  readonly fees: bigint;
  readonly payTo: Bytes;
  readonly time: number;
  readonly extra: number;
}): Block {
  const { parent, txs } = part;
  const height = parent.height + 1;
  const nonce = new Uint8Array(4);
  new DataView(nonce.buffer).setUint32(0, part.extra);
  const unsealed: Tx = {
    version: 2,
    inputs: [
      {
        prevout: { txid: ZERO32 as TxId, vout: 0xffffffff },
        scriptSig: script(scriptNumber(height), nonce),
        sequence: FINAL_SEQUENCE,
        witness: [ZERO32],
      },
    ],
    outputs: [{ amount: sat(subsidy(height) + part.fees), script: part.payTo }],
    locktime: 0,
  };
  const commitment = { amount: sat(0), script: concat(COMMITMENT_HEAD, witnessCommitment([unsealed, ...txs], ZERO32)) };
  const coinbase: Tx = { ...unsealed, outputs: [...unsealed.outputs, commitment] };
  const all = [coinbase, ...txs];
  let header: BlockHeader = {
    version: 0x20000000,
    previous: parent.hash,
    merkleRoot: merkleRoot(all.map(txId)),
    time: Math.max(part.time, medianTimePast(parent) + 1),
    bits: REGTEST_BITS,
    nonce: 0,
  };
  while (!hasProofOfWork(header)) header = { ...header, nonce: header.nonce + 1 };
  return { header, txs: all };
}

/** Work done up to a height: every regtest block has the same target. As RPC writes it, 64 hexadecimal digits. */
export const chainWork = (height: number): string => (2n * BigInt(height + 1)).toString(16).padStart(64, '0');

/** bits as a difficulty, the way RPC shows it. */
export function difficulty(bits: number): number {
  return Number(0xffffn << 208n) / Number(targetOf(bits));
}

export function targetOf(bits: number): bigint {
  return toBigInt(concat(Uint8Array.of((bits >>> 16) & 0x7f, (bits >>> 8) & 0xff, bits & 0xff), EMPTY)) << BigInt(8 * ((bits >>> 24) - 3));
}
