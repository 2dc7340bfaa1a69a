import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, fromHex } from '../../../../src/base/bytes.ts';
import type { NodeId, Preimage, ShortChannelId } from '../../../../src/base/ids.ts';
import { height, msat } from '../../../../src/base/units.ts';
import { resolveBlinded } from '../../../../src/bolt/onion/blinded-payment.ts';
import { blindedPathCodec, buildBlindedPath, type RecipientData } from '../../../../src/bolt/onion/blinding.ts';
import { buildOnionMessage, type MessageContent, peelOnionMessage } from '../../../../src/bolt/onion/message.ts';
import { ecdhWith } from '../../../../src/bolt/onion/packet.ts';
import { encodePayload, type Payload, parsePayload, payloadCodec } from '../../../../src/bolt/onion/payload.ts';
import { decodeWith, encodeWith } from '../../../../src/codec/codec.ts';
import { secp } from '../../../../src/crypto/ec.ts';

const KEYS = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
const NODES = KEYS.map((key) => secp.publicKey(key) as NodeId);
const [FIRST, SECOND, THIRD] = NODES as [NodeId, NodeId, NodeId];
const amounts = { amtToForward: msat(1000), outgoingCltvValue: height(100) };
const scid = 42n as ShortChannelId;
const secret = new Uint8Array(32).fill(8);
const data = Uint8Array.of(1, 2, 3);
const parse = (payload: Payload, place: { isFinal: boolean; pathKey?: Bytes | null }) =>
  parsePayload(encodePayload(payload), { pathKey: null, ...place });
const problem = (payload: Payload, place: { isFinal: boolean; pathKey?: Bytes | null }) => {
  const parsed = parse(payload, place);
  return parsed.ok ? null : parsed.failure.type;
};

test('what is written is what is read', () => {
  const amount = fc.bigInt(0n, 2n ** 64n - 1n).map((value) => msat(value));
  const payload: fc.Arbitrary<Payload> = fc.record(
    {
      amtToForward: amount,
      outgoingCltvValue: fc.nat(0xffffffff).map(height),
      shortChannelId: fc.bigInt(0n, 2n ** 64n - 1n).map((id) => id as ShortChannelId),
      paymentData: fc.record({ paymentSecret: fc.uint8Array({ minLength: 32, maxLength: 32 }), totalMsat: amount }),
      encryptedRecipientData: fc.uint8Array({ maxLength: 50 }),
      paymentMetadata: fc.uint8Array({ maxLength: 50 }),
      totalAmountMsat: amount,
      keysendPreimage: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes as Bytes as Preimage),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(payload, (value) => {
      expect(decodeWith(payloadCodec, encodePayload(value))).toEqual({ ok: true, value });
    }),
  );
});

describe('outside of a blinded path', () => {
  test('a hop in between needs amount, expiry and channel', () => {
    expect(parse({ ...amounts, shortChannelId: scid }, { isFinal: false })).toEqual({
      ok: true,
      value: { kind: 'forward', ...amounts, shortChannelId: scid, customRecords: [] },
    });
    expect(problem({ outgoingCltvValue: height(1), shortChannelId: scid }, { isFinal: false })).toBe(2n);
    expect(problem({ amtToForward: msat(1), shortChannelId: scid }, { isFinal: false })).toBe(4n);
    expect(problem(amounts, { isFinal: false })).toBe(6n);
  });

  test('without a total the amount is the total', () => {
    expect(parse(amounts, { isFinal: true })).toMatchObject({ value: { kind: 'final', totalMsat: 1000n, paymentSecret: null } });
    expect(parse({ ...amounts, paymentData: { paymentSecret: secret, totalMsat: msat(3000) } }, { isFinal: true })).toMatchObject({
      value: { totalMsat: 3000n, paymentSecret: secret },
    });
  });

  test('a keysend preimage and custom records reach the recipient', () => {
    const custom = { type: 34349334n + 1n, value: data };
    const parsed = parse({ ...amounts, keysendPreimage: secret as Bytes as Preimage, unknown: [custom] }, { isFinal: true });
    expect(parsed).toMatchObject({ ok: true, value: { keysendPreimage: secret, customRecords: [custom] } });
  });

  test('a path key, inside or along, is refused', () => {
    expect(problem({ ...amounts, currentPathKey: FIRST }, { isFinal: true })).toBe(12n);
    expect(problem(amounts, { isFinal: true, pathKey: FIRST })).toBe(10n);
  });
});

describe('inside of a blinded path', () => {
  test('exactly one path key: the one along, or the one inside at the introduction point', () => {
    expect(parse({ encryptedRecipientData: data }, { isFinal: false, pathKey: FIRST })).toEqual({
      ok: true,
      value: { kind: 'blinded_forward', encryptedRecipientData: data, pathKey: FIRST, introduction: false },
    });
    expect(parse({ encryptedRecipientData: data, currentPathKey: FIRST }, { isFinal: false })).toMatchObject({
      value: { introduction: true },
    });
    expect(problem({ encryptedRecipientData: data, currentPathKey: FIRST }, { isFinal: false, pathKey: FIRST })).toBe(12n);
    expect(problem({ encryptedRecipientData: data }, { isFinal: false })).toBe(12n);
  });

  test('nothing else belongs there', () => {
    const place = { isFinal: false, pathKey: FIRST };
    expect(problem({ encryptedRecipientData: data, amtToForward: msat(1) }, place)).toBe(2n);
    expect(problem({ encryptedRecipientData: data, unknown: [{ type: 99n, value: data }] }, place)).toBe(99n);
    const last = { encryptedRecipientData: data, ...amounts, totalAmountMsat: msat(2000) };
    expect(parse(last, { isFinal: true, pathKey: FIRST })).toMatchObject({ value: { kind: 'blinded_final', totalMsat: 2000n } });
    expect(problem({ ...last, paymentData: { paymentSecret: secret, totalMsat: msat(1) } }, { isFinal: true, pathKey: FIRST })).toBe(8n);
    expect(problem({ encryptedRecipientData: data, ...amounts }, { isFinal: true, pathKey: FIRST })).toBe(18n);
  });

  test('the failure says that it is to be hidden', () => {
    expect(parse({ encryptedRecipientData: data, amtToForward: msat(1) }, { isFinal: false, pathKey: FIRST })).toMatchObject({
      failure: { blinded: true },
    });
    expect(parse({ ...amounts }, { isFinal: false })).toMatchObject({ failure: { blinded: false } });
  });
});

describe('a stream that does not decode', () => {
  test.each([
    ['an unknown even record', '02010a04010a0c00', 12n, 6],
    ['an unknown even record behind', '02010a04010a1601ff', 22n, 6],
    ['an amount that is not minimal', '0202000a', 2n, 0],
    ['a record twice', '02010a02010a', 0n, 3],
    ['a record that passes the end', '02010a04ff', 0n, 3],
    ['a short payment secret', '02010a04010a0801ff', 8n, 6],
  ])('names the record and its offset: %s', (_, stream, type, offset) => {
    expect(parsePayload(fromHex(stream), { isFinal: true, pathKey: null })).toMatchObject({
      ok: false,
      failure: { code: 'invalid_onion_payload', type, offset },
    });
  });

  test('any bytes, without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (stream, isFinal) => {
        const parsed = parsePayload(stream, { isFinal, pathKey: null });
        expect(parsed.ok || parsed.failure.offset <= stream.length).toBe(true);
      }),
    );
  });
});

describe('a payment over a blinded path', () => {
  const relay = { cltvExpiryDelta: 10, feeProportionalMillionths: 1000, feeBaseMsat: 1 };
  const htlc = { amountMsat: msat(100_000), cltvExpiry: height(500) };
  const step = (recipient: RecipientData, isFinal = false) => {
    const built = buildBlindedPath({ sessionKey: secret, hops: [{ nodeId: FIRST, data: recipient }] });
    if (built === null) throw new Error('no path');
    const common = {
      encryptedRecipientData: built.path.path[0]?.encryptedRecipientData as Bytes,
      pathKey: built.path.firstPathKey,
      introduction: false,
    };
    const payload = isFinal
      ? ({ kind: 'blinded_final', ...common, ...amounts, totalMsat: msat(1000), keysendPreimage: null } as const)
      : ({ kind: 'blinded_forward', ...common } as const);
    return resolveBlinded({ payload, htlc, ecdh: ecdhWith(KEYS[0] as Bytes) });
  };

  test('keeps the recipient’s constraints', () => {
    const good = { shortChannelId: scid, paymentRelay: relay };
    expect(step(good)).toMatchObject({ ok: true, value: { to: { shortChannelId: scid }, amtToForward: 99_900n, outgoingCltvValue: 490 } });
    const constraints = { maxCltvExpiry: height(500), htlcMinimumMsat: msat(100_000) };
    expect(step({ ...good, paymentConstraints: constraints }).ok).toBe(true);
    expect(step({ ...good, paymentConstraints: { ...constraints, maxCltvExpiry: height(499) } })).toMatchObject({
      failure: 'expiry_above_constraint',
    });
    expect(step({ ...good, paymentConstraints: { ...constraints, htlcMinimumMsat: msat(100_001) } })).toMatchObject({
      failure: 'amount_below_constraint',
    });
    expect(step({ ...good, allowedFeatures: Uint8Array.of(2) })).toMatchObject({ failure: 'unknown_feature' });
  });

  test('needs one next node and a relay', () => {
    expect(step({ paymentRelay: relay })).toMatchObject({ failure: 'no_next_node' });
    expect(step({ shortChannelId: scid })).toMatchObject({ failure: 'no_payment_relay' });
    expect(step({ shortChannelId: scid, nextNodeId: SECOND, paymentRelay: relay })).toMatchObject({ failure: 'recipient_data' });
    expect(step({ nextNodeId: SECOND, paymentRelay: relay })).toMatchObject({ value: { to: { nodeId: SECOND } } });
    expect(step({ unknown: [{ type: 16n, value: data }] })).toMatchObject({ failure: 'recipient_data' });
  });

  test('ends with what its recipient hid', () => {
    expect(step({ pathId: data }, true)).toMatchObject({ value: { kind: 'final', pathId: data, amtToForward: 1000n } });
  });
});

describe('onion messages', () => {
  const path = (hops: readonly RecipientData[]) => {
    const built = buildBlindedPath({ sessionKey: secret, hops: hops.map((hop, i) => ({ nodeId: NODES[i] as NodeId, data: hop })) });
    if (built === null) throw new Error('no path');
    return built.path;
  };
  const send = (hops: readonly RecipientData[], content: MessageContent) => {
    const { firstPathKey: pathKey, path: blinded } = path(hops);
    const built = buildOnionMessage({ sessionKey: KEYS[2] as Bytes, pathKey, path: blinded, content });
    if (!built.ok) throw new Error(built.failure.kind);
    return built.value;
  };

  test('small and large ones arrive with a reply path', () => {
    const replyPath = path([{ nextNodeId: SECOND }, { pathId: data }]);
    for (const size of [10, 2000, 20_000]) {
      const message = send([{ nextNodeId: SECOND }, { pathId: data }], { replyPath, invoiceRequest: new Uint8Array(size) });
      expect(message.packet.length).toBe(size < 1000 ? 1366 : 32_834);
      const forwarded = peelOnionMessage(message, ecdhWith(KEYS[0] as Bytes));
      if (!forwarded.ok || forwarded.value.kind !== 'forward') throw new Error('forwards');
      expect(forwarded.value.to).toEqual({ nodeId: SECOND });
      expect(peelOnionMessage(forwarded.value.message, ecdhWith(KEYS[1] as Bytes))).toEqual({
        ok: true,
        value: { kind: 'final', pathId: data, content: { replyPath, invoiceRequest: new Uint8Array(size) } },
      });
    }
    expect(() => send([{ pathId: data }], { invoice: new Uint8Array(33_000) })).toThrow('too_long');
  });

  test('what breaks the rules is ignored', () => {
    const at = (hops: readonly RecipientData[], content: MessageContent = {}) => {
      const received = peelOnionMessage(send(hops, content), ecdhWith(KEYS[0] as Bytes));
      return received.ok ? null : received.failure;
    };
    expect(at([{}, {}])).toBe('no_next_node');
    expect(at([{ nextNodeId: SECOND, pathId: data }, {}])).toBe('path_id_on_the_way');
    expect(at([{ allowedFeatures: Uint8Array.of(1) }])).toBe('unknown_feature');
    expect(at([{}], { invoice: data, invoiceError: data })).toBe('several_payloads');
    expect(at([{}], { unknown: [{ type: 70n, value: data }] })).toBe('payload');
    expect(at([{}])).toBeNull();
    const message = send([{}], {});
    expect(peelOnionMessage({ ...message, pathKey: THIRD }, ecdhWith(KEYS[0] as Bytes))).toMatchObject({ failure: 'onion' });
  });
});

test('a blinded path may begin at a channel', () => {
  const value = { firstNode: { shortChannelId: scid, direction: 1 as const }, firstPathKey: FIRST, path: [] };
  const encoded = encodeWith(blindedPathCodec, value);
  expect(encoded.length).toBe(9 + 33 + 1);
  expect(decodeWith(blindedPathCodec, encoded)).toEqual({ ok: true, value });
  expect(decodeWith(blindedPathCodec, Uint8Array.of(4, ...encoded.slice(1))).ok).toBe(false);
});
