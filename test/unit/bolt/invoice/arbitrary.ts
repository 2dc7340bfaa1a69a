import fc from 'fast-check';
import { type Bytes, fromBigInt } from '../../../../src/base/bytes.ts';
import type { NodeId, PaymentHash, ShortChannelId } from '../../../../src/base/ids.ts';
import { type Blocks, msat, unixTime } from '../../../../src/base/units.ts';
import { NETWORKS } from '../../../../src/bitcoin/network.ts';
import type { Fallback, InvoiceFields, RouteHintHop, UnknownField } from '../../../../src/bolt/invoice/types.ts';
import { encodeBits } from '../../../../src/bolt/wire/features.ts';
import { secp } from '../../../../src/crypto/ec.ts';

const bytes = (length: number): fc.Arbitrary<Bytes> => fc.uint8Array({ minLength: length, maxLength: length });
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

export const privateKey: fc.Arbitrary<Bytes> = fc.bigInt(1n, (1n << 255n) - 1n).map((key) => fromBigInt(key, 32));
const nodeId: fc.Arbitrary<NodeId> = privateKey.map((key) => secp.publicKey(key) as NodeId);

const hop: fc.Arbitrary<RouteHintHop> = fc.record({
  nodeId,
  shortChannelId: fc.bigInt(0n, (1n << 64n) - 1n).map((id) => id as ShortChannelId),
  feeBaseMsat: fc.nat(0xffffffff),
  feeProportionalMillionths: fc.nat(0xffffffff),
  cltvExpiryDelta: fc.nat(0xffff),
});

const fallback: fc.Arbitrary<Fallback> = fc.oneof(
  fc.record({ version: fc.constantFrom(0, 17, 18), program: bytes(20) }),
  fc.record({ version: fc.constantFrom(0, 1), program: bytes(32) }),
  fc.record({ version: fc.integer({ min: 1, max: 16 }), program: fc.uint8Array({ minLength: 2, maxLength: 40 }) }),
);

const KNOWN_TYPES = [1, 3, 5, 6, 9, 13, 16, 19, 23, 24, 27];
const unknownField: fc.Arbitrary<UnknownField> = fc.record({
  type: fc.nat(31).filter((type) => !KNOWN_TYPES.includes(type)),
  words: fc.uint8Array({ max: 31, maxLength: 60 }),
});

/** Features that an invoice may have: 8 and 14 required, some offered. */
const features = fc.subarray([17, 25, 37, 49, 99, 101, 1023]).map((odd) => encodeBits([8, 14, ...odd]));

export const MAX_MSAT = 2_100_000_000_000_000_000n;
export const amount: fc.Arbitrary<bigint> = fc
  .tuple(fc.bigInt(1n, MAX_MSAT), fc.constantFrom(1n, 10n, 100n, 100_000n, 100_000_000n, 100_000_000_000n))
  .map(([value, unit]) => (value / unit > 0n ? (value / unit) * unit : unit));

/** Everything but the payee, which depends on who signs. */
export const invoiceFields: fc.Arbitrary<InvoiceFields> = fc
  .record({
    network: fc.constantFrom(...NETWORKS),
    amount: orNull(amount.map((value) => msat(value))),
    timestamp: fc.nat(2 ** 31 - 1).map((seconds) => unixTime(seconds)),
    paymentHash: bytes(32).map((hash) => hash as PaymentHash),
    paymentSecret: bytes(32),
    text: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 100 }), bytes(32)),
    expiry: orNull(fc.integer({ min: 0, max: 2 ** 50 - 1 })),
    minFinalCltvExpiryDelta: orNull(fc.nat(0xffffffff).map((blocks) => blocks as Blocks)),
    features,
    fallbacks: fc.array(fallback, { maxLength: 3 }),
    routes: fc.array(fc.array(hop, { minLength: 1, maxLength: 4 }), { maxLength: 3 }),
    paymentMetadata: orNull(fc.uint8Array({ maxLength: 100 })),
    unknownFields: fc.array(unknownField, { maxLength: 3 }),
  })
  .map(({ text, ...rest }) => ({
    ...rest,
    description: typeof text === 'string' ? text : null,
    descriptionHash: typeof text === 'string' ? null : text,
    payeeField: null,
  }));
