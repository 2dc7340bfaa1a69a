// BOLT 4, bolt04/route-blinding-test.json, blinded-payment-onion-test.json and blinded-onion-message-onion-test.json.
import { describe, expect, test } from 'vitest';
import { type Bytes, EMPTY, fromHex, toHex } from '../../src/base/bytes.ts';
import { type NodeId, parseScid, type ShortChannelId } from '../../src/base/ids.ts';
import { blocks, type Height, height, type Msat, msat } from '../../src/base/units.ts';
import { resolveBlinded } from '../../src/bolt/onion/blinded-payment.ts';
import {
  type BlindedHop,
  blindedPrivateKey,
  buildBlindedPath,
  padRecipientData,
  type RecipientData,
  recipientDataCodec,
  relayed,
  totalRelay,
  unblind,
} from '../../src/bolt/onion/blinding.ts';
import { buildOnionMessage, type OnionMessage, peelOnionMessage } from '../../src/bolt/onion/message.ts';
import { buildOnion, ecdhWith, peelOnion } from '../../src/bolt/onion/packet.ts';
import { encodePayload, type Payload, parsePayload } from '../../src/bolt/onion/payload.ts';
import { decodeMessage, encodeMessage } from '../../src/bolt/wire/message.ts';
import { encodeWith } from '../../src/codec/codec.ts';
import messages from './bolt04-blinded-onion-message-onion-test.json' with { type: 'json' };
import payments from './bolt04-blinded-payment-onion-test.json' with { type: 'json' };
import blinding from './bolt04-route-blinding-test.json' with { type: 'json' };

const nodeId = (hex: string): NodeId => fromHex(hex) as NodeId;

interface VectorTlvs {
  readonly padding?: string;
  readonly short_channel_id?: string;
  readonly next_node_id?: string;
  readonly path_id?: string;
  readonly next_path_key_override?: string;
  readonly payment_relay?: { cltv_expiry_delta: number; fee_proportional_millionths: number; fee_base_msat?: number };
  readonly payment_constraints?: { max_cltv_expiry: number; htlc_minimum_msat: number };
  readonly allowed_features?: { features: readonly number[] };
  readonly unknown_tag_561?: string;
  readonly unknown_tag_65535?: string;
}

function recipientData(tlvs: VectorTlvs): RecipientData {
  const unknown = [
    ...(tlvs.unknown_tag_561 === undefined ? [] : [{ type: 561n, value: fromHex(tlvs.unknown_tag_561) }]),
    ...(tlvs.unknown_tag_65535 === undefined ? [] : [{ type: 65535n, value: fromHex(tlvs.unknown_tag_65535) }]),
  ];
  const { payment_relay: relay, payment_constraints: constraints, allowed_features: allowed } = tlvs;
  return {
    ...(tlvs.padding === undefined ? {} : { padding: fromHex(tlvs.padding) }),
    ...(tlvs.short_channel_id === undefined ? {} : { shortChannelId: parseScid(tlvs.short_channel_id) as ShortChannelId }),
    ...(tlvs.next_node_id === undefined ? {} : { nextNodeId: nodeId(tlvs.next_node_id) }),
    ...(tlvs.path_id === undefined ? {} : { pathId: fromHex(tlvs.path_id) }),
    ...(tlvs.next_path_key_override === undefined ? {} : { nextPathKeyOverride: nodeId(tlvs.next_path_key_override) }),
    ...(relay === undefined ? {} : { paymentRelay: relayOf(relay) }),
    ...(constraints === undefined
      ? {}
      : {
          paymentConstraints: { maxCltvExpiry: height(constraints.max_cltv_expiry), htlcMinimumMsat: msat(constraints.htlc_minimum_msat) },
        }),
    ...(allowed === undefined ? {} : { allowedFeatures: featureBytes(allowed.features) }),
    ...(unknown.length === 0 ? {} : { unknown }),
  };
}

const relayOf = (relay: { cltv_expiry_delta: number; fee_proportional_millionths: number; fee_base_msat?: number }) => ({
  cltvExpiryDelta: relay.cltv_expiry_delta,
  feeProportionalMillionths: relay.fee_proportional_millionths,
  feeBaseMsat: relay.fee_base_msat ?? 0,
});

function featureBytes(bits: readonly number[]): Bytes {
  const bit = bits[0];
  if (bit === undefined) return EMPTY;
  const out = new Uint8Array((bit >> 3) + 1);
  out[0] = 1 << (bit & 7);
  return out;
}

describe('route-blinding-test.json', () => {
  const { hops } = blinding.generate;
  const segment = (from: number, to: number) => {
    const built = buildBlindedPath({
      sessionKey: fromHex(hops[from]?.session_key as string),
      hops: hops.slice(from, to).map((hop) => ({ nodeId: nodeId(hop.node_id), data: recipientData(hop.tlvs) })),
    });
    if (built === null) throw new Error('no path');
    return built;
  };

  test('what the recipient tells each node is encoded as there', () => {
    for (const hop of hops) expect(toHex(encodeWith(recipientDataCodec, recipientData(hop.tlvs)))).toBe(hop.encoded_tlvs);
  });

  test('two paths put together', () => {
    const [bob, dave] = [segment(0, 2).path, segment(2, 4).path];
    expect(bob.firstNode).toEqual({ nodeId: nodeId(blinding.route.first_node_id) });
    expect(toHex(bob.firstPathKey)).toBe(blinding.route.first_path_key);
    expect(
      [...bob.path, ...dave.path].map((hop) => ({
        blinded_node_id: toHex(hop.blindedNodeId),
        encrypted_data: toHex(hop.encryptedRecipientData),
      })),
    ).toEqual(blinding.route.hops);
    expect(toHex(segment(2, 4).lastPathKey)).toBe(hops[3]?.path_key);
  });

  test('each node opens its own and finds the next path key', () => {
    for (const [i, hop] of blinding.unblind.hops.entries()) {
      const privateKey = fromHex(hop.node_privkey);
      const opened = unblind({
        pathKey: fromHex(hop.path_key),
        encryptedRecipientData: fromHex(blinding.route.hops[i]?.encrypted_data as string),
        ecdh: ecdhWith(privateKey),
      });
      if (!opened.ok) throw new Error(opened.failure.kind);
      expect(toHex(encodeWith(recipientDataCodec, opened.value.data))).toBe(hop.decrypted_data);
      expect(toHex(opened.value.nextPathKey)).toBe('next_path_key_override' in hop ? hop.next_path_key_override : hop.next_path_key);
      expect(toHex(blindedPrivateKey(privateKey, opened.value.blindingSecret))).toBe(hop.blinded_privkey);
    }
  });
});

describe('blinded-payment-onion-test.json', () => {
  const { generate, decrypt } = payments;
  const route = generate.full_route.hops;
  const associatedData = fromHex(generate.associated_data);
  /** The blinded hops of the route follow Alice. */
  const encrypted = (i: number) => ({ encryptedRecipientData: fromHex(generate.blinded_route.hops[i - 1]?.encrypted_data as string) });
  const last: Payload = {
    ...encrypted(4),
    amtToForward: msat(100_000),
    outgoingCltvValue: height(749_000),
    totalAmountMsat: msat(150_000),
  };
  const payloads: readonly Payload[] = [
    { amtToForward: msat(110_125), outgoingCltvValue: height(749_150), shortChannelId: 10n as ShortChannelId },
    { ...encrypted(1), currentPathKey: nodeId(generate.blinded_route.first_path_key) },
    encrypted(2),
    encrypted(3),
    last,
  ];

  test('payloads and onion are the same byte for byte', () => {
    // One byte of length stands in front in the vectors.
    expect(payloads.map((payload) => toHex(encodePayload(payload)))).toEqual(route.map((hop) => hop.payload.slice(2)));
    const hops = payloads.map((payload, i) => ({ nodeId: nodeId(route[i]?.pubkey as string), payload: encodePayload(payload) }));
    const built = buildOnion({ sessionKey: fromHex(generate.session_key), hops, associatedData });
    expect(built.ok && toHex(built.value.packet)).toBe(generate.onion);
  });

  test('what the path costs is what the recipient told the sender', () => {
    const relays = route.flatMap(({ tlvs }) =>
      'encrypted_recipient_data' in tlvs && 'payment_relay' in tlvs.encrypted_recipient_data
        ? [tlvs.encrypted_recipient_data.payment_relay]
        : [],
    );
    expect(relays).toHaveLength(3);
    expect(totalRelay(relays.map(relayOf), blocks(0))).toEqual(relayOf(generate.blinded_payinfo));
  });

  test('each node peels, reads, and forwards what it should', () => {
    let htlc = { amountMsat: msat(110_125) as Msat, cltvExpiry: height(749_150) as Height };
    let pathKey: Bytes | null = null;
    const seen: unknown[] = [];
    for (const [i, hop] of decrypt.hops.entries()) {
      const ecdh = ecdhWith(fromHex(hop.node_privkey));
      const peeled = peelOnion({ packet: fromHex(hop.onion), ecdh, associatedData, pathKey });
      if (!peeled.ok) throw new Error(peeled.failure.code);
      expect(toHex(peeled.value.payload)).toBe(route[i]?.payload.slice(2));
      expect(peeled.value.nextPacket && toHex(peeled.value.nextPacket)).toBe(decrypt.hops[i + 1]?.onion ?? null);
      const payload = parsePayload(peeled.value.payload, { isFinal: peeled.value.nextPacket === null, pathKey });
      if (!payload.ok) throw new Error(payload.failure.message);
      if (payload.value.kind === 'forward' || payload.value.kind === 'final') {
        expect(payload.value).toMatchObject({ kind: 'forward', amtToForward: 110_125n, outgoingCltvValue: 749_150, shortChannelId: 10n });
        continue;
      }
      expect(payload.value.introduction).toBe(i === 1);
      const step = resolveBlinded({ payload: payload.value, htlc, ecdh, blindingSecret: peeled.value.blindingSecret });
      if (!step.ok) throw new Error(step.failure);
      if (step.value.kind === 'forward') {
        htlc = { amountMsat: step.value.amtToForward, cltvExpiry: step.value.outgoingCltvValue };
        pathKey = step.value.nextPathKey;
        expect(toHex(pathKey)).toBe('next_path_key' in hop ? hop.next_path_key : null);
        seen.push('shortChannelId' in step.value.to ? step.value.to.shortChannelId : null);
      } else seen.push(toHex(step.value.pathId as Bytes), step.value.totalMsat);
    }
    expect(seen).toEqual([1n, 2n, 3n, 'c9cf92f45ade68345bc20ae672e2012f4af487ed4415', 150_000n]);
    expect(htlc).toEqual({ amountMsat: 100_000n, cltvExpiry: 749_000 });
  });

  test('a node relays nothing where the fee eats the amount', () => {
    const relay = { cltvExpiryDelta: 10, feeProportionalMillionths: 0, feeBaseMsat: 1000 };
    expect(relayed({ amountMsat: msat(1000), cltvExpiry: height(100) }, relay)).toBeNull();
    expect(relayed({ amountMsat: msat(1001), cltvExpiry: height(100) }, relay)).toEqual({ amtToForward: 1n, outgoingCltvValue: 90 });
    expect(relayed({ amountMsat: msat(1001), cltvExpiry: height(9) }, relay)).toBeNull();
  });
});

describe('blinded-onion-message-onion-test.json', () => {
  const { hops } = messages.generate;
  const toMessage = (hex: string): OnionMessage => {
    const decoded = decodeMessage(fromHex(hex));
    if (!decoded.ok || decoded.value.name !== 'onion_message') throw new Error('no onion message');
    return { pathKey: decoded.value.pathKey as NodeId, packet: decoded.value.onionMessagePacket };
  };

  test('the blinded path of Alice and the one of Dave, joined by an override', () => {
    const path: BlindedHop[] = [];
    for (const [from, to] of [
      [0, 1],
      [1, 4],
    ] as const) {
      const built = buildBlindedPath({
        sessionKey: fromHex(hops[from]?.path_key_secret as string),
        hops: hops.slice(from, to).map((hop, i) => {
          const names = ['Alice', 'Bob', 'Carol', 'Dave'];
          const key = messages.decrypt.hops[names.indexOf(hop.alias)];
          expect(key?.alias).toBe(hops[from + i]?.alias);
          return { nodeId: nodeIdOf(hop.alias), data: recipientData(hop.tlvs as VectorTlvs) };
        }),
      });
      path.push(...(built?.path.path ?? []));
    }
    expect(path.map((hop) => [toHex(hop.blindedNodeId), toHex(hop.encryptedRecipientData)])).toEqual(
      messages.route.hops.map((hop) => [hop.blinded_node_id, hop.encrypted_recipient_data]),
    );
    for (const [i, hop] of hops.entries())
      expect(toHex(encodeWith(recipientDataCodec, recipientData(hop.tlvs as VectorTlvs)))).toBe(hops[i]?.encrypted_data_tlv);
  });

  test('the packet is the same byte for byte', () => {
    const path = messages.route.hops.map((hop) => ({
      blindedNodeId: nodeId(hop.blinded_node_id),
      encryptedRecipientData: fromHex(hop.encrypted_recipient_data),
    }));
    const built = buildOnionMessage({
      sessionKey: fromHex(messages.generate.session_key),
      pathKey: nodeId(messages.route.first_path_key),
      path,
      content: { unknown: [{ type: 1n, value: fromHex(messages.onionmessage.unknown_tag_1) }] },
    });
    expect(built.ok && toHex(built.value.packet)).toBe(messages.onionmessage.onion_message_packet);
  });

  test('each node forwards the next message, and Dave reads hello', () => {
    for (const [i, hop] of messages.decrypt.hops.entries()) {
      const received = peelOnionMessage(toMessage(hop.onion_message), ecdhWith(fromHex(hop.privkey)));
      if (!received.ok) throw new Error(received.failure);
      if (received.value.kind === 'forward') {
        expect(received.value.to).toEqual({ nodeId: nodeId(hop.next_node_id as string) });
        expect(received.value.message).toEqual(toMessage(messages.decrypt.hops[i + 1]?.onion_message as string));
        const { pathKey, packet } = received.value.message;
        const encoded = encodeMessage({ name: 'onion_message', pathKey, onionMessagePacket: packet, tlvs: {} });
        expect(toHex(encoded)).toBe(messages.decrypt.hops[i + 1]?.onion_message);
      } else {
        expect(hop.alias).toBe('Dave');
        expect(toHex(received.value.pathId as Bytes)).toBe('deadbeefbadc0ffeedeadbeefbadc0ffeedeadbeefbadc0ffeedeadbeefbadc0');
        expect(received.value.content).toEqual({ unknown: [{ type: 1n, value: new TextEncoder().encode('hello') }] });
      }
    }
  });

  /** The vectors give the node ids only where somebody forwards to them. */
  function nodeIdOf(alias: string): NodeId {
    if (alias === 'Alice') return nodeId(messages.route.first_node_id);
    const at = messages.decrypt.hops.findIndex((hop) => hop.alias === alias);
    return nodeId(messages.decrypt.hops[at - 1]?.next_node_id as string);
  }
});

test('padding makes every node’s data as long as the longest', () => {
  for (const size of [0, 1, 100, 240, 250, 251, 252, 253, 254, 255, 256, 300]) {
    const padded = padRecipientData([{ pathId: new Uint8Array(size) }, {}, { shortChannelId: 1n as ShortChannelId }]);
    const lengths = padded.map((data) => encodeWith(recipientDataCodec, data).length);
    expect(new Set(lengths).size).toBe(1);
  }
});
