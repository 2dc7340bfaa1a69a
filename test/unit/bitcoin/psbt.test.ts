import { expect, test } from 'vitest';
import { fromHex } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { sat } from '../../../src/base/units.ts';
import { hdKeys, type KeyPath } from '../../../src/bitcoin/hd.ts';
import {
  createPsbt,
  extractTx,
  finalizePsbt,
  type PathOf,
  type PsbtCoin,
  parsePsbt,
  psbtBytes,
  signPsbt,
} from '../../../src/bitcoin/psbt.ts';
import { type Tx, txId, txInput } from '../../../src/bitcoin/tx.ts';
import { scriptFailure } from './interpreter.ts';

const { wallet: keys } = hdKeys(fromHex('000102030405060708090a0b0c0d0e0f'), 'regtest');
const { wallet: others } = hdKeys(fromHex('0f0e0d0c0b0a09080706050403020100'), 'regtest');
const P2TR: KeyPath = { account: 'p2tr', chain: 'receive', index: 3 };
const P2WPKH: KeyPath = { account: 'p2wpkh', chain: 'receive', index: 4 };
const CHANGE: KeyPath = { account: 'p2tr', chain: 'change', index: 0 };

function previous(script: Uint8Array, amount: bigint): Tx {
  const txid = new Uint8Array(32).fill(9) as TxId;
  return {
    version: 2,
    inputs: [txInput({ txid, vout: 0 }, 0, [new Uint8Array(64)])],
    outputs: [{ amount: sat(amount), script }],
    locktime: 0,
  };
}

function setup(): { readonly tx: Tx; readonly inputs: readonly PsbtCoin[] } {
  const inputs = [P2TR, P2WPKH].map((path): PsbtCoin => {
    const tx = previous(keys.script(path), 50_000n);
    return { output: tx.outputs[0] ?? { amount: sat(0), script: new Uint8Array(0) }, path, previousTx: path === P2TR ? null : tx };
  });
  const prevouts = [P2TR, P2WPKH].map((path) => ({ txid: txId(previous(keys.script(path), 50_000n)), vout: 0 }));
  const outputs = [
    { amount: sat(70_000), script: others.script(P2TR) },
    { amount: sat(29_000), script: keys.script(CHANGE) },
  ];
  return { inputs, tx: { version: 2, inputs: prevouts.map((prevout) => txInput(prevout, 0xfffffffd)), outputs, locktime: 101 } };
}

const pathOf: PathOf = ({ output }) => [P2TR, P2WPKH].find((path) => `${keys.script(path)}` === `${output.script}`) ?? null;

function create(): Uint8Array {
  const { tx, inputs } = setup();
  const psbt = createPsbt({ tx, inputs, outputs: new Map([[1, CHANGE]]), keys });
  if (!psbt.ok) throw new Error(psbt.failure.message);
  return psbt.value;
}

test('created, signed, finalized and extracted, the transaction is the one asked for and its scripts pass', () => {
  const { tx, inputs } = setup();
  const view = parsePsbt(create());
  expect(view.ok && [view.value.fee, view.value.inputs.map((i) => i.prevout), view.value.outputs, view.value.locktime]).toEqual([
    1000n,
    tx.inputs.map((i) => i.prevout),
    tx.outputs,
    101,
  ]);
  const signed = signPsbt(create(), { keys, pathOf });
  if (!signed.ok) throw new Error(signed.failure.message);
  expect(signed.value.signed).toEqual([0, 1]);
  const final = finalizePsbt(signed.value.bytes);
  if (!final.ok) throw new Error(final.failure.message);
  const extracted = extractTx(final.value);
  if (!extracted.ok) throw new Error(extracted.failure.message);
  expect(txId(extracted.value)).toEqual(txId(tx));
  expect(
    scriptFailure(
      extracted.value,
      inputs.map((coin) => coin.output),
    ),
  ).toBe(null);
});

test('inputs of others are left alone, and those already signed are not signed again', () => {
  const none = signPsbt(create(), { keys, pathOf: () => null });
  expect(none.ok && none.value.signed).toEqual([]);
  const once = signPsbt(create(), { keys, pathOf });
  const twice = once.ok ? signPsbt(once.value.bytes, { keys, pathOf }) : once;
  expect(twice.ok && twice.value.signed).toEqual([]);
});

test('a key that does not belong to the input is refused', () => {
  const wrong = signPsbt(create(), { keys: others, pathOf: ({ output }) => (output.script.length === 22 ? P2WPKH : null) });
  expect(wrong.ok).toBe(false);
});

test('a spoiled signature does not finalize', () => {
  const signed = signPsbt(create(), { keys, pathOf });
  if (!signed.ok) throw new Error(signed.failure.message);
  const bytes = signed.value.bytes.slice();
  // The taproot key signature is the record of key type 0x13 with 64 bytes.
  const at = bytes.findIndex((byte, i) => byte === 0x01 && bytes[i + 1] === 0x13 && bytes[i + 2] === 0x40);
  expect(at).toBeGreaterThan(0);
  bytes[at + 10] = (bytes[at + 10] as number) ^ 1;
  expect(finalizePsbt(bytes)).toMatchObject({ ok: false, failure: { code: 'BAD_SIGNATURE' } });
});

test('a truncated or flipped PSBT is a returned failure, never a throw', () => {
  const bytes = create();
  for (let i = 0; i < bytes.length; i++) {
    expect(parsePsbt(bytes.slice(0, i)).ok).toBe(false);
    const flipped = bytes.slice();
    flipped[i] = (flipped[i] as number) ^ 0xff;
    parsePsbt(flipped);
    if (i % 8 === 0) signPsbt(flipped, { keys, pathOf });
  }
  expect(psbtBytes('not a psbt!')).toBe(null);
});
