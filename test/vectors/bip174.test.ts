import { base64 } from '@scure/base';
import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { hdKeys } from '../../src/bitcoin/hd.ts';
import { combinePsbts, extractTx, finalizePsbt, parsePsbt, psbtBytes, psbtText, signPsbt } from '../../src/bitcoin/psbt.ts';
import { encodeTx } from '../../src/bitcoin/tx.ts';
import vectors from './bip174-psbt.json' with { type: 'json' };

const of = (text: string): Uint8Array => base64.decode(text);
const keys = hdKeys(new Uint8Array(32).fill(7), 'regtest').wallet;

test.each(vectors.invalid)('invalid: $name', ({ base64: text }) => {
  expect(parsePsbt(of(text)).ok).toBe(false);
});

test.each(vectors.valid)('valid: $name', ({ base64: text }) => {
  const parsed = parsePsbt(of(text));
  expect(parsed.ok && parsed.value.bytes).toEqual(of(text));
  const hex = psbtBytes(toHex(of(text)));
  expect(hex).toEqual(of(text));
  expect(psbtText(of(text))).toBe(text);
});

test.each(vectors.fails_signer)('a signer refuses: $name', ({ base64: text }) => {
  const signed = signPsbt(of(text), { keys, pathOf: () => ({ account: 'p2wpkh', chain: 'receive', index: 0 }) });
  expect(signed.ok).toBe(false);
});

const step = (name: string): string => {
  const result = vectors.workflow.find((each) => each.step === name)?.result;
  if (result === undefined) throw new Error(`no step ${name}`);
  return result;
};

test('combining, finalizing and extracting give the results of the BIP’s workflow', () => {
  const combined = combinePsbts([of(step('sign_1')), of(step('sign_2'))]);
  if (!combined.ok) throw new Error(combined.failure.message);
  // The order of the records in a map means nothing, so that the results are compared once finalized.
  expect(combined.value.length).toBe(of(step('combine')).length);
  for (const bytes of [combined.value, of(step('combine'))]) {
    const finalized = finalizePsbt(bytes);
    expect(finalized.ok && psbtText(finalized.value)).toBe(step('finalize'));
  }
  const tx = extractTx(of(step('finalize')));
  expect(tx.ok && toHex(encodeTx(tx.value))).toBe(step('extract'));
});

test('unknown records survive combining', () => {
  const inputs = vectors.workflow.find((each) => each.step === 'combine_unknown_inputs')?.inputs as unknown as readonly [string, string];
  const combined = combinePsbts([of(inputs[0]), of(inputs[1])]);
  expect(combined.ok && psbtText(combined.value)).toBe(step('combine_unknown'));
});

test('a PSBT that is not signed does not finalize, and one that is not finalized does not extract', () => {
  expect(finalizePsbt(of(step('update_sighash')))).toMatchObject({ ok: false });
  expect(finalizePsbt(of(step('sign_1')))).toMatchObject({ ok: false });
  expect(extractTx(of(step('combine')))).toMatchObject({ ok: false });
});
