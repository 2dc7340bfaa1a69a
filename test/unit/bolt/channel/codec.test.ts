import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/base/bytes.ts';
import { openChannel } from '../../../../src/bolt/channel/channel.ts';
import { channelCodec } from '../../../../src/bolt/channel/codec.ts';
import type { Channel } from '../../../../src/bolt/channel/state.ts';
import { decodeWith, encodeWith } from '../../../../src/codec/codec.ts';
import { ANCHORS, LEGACY, Pair, p2tr, p2wpkh } from '../../../channel/pair.ts';

const stored = (channel: Channel): Uint8Array => encodeWith(channelCodec, channel);
function loaded(bytes: Uint8Array): Channel {
  const decoded = decodeWith(channelCodec, bytes);
  if (!decoded.ok) throw new Error(`${decoded.failure.path}: ${decoded.failure.message}`);
  return decoded.value;
}

/** `LNKIT_GOLDEN=write` makes the file anew, for a new version of the format only. */
const GOLDEN = new URL('../../../golden/channel-v1.json', import.meta.url);

/** Channels in every phase and opening stage, with HTLCs at every stage among them. */
function samples(): ReadonlyMap<string, Channel> {
  const all = new Map<string, Channel>();
  const put = (name: string, channel: Channel): void => void all.set(name, channel);
  const opening = new Pair({ closeTo: p2tr('fixed') });
  opening.onEffect = (end) => {
    if (end.channel !== null && end.channel.durable.phase.kind === 'opening') put(end.channel.durable.phase.stage, end.channel);
  };
  const started = openChannel(opening.openRequest(), opening.alice.env);
  if (started.ok) put('wait_accept', started.value.channel);
  opening.open();
  put('awaiting_confirmation', opening.channel('alice'));
  const busy = new Pair({ features: LEGACY, pushMsat: 400_000_000n }).ready();
  for (let i = 0; i < 12; i++) {
    const { htlcId, preimage } = busy.add(i % 3 === 0 ? 'bob' : 'alice', BigInt(1_000_000 + i));
    if (i === 4)
      busy.settle().feed('alice', { kind: 'fail_malformed_htlc', htlcId: 0n, sha256OfOnion: new Uint8Array(32), failureCode: 0xc005 });
    if (i % 2 === 0) busy.flush();
    busy.deliver('bob');
    busy.deliver('alice');
    if (i === 7) busy.settle().fulfill('bob', htlcId, preimage);
    put(`busy ${i} alice`, busy.channel('alice'));
    put(`busy ${i} bob`, busy.channel('bob'));
  }
  const announced = new Pair({ isPublic: true, features: ANCHORS, pushMsat: 400_000_000n }).ready();
  announced.add('alice', 20_000_000n);
  put('announced', announced.settle().channel('alice'));
  const closing = new Pair({ pushMsat: 400_000_000n }).ready();
  closing.feed('alice', { kind: 'close', id: closing.command(), script: p2wpkh('end'), feerate: 700 as never }).settle();
  put('closing', closing.channel('alice'));
  announced.feed('alice', { kind: 'force_close', id: announced.command() });
  put('force_closing', announced.channel('alice'));
  announced.mine([announced.publishable('alice')[0]?.tx].filter((tx) => tx !== undefined));
  put('spent', announced.channel('bob'));
  closing.mine(
    [closing.publishable('alice')[0]?.tx].filter((tx) => tx !== undefined),
    99,
  );
  put('closed', closing.channel('bob'));
  return all;
}

describe('the stored form of a channel', () => {
  const all = samples();

  test('covers every phase and every stage of an opening', () => {
    const phases = new Set([...all.values()].map(({ durable: { phase } }) => (phase.kind === 'opening' ? phase.stage : phase.kind)));
    expect([...phases].sort()).toEqual(
      ['active', 'closed', 'closing', 'wait_accept', 'wait_fund', 'wait_funding_created', 'wait_funding_signed'].sort(),
    );
  });

  test('written, read and written again it is the same', () => {
    for (const [name, channel] of all) {
      const bytes = stored(channel);
      const back = loaded(bytes);
      expect(toHex(stored(back)), name).toBe(toHex(bytes));
      expect(back.session.link).toBe('disconnected');
    }
  });

  test('a channel at rest is read as it was', () => {
    for (const name of ['announced', 'closing', 'force_closing', 'spent', 'closed', 'awaiting_confirmation']) {
      const channel = all.get(name) as Channel;
      expect(loaded(stored(channel)).durable, name).toEqual(channel.durable);
    }
  });

  test('onions and failure reasons are stored no longer than they may have to be sent', () => {
    const pair = new Pair({ pushMsat: 400_000_000n }).ready();
    const empty = { alice: stored(pair.channel('alice')).length, bob: stored(pair.channel('bob')).length };
    for (let i = 0; i < 10; i++) pair.add('alice', 1_000_000n);
    expect(stored(pair.channel('alice')).length).toBeGreaterThan(13_660);
    pair.settle();
    for (const name of ['alice', 'bob'] as const) expect(stored(pair.channel(name)).length - empty[name]).toBeLessThan(10 * 250);
    for (let i = 0; i < 10; i++) pair.fail('bob', BigInt(i));
    pair.flush().deliver('alice');
    expect(stored(pair.channel('bob')).length - empty.bob).toBeGreaterThan(10 * 292);
    pair.settle();
    for (const name of ['alice', 'bob'] as const) expect(stored(pair.channel(name)).length - empty[name]).toBeLessThan(150);
  });

  test('truncated bytes, and those of another version, are refused', () => {
    const bytes = stored(all.get('busy 11 bob') as Channel);
    for (let length = 0; length < bytes.length; length += 37) expect(decodeWith(channelCodec, bytes.subarray(0, length)).ok).toBe(false);
    expect(decodeWith(channelCodec, Uint8Array.of(2, ...bytes.subarray(1))).ok).toBe(false);
  });

  test('what was written by version 1 is still read', () => {
    if (process.env['LNKIT_GOLDEN'] === 'write') {
      const kept = [...all]
        .filter(([name]) => !/^busy \d /.test(name))
        .map(([name, channel]) => [name, toHex(stored(loaded(stored(channel))))]);
      writeFileSync(GOLDEN, `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`);
    }
    const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Readonly<Record<string, string>>;
    expect(Object.keys(golden).length).toBeGreaterThan(8);
    for (const [name, hex] of Object.entries(golden)) expect(toHex(stored(loaded(fromHex(hex)))), name).toBe(hex);
  });
});
