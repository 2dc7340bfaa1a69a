// BOLT 4, bolt04/onion-test.json and bolt04/onion-error-test.json.
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { NodeId } from '../../src/base/ids.ts';
import { buildFailure, decodeFailure, wrapFailure } from '../../src/bolt/onion/failure.ts';
import { deriveKey } from '../../src/bolt/onion/keys.ts';
import { type BuiltOnion, buildOnion, ecdhWith, type OnionHop, peelOnion } from '../../src/bolt/onion/packet.ts';
import { bigsizeNumber } from '../../src/codec/codec.ts';
import { Reader } from '../../src/codec/reader.ts';
import errors from './bolt04-onion-error-test.json' with { type: 'json' };
import vectors from './bolt04-onion-test.json' with { type: 'json' };

const { generate } = vectors;
const associatedData = fromHex(generate.associated_data);

/** The vectors' payloads have their length in front. */
function hopOf({ pubkey, payload }: { readonly pubkey: string; readonly payload: string }): OnionHop {
  const reader = new Reader(fromHex(payload));
  const length = bigsizeNumber.read(reader);
  expect(reader.left).toBe(length);
  return { nodeId: fromHex(pubkey) as NodeId, payload: reader.rest().slice() };
}

function build(): BuiltOnion {
  const built = buildOnion({ sessionKey: fromHex(generate.session_key), hops: generate.hops.map(hopOf), associatedData });
  if (!built.ok) throw new Error(built.failure.kind);
  return built.value;
}

describe('onion-test.json', () => {
  test('the packet is the same byte for byte', () => {
    expect(toHex(build().packet)).toBe(vectors.onion);
  });

  test('every hop finds its payload, the last one no further packet', () => {
    let packet: Uint8Array | null = fromHex(vectors.onion);
    const { sharedSecrets } = build();
    for (const [i, privateKey] of vectors.decode.entries()) {
      const peeled = peelOnion({ packet: packet as Uint8Array, ecdh: ecdhWith(fromHex(privateKey)), associatedData });
      if (!peeled.ok) throw new Error(peeled.failure.code);
      expect(toHex(peeled.value.payload)).toBe(toHex(hopOf(generate.hops[i] as (typeof generate.hops)[number]).payload));
      expect(toHex(peeled.value.sharedSecret)).toBe(toHex(sharedSecrets[i] as Uint8Array));
      expect(peeled.value.blindingSecret).toBeNull();
      packet = peeled.value.nextPacket;
    }
    expect(packet).toBeNull();
  });
});

describe('onion-error-test.json', () => {
  const { hops, failure_message: message } = errors.generate;
  const secrets = hops.map((hop) => fromHex(hop.hop_shared_secret));

  test('secrets and keys', () => {
    expect(build().sharedSecrets.map(toHex)).toEqual(hops.map((hop) => hop.hop_shared_secret));
    for (const hop of hops) expect(toHex(deriveKey('ammag', fromHex(hop.hop_shared_secret)))).toBe(hop.ammag_key);
    expect(toHex(deriveKey('um', secrets[4] as Uint8Array))).toBe(hops[4]?.um_key);
  });

  test('the packet that reaches the origin, and what the origin reads', () => {
    let { packet } = buildFailure({ sharedSecret: secrets[4] as Uint8Array, message: fromHex(message), holdTime: null });
    for (const sharedSecret of secrets.slice(0, 4).reverse())
      packet = wrapFailure({ sharedSecret, packet, received: null, holdTime: null }).packet;
    expect(toHex(packet)).toBe(errors.errorpacket);
    expect(decodeFailure({ packet, sharedSecrets: secrets })).toEqual({
      kind: 'failure',
      hopIndex: 4,
      message: fromHex(message),
      attribution: null,
    });
  });
});
