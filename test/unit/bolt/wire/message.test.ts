import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/base/bytes.ts';
import type { ChannelId } from '../../../../src/base/ids.ts';
import {
  decodeMessage,
  encodeMessage,
  MESSAGES,
  type Message,
  messageDefinitions,
  messageType,
} from '../../../../src/bolt/wire/message.ts';
import { printable } from '../../../../src/bolt/wire/setup.ts';
import { anyMessage, messageArbitrary, xorshift } from '../../../arbitrary/message.ts';
import { mutate } from '../../../arbitrary/mutate.ts';

const channelId = new Uint8Array(32).fill(7) as ChannelId;

describe.each(MESSAGES.map((definition) => definition.name))('%s', (name) => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(messageArbitrary(name), (message) => {
        const bytes = encodeMessage(message as Message);
        expect((bytes[0]! << 8) | bytes[1]!).toBe(messageType(name));
        expect(decodeMessage(bytes)).toEqual({ ok: true, value: message });
      }),
      { numRuns: 40 },
    );
  });

  it('never throws on changed bytes, and accepts only what it would write', () => {
    fc.assert(
      fc.property(messageArbitrary(name), fc.integer({ min: 1, max: 0x7fffffff }), (message, seed) => {
        const random = xorshift(seed);
        for (let i = 0; i < 10; i++) {
          const bytes = mutate(encodeMessage(message as Message), random);
          const decoded = decodeMessage(bytes);
          if (!decoded.ok) expect(decoded.failure.kind).toBe('malformed');
          else if (decoded.value.name !== 'unknown') expect(toHex(encodeMessage(decoded.value))).toBe(toHex(bytes));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('decodeMessage', () => {
  it('hands unknown messages over as they are, odd and even', () => {
    for (const type of [3, 4, 32769, 65535]) {
      const bytes = Uint8Array.of(type >> 8, type & 0xff, 1, 2, 3);
      expect(decodeMessage(bytes)).toEqual({ ok: true, value: { name: 'unknown', type, payload: Uint8Array.of(1, 2, 3) } });
    }
  });

  it('refuses what is shorter than a type or longer than the transport carries', () => {
    for (const length of [0, 1, 65536])
      expect(decodeMessage(new Uint8Array(length))).toMatchObject({ ok: false, failure: { path: 'type' } });
  });

  it('refuses every message cut within its fields, naming the place', () => {
    fc.assert(
      fc.property(anyMessage, fc.double({ min: 0, max: 1, noNaN: true }), (message, part) => {
        const plain = encodeMessage({ ...message, tlvs: {} } as Message);
        const cut = 2 + Math.floor((plain.length - 2) * part);
        fc.pre(cut < plain.length);
        const decoded = decodeMessage(plain.subarray(0, cut));
        expect(decoded.ok).toBe(false);
        if (!decoded.ok) expect(decoded.failure.path.startsWith(`${message.name}.`)).toBe(true);
      }),
    );
  });

  it('refuses an unknown even record, keeps an unknown odd one', () => {
    const fee = encodeMessage({ name: 'update_fee', channelId, feeratePerKw: 253 as never, tlvs: {} });
    expect(decodeMessage(concat(fee, Uint8Array.of(2, 0)))).toMatchObject({
      ok: false,
      failure: { path: 'update_fee.tlvs', message: 'unknown even type 2' },
    });
    expect(decodeMessage(concat(fee, Uint8Array.of(3, 1, 9)))).toMatchObject({
      ok: true,
      value: { tlvs: { unknown: [{ type: 3n, value: Uint8Array.of(9) }] } },
    });
  });

  it('refuses a point whose first byte is not 2 or 3, and asks no more of it', () => {
    const write = (first: number) => concat(fromHex('0024'), channelId, Uint8Array.of(first), new Uint8Array(32).fill(0xff));
    expect(decodeMessage(write(4))).toMatchObject({ ok: false, failure: { path: 'channel_ready.secondPerCommitmentPoint' } });
    expect(decodeMessage(write(2)).ok).toBe(true);
  });

  it('gives bytes of its own', () => {
    const bytes = encodeMessage({ name: 'pong', ignored: Uint8Array.of(1, 2), tlvs: {} });
    const decoded = decodeMessage(bytes);
    bytes.fill(0xff);
    expect(decoded).toEqual({ ok: true, value: { name: 'pong', ignored: Uint8Array.of(1, 2), tlvs: {} } });
  });
});

describe('encodeMessage', () => {
  it('throws on what no message may hold: that is a bug of ours', () => {
    const wrong: readonly unknown[] = [
      { name: 'ping', numPongBytes: 65536, ignored: new Uint8Array(0), tlvs: {} },
      { name: 'ping', numPongBytes: 1, ignored: new Uint8Array(65532), tlvs: {} },
      { name: 'tx_add_output', channelId, serialId: 1n << 64n, sats: 1n, script: new Uint8Array(0), tlvs: {} },
      { name: 'tx_add_output', channelId, serialId: 1n, sats: -1n, script: new Uint8Array(0), tlvs: {} },
      { name: 'update_fail_htlc', channelId: channelId.subarray(1), id: 1n, reason: new Uint8Array(0), tlvs: {} },
    ];
    for (const message of wrong) expect(() => encodeMessage(message as Message)).toThrow();
  });

  it('writes update_add_htlc byte by byte as BOLT 2 has it', () => {
    const message = {
      name: 'update_add_htlc',
      channelId,
      id: 1n,
      amountMsat: 1000n,
      paymentHash: new Uint8Array(32).fill(8),
      cltvExpiry: 500,
      onionRoutingPacket: new Uint8Array(1366).fill(9),
      tlvs: { blindedPath: concat(Uint8Array.of(2), new Uint8Array(32).fill(3)) },
    } as unknown as Message;
    expect(toHex(encodeMessage(message))).toBe(
      `0080${'07'.repeat(32)}0000000000000001${'00000000000003e8'}${'08'.repeat(32)}000001f4${'09'.repeat(1366)}0021${'02'}${'03'.repeat(32)}`,
    );
  });
});

describe('the table', () => {
  it('has names and numbers that are unique', () => {
    expect(new Set(messageDefinitions.map((d) => d.type)).size).toBe(messageDefinitions.length);
    expect(new Set(messageDefinitions.map((d) => d.name)).size).toBe(messageDefinitions.length);
  });

  it('writes odd and even records in ascending order, whatever the order of the object', () => {
    const bytes = encodeMessage({
      name: 'init',
      globalfeatures: new Uint8Array(0),
      features: new Uint8Array(0),
      tlvs: { unknown: [{ type: 5n, value: new Uint8Array(0) }], remoteAddr: Uint8Array.of(1), networks: [] },
    });
    expect(toHex(bytes)).toBe('00100000000001000301010500');
  });

  it('shows the text of an error without control characters', () => {
    expect(printable(fromHex('6f6b1b5b326a0a'))).toBe('ok.[2j.');
  });
});
