import { describe, expect, test } from 'vitest';
import { unixTime } from '../../../../src/base/units.ts';
import { ANCHORS, expectAgreement, LEGACY, Pair } from '../../../channel/pair.ts';

describe('opening', () => {
  for (const [name, features] of [
    ['anchors', ANCHORS],
    ['static_remotekey', LEGACY],
  ] as const)
    test(`${name}: both sides reach normal operation with the same commitments`, () => {
      const pair = new Pair({ features, pushMsat: 200_000_000n }).ready();
      expect(pair.view('alice').phase).toBe('normal');
      expect(pair.view('bob').phase).toBe('normal');
      expect(pair.view('alice').channelType).toEqual(
        name === 'anchors' ? ['option_static_remotekey', 'option_anchors'] : ['option_static_remotekey'],
      );
      expectAgreement(pair);
      pair.mine([], 3);
      for (const side of ['alice', 'bob'] as const) {
        expect(pair.sentBy(side).filter((message) => message === 'channel_ready').length).toBe(1);
        expect(pair.eventsOf(side, 'ready').length).toBe(1);
      }
      expect(pair.view('alice').localMsat).toBe(800_000_000n);
      pair.pay('alice', 50_000_000n).pay('bob', 1_000_000n);
      expectAgreement(pair);
      expect(pair.view('alice').localMsat).toBe(751_000_000n);
      expect(pair.view('bob').localMsat).toBe(249_000_000n);
    });
});

describe('an opening that the peer lets lie', () => {
  /** Bob falls silent with this message; then so many seconds go by. */
  const silent = (from: 'accept_channel' | 'funding_signed', seconds: number): Pair => {
    const pair = new Pair();
    pair.onEffect = (end, effect) => {
      if (end.name === 'bob' && effect.kind === 'send' && effect.message.name === from) end.connected = false;
    };
    pair.open();
    for (const { env } of [pair.alice, pair.bob]) Object.assign(env, { now: unixTime(env.now + seconds) });
    return pair.feed('alice', { kind: 'tick' });
  };

  for (const from of ['accept_channel', 'funding_signed'] as const)
    test(`without ${from} it ends after ten minutes, the coins are free again and the command has its answer`, () => {
      expect(silent(from, 600).view('alice').phase).toBe('opening');
      const pair = silent(from, 601);
      expect(pair.view('alice').phase).toBe('closed');
      expect(pair.sentBy('alice').at(-1)).toBe('error');
      expect(pair.eventsOf('alice', 'opening_failed').length).toBe(1);
      expect([...pair.alice.replies.values()]).toMatchObject([{ ok: false, failure: { code: 'PEER_UNREACHABLE' } }]);
      expect(pair.alice.released.length).toBe(from === 'funding_signed' ? 1 : 0);
      expect(pair.alice.published).toEqual([]);
    });

  test('as the one who accepted, ten minutes without funding_created end it', () => {
    const pair = new Pair();
    pair.onEffect = (end, effect) => {
      if (end.name === 'alice' && effect.kind === 'send' && effect.message.name === 'funding_created') end.connected = false;
    };
    pair.open();
    pair.bob.env = { ...pair.bob.env, now: unixTime(pair.bob.env.now + 601) };
    pair.feed('bob', { kind: 'tick' });
    expect(pair.view('bob').phase).toBe('closed');
  });

  test('time does nothing to a channel that is open', () => {
    const pair = new Pair().ready();
    pair.alice.env = { ...pair.alice.env, now: unixTime(pair.alice.env.now + 10_000) };
    pair.feed('alice', { kind: 'tick' });
    expect(pair.view('alice').phase).toBe('normal');
  });
});
