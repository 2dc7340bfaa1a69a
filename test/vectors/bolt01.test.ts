import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { parseScid } from '../../src/base/ids.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/bolt/wire/message.ts';
import * as wire from '../../src/bolt/wire/types.ts';
import { bigsize, decodeWith, encodeWith, tu32, tu64 } from '../../src/codec/codec.ts';
import { tlvStream } from '../../src/codec/tlv.ts';
import bigsizes from './bolt01-bigsize.json' with { type: 'json' };
import extensions from './bolt01-message-extension.json' with { type: 'json' };
import integers from './bolt01-signed-integers.json' with { type: 'json' };
import tlvs from './bolt01-tlv.json' with { type: 'json' };

describe('BOLT 1, appendix A: BigSize', () => {
  it.each(bigsizes.decoding)('decoding, $name', ({ value, bytes, ...rest }) => {
    const decoded = decodeWith(bigsize, fromHex(bytes));
    if ('exp_error' in rest) {
      expect(decoded.ok).toBe(false);
      if (rest.exp_error?.includes('canonical')) expect(decoded).toMatchObject({ failure: { message: rest.exp_error } });
    } else expect(decoded).toEqual({ ok: true, value: BigInt(value) });
  });

  it.each(bigsizes.encoding)('encoding, $name', ({ value, bytes }) => {
    expect(toHex(encodeWith(bigsize, BigInt(value)))).toBe(bytes);
  });
});

describe('BOLT 1, appendix B: TLV streams', () => {
  const namespaces = {
    n1: tlvStream({
      tlv1: [1n, tu64],
      tlv2: [2n, wire.shortChannelId],
      tlv3: [3n, wire.struct({ nodeId: wire.nodeId, amountMsat1: wire.msat, amountMsat2: wire.msat })],
      tlv4: [254n, wire.u16],
    }),
    n2: tlvStream({ tlv1: [0n, tu64], tlv2: [11n, tu32] }),
  };
  type Namespace = keyof typeof namespaces;

  it.each(tlvs.failures.flatMap((c) => c.namespaces.map((n) => [n as Namespace, c.reason, c.stream] as const)))(
    '%s refuses: %s',
    (namespace, _, stream) => {
      expect(decodeWith(namespaces[namespace] as typeof namespaces.n1, fromHex(stream)).ok).toBe(false);
    },
  );

  it.each(tlvs.successes.flatMap((c) => c.namespaces.map((n) => [n as Namespace, c.stream, c.records] as const)))(
    '%s reads and writes back %s',
    (namespace, stream, records) => {
      const codec = namespaces[namespace] as typeof namespaces.n1;
      const decoded = decodeWith(codec, fromHex(stream));
      if (!decoded.ok) throw new Error(decoded.failure.message);
      const { unknown, ...known } = decoded.value;
      const expected = records as { [name: string]: { [field: string]: string } };
      expect(Object.keys(known)).toEqual(Object.keys(expected));
      if (expected['tlv1'] !== undefined) expect(known.tlv1).toBe(BigInt(expected['tlv1']['amount_msat']!));
      if (expected['tlv2'] !== undefined) expect(known.tlv2).toBe(parseScid(expected['tlv2']['scid']!));
      if (expected['tlv3'] !== undefined) {
        const { node_id, amount_msat_1, amount_msat_2 } = expected['tlv3'];
        expect(known.tlv3).toEqual({ nodeId: fromHex(node_id!), amountMsat1: BigInt(amount_msat_1!), amountMsat2: BigInt(amount_msat_2!) });
      }
      if (expected['tlv4'] !== undefined) expect(known.tlv4).toBe(Number(expected['tlv4']['cltv_delta']));
      expect(toHex(encodeWith(codec, decoded.value))).toBe(stream);
    },
  );
});

describe('BOLT 1, appendix C: message extension', () => {
  it.each(extensions.valid)('accepts $message: $note', ({ message }) => {
    const decoded = decodeMessage(fromHex(message));
    expect(decoded).toMatchObject({ ok: true, value: { name: 'init' } });
    if (decoded.ok) expect(toHex(encodeMessage(decoded.value as Message))).toBe(message);
  });

  it.each(extensions.invalid)('refuses $message: $note', ({ message }) => {
    expect(decodeMessage(fromHex(message))).toMatchObject({ ok: false, failure: { kind: 'malformed' } });
  });
});

describe('BOLT 1, appendix D: signed integers', () => {
  // The only signed type in the messages is s64: shorter ones are given their sign in front.
  it.each(integers.cases)('$value', ({ value, bytes }) => {
    const hex = bytes.padStart(16, Number.parseInt(bytes.slice(0, 2), 16) >= 0x80 ? 'f' : '0');
    expect(decodeWith(wire.signedSat, fromHex(hex))).toEqual({ ok: true, value: BigInt(value) });
    expect(toHex(encodeWith(wire.signedSat, BigInt(value) as never))).toBe(hex);
  });
});
