import { base64 } from '@scure/base';
import { expect, test } from 'vitest';
import { parsePsbt } from '../../src/bitcoin/psbt.ts';
import vectors from './bip371-psbt-taproot.json' with { type: 'json' };

test.each(vectors.invalid)('invalid: $name', ({ base64: text }) => {
  expect(parsePsbt(base64.decode(text))).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
});

test.each(vectors.valid)('valid: $name', ({ base64: text }) => {
  const parsed = parsePsbt(base64.decode(text));
  expect(parsed.ok && parsed.value.bytes).toEqual(base64.decode(text));
});
