import type { Bytes } from '../../src/base/bytes.ts';
import { equal, toHex } from '../../src/base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../src/base/ids.ts';
import { blockHash } from '../../src/bitcoin/block.ts';
import { classifyScript, p2wpkhScriptCode, parseScript } from '../../src/bitcoin/script.ts';
import { sighashV0 } from '../../src/bitcoin/sighash.ts';
import { type Tx, type TxOutput, txId, txInput } from '../../src/bitcoin/tx.ts';
import { decodeDer } from '../../src/crypto/der.ts';
import { secp } from '../../src/crypto/ec.ts';
import { hash160, sha256 } from '../../src/crypto/hash.ts';
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
} from '../../src/io/regtest/consensus.ts';
import { Mempool } from '../../src/io/regtest/mempool.ts';
import { checkScripts, POLICY_FLAGS } from '../../src/io/regtest/scripts.ts';

/** Where blocks pay to: nobody's. */
const MINER: Bytes = Uint8Array.of(0x51);
/** Stands where a coinbase would. */
const NOTHING: readonly Tx[] = [
  { version: 2, inputs: [txInput({ txid: new Uint8Array(32) as TxId, vout: 0xffffffff }, 0xffffffff)], outputs: [], locktime: 0 },
];
const RULES = { minRelayFeerate: 1000n, incrementalFeerate: 1000n };

/**
 * The simulation's chain: the consensus and mempool rules of the built-in regtest chain, with script checks that are cheap (signatures of
 * P2WPKH and of 2-of-2 outputs by our own hash; of other witness scripts only that they are the right ones), and through bitcore-lib's
 * interpreter where `interpreted`.
 */
export class SimChain {
  readonly #interpreted: boolean;
  readonly #passed = new WeakSet<Tx>();
  #best: BlockNode[];
  #mempool = new Mempool(RULES);
  #order: number;
  #time: number;
  /** Counts blocks, so that rival coinbases differ. */
  constructor(part: { readonly best?: readonly BlockNode[]; readonly interpreted: boolean; readonly time: number }) {
    this.#best = part.best === undefined ? [genesisNode()] : [...part.best];
    this.#interpreted = part.interpreted;
    this.#order = this.#best.length;
    this.#time = part.time;
  }

  get tip(): BlockNode {
    return this.#best.at(-1) as BlockNode;
  }
  get best(): readonly BlockNode[] {
    return this.#best;
  }
  get mempool(): Mempool {
    return this.#mempool;
  }
  at(height: number): BlockNode | null {
    return this.#best[height] ?? null;
  }
  setTime(time: number): void {
    this.#time = time;
  }
  coin(outpoint: OutPoint): Coin | null {
    return this.tip.coins.get(coinKey(outpoint)) ?? null;
  }
  confirmations(txid: TxId): number {
    const place = this.tip.confirmed.get(txid);
    return place === undefined ? 0 : this.tip.height - place.height + 1;
  }
  isBest(hash: BlockHash, height: number): boolean {
    const node = this.at(height);
    return node !== null && equal(node.hash, hash);
  }

  /** What the transactions of all blocks paid to miners. */
  fees(): bigint {
    let fees = 0n;
    for (const node of this.#best.slice(1)) {
      for (const tx of node.txs.slice(1)) {
        const spent = tx.inputs.reduce((sum, { prevout }) => sum + this.#output(prevout).amount, 0n);
        fees += spent - tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
      }
    }
    return fees;
  }

  /** An output of the best chain, spent or not. */
  #output(prevout: OutPoint): TxOutput {
    const place = this.tip.confirmed.get(prevout.txid);
    const output = place === undefined ? undefined : this.#best[place.height]?.txs[place.index]?.outputs[prevout.vout];
    if (output === undefined) throw new Error('a transaction of the chain spends nothing of it');
    return output;
  }

  /** Null where it is in the mempool or the chain now; else why not. */
  submit(tx: Tx): string | null {
    if (this.tip.confirmed.has(txId(tx))) return null;
    const result = this.#mempool.accept(tx, { tip: this.tip, time: this.#time, check: this.#check });
    if (!result.ok) return result.failure.reason === 'txn-already-in-mempool' ? null : result.failure.reason;
    this.#mempool = result.value.mempool;
    return null;
  }

  /** The next block, with what the mempool offers as far as `take` lets it in. */
  mine(take: (tx: Tx) => boolean = () => true): BlockNode {
    const left = new Set<string>();
    const chosen: Tx[] = [];
    for (const entry of this.#mempool.template().entries) {
      // What depends on a transaction that is left out stays out as well.
      if (take(entry.tx) && !entry.parents.some((id) => left.has(toHex(id)))) chosen.push(entry.tx);
      else left.add(toHex(entry.txid));
    }
    const node = this.#block(this.tip, chosen);
    this.#moveTo(node);
    return node;
  }

  /** Replaces the last `depth` blocks by `depth + 1` others, into which goes what `take` says of the replaced blocks' transactions. */
  reorganise(depth: number, take: (tx: Tx) => boolean): void {
    const fork = ancestorAt(this.tip, this.tip.height - depth);
    const waiting = this.#best.slice(fork.height + 1).flatMap((node) => node.txs.slice(1));
    let at = fork;
    for (let i = 0; i <= depth; i++) {
      const chosen: Tx[] = [];
      let coins = at.coins;
      for (const tx of [...waiting]) {
        if (!take(tx) || !tx.inputs.every((input) => coins.has(coinKey(input.prevout)))) continue;
        const block = connectBlock(at, this.#template(at, [...chosen, tx]), this.#order, this.#check);
        if (!block.ok) continue;
        coins = block.value.coins;
        chosen.push(tx);
        waiting.splice(waiting.indexOf(tx), 1);
      }
      at = this.#block(at, chosen);
    }
    this.#moveTo(at);
  }

  /** Back to an abandoned branch, made longer than the present one. */
  returnTo(old: BlockNode): void {
    let at = old;
    while (at.height <= this.tip.height) at = this.#block(at, []);
    this.#moveTo(at);
  }

  #template(parent: BlockNode, txs: readonly Tx[]) {
    let coins = parent.coins;
    let fees = 0n;
    for (const tx of txs) {
      const spent = tx.inputs.map((input) => coins.get(coinKey(input.prevout)) as Coin);
      const fee = checkAmounts(tx, spent, parent.height + 1);
      if (!fee.ok) throw new Error(fee.failure);
      fees += fee.value;
      for (const [vout, output] of tx.outputs.entries())
        coins = coins.set(coinKey({ txid: txId(tx), vout }), { output, height: parent.height + 1, coinbase: false });
    }
    return buildBlock({ parent, txs, fees, payTo: MINER, time: this.#time, extra: this.#order });
  }

  #block(parent: BlockNode, txs: readonly Tx[]): BlockNode {
    if (txs.length === 0) return this.#emptyBlock(parent);
    const node = connectBlock(parent, this.#template(parent, txs), this.#order++, this.#check);
    if (!node.ok) throw new Error(`the chain refuses its own block: ${node.failure}`);
    return node.value;
  }

  /** Most blocks are empty: such a one is made without the work of checking it, and its subsidy is nobody's. */
  #emptyBlock(parent: BlockNode): BlockNode {
    const order = this.#order++;
    const time = Math.max(this.#time, parent.header.time + 1);
    const header = { ...parent.header, previous: parent.hash, time, nonce: order };
    return { ...parent, hash: blockHash(header), header, height: parent.height + 1, txs: NOTHING, parent, order };
  }

  #moveTo(best: BlockNode): void {
    const left: Tx[] = [];
    let fork = best;
    while (this.#best[fork.height] !== fork) fork = fork.parent as BlockNode;
    for (const node of this.#best.slice(fork.height + 1)) left.push(...node.txs.slice(1));
    this.#best.length = fork.height + 1;
    const added: BlockNode[] = [];
    for (let node = best; node !== fork; node = node.parent as BlockNode) added.push(node);
    this.#best.push(...added.reverse());
    const waited = this.#mempool.list().map((entry) => entry.tx);
    this.#mempool = new Mempool(RULES);
    for (const tx of [...left, ...waited]) this.submit(tx);
  }

  readonly #check: CheckScripts = (tx, spent) => {
    if (this.#passed.has(tx)) return null;
    const fault = ownRules(tx, spent) ?? (this.#interpreted ? (checkScripts(tx, spent, POLICY_FLAGS)?.reason ?? null) : null);
    if (fault === null) this.#passed.add(tx);
    return fault;
  };
}

/** Blocks that pay to nobody's output, for the base of every simulation. `payTo` gets the first ones. */
export function baseChain(payTo: readonly Bytes[], maturity: number, time: number): readonly BlockNode[] {
  const best: BlockNode[] = [genesisNode()];
  for (let i = 0; i < payTo.length + maturity; i++) {
    const parent = best.at(-1) as BlockNode;
    const block = buildBlock({ parent, txs: [], fees: 0n, payTo: payTo[i] ?? MINER, time, extra: i });
    const node = connectBlock(parent, block, i + 1, () => null);
    if (!node.ok) throw new Error(node.failure);
    best.push(node.value);
  }
  return best;
}

function ownRules(tx: Tx, spent: readonly TxOutput[]): string | null {
  for (const [index, output] of spent.entries()) {
    const { kind } = classifyScript(output.script);
    const program = output.script.subarray(2);
    const witness = tx.inputs[index]?.witness ?? [];
    if (kind === 'p2wpkh') {
      const [signature, key] = witness;
      if (signature === undefined || key === undefined || witness.length !== 2) return `input ${index}: witness of a P2WPKH input`;
      if (!equal(hash160(key), program)) return `input ${index}: another key`;
      if (!signed(tx, index, { signature, key, scriptCode: p2wpkhScriptCode(program), output })) return `input ${index}: bad signature`;
    } else if (kind === 'p2wsh') {
      const script = witness.at(-1);
      if (script === undefined || !equal(sha256(script), program)) return `input ${index}: another witness script`;
      const fault = twoOfTwo(tx, index, script, output);
      if (fault !== null) return `input ${index}: ${fault}`;
    } else if (kind === 'p2tr' && (witness.length !== 1 || witness[0]?.length !== 64)) return `input ${index}: not a key path spend`;
  }
  return null;
}

function twoOfTwo(tx: Tx, index: number, script: Bytes, output: TxOutput): string | null {
  const [two, first, second, alsoTwo, check] = parseScript(script) ?? [];
  const isFunding = two === 0x52 && alsoTwo === 0x52 && check === 0xae && first instanceof Uint8Array && second instanceof Uint8Array;
  if (!isFunding) return null;
  const [empty, a, b] = tx.inputs[index]?.witness ?? [];
  if (empty?.length !== 0 || a === undefined || b === undefined) return 'witness of a 2-of-2 input';
  const ok =
    signed(tx, index, { signature: a, key: first, scriptCode: script, output }) &&
    signed(tx, index, { signature: b, key: second, scriptCode: script, output });
  return ok ? null : 'bad signature in a 2-of-2 input';
}

function signed(
  tx: Tx,
  index: number,
  part: { readonly signature: Bytes; readonly key: Bytes; readonly scriptCode: Bytes; readonly output: TxOutput },
): boolean {
  const hashType = part.signature.at(-1) as number;
  const compact = decodeDer(part.signature.subarray(0, -1));
  if (compact === null) return false;
  const hash = sighashV0({ tx, index, scriptCode: part.scriptCode, amount: part.output.amount, hashType });
  return secp.verify(compact, hash, part.key);
}
