import { describe, expect, test } from 'vitest';
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
