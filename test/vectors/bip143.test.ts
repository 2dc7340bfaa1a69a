import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { sat } from '../../src/base/units.ts';
import { sighashV0, sighashV0Preimage } from '../../src/bitcoin/sighash.ts';
import { signP2wpkhInput } from '../../src/bitcoin/sign.ts';
import { decodeTx, type Tx } from '../../src/bitcoin/tx.ts';
import { sha256d } from '../../src/crypto/hash.ts';
import vectors from './bip143-sighash.json' with { type: 'json' };

// Two of the preimages belong to the section's second transaction, which the transcription left out.
const SECOND_P2WSH =
  '0100000002e9b542c5176808107ff1df906f46bb1f2583b16112b95ee5380665ba7fcfc0010000000000ffffffff80e68831516392fcd100d186b3c2c7b95c80b53c77e77c35ba03a66b429a2a1b0000000000ffffffff0280969800000000001976a914de4b231626ef508c9a74a8517e6783c0546d6b2888ac80969800000000001976a9146648a8cd4531e1ec47f35916de8e259237294d1e88ac00000000';

const cases = vectors.examples.flatMap((e) => e.sighashes.map((s, i) => ({ name: e.name, i, unsigned: e.unsigned_tx, ...s })));

test.each(cases)('$name, signature $i: the preimage and hash are the BIP’s', ({ unsigned, preimage, sighash, type }) => {
  const wanted = fromHex(preimage);
  const named = (t: Tx): boolean => t.inputs.some((i) => toHex(wanted.slice(68, 100)) === toHex(i.prevout.txid));
  const tx = [txOf(unsigned), txOf(SECOND_P2WSH)].find(named);
  if (tx === undefined) throw new Error('no transaction has this input');
  // The preimage itself says which input, script and amount it is of.
  const index = tx.inputs.findIndex((i) => toHex(wanted.slice(68, 100)) === toHex(i.prevout.txid));
  expect(index).toBeGreaterThanOrEqual(0);
  const short = (wanted[104] as number) < 0xfd;
  const scriptCode = wanted.slice(short ? 105 : 107, -52);
  const amount = sat(new DataView(wanted.buffer).getBigUint64(wanted.length - 52, true));
  const part = { tx, index, scriptCode, amount, hashType: type };
  expect(toHex(sighashV0Preimage(part))).toBe(preimage);
  expect(toHex(sighashV0(part))).toBe(sighash);
  expect(toHex(sha256d(wanted))).toBe(sighash);
});

test('the native P2WPKH example signs to the same witness as in the BIP', () => {
  const [example] = vectors.examples;
  if (example === undefined) throw new Error('no example');
  const signed = txOf(example.signed_tx);
  const witness = signP2wpkhInput({
    tx: txOf(example.unsigned_tx),
    index: 1,
    amount: sat(600_000_000),
    privateKey: fromHex(example.private_keys[1] as string),
  });
  expect(witness.map(toHex)).toEqual(signed.inputs[1]?.witness.map(toHex));
});

function txOf(hex: string): Tx {
  const tx = decodeTx(fromHex(hex));
  if (!tx.ok) throw new Error(tx.failure.message);
  return tx.value;
}
