import { expect, test } from 'vitest';
import type { Bytes } from '../../../src/base/bytes.ts';
import type { ChannelId, NodeId, ShortChannelId } from '../../../src/base/ids.ts';
import { height, msat } from '../../../src/base/units.ts';
import { buildFailure, wrapFailure } from '../../../src/bolt/onion/failure.ts';
import { type Route, tailScid } from '../../../src/bolt/route/query.ts';
import { encodeFailure, type OnionFailure } from '../../../src/bolt/wire/failure.ts';
import { learn, taughtBy } from '../../../src/node/lessons.ts';

const id = (n: number): NodeId => new Uint8Array(33).fill(n) as NodeId;
const hop = (n: number, scid: ShortChannelId) => ({ nodeId: id(n), scid, amountMsat: msat(1000), cltvExpiry: height(100) });
const real = (n: number): ShortChannelId => (BigInt(n) << 40n) as ShortChannelId;
const secrets = (count: number): readonly Bytes[] => Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i + 1));

/** Us - 1 - 2 - (blinded path to 9), which takes `behind` nodes behind its introduction point. */
const over = (behind: number) => {
  const route: Route = { channelId: new Uint8Array(32) as ChannelId, hops: [hop(1, real(1)), hop(2, real(2)), hop(9, tailScid(3))] };
  return { route, sharedSecrets: secrets(2 + behind) };
};

/** What comes back where the onion's hop `from` fails. */
function failureOf(part: ReturnType<typeof over>, from: number, failure: OnionFailure) {
  let { packet } = buildFailure({ sharedSecret: part.sharedSecrets[from] as Bytes, message: encodeFailure(failure), holdTime: null });
  for (let i = from - 1; i >= 0; i--)
    packet = wrapFailure({ sharedSecret: part.sharedSecrets[i] as Bytes, packet, received: null, holdTime: null }).packet;
  return learn(part, { kind: 'reason', reason: packet, attributionData: null });
}

const blinding: OnionFailure = { name: 'invalid_onion_blinding', sha256OfOnion: new Uint8Array(32) };

test('what the introduction point says is about the blinded path, which is not tried again', () => {
  const learned = failureOf(over(3), 1, blinding);
  expect(learned.failure).toMatchObject({ hop: 1, reason: 'invalid_onion_blinding', final: false });
  expect(learned.lessons).toEqual([{ scid: tailScid(3), to: id(9), failsFromMsat: 0n, policy: null }]);
  // A node inside of it that speaks for itself breaks the rules; that too is about the path.
  expect(failureOf(over(3), 2, blinding).lessons).toEqual(learned.lessons);
});

test('what the recipient says is its last word, whether it is the introduction point itself or behind it', () => {
  const details: OnionFailure = { name: 'incorrect_or_unknown_payment_details', htlcMsat: msat(1000), height: height(90) };
  for (const behind of [0, 3]) {
    const part = over(behind);
    const learned = failureOf(part, part.sharedSecrets.length - 1, details);
    expect(learned).toMatchObject({ failure: { hop: 2, final: true }, lessons: [] });
    expect(taughtBy(part.route, learned.failure)).toMatchObject({ outcome: { kind: 'carried' } });
  }
});

test('a hop before the path speaks of the edge behind it', () => {
  const learned = failureOf(over(1), 0, { name: 'unknown_next_peer' });
  expect(learned.lessons).toEqual([{ scid: real(2), to: id(2), failsFromMsat: 0n, policy: null }]);
});
