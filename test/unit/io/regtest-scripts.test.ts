import { expect, test } from 'vitest';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { sat } from '../../../src/base/units.ts';
import { p2trScript } from '../../../src/bitcoin/script.ts';
import { sighashTaproot } from '../../../src/bitcoin/sighash.ts';
import { signP2trInput } from '../../../src/bitcoin/sign.ts';
import { bip86Script, controlBlock, tapLeafHash, taprootOutputKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { type Tx, txInput } from '../../../src/bitcoin/tx.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';

/** One output key in 256 begins with a zero byte. */
function keyOfZero(): Uint8Array {
  for (let i = 0; ; i++) {
    const key = sha256(utf8(`key ${i}`));
    if (bip86Script(secp.publicKey(key))[2] === 0) return key;
  }
}

test('a signature of a taproot key that begins with a zero byte holds, and a bent one does not', () => {
  const privateKey = keyOfZero();
  const script = bip86Script(secp.publicKey(privateKey));
  const prevouts = [{ amount: sat(1000), script }];
  const unsigned: Tx = {
    version: 2,
    inputs: [txInput({ txid: sha256(utf8('a')) as TxId, vout: 0 }, 0)],
    outputs: [{ amount: sat(900), script }],
    locktime: 0,
  };
  const signed = (hashType: number): Tx => {
    const witness = signP2trInput({ tx: unsigned, index: 0, prevouts, privateKey, hashType });
    return { ...unsigned, inputs: unsigned.inputs.map((input) => ({ ...input, witness })) };
  };
  const withWitness = (tx: Tx, change: (item: Uint8Array) => Uint8Array): Tx => ({
    ...tx,
    inputs: tx.inputs.map((input) => ({ ...input, witness: input.witness.map(change) })),
  });
  for (const hashType of [0, 1, 0x83]) expect(checkScripts(signed(hashType), prevouts)).toBeNull();
  expect(
    checkScripts(
      withWitness(signed(0), (item) => item.map((byte, i) => (i === 40 ? byte ^ 1 : byte))),
      prevouts,
    ),
  ).toMatchObject({ index: 0 });
  expect(
    checkScripts(
      withWitness(signed(1), (item) => item.map((byte, i) => (i === 64 ? 0x42 : byte))),
      prevouts,
    ),
  ).toMatchObject({ index: 0 });
  expect(checkScripts({ ...signed(1), outputs: [{ amount: sat(901), script }] }, prevouts)).toMatchObject({ index: 0 });
});

test('the same in a tapscript: CHECKSIG under a key that begins with a zero byte', () => {
  const secret = (() => {
    for (let i = 0; ; i++) {
      const key = sha256(utf8(`leaf ${i}`));
      if (secp.publicKey(key)[1] === 0) return key;
    }
  })();
  const leaf = concat(Uint8Array.of(32), xOnly(secp.publicKey(secret)), Uint8Array.of(0xac));
  const internalKey = xOnly(secp.publicKey(sha256(utf8('internal'))));
  const leafHash = tapLeafHash(leaf);
  const output = taprootOutputKey(internalKey, leafHash);
  if (output === null) throw new Error('no output key');
  const prevouts = [{ amount: sat(1000), script: p2trScript(output.key) }];
  const tx: Tx = {
    version: 2,
    inputs: [txInput({ txid: sha256(utf8('a')) as TxId, vout: 0 }, 0)],
    outputs: [{ amount: sat(900), script: p2trScript(internalKey) }],
    locktime: 0,
  };
  const digest = sighashTaproot({ tx, index: 0, prevouts, hashType: 0, leaf: { hash: leafHash } });
  const signature = secp.schnorrSign(digest, secret, new Uint8Array(32));
  const control = controlBlock({ internalKey, parity: output.parity, path: [] });
  const spend = (witness: Uint8Array): Tx => ({
    ...tx,
    inputs: tx.inputs.map((input) => ({ ...input, witness: [witness, leaf, control] })),
  });
  expect(checkScripts(spend(signature), prevouts)).toBeNull();
  expect(checkScripts(spend(signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte))), prevouts)).not.toBeNull();
});
