// BOLT 4, test vector "Returning Errors" with attribution data, for a failed and for a fulfilled payment.
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { msat } from '../../src/base/units.ts';
import { buildFailure, decodeFailure, decodeFulfill, type FailurePacket, wrapFailure, wrapFulfill } from '../../src/bolt/onion/failure.ts';
import { encodeFailure } from '../../src/bolt/wire/failure.ts';
import { encodeWith } from '../../src/codec/codec.ts';
import { rawTlvStream } from '../../src/codec/tlv.ts';
import vectors from './bolt04-attributable-errors.json' with { type: 'json' };

const { hops, failure } = vectors;
const secrets = hops.map((hop) => fromHex(hop.shared_secret));
/** The vector pads to 1024 bytes instead of 256. */
const LENGTH = 1024;
const message = encodeFailure({
  name: 'incorrect_or_unknown_payment_details',
  htlcMsat: msat(failure.htlc_msat),
  height: failure.height,
  extra: encodeWith(rawTlvStream, [{ type: BigInt(failure.tlv_type), value: fromHex(failure.tlv_value) }]),
});
const upstream = hops.slice(0, -1).reverse();
const last = hops[4] as (typeof hops)[number];
/** As each hop reported it: the data hold 5 for the first hop and 1 for the last, the file counts them the other way round. */
const holdTimeOf = (hop: (typeof hops)[number]): number => hops.length + 1 - hop.hold_time;
const HOLD_TIMES = [5, 4, 3, 2, 1];

describe('a failed payment', () => {
  test('the packet and the attribution data after every hop', () => {
    let sent = buildFailure({ sharedSecret: fromHex(last.shared_secret), message, holdTime: holdTimeOf(last), length: LENGTH });
    const check = (packet: FailurePacket, hop: (typeof hops)[number]) => {
      expect(toHex(packet.packet)).toBe(hop.error_packet);
      expect(packet.attributionData && toHex(packet.attributionData)).toBe(hop.attribution_data);
    };
    check(sent, last);
    for (const hop of upstream) {
      sent = wrapFailure({
        sharedSecret: fromHex(hop.shared_secret),
        packet: sent.packet,
        received: sent.attributionData,
        holdTime: holdTimeOf(hop),
      });
      check(sent, hop);
    }
  });

  test('the origin reads the failure and every hold time', () => {
    const first = hops[0] as (typeof hops)[number];
    const decoded = decodeFailure({
      packet: fromHex(first.error_packet),
      sharedSecrets: secrets,
      attributionData: fromHex(first.attribution_data),
    });
    expect(decoded).toEqual({ kind: 'failure', hopIndex: 4, message, attribution: { holdTimes: HOLD_TIMES, brokenAt: null } });
  });

  test.each([0, 1, 2, 3])('a hop that tampers with the packet is found: hop %i', (tampering) => {
    let sent = buildFailure({ sharedSecret: fromHex(last.shared_secret), message, holdTime: holdTimeOf(last), length: LENGTH });
    for (const hop of upstream) {
      const packet = sent.packet.slice();
      if (hop.index === tampering) packet[100]! ^= 1;
      const wrapped = wrapFailure({
        sharedSecret: fromHex(hop.shared_secret),
        packet,
        received: sent.attributionData,
        holdTime: holdTimeOf(hop),
      });
      sent = wrapped;
    }
    const decoded = decodeFailure({ packet: sent.packet, sharedSecrets: secrets, attributionData: sent.attributionData });
    // What it received it changed before it signed, so the hop behind it is the first whose HMAC is wrong: blame is for the pair.
    expect(decoded).toEqual({
      kind: 'unreadable',
      attribution: { holdTimes: HOLD_TIMES.slice(0, tampering + 1), brokenAt: tampering + 1 },
    });
  });

  test('a hop without attribution starts it anew, and the origin learns the hold times up to there', () => {
    let sent = buildFailure({ sharedSecret: fromHex(last.shared_secret), message, holdTime: null, length: LENGTH });
    expect(sent.attributionData).toBeNull();
    for (const hop of upstream) {
      const sharedSecret = fromHex(hop.shared_secret);
      sent = wrapFailure({ sharedSecret, packet: sent.packet, received: sent.attributionData, holdTime: holdTimeOf(hop) });
    }
    expect(decodeFailure({ packet: sent.packet, sharedSecrets: secrets, attributionData: sent.attributionData })).toMatchObject({
      kind: 'failure',
      hopIndex: 4,
      attribution: { holdTimes: [5, 4, 3, 2], brokenAt: 4 },
    });
  });
});

describe('a fulfilled payment', () => {
  test('the attribution data after every hop, and the hold times at the origin', () => {
    let received: Uint8Array | null = null;
    for (const hop of [last, ...upstream]) {
      received = wrapFulfill({ sharedSecret: fromHex(hop.shared_secret), received, holdTime: holdTimeOf(hop) });
      expect(toHex(received)).toBe(hop.success_attribution_data);
    }
    expect(decodeFulfill({ sharedSecrets: secrets, attributionData: received as Uint8Array })).toEqual({
      holdTimes: HOLD_TIMES,
      brokenAt: null,
    });
  });

  test('data of another length is nobody’s', () => {
    expect(decodeFulfill({ sharedSecrets: secrets, attributionData: new Uint8Array(919) })).toEqual({ holdTimes: [], brokenAt: 0 });
  });
});
