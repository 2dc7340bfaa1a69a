// BOLT 11, "Examples" and "Examples of Invalid Invoices" (bolt11-invoices.json).
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatScid } from '../../src/base/ids.ts';
import { unixTime } from '../../src/base/units.ts';
import { decodeInvoice } from '../../src/bolt/invoice/decode.ts';
import { encodeInvoice, signWith } from '../../src/bolt/invoice/encode.ts';
import { fallbackAddress } from '../../src/bolt/invoice/fallback.ts';
import { expiresAt, expiryOf, isExpired, minFinalCltvExpiryDeltaOf } from '../../src/bolt/invoice/invoice.ts';
import type { Invoice, InvoiceErrorCode } from '../../src/bolt/invoice/types.ts';
import { decodeBits } from '../../src/bolt/wire/features.ts';
import { secp } from '../../src/crypto/ec.ts';
import vectors from './bolt11-invoices.json' with { type: 'json' };

const NETWORKS: { readonly [prefix: string]: string } = { bc: 'bitcoin', tb: 'testnet4' };
const CODES: { readonly [reason: string]: InvoiceErrorCode } = {
  unknown_even_feature: 'UNKNOWN_FEATURE',
  checksum: 'CHECKSUM',
  signature_not_recoverable: 'BAD_SIGNATURE',
  high_s_with_payee_field: 'BAD_SIGNATURE',
};

function decoded(text: string): Invoice {
  const result = decodeInvoice(text);
  if (!result.ok) throw new Error(`${result.failure.reason}: ${result.failure.message}`);
  return result.value;
}

describe('valid invoices', () => {
  test.each(vectors.valid)('every stated field: $name', (vector) => {
    const invoice = decoded(vector.invoice);
    expect(invoice.network).toBe(NETWORKS[vector.network]);
    expect(invoice.amount).toBe(vector.amount_msat === null ? null : BigInt(vector.amount_msat));
    expect(invoice.timestamp).toBe(vector.timestamp);
    expect(toHex(invoice.paymentHash)).toBe(vector.payment_hash);
    expect(toHex(invoice.paymentSecret)).toBe(vector.payment_secret);
    expect(invoice.description).toBe(vector.description);
    expect(invoice.descriptionHash && toHex(invoice.descriptionHash)).toBe(vector.description_hash);
    expect(invoice.expiry).toBe(vector.expiry);
    expect(expiryOf(invoice)).toBe(vector.expiry ?? vectors.default_expiry);
    expect(invoice.minFinalCltvExpiryDelta).toBe(vector.min_final_cltv_expiry_delta);
    expect(minFinalCltvExpiryDeltaOf(invoice)).toBe(vector.min_final_cltv_expiry_delta ?? vectors.default_min_final_cltv_expiry_delta);
    expect(toHex(invoice.payee)).toBe(vector.payee);
    expect(invoice.payeeField !== null).toBe(vector.payee_field);
    expect(decodeBits(invoice.features)).toEqual(vector.features);
    expect(invoice.paymentMetadata && toHex(invoice.paymentMetadata)).toBe(vector.metadata);
    expect(toHex(invoice.signature)).toBe(vector.signature);
    expect(invoice.signatureRecovery).toBe(vector.recovery_flag);
    expect(
      invoice.fallbacks.map((fallback) => ({
        version: fallback.version,
        program: toHex(fallback.program),
        address: fallbackAddress(fallback, invoice.network),
      })),
    ).toEqual(vector.fallbacks);
    expect(
      invoice.routes.map((route) =>
        route.map((hop) => ({
          pubkey: toHex(hop.nodeId),
          short_channel_id: formatScid(hop.shortChannelId),
          fee_base_msat: hop.feeBaseMsat,
          fee_proportional_millionths: hop.feeProportionalMillionths,
          cltv_expiry_delta: hop.cltvExpiryDelta,
        })),
      ),
    ).toEqual(vector.routes);
  });

  test.each(vectors.valid)('written again it says the same: $name', (vector) => {
    const invoice = decoded(vector.invoice);
    const again = decoded(encodeInvoice(invoice, signWith(fromHex(vectors.private_key))));
    expect(toHex(again.payee)).toBe(vectors.node_id);
    const { payee: _p, signature: _s, signatureRecovery: _r, ...fields } = invoice;
    expect(again).toMatchObject(fields);
  });

  // The others have their fields in another order, which a writer may choose.
  test.each([0, 1, 2, 3])('written again it is the same text: example %i', (i) => {
    const text = vectors.valid[i]?.invoice as string;
    expect(encodeInvoice(decoded(text), signWith(fromHex(vectors.private_key)))).toBe(text);
  });

  test('the hash is the one the specification signs', () => {
    for (const vector of vectors.valid) {
      const key = secp.recover(fromHex(vector.signature), vector.recovery_flag, fromHex(vector.signing_hash));
      expect(toHex(decoded(vector.invoice).payee)).toBe(toHex(key as Uint8Array));
    }
  });

  test('an invoice may be paid in the second in which it expires, and not in the next', () => {
    const invoice = decoded(vectors.valid[1]?.invoice as string);
    expect(expiresAt(invoice)).toBe(1496314658 + 60);
    expect(isExpired(invoice, unixTime(1496314718))).toBe(false);
    expect(isExpired(invoice, unixTime(1496314719))).toBe(true);
  });
});

describe('invalid invoices', () => {
  test.each(vectors.invalid)('refused with the right code and reason: $name', (vector) => {
    const result = decodeInvoice(vector.invoice);
    expect(result).toMatchObject({ ok: false, failure: { code: CODES[vector.reason] ?? 'MALFORMED', reason: vector.reason } });
  });

  test('an unknown feature is named by its bit', () => {
    const vector = vectors.invalid.find(({ reason }) => reason === 'unknown_even_feature');
    expect(decodeInvoice(vector?.invoice as string)).toMatchObject({ failure: { bit: 100, message: expect.stringContaining('bit 100') } });
  });
});
