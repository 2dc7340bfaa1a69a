import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { secp } from '../../src/crypto/ec.ts';
import { nobleSecp } from '../../src/crypto/noble.ts';
import vectors from './bip340-schnorr.json' with { type: 'json' };

describe.each([secp, nobleSecp])('BIP 340 with $name', (backend) => {
  it.each(vectors.cases)('$index', ({ secret_key, public_key, aux_rand, message, signature, valid }) => {
    if (secret_key !== null && aux_rand !== null)
      expect(toHex(backend.schnorrSign(fromHex(message), fromHex(secret_key), fromHex(aux_rand)))).toBe(signature);
    expect(backend.schnorrVerify(fromHex(signature), fromHex(message), fromHex(public_key))).toBe(valid);
  });
});
