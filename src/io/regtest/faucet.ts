import type { Bytes } from '../../base/bytes.ts';
import { equal } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { encodeAddress } from '../../bitcoin/address.ts';
import { dustLimit, inputWeight, outputWeight, TX_BASE_WEIGHT } from '../../bitcoin/fees.ts';
import { p2wpkhScript } from '../../bitcoin/script.ts';
import { signP2wpkhInput } from '../../bitcoin/sign.ts';
import { outPointCodec, type Tx, txInput, withWitness } from '../../bitcoin/tx.ts';
import { decodeWith } from '../../codec/codec.ts';
import { secp } from '../../crypto/ec.ts';
import type { RegtestChain } from './chain.ts';
import { COINBASE_MATURITY, coinKey } from './consensus.ts';
import { feeAt } from './mempool.ts';

interface Owned {
  readonly outpoint: OutPoint;
  readonly amount: Sat;
}

/** The chain's own wallet: one key, to which blocks are mined when nobody else is named, and which gives coins to whoever asks. */
export class Faucet {
  readonly script: Bytes;
  readonly address: string;
  readonly #chain: RegtestChain;
  readonly #privateKey: Bytes;

  constructor(chain: RegtestChain, privateKey: Bytes) {
    this.#chain = chain;
    this.#privateKey = privateKey;
    this.script = p2wpkhScript(secp.publicKey(privateKey));
    this.address = encodeAddress(this.script, 'regtest') as string;
  }

  /** Confirmed and mature, less what is spent in the mempool, plus its own change there. */
  balance(): Sat {
    return sat([...this.#confirmed(), ...this.#change()].reduce((sum, each) => sum + each.amount, 0n));
  }

  /** Pays `outputs` in one transaction at a feerate in sat per 1000 vB; the transaction is in the mempool afterwards. */
  send(outputs: readonly { readonly script: Bytes; readonly amount: Sat }[], feeratePerKvb = 2000n): Result<Tx, string> {
    const wanted = outputs.reduce((sum, output) => sum + output.amount, 0n);
    const chosen: Owned[] = [];
    let sum = 0n;
    for (const coin of this.#spendable()) {
      chosen.push(coin);
      sum += coin.amount;
      const fee = this.#fee(chosen.length, [...outputs.map((output) => output.script), this.script], feeratePerKvb);
      if (sum < wanted + fee) continue;
      const rest = sat(sum - wanted - fee);
      // What is below the dust limit goes to the miner.
      const change = rest >= dustLimit(this.script) ? [{ script: this.script, amount: rest }] : [];
      const tx = this.#sign(chosen, [...outputs, ...change]);
      const sent = this.#chain.submit(tx);
      return sent.ok ? ok(tx) : fail([sent.failure.reason, sent.failure.details].filter((part) => part !== null).join(', '));
    }
    return fail('Insufficient funds');
  }

  #sign(coins: readonly Owned[], outputs: readonly { readonly script: Bytes; readonly amount: Sat }[]): Tx {
    const unsigned: Tx = { version: 2, inputs: coins.map((coin) => txInput(coin.outpoint, 0xfffffffd)), outputs, locktime: 0 };
    return coins.reduce(
      (tx, coin, index) =>
        withWitness(tx, index, signP2wpkhInput({ tx: unsigned, index, amount: coin.amount, privateKey: this.#privateKey })),
      unsigned,
    );
  }

  #fee(inputs: number, scripts: readonly Bytes[], feeratePerKvb: bigint): bigint {
    const weight = TX_BASE_WEIGHT + inputs * inputWeight('p2wpkh') + scripts.reduce((total, script) => total + outputWeight(script), 0);
    return feeAt(feeratePerKvb, Math.ceil(weight / 4) + 1);
  }

  /** Confirmed coins first, the largest first; then unconfirmed change. */
  *#spendable(): Iterable<Owned> {
    yield* [...this.#confirmed()].sort((a, b) => (a.amount < b.amount ? 1 : -1));
    yield* this.#change();
  }

  *#confirmed(): Iterable<Owned> {
    const { tip, mempool } = this.#chain;
    for (const [key, coin] of tip.coins.entries()) {
      if (!equal(coin.output.script, this.script) || mempool.spenders.has(key)) continue;
      if (coin.coinbase && tip.height + 1 - coin.height < COINBASE_MATURITY) continue;
      const outpoint = decodeWith(outPointCodec, key);
      if (outpoint.ok) yield { outpoint: outpoint.value, amount: coin.output.amount };
    }
  }

  *#change(): Iterable<Owned> {
    const { mempool } = this.#chain;
    for (const entry of mempool.list())
      for (const [vout, output] of entry.tx.outputs.entries()) {
        const outpoint = { txid: entry.txid, vout };
        // Only change of its own transactions: another's unconfirmed payment may be replaced.
        const own = entry.tx.inputs.every((input) => equal(input.witness[1] ?? input.scriptSig, secp.publicKey(this.#privateKey)));
        if (own && equal(output.script, this.script) && !mempool.spenders.has(coinKey(outpoint))) yield { outpoint, amount: output.amount };
      }
  }
}
