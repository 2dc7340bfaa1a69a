import { describe, expect, test } from 'vitest';
import { feeratePerKw, height, msat } from '../../../../src/base/units.ts';
import type { ChannelRefusal } from '../../../../src/bolt/channel/types.ts';
import type { Message } from '../../../../src/bolt/wire/message.ts';
import { ANCHORS, LEGACY, type Name, Pair, type PairOptions } from '../../../channel/pair.ts';

const opened = (options: PairOptions = {}): Pair => new Pair({ pushMsat: 400_000_000n, ...options }).ready();

function refusal(pair: Pair, from: Name, amount: bigint, cltvExpiry?: number): ChannelRefusal | null {
  const { reply } = pair.add(from, amount, cltvExpiry === undefined ? {} : { cltvExpiry });
  return reply.ok ? null : reply.failure;
}

describe('add_htlc is refused by the rule it breaks, and changes nothing', () => {
  test('amount_msat: an amount of 0', () => {
    expect(refusal(opened(), 'alice', 0n)).toMatchObject({ code: 'POLICY', rule: 'amount_msat' });
  });

  test('htlc_minimum_msat: below what the peer takes', () => {
    const pair = opened({ limits: { bob: { htlcMinimum: msat(5000n) } } });
    expect(refusal(pair, 'alice', 4999n)).toMatchObject({ code: 'POLICY', rule: 'htlc_minimum_msat' });
    expect(refusal(pair, 'alice', 5000n)).toBeNull();
    expect(refusal(pair, 'bob', 1n)).toBeNull();
  });

  test('max_accepted_htlcs: one more than the peer takes, counted until it is gone', () => {
    const pair = opened({ limits: { bob: { maxAcceptedHtlcs: 2 } } });
    const first = pair.add('alice', 10_000_000n);
    expect(refusal(pair, 'alice', 10_000_000n)).toBeNull();
    expect(refusal(pair, 'alice', 10_000_000n)).toMatchObject({ code: 'POLICY', rule: 'max_accepted_htlcs' });
    pair.settle();
    expect(refusal(pair, 'alice', 10_000_000n)).toMatchObject({ rule: 'max_accepted_htlcs' });
    pair.fulfill('bob', first.htlcId, first.preimage).settle();
    expect(refusal(pair, 'alice', 10_000_000n)).toBeNull();
  });

  test('max_htlc_value_in_flight_msat: the sum over what the peer takes', () => {
    const pair = opened({ limits: { bob: { maxHtlcValueInFlight: msat(100_000_000n) } } });
    expect(refusal(pair, 'alice', 60_000_000n)).toBeNull();
    expect(refusal(pair, 'alice', 40_000_001n)).toMatchObject({ code: 'POLICY', rule: 'max_htlc_value_in_flight_msat' });
    expect(refusal(pair, 'alice', 40_000_000n)).toBeNull();
  });

  test('cltv_expiry: a time, or a height that has come', () => {
    const pair = opened();
    expect(refusal(pair, 'alice', 1_000_000n, 500_000_000)).toMatchObject({ code: 'POLICY', rule: 'cltv_expiry' });
    expect(refusal(pair, 'alice', 1_000_000n, pair.height)).toMatchObject({ code: 'POLICY', rule: 'cltv_expiry' });
    expect(refusal(pair, 'alice', 1_000_000n, pair.height + 1)).toBeNull();
  });

  test('channel_reserve_satoshis: what the peer asks to be kept', () => {
    const pair = opened();
    expect(refusal(pair, 'bob', 390_000_001n)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', rule: 'channel_reserve_satoshis' });
    expect(refusal(pair, 'bob', 390_000_000n)).toBeNull();
  });

  test('fee_spike_buffer: the funder keeps twice the feerate with one more HTLC above its reserve', () => {
    const pair = opened({ features: ANCHORS });
    // 600,000 sat less the reserve of 10,000, both anchors, and (1124 + 2 * 172) weight at 2,000 sat/kw.
    const most = 600_000_000n - 10_000_000n - 660_000n - 2_936_000n;
    expect(pair.view('alice').sendableMsat).toBe(most);
    expect(refusal(pair, 'alice', most + 1n)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', rule: 'fee_spike_buffer' });
    expect(refusal(pair, 'alice', most)).toBeNull();
  });

  test('fee: the funder, here the receiver, could not pay for one more output', () => {
    // The funder keeps its reserve and the fee of no HTLC, not of one: 1,000,000 sat, 10,000 of them reserve, 660 anchors, 1,124 fee.
    const pair = opened({ pushMsat: 1_000_000_000n - 11_900_000n });
    expect(refusal(pair, 'bob', 10_000_000n)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', rule: 'fee' });
    // An HTLC without an output adds no weight.
    expect(refusal(pair, 'bob', 353_000n)).toBeNull();
  });

  test('max_dust_htlc_exposure_msat: on either commitment', () => {
    const limits = { alice: { maxDustHtlcExposure: msat(600_000n) } };
    const pair = opened({ limits });
    expect(refusal(pair, 'alice', 353_000n)).toBeNull();
    expect(refusal(pair, 'alice', 247_001n)).toMatchObject({ code: 'POLICY', rule: 'max_dust_htlc_exposure_msat' });
    expect(refusal(pair, 'alice', 354_000n), 'with an output it is no dust').toBeNull();
    expect(refusal(pair, 'alice', 247_000n)).toBeNull();
    // Dust only on the peer's commitment, whose dust limit is higher.
    const peerDust = opened({ limits: { alice: { maxDustHtlcExposure: msat(600_000n) }, bob: { dustLimit: 700n as never } } });
    expect(refusal(peerDust, 'alice', 650_000n)).toMatchObject({ rule: 'max_dust_htlc_exposure_msat' });
    expect(refusal(peerDust, 'alice', 700_000n)).toBeNull();
  });

  test('static_remotekey: dust counts what an HTLC transaction costs', () => {
    const pair = opened({ features: LEGACY, limits: { alice: { maxDustHtlcExposure: msat(500_000n) } } });
    // Offered by the owner: 354 + 663 at 1,000 sat/kw; received: 354 + 703.
    expect(refusal(pair, 'alice', 1_056_999n)).toMatchObject({ rule: 'max_dust_htlc_exposure_msat' });
    expect(refusal(pair, 'alice', 1_057_000n)).toBeNull();
  });

  test('a peer that is away cannot be reached; a channel that shuts down takes nothing', () => {
    const pair = opened();
    pair.cut();
    expect(refusal(pair, 'alice', 1_000_000n)).toMatchObject({ code: 'PEER_UNREACHABLE' });
    pair.connect().settle();
    expect(refusal(pair, 'alice', 1_000_000n)).toBeNull();
    pair.settle().feed('bob', { kind: 'close', id: pair.command(), script: new Uint8Array([0, 20, ...Array(20).fill(1)]), feerate: null });
    pair.settle();
    expect(refusal(pair, 'alice', 1_000_000n)).toMatchObject({ code: 'POLICY', rule: 'channel_state' });
  });
});

describe('update_fee', () => {
  const propose = (pair: Pair, by: Name, feerate: number): ChannelRefusal | null => {
    const id = pair.command();
    const reply = pair.feed(by, { kind: 'update_fee', id, feerate: feeratePerKw(feerate) }).ends[by].replies.get(id);
    return reply?.ok === false ? reply.failure : null;
  };

  test('the funder’s reaches both commitments; with and without payments under way', () => {
    const pair = opened();
    pair.add('bob', 5_000_000n);
    expect(propose(pair, 'alice', 2000)).toBeNull();
    pair.add('alice', 5_000_000n);
    pair.settle();
    expect(pair.view('alice').feeratePerKw).toBe(2000);
    expect(pair.view('bob').feeratePerKw).toBe(2000);
    expect(propose(pair, 'alice', 300)).toBeNull();
    pair.settle();
    expect(pair.view('bob').feeratePerKw).toBe(300);
  });

  test('is refused to the fundee, above what the funder has, and out of range', () => {
    const pair = opened({ pushMsat: 980_000_000n });
    expect(propose(pair, 'bob', 1500)).toMatchObject({ code: 'POLICY', rule: 'update_fee' });
    expect(propose(pair, 'alice', 20_000)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', rule: 'fee' });
    // It would leave the funder less than the reserve: 20,000 sat less 660 and 1,124 weight at 9,000 sat/kw.
    expect(propose(pair, 'alice', 9_000)).toMatchObject({ code: 'INSUFFICIENT_FUNDS', rule: 'fee' });
    expect(propose(pair, 'alice', 252)).toMatchObject({ code: 'POLICY', rule: 'feerate_per_kw' });
    expect(propose(pair, 'alice', 1_000_000)).toMatchObject({ code: 'POLICY', rule: 'feerate_per_kw' });
  });

  test('static_remotekey: a feerate that would trim too much is refused', () => {
    const pair = opened({ features: LEGACY, limits: { alice: { maxDustHtlcExposure: msat(1_000_000n) } } });
    expect(refusal(pair, 'alice', 2_000_000n)).toBeNull();
    pair.settle();
    expect(propose(pair, 'alice', 5000)).toMatchObject({ code: 'POLICY', rule: 'max_dust_htlc_exposure_msat' });
  });

  test('a tick lets the funder follow the estimate, and leave small changes be', () => {
    const pair = opened();
    const estimate = (normal: number): void => {
      pair.alice.env = { ...pair.alice.env, feerates: { ...pair.alice.env.feerates, normal: feeratePerKw(normal) } };
      pair.feed('alice', { kind: 'tick' }).settle();
    };
    estimate(1200);
    expect(pair.view('bob').feeratePerKw).toBe(1000);
    estimate(2000);
    expect(pair.view('bob').feeratePerKw).toBe(2000);
    estimate(100_000);
    expect(pair.view('bob').feeratePerKw, 'with anchors no more than 10 sat/vB').toBe(2000);
    estimate(300);
    expect(pair.view('bob').feeratePerKw).toBe(300);
  });
});

describe('what the peer adds', () => {
  const add = (pair: Pair, change: Partial<Extract<Message, { name: 'update_add_htlc' }>>): Pair =>
    pair.feed('bob', {
      kind: 'message',
      message: {
        name: 'update_add_htlc',
        channelId: pair.view('bob').channelId,
        id: 0n,
        amountMsat: msat(1_000_000n),
        paymentHash: new Uint8Array(32) as never,
        cltvExpiry: height(pair.height + 100),
        onionRoutingPacket: new Uint8Array(1366),
        tlvs: {},
        ...change,
      },
    });

  const bad: readonly (readonly [string, string, Partial<Extract<Message, { name: 'update_add_htlc' }>>, PairOptions])[] = [
    ['an amount of 0', 'amount_is_zero', { amountMsat: msat(0n) }, {}],
    ['an amount below our minimum', 'htlc_minimum_msat', { amountMsat: msat(9n) }, { limits: { bob: { htlcMinimum: msat(10n) } } }],
    ['a time for a height', 'cltv_expiry', { cltvExpiry: height(500_000_000) }, {}],
    ['an id out of sequence', 'htlc_id', { id: 1n }, {}],
    ['more than it has', 'channel_reserve_satoshis', { amountMsat: msat(590_000_001n) }, {}],
    [
      'more than may be in flight',
      'max_htlc_value_in_flight_msat',
      { amountMsat: msat(100_000_001n) },
      { limits: { bob: { maxHtlcValueInFlight: msat(100_000_000n) } } },
    ],
  ];
  for (const [what, rule, change, options] of bad)
    test(`${what} is answered by a warning and the end of the connection`, () => {
      const pair = add(opened(options), change);
      expect(pair.bob.hungUp).toContain(rule);
      expect(pair.sentBy('bob').at(-1)).toBe('warning');
      expect(pair.view('bob').htlcs).toEqual([]);
    });

  test('more HTLCs than we accept are a fault', () => {
    const pair = opened({ limits: { bob: { maxAcceptedHtlcs: 1 } } });
    add(pair, {});
    expect(pair.bob.hungUp).toBeNull();
    add(pair, { id: 1n });
    expect(pair.bob.hungUp).toContain('max_accepted_htlcs');
  });

  test('what goes beyond our dust exposure is marked, so that it is failed', () => {
    const pair = opened({ limits: { bob: { maxDustHtlcExposure: msat(500_000n) } } });
    for (let i = 0; i < 3; i++) pair.add('alice', 200_000n);
    pair.settle();
    expect(pair.eventsOf('bob', 'htlc_received').map((event) => event.overDustExposure)).toEqual([false, false, true]);
  });

  test('our own dust counts towards it, and dust on the peer’s commitment alone does', () => {
    const marks = (pair: Pair) => pair.eventsOf('bob', 'htlc_received').map((event) => event.overDustExposure);
    const both = opened({ limits: { bob: { maxDustHtlcExposure: msat(500_000n) } } });
    both.add('bob', 300_000n);
    both.settle().add('alice', 200_001n);
    both.settle();
    expect(marks(both)).toEqual([true]);
    const theirs = opened({ limits: { alice: { dustLimit: 700n as never }, bob: { maxDustHtlcExposure: msat(600_000n) } } });
    theirs.add('alice', 650_000n);
    theirs.settle();
    expect(marks(theirs)).toEqual([true]);
  });

  test('a funder that keeps its reserve and cannot pay the fee', () => {
    // 600,000 sat less the reserve, the anchors, and (1124 + 172) weight at 1,000 sat/kw.
    const most = 600_000_000n - 10_000_000n - 660_000n - 1_296_000n;
    expect(add(opened(), { amountMsat: msat(most) }).bob.hungUp).toBeNull();
    expect(add(opened(), { amountMsat: msat(most + 1n) }).bob.hungUp).toContain('cannot pay the fee');
  });
});

describe('sendable and receivable', () => {
  test('what one side can send is what the other can receive, where their bounds are equal', () => {
    const pair = opened();
    const same = (): void => {
      expect(pair.view('bob').receivableMsat).toBe(pair.view('alice').sendableMsat);
      expect(pair.view('alice').receivableMsat).toBe(pair.view('bob').sendableMsat);
    };
    same();
    pair.add('alice', 123_456_789n);
    pair.add('bob', 3_000n);
    pair.settle();
    same();
  });

  test('nothing is sendable while disconnected', () => {
    expect(opened().cut().view('alice').sendableMsat).toBe(0n);
  });
});
