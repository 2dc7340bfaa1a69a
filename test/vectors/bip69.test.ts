import { expect, test } from 'vitest';
import { fromHex, reversed } from '../../src/base/bytes.ts';
import type { TxId } from '../../src/base/ids.ts';
import { sat } from '../../src/base/units.ts';
import { compareOutPoints, compareOutputs } from '../../src/bitcoin/bip69.ts';
import vectors from './bip69-ordering.json' with { type: 'json' };

test.each(vectors.transactions)('inputs and outputs of $txid, shuffled, sort into the order of the BIP', ({ inputs, outputs }) => {
  const prevouts = inputs.map((i) => ({ txid: reversed(fromHex(i.txid)) as TxId, vout: i.vout }));
  expect([...prevouts].reverse().sort(compareOutPoints)).toEqual(prevouts);
  const outs = outputs.map((o) => ({ amount: sat(BigInt(o.amount_sat)), script: fromHex(o.scriptPubKey) }));
  expect([...outs].reverse().sort(compareOutputs)).toEqual(outs);
});
