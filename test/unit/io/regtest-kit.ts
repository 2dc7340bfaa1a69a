import type { Bytes } from '../../../src/base/bytes.ts';
import type { OutPoint } from '../../../src/base/ids.ts';
import { type Sat, sat } from '../../../src/base/units.ts';
import { p2wpkhScript } from '../../../src/bitcoin/script.ts';
import { signP2wpkhInput } from '../../../src/bitcoin/sign.ts';
import { type Tx, type TxOutput, txId, txInput, withWitness } from '../../../src/bitcoin/tx.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { RegtestChain } from '../../../src/io/regtest/chain.ts';
import type { Reject } from '../../../src/io/regtest/mempool.ts';

export const KEY: Bytes = new Uint8Array(32).fill(0x11);
export const PUBLIC: Bytes = secp.publicKey(KEY);
export const HOME: Bytes = p2wpkhScript(PUBLIC);
export const AWAY: Bytes = p2wpkhScript(secp.publicKey(new Uint8Array(32).fill(0x22)));

export interface Spendable {
  readonly outpoint: OutPoint;
  readonly amount: Sat;
}

/** A chain with a clock that stands still and `blocks` blocks mined to HOME. */
export function chainOf(blocks: number, options: { readonly now?: () => number } = {}): RegtestChain {
  const chain = new RegtestChain({ now: () => 1_700_000_000, ...options });
  chain.mine(blocks, HOME);
  return chain;
}

/** The coinbase of a block of the best chain. */
export function coinbaseOf(chain: RegtestChain, height: number): Spendable {
  const tx = chain.at(height)?.txs[0] as Tx;
  return { outpoint: { txid: txId(tx), vout: 0 }, amount: (tx.outputs[0] as TxOutput).amount };
}

export const outputOf = (tx: Tx, vout: number): Spendable => ({
  outpoint: { txid: txId(tx), vout },
  amount: (tx.outputs[vout] as TxOutput).amount,
});

export interface SpendOptions {
  readonly fee?: number;
  readonly sequence?: number;
  readonly locktime?: number;
  readonly version?: number;
  readonly to?: readonly TxOutput[];
}

/** Signs coins of HOME; without `to`, everything less the fee goes to AWAY. */
export function spend(coins: readonly Spendable[], options: SpendOptions = {}): Tx {
  const total = coins.reduce((sum, coin) => sum + coin.amount, 0n);
  const unsigned: Tx = {
    version: options.version ?? 2,
    inputs: coins.map((coin) => txInput(coin.outpoint, options.sequence ?? 0xfffffffd)),
    outputs: options.to ?? [{ script: AWAY, amount: sat(total - BigInt(options.fee ?? 1000)) }],
    locktime: options.locktime ?? 0,
  };
  return coins.reduce(
    (tx, coin, index) => withWitness(tx, index, signP2wpkhInput({ tx: unsigned, index, amount: coin.amount, privateKey: KEY })),
    unsigned,
  );
}

/** The failure of a submission, `reason` or `reason, details`; null where it was accepted. */
export function refusal(result: ReturnType<RegtestChain['submit']>): string | null {
  if (result.ok) return null;
  const { reason, details }: Reject = result.failure;
  return details === null ? reason : `${reason}, ${details}`;
}
