import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../../src/base/bytes.ts';
import type { BlockHash, Preimage } from '../../../../src/base/ids.ts';
import { feeratePerKw, height, satToMsat } from '../../../../src/base/units.ts';
import { txId } from '../../../../src/bitcoin/tx.ts';
import { channelCodec, publishable, step } from '../../../../src/bolt/channel/channel.ts';
import { buildLocal } from '../../../../src/bolt/channel/commit.ts';
import { readCommitmentNumber } from '../../../../src/bolt/channel/commitment.ts';
import { type Channel, commitmentParams } from '../../../../src/bolt/channel/state.ts';
import type { ChannelInput } from '../../../../src/bolt/channel/types.ts';
import { type CommitmentView, isAtRest, snapshot } from '../../../../src/bolt/channel/update.ts';
import { decodeWith, encodeWith } from '../../../../src/codec/codec.ts';
import { ANCHORS, expectAgreement, LEGACY, type Name, other, Pair } from '../../../channel/pair.ts';

type Action =
  | { readonly kind: 'add'; readonly from: Name; readonly amount: number }
  | { readonly kind: 'add_most'; readonly from: Name }
  | { readonly kind: 'remove'; readonly by: Name; readonly which: number; readonly how: 'fulfill' | 'fail' }
  | { readonly kind: 'fee'; readonly feerate: number }
  | { readonly kind: 'deliver'; readonly to: Name; readonly count: number }
  | { readonly kind: 'flush'; readonly by: Name }
  | { readonly kind: 'cut'; readonly reload: number };

const name = fc.constantFrom<Name>('alice', 'bob');
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), from: name, amount: fc.integer({ min: 1, max: 90_000_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add_most' as const), from: name }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      by: name,
      which: fc.nat(20),
      how: fc.constantFrom('fulfill' as const, 'fail' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fee' as const), feerate: fc.integer({ min: 253, max: 4000 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('deliver' as const), to: name, count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('flush' as const), by: name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), reload: fc.integer({ min: 0, max: 3 }) }) },
);

const VIEWS: readonly CommitmentView[] = ['local', 'localNext', 'remote', 'remoteNext', 'remotePrevious'];

class Run {
  readonly pair: Pair;
  readonly preimages = new Map<string, Preimage>();
  /** By side: the number of its first commitment whose secret has not left it. */
  readonly unrevoked = { alice: 0n, bob: 0n };
  /** By side and number: its commitments, and the HTLCs that have an output there, as it sees them. */
  readonly commitments = new Map<string, { readonly txid: string; readonly htlcs: readonly string[] }>();
  /** Commitments seen by `checkLeaving`. */
  left = 0;

  constructor(features: Pair['options']['features'] & {}) {
    this.pair = new Pair({ features, pushMsat: 400_000_000n }).ready();
    this.pair.onEffect = (end, effect) => {
      if (effect.kind !== 'send' || effect.message.name !== 'revoke_and_ack') return;
      const { number } = this.pair.active(end.name).commitments.local;
      if (number > this.unrevoked[end.name]) this.unrevoked[end.name] = number;
    };
  }

  act(wanted: Action): void {
    const { pair } = this;
    switch (wanted.kind) {
      case 'add':
        this.#add(wanted.from, BigInt(wanted.amount));
        break;
      case 'add_most': {
        const most = pair.view(wanted.from).sendableMsat;
        expect(pair.add(wanted.from, most + 1n).reply.ok, 'one more than sendable is refused').toBe(false);
        if (most > 0n) expect(this.#add(wanted.from, most), 'sendable is taken').toBe(true);
        break;
      }
      case 'remove':
        this.remove(wanted.by, wanted.which, wanted.how);
        break;
      case 'fee':
        pair.feed('alice', { kind: 'update_fee', id: pair.command(), feerate: feeratePerKw(wanted.feerate) });
        break;
      case 'deliver':
        for (let i = 0; i < wanted.count; i++) pair.deliver(wanted.to);
        break;
      case 'flush':
        pair.feed(wanted.by, { kind: 'flush' });
        break;
      case 'cut':
        pair.cut();
        if (wanted.reload & 1) pair.reload('alice');
        if (wanted.reload & 2) pair.reload('bob');
        pair.connect();
        break;
    }
  }

  #add(from: Name, amount: bigint): boolean {
    const { reply, htlcId, preimage } = this.pair.add(from, amount);
    if (reply.ok) this.preimages.set(`${from} ${htlcId}`, preimage);
    return reply.ok;
  }

  /** Removes one of the HTLCs that `by` was told of; repeats are allowed and change nothing. */
  remove(by: Name, which: number, how: 'fulfill' | 'fail'): void {
    const received = this.pair.eventsOf(by, 'htlc_received');
    const event = received[which % Math.max(1, received.length)];
    if (event === undefined) return;
    const { id } = event.htlc;
    if (how === 'fulfill') this.pair.fulfill(by, id, this.preimages.get(`${other(by)} ${id}`) as Preimage);
    else this.pair.fail(by, id);
  }

  check(): void {
    const { pair } = this;
    for (const end of ['alice', 'bob'] as const) {
      expect(pair.ends[end].hungUp, `${end} found no fault`).toBeNull();
      const { commitments } = pair.active(end);
      const { isFunder, capacity } = pair.channel(end).durable.params;
      for (const which of VIEWS) {
        const { localMsat, remoteMsat, htlcs } = snapshot(commitments, which, isFunder);
        expect(localMsat >= 0n && remoteMsat >= 0n, `${end} ${which}: no balance below 0`).toBe(true);
        const inFlight = htlcs.reduce((sum, { htlc }) => sum + htlc.amountMsat, 0n);
        expect(localMsat + remoteMsat + inFlight, `${end} ${which}: value is conserved`).toBe(satToMsat(capacity));
      }
    }
    for (const end of ['alice', 'bob'] as const) this.#note(end);
    const quiet = pair.alice.inbox.length === 0 && pair.bob.inbox.length === 0;
    if (quiet && isAtRest(pair.active('alice').commitments) && isAtRest(pair.active('bob').commitments)) expectAgreement(pair);
  }

  #note(name: Name): void {
    const { commitments } = this.pair.active(name);
    const key = `${name} ${commitments.local.number}`;
    if (this.commitments.has(key)) return;
    const built = buildLocal(this.pair.channel(name).durable.params, commitments, this.pair.ends[name].env, 'local');
    const htlcs = built.htlcs.map(({ directed }) => `${directed.offered ? name : other(name)} ${directed.htlc.id}`);
    this.commitments.set(key, { txid: toHex(txId(built.tx)), htlcs: htlcs.sort() });
  }

  /** What is kept of the peer's revoked commitments is what stood in them: with it they are punished. */
  checkFacts(name: Name): number {
    let compared = 0;
    for (const fact of this.pair.ends[name].facts) {
      if (fact.kind !== 'revoked_commitment') continue;
      const theirs = this.commitments.get(`${other(name)} ${fact.commitmentNumber}`);
      if (theirs === undefined) continue;
      const htlcs = fact.htlcs.map(({ htlc, offeredByUs }) => `${offeredByUs ? name : other(name)} ${htlc.id}`);
      expect({ txid: toHex(fact.txid), htlcs: htlcs.sort() }, `${name}, revoked ${fact.commitmentNumber}`).toEqual(theirs);
      compared++;
    }
    return compared;
  }

  /** Whatever makes `name` leave the channel now, as it is or as it is stored: what it publishes is not revoked, and is signed. */
  checkLeaving(name: Name): void {
    const end = this.pair.ends[name];
    const channel = this.pair.channel(name);
    const stored = decodeWith(channelCodec, encodeWith(channelCodec, channel));
    if (!stored.ok) throw new Error(stored.failure.message);
    const { channelId } = channel.durable.params;
    const online = { kind: 'connected', features: this.pair.features, remoteFeatures: this.pair.features } as const;
    const said = this.pair.ends[other(name)].sent.findLast((message) => message.name === 'channel_reestablish');
    const error = { name: 'error', channelId, data: new Uint8Array(), tlvs: {} } as const;
    const ways: readonly (readonly ChannelInput[])[] = [
      [{ kind: 'force_close', id: this.pair.command() }],
      [online, { kind: 'message', message: error }],
      [{ kind: 'block', height: height(this.pair.height + 1000), hash: new Uint8Array(32) as BlockHash, matches: [] }],
      ...(said === undefined ? [] : [[online, { kind: 'message', message: { ...said, nextCommitmentNumber: 0n } } as const]]),
    ];
    for (const from of [channel, stored.value])
      for (const inputs of ways) {
        const env = { ...end.env, height: height(this.pair.height + 1000) };
        let now: Channel = from;
        const published = inputs.flatMap((input) => {
          const next = step(now, input, env);
          now = next.channel;
          return next.effects.flatMap((effect) => (effect.kind === 'publish' ? [effect] : []));
        });
        for (const { tx, label } of [...published, ...publishable(now, env)]) {
          if (label !== 'commitment') continue;
          const number = readCommitmentNumber(tx, commitmentParams(channel.durable.params, 'local'));
          expect(number, `${name} leaves by ${inputs.at(-1)?.kind}`).toBe(this.pair.active(name).commitments.local.number);
          expect((number ?? -1n) >= this.unrevoked[name], `${name}'s commitment ${number} is not revoked`).toBe(true);
          // The signature that we hold is for this transaction and no other.
          expect(toHex(txId(tx)), `${name} publishes what was signed`).toBe(toHex(this.pair.active(name).commitments.local.txid));
          this.left++;
        }
      }
  }

  finish(): void {
    const { pair } = this;
    pair.settle();
    for (const by of ['alice', 'bob'] as const)
      for (let i = 0; i < pair.eventsOf(by, 'htlc_received').length; i++) this.remove(by, i, i % 3 === 0 ? 'fail' : 'fulfill');
    pair.settle();
    for (const end of ['alice', 'bob'] as const) {
      expect(pair.view(end).htlcs).toEqual([]);
      const offered = [...pair.ends[end].replies.values()].filter((reply) => reply.ok && reply.value.kind === 'added').length;
      const fulfilled = pair.eventsOf(end, 'htlc_fulfilled');
      expect(fulfilled.length + pair.eventsOf(end, 'htlc_failed').length).toBe(offered);
      expect(new Set(fulfilled.map(({ htlc }) => htlc.id)).size, 'no preimage is told twice').toBe(fulfilled.length);
    }
    const paid = (from: Name): bigint => pair.eventsOf(from, 'htlc_fulfilled').reduce((sum, { htlc }) => sum + htlc.amountMsat, 0n);
    expect(pair.view('alice').localMsat).toBe(600_000_000n - paid('alice') + paid('bob'));
    expectAgreement(pair);
  }
}

describe('random traffic', () => {
  test('no way of leaving the channel publishes a commitment that was revoked, after any history, loaded or not', () => {
    let left = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 10, maxLength: 60 }), (actions) => {
        const run = new Run(ANCHORS);
        for (const wanted of actions) {
          run.act(wanted);
          if (wanted.kind === 'deliver' || wanted.kind === 'cut') for (const name of ['alice', 'bob'] as const) run.checkLeaving(name);
        }
        left += run.left;
      }),
      { numRuns: 25, seed: 7, endOnFailure: true },
    );
    expect(left).toBeGreaterThan(1000);
  });

  for (const [title, features] of [
    ['anchors', ANCHORS],
    ['static_remotekey', LEGACY],
  ] as const)
    test(`${title}: whatever happens, honest sides find no fault, value is conserved and the commitments agree`, () => {
      let facts = 0;
      fc.assert(
        fc.property(fc.array(action, { minLength: 10, maxLength: 120 }), (actions) => {
          const run = new Run(features);
          for (const wanted of actions) {
            run.act(wanted);
            run.check();
          }
          run.finish();
          run.check();
          facts += run.checkFacts('alice') + run.checkFacts('bob');
        }),
        { numRuns: 60, seed: 20260, endOnFailure: false },
      );
      expect(facts).toBeGreaterThan(100);
    });
});
