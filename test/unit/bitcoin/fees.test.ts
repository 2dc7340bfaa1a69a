import { expect, test } from 'vitest';
import { fromHex } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { feeratePerKw, sat } from '../../../src/base/units.ts';
import {
  DUST_LIMIT,
  dustLimit,
  feeOfWeight,
  feeOfWeightCeil,
  feerateOf,
  fromBtcPerKvbyte,
  fromSatPerVbyte,
  inputWeight,
  SCRIPT_LENGTH,
  toSatPerVbyte,
  transactionWeight,
  WITNESS_WEIGHT,
} from '../../../src/bitcoin/fees.ts';
import { p2pkhScript, p2shScript, p2trScript, p2wpkhScript, p2wshScript } from '../../../src/bitcoin/script.ts';
import { type Tx, txInput, txWeight } from '../../../src/bitcoin/tx.ts';

const KEY = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
const SCRIPTS = {
  p2pkh: p2pkhScript(KEY),
  p2sh: p2shScript(KEY),
  p2wpkh: p2wpkhScript(KEY),
  p2wsh: p2wshScript(KEY),
  p2tr: p2trScript(KEY.slice(1)),
};

test('dust limits are those of Bitcoin Core and of BOLT 3', () => {
  for (const [kind, script] of Object.entries(SCRIPTS)) {
    expect([kind, dustLimit(script)]).toEqual([kind, DUST_LIMIT[kind as keyof typeof SCRIPTS]]);
    expect([kind, script.length]).toEqual([kind, SCRIPT_LENGTH[kind as keyof typeof SCRIPTS]]);
  }
  expect(dustLimit(fromHex('51024e73'))).toBe(DUST_LIMIT.p2a);
  expect(dustLimit(fromHex(`6028${'00'.repeat(40)}`))).toBe(354n);
  expect(dustLimit(fromHex('6a04deadbeef'))).toBe(0n);
});

test('the weight foretold is that of the serialized transaction', () => {
  for (const [ins, outs] of [
    [1, 2],
    [252, 252],
    [253, 1],
    [1, 253],
    [300, 300],
  ] as const) {
    for (const kind of ['p2wpkh', 'p2tr'] as const) {
      const items = kind === 'p2tr' ? [64] : [72, 33];
      const witness = items.map((length) => new Uint8Array(length));
      const prevout = { txid: new Uint8Array(32) as TxId, vout: 0 };
      const tx: Tx = {
        version: 2,
        locktime: 0,
        inputs: Array.from({ length: ins }, () => txInput(prevout, 0, witness)),
        outputs: Array.from({ length: outs }, () => ({ amount: sat(1), script: SCRIPTS.p2tr })),
      };
      const foretold = transactionWeight({ inputs: tx.inputs.map(() => kind), outputs: tx.outputs.map((o) => o.script) });
      expect(foretold).toBe(txWeight(tx));
    }
  }
  expect([inputWeight('p2wpkh'), inputWeight('p2tr'), WITNESS_WEIGHT.p2wpkh]).toEqual([272, 230, 108]);
});

test('fees round down for BOLT 3 and up for the wallet, and feerates convert', () => {
  expect(feeOfWeight(724, feeratePerKw(253))).toBe(183n);
  expect(feeOfWeightCeil(724, feeratePerKw(253))).toBe(184n);
  expect(feerateOf(sat(184), 724)).toBe(254);
  expect(fromSatPerVbyte(1)).toBe(250);
  expect(fromSatPerVbyte(1.0001)).toBe(251);
  expect(toSatPerVbyte(feeratePerKw(253))).toBe(1.012);
  expect(fromBtcPerKvbyte(0.00001)).toBe(250);
  expect(fromBtcPerKvbyte(0.00029351)).toBe(7338);
});
