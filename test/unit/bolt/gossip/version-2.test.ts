import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, utf8 } from '../../../../src/base/bytes.ts';
import { isVersion2, problemOfVersion2, readVersion2 } from '../../../../src/bolt/gossip/version-2.ts';
import { decodeMessage, encodeMessage, type Message, type MessageNamed } from '../../../../src/bolt/wire/message.ts';
import { messageArbitrary, xorshift } from '../../../arbitrary/message.ts';
import { mutate } from '../../../arbitrary/mutate.ts';
import vectors from '../../../vectors/gossip-version-2-lnd.json' with { type: 'json' };

const lnds = vectors.messages.map(({ hex }) => fromHex(hex));
const NAMES = ['announcement_signatures_2', 'channel_announcement_2', 'node_announcement_2', 'channel_update_2'] as const;
function read<N extends Message['name']>(i: number): MessageNamed<N> {
  const decoded = decodeMessage(lnds[i] as Uint8Array);
  if (!decoded.ok) throw new Error(decoded.failure.message);
  return decoded.value as MessageNamed<N>;
}

describe('a message of gossip version 2', () => {
  it('is malformed without any one of the records it must have, and only then', () => {
    const optional = new Set(['chainHash', 'bitcoinKey1', 'bitcoinKey2', 'merkleRootHash', 'unknown', 'color', 'alias']);
    for (const name of ['disableFlags', 'secondPeer', 'cltvExpiryDelta', 'htlcMinimumMsat', 'feeBaseMsat', 'feeProportionalMillionths'])
      optional.add(name);
    for (const name of ['ipv4Addresses', 'ipv6Addresses', 'torV3Addresses', 'dnsHostname']) optional.add(name);
    for (let i = 0; i < lnds.length; i++) {
      const message = read(i);
      for (const record of Object.keys(message.tlvs)) {
        if (record === 'bitcoinKey1' || record === 'bitcoinKey2') continue;
        const { [record]: _, ...tlvs } = message.tlvs as Record<string, unknown>;
        const without = encodeMessage({ ...message, tlvs } as Message);
        expect(readVersion2(without), `${message.name} without ${record}`).toBe(optional.has(record) ? 'well_formed' : 'malformed');
      }
    }
  });

  it('is malformed with node ids out of order, one Bitcoin key of two, or two outputs', () => {
    const message = read<'channel_announcement_2'>(1);
    const { nodeId1, nodeId2, bitcoinKey1: _, ...rest } = message.tlvs;
    const wrong = (tlvs: object): string | null => problemOfVersion2({ ...message, tlvs: { ...message.tlvs, ...tlvs } } as never);
    expect(wrong({ nodeId1: nodeId2, nodeId2: nodeId1 })).toContain('order');
    expect(wrong({ nodeId1: nodeId2 })).toContain('order');
    expect(wrong({ shortChannelId: 5n })).toContain('different outputs');
    expect(problemOfVersion2({ ...message, tlvs: { ...rest, nodeId1, nodeId2 } as never })).toContain('without the other');
  });

  it('is malformed with an alias or a host name that is none', () => {
    const message = read<'node_announcement_2'>(5);
    const wrong = (tlvs: object): string | null => problemOfVersion2({ ...message, tlvs: { ...message.tlvs, ...tlvs } } as never);
    const port = Uint8Array.of(0x26, 0x07);
    expect(wrong({ alias: new Uint8Array(0) })).toContain('0 bytes');
    expect(wrong({ alias: new Uint8Array(33).fill(65) })).toContain('33 bytes');
    expect(wrong({ alias: Uint8Array.of(0xff, 0xfe) })).toContain('UTF-8');
    for (const dnsHostname of [Uint8Array.of(1), port, concat(utf8('a_b.c'), port), concat(new Uint8Array(256).fill(97), port)])
      expect(wrong({ dnsHostname })).toContain('host name');
    expect(wrong({ dnsHostname: concat(utf8('a.b'), new Uint8Array(2)) })).toContain('port 0');
    expect(wrong({ dnsHostname: concat(utf8('a.b'), port) })).toBeNull();
  });

  it('is refused with an unknown even record, an address cut off, or records out of order', () => {
    const update = lnds[2] as Uint8Array;
    expect(readVersion2(concat(update, Uint8Array.of(162, 0)))).toBe('malformed');
    expect(readVersion2(concat(update, Uint8Array.of(161, 0)))).toBe('well_formed');
    expect(readVersion2(concat(update, Uint8Array.of(3, 0)))).toBe('malformed');
    expect(readVersion2(update.subarray(0, update.length - 1))).toBe('malformed');
    const node = read<'node_announcement_2'>(4);
    const tlvs = { ...node.tlvs, unknown: [{ type: 5n, value: new Uint8Array(5) }] };
    expect(readVersion2(encodeMessage({ ...node, tlvs }))).toBe('malformed');
  });

  it('of any bytes is read, or refused without a throw; of another type it is none', () => {
    fc.assert(
      fc.property(fc.constantFrom(...lnds), fc.integer({ min: 1, max: 0x7fffffff }), (bytes, seed) => {
        const random = xorshift(seed);
        for (let i = 0; i < 20; i++) expect(['well_formed', 'malformed', null]).toContain(readVersion2(mutate(bytes, random)));
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...NAMES).chain(messageArbitrary), (message) => {
        expect(isVersion2(message as Message)).toBe(true);
        const problem = problemOfVersion2(message as never);
        expect(readVersion2(encodeMessage(message as Message))).toBe(problem === null ? 'well_formed' : 'malformed');
      }),
    );
    for (const bytes of [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(1, 0, 7), Uint8Array.of(1, 9)])
      expect(readVersion2(bytes)).toBeNull();
  });
});
