import { type Bytes, fromHex } from '../../../../src/base/bytes.ts';
import type { TxId } from '../../../../src/base/ids.ts';
import { feeratePerKw, height, type Sat, sat, unixTime } from '../../../../src/base/units.ts';
import { hdKeys } from '../../../../src/bitcoin/hd.ts';
import { p2wpkhScript } from '../../../../src/bitcoin/script.ts';
import { type Tx, type TxOutput, txId, txInput } from '../../../../src/bitcoin/tx.ts';
import type { Random } from '../../../../src/bolt/channel/types.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import { type BuildOptions, outPointKey, type Wallet } from '../../../../src/node/wallet/types.ts';
import { connectBlock, newScript, newWallet } from '../../../../src/node/wallet/wallet.ts';

export const keys = hdKeys(fromHex('000102030405060708090a0b0c0d0e0f'), 'regtest').wallet;
export const freshWallet: Wallet = newWallet(keys);
export const NOW = unixTime(1_700_000_000);
/** A script of somebody else. */
export const THEIRS: Bytes = p2wpkhScript(fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'));

export function seededRandom(seed: number): Random {
  let state = sha256(Uint8Array.of(seed & 255, (seed >>> 8) & 255, (seed >>> 16) & 255, seed >>> 24));
  return (length) => {
    state = sha256(state);
    return state.slice(0, length);
  };
}

let salt = 0;

/** A transaction from somewhere else, never the same twice. */
export function foreignTx(outputs: readonly TxOutput[]): Tx {
  salt += 1;
  const txid = sha256(Uint8Array.of(salt & 255, (salt >>> 8) & 255, salt >>> 16)) as TxId;
  return { version: 2, inputs: [txInput({ txid, vout: 0 }, 0xffffffff, [new Uint8Array(64)])], outputs, locktime: 0 };
}

/** A wallet with these confirmed coins at height 100, alternating between both kinds of address. */
export function walletWith(amounts: readonly bigint[]): Wallet {
  let wallet = freshWallet;
  amounts.forEach((amount, i) => {
    const fresh = newScript(wallet, keys, i % 2 === 0 ? 'p2tr' : 'p2wpkh');
    const tx = foreignTx([{ amount: sat(amount), script: fresh.script }]);
    wallet = connectBlock(fresh.wallet, keys, { height: height(100), time: NOW, txs: [tx] });
  });
  return wallet;
}

export const options = (feerate: number, seed = 1): BuildOptions => ({
  feerate: feeratePerKw(feerate),
  height: height(200),
  random: seededRandom(seed),
});

export const sumOut = (tx: Tx): Sat => sat(tx.outputs.reduce((sum, output) => sum + output.amount, 0n));

/** The outputs that a transaction of the wallet spends, in order. */
export const prevoutsOf = (wallet: Wallet, tx: Tx): readonly TxOutput[] =>
  tx.inputs.map((input) => {
    const coin = wallet.coins.get(outPointKey(input.prevout));
    if (coin === undefined) throw new Error('an input is not ours');
    return coin.output;
  });

export const idOf = txId;
