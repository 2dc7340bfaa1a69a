import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, concat, EMPTY, fromBigInt, toHex } from '../../../../src/base/bytes.ts';
import type { NodeId } from '../../../../src/base/ids.ts';
import { buildFailure, decodeFailure, wrapFailure } from '../../../../src/bolt/onion/failure.ts';
import { deriveKey, onionId } from '../../../../src/bolt/onion/keys.ts';
import { type BuiltOnion, buildOnion, ecdhWith, frameLength, PAYMENT_PACKET_LENGTH, peelOnion } from '../../../../src/bolt/onion/packet.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { hmacSha256, sha256 } from '../../../../src/crypto/hash.ts';

const key = (n: number): Bytes => fromBigInt(BigInt(n) + 1n, 32);
const KEYS = Array.from({ length: 20 }, (_, i) => key(i));
const NODES = KEYS.map((privateKey) => secp.publicKey(privateKey) as NodeId);
const AD = new Uint8Array(32).fill(0x42);

function build(payloads: readonly Bytes[], part: { sessionKey?: Bytes; payloadsLength?: number } = {}): BuiltOnion {
  const hops = payloads.map((payload, i) => ({ nodeId: NODES[i] as NodeId, payload }));
  const built = buildOnion({ sessionKey: key(99), hops, associatedData: AD, ...part });
  if (!built.ok) throw new Error(built.failure.kind);
  return built.value;
}
const peel = (packet: Bytes, i: number, associatedData = AD) => peelOnion({ packet, ecdh: ecdhWith(KEYS[i] as Bytes), associatedData });

/** Payloads of 1 to 20 hops that fit together. */
const payloads: fc.Arbitrary<readonly Bytes[]> = fc
  .integer({ min: 1, max: 20 })
  .chain((count) =>
    fc.array(fc.uint8Array({ minLength: 2, maxLength: Math.floor(1300 / count) - 35 }), { minLength: count, maxLength: count }),
  );

describe('build and peel', () => {
  test('every hop of 1 to 20 finds its own payload, and only the last one no packet', () => {
    fc.assert(
      fc.property(payloads, fc.bigInt(1n, 2n ** 255n), (all, session) => {
        const { packet, sharedSecrets } = build(all, { sessionKey: fromBigInt(session, 32) });
        let at: Bytes | null = packet;
        for (const [i, payload] of all.entries()) {
          expect(at?.length).toBe(PAYMENT_PACKET_LENGTH);
          const peeled = peel(at as Bytes, i);
          expect(peeled).toMatchObject({ ok: true, value: { payload, sharedSecret: sharedSecrets[i] } });
          at = peeled.ok ? peeled.value.nextPacket : null;
        }
        expect(at).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  test('20 hops with the payloads that fill the packet to the last byte', () => {
    const all = KEYS.map((_, i) => new Uint8Array(32).fill(i + 1));
    expect(all.reduce((sum, payload) => sum + frameLength(payload), 0)).toBe(1300);
    let at: Bytes | null = build(all).packet;
    for (const [i, payload] of all.entries()) {
      const peeled = peel(at as Bytes, i);
      expect(peeled.ok && peeled.value.payload).toEqual(payload);
      at = peeled.ok ? peeled.value.nextPacket : null;
    }
    expect(at).toBeNull();
  });

  test('payloads at the borders of the length and of the packet', () => {
    for (const length of [2, 252, 253, 254, 1265]) {
      const payload = new Uint8Array(length).fill(7);
      expect(peel(build([payload]).packet, 0)).toMatchObject({ ok: true, value: { payload, nextPacket: null } });
    }
    const hops = [{ nodeId: NODES[0] as NodeId, payload: new Uint8Array(1266) }];
    expect(buildOnion({ sessionKey: key(99), hops, associatedData: AD })).toEqual({
      ok: false,
      failure: { kind: 'too_long', length: 1301 },
    });
    expect(build([new Uint8Array(30_000)], { payloadsLength: 32_768 }).packet).toHaveLength(32_834);
  });

  test('a node id that is no point is named', () => {
    const hops = [
      { nodeId: NODES[0] as NodeId, payload: AD },
      { nodeId: new Uint8Array(33).fill(2).fill(0xff, 1) as Bytes as NodeId, payload: AD },
    ];
    expect(buildOnion({ sessionKey: key(99), hops, associatedData: AD })).toEqual({
      ok: false,
      failure: { kind: 'invalid_node_id', hop: 1 },
    });
  });

  test('what went in is not written to, and the packets share no memory', () => {
    const payload = new Uint8Array(40).fill(9);
    const { packet } = build([payload, payload]);
    const before = packet.slice();
    const peeled = peel(packet, 0);
    expect(packet).toEqual(before);
    if (!peeled.ok) throw new Error('peels');
    peeled.value.payload.fill(0);
    expect(peel(peeled.value.nextPacket as Bytes, 1)).toMatchObject({ ok: true, value: { payload } });
  });

  test('the same packet has the same id, another session another one', () => {
    const first = peel(build([AD]).packet, 0);
    const again = peel(build([AD]).packet, 0);
    const other = peel(build([AD], { sessionKey: key(98) }).packet, 0);
    if (!first.ok || !again.ok || !other.ok) throw new Error('peels');
    expect(onionId(first.value.sharedSecret)).toEqual(onionId(again.value.sharedSecret));
    expect(onionId(first.value.sharedSecret)).not.toEqual(onionId(other.value.sharedSecret));
  });
});

describe('a packet that is refused', () => {
  const { packet } = build([AD, AD, AD]);

  test('any bit flip, with the code for its place and the hash of the packet', () => {
    fc.assert(
      fc.property(fc.nat(PAYMENT_PACKET_LENGTH * 8 - 1), (bit) => {
        const flipped = packet.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const peeled = peel(flipped, 0);
        const codes =
          bit < 8 ? ['invalid_onion_version'] : bit < 34 * 8 ? ['invalid_onion_key', 'invalid_onion_hmac'] : ['invalid_onion_hmac'];
        if (peeled.ok || !('sha256OfOnion' in peeled.failure)) throw new Error('accepted');
        expect(codes).toContain(peeled.failure.code);
        expect(peeled.failure.sha256OfOnion).toEqual(sha256(flipped));
      }),
      { numRuns: 500 },
    );
  });

  test('for another payment hash, at another node, cut or stretched', () => {
    expect(peel(packet, 0, new Uint8Array(32))).toMatchObject({ failure: { code: 'invalid_onion_hmac' } });
    expect(peel(packet, 1)).toMatchObject({ failure: { code: 'invalid_onion_hmac' } });
    for (const length of [0, 1, 33, 65, 66, 67, 1365]) expect(peel(packet.slice(0, length), 0).ok).toBe(false);
    expect(peel(concat(packet, EMPTY, Uint8Array.of(0)), 0)).toMatchObject({ failure: { code: 'invalid_onion_hmac' } });
  });

  test('any bytes, without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), (noise) => {
        expect(peel(noise, 0).ok).toBe(false);
        expect(peelOnion({ packet, ecdh: ecdhWith(KEYS[0] as Bytes), associatedData: AD, pathKey: noise }).ok).toBe(false);
      }),
    );
  });

  test('a payload whose length is reserved, not minimal or beyond the packet is the origin’s fault, told through the onion', () => {
    // A one-hop packet with a forged frame under a right HMAC.
    for (const head of [[0], [1], [0xfd, 0, 0xfc], [0xfd, 0x05, 0x00], [0xfe, 0, 0, 1, 0], [0xff]]) {
      const good = build([new Uint8Array(60)]);
      const secret = good.sharedSecrets[0] as Bytes;
      const forged = good.packet.slice();
      const plain = [60, 0, 0, 0, 0];
      for (const [i, byte] of head.entries()) forged[34 + i]! ^= byte ^ (plain[i] as number);
      forged.set(hmacSha256(deriveKey('mu', secret), concat(forged.subarray(34, 1334), AD)), 1334);
      expect(peel(forged, 0)).toEqual({ ok: false, failure: { code: 'invalid_onion_payload', type: 0n, offset: 0, sharedSecret: secret } });
    }
  });
});

describe('failures on their way back', () => {
  test('whichever hop fails, the origin learns which and what, with all hold times', () => {
    const { sharedSecrets } = build(KEYS.map(() => new Uint8Array(4)));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(19), fc.uint8Array({ minLength: 2, maxLength: 300 }), (count, at, message) => {
        const erring = at % count;
        const secrets = sharedSecrets.slice(0, count);
        let sent = buildFailure({ sharedSecret: secrets[erring] as Bytes, message, holdTime: erring });
        for (let i = erring - 1; i >= 0; i--)
          sent = wrapFailure({ sharedSecret: secrets[i] as Bytes, packet: sent.packet, received: sent.attributionData, holdTime: i });
        expect(decodeFailure({ packet: sent.packet, sharedSecrets: secrets, attributionData: sent.attributionData })).toEqual({
          kind: 'failure',
          hopIndex: erring,
          message,
          attribution: { holdTimes: Array.from({ length: erring + 1 }, (_, i) => i), brokenAt: null },
        });
      }),
      { numRuns: 60 },
    );
  });

  test('a packet that was changed is unreadable', () => {
    const { sharedSecrets } = build([AD, AD, AD]);
    const { packet } = buildFailure({ sharedSecret: sharedSecrets[0] as Bytes, message: Uint8Array.of(0x20, 2), holdTime: null });
    fc.assert(
      fc.property(fc.nat(packet.length * 8 - 1), (bit) => {
        const flipped = packet.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(decodeFailure({ packet: flipped, sharedSecrets })).toEqual({ kind: 'unreadable', attribution: null });
      }),
    );
  });

  test('any bytes are unreadable, without throwing', () => {
    const { sharedSecrets } = build([AD, AD]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ minLength: 919, maxLength: 921 }), (packet, attributionData) => {
        expect(decodeFailure({ packet, sharedSecrets, attributionData })).toMatchObject({
          kind: 'unreadable',
          attribution: { brokenAt: 0 },
        });
      }),
    );
  });

  test('a short failure is padded to 256 bytes, so that its kind does not show', () => {
    const sharedSecret = key(5);
    const lengths = [2, 10, 200].map(
      (length) => buildFailure({ sharedSecret, message: new Uint8Array(length), holdTime: null }).packet.length,
    );
    expect(lengths).toEqual([292, 292, 292]);
    expect(toHex(buildFailure({ sharedSecret, message: AD, holdTime: 7 }).attributionData as Bytes)).toHaveLength(1840);
  });
});
