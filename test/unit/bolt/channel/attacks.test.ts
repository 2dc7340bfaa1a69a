// What a peer could gain, or break, by keeping to the letter of the messages and not to their sense.
import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { toHex, utf8 } from '../../../../src/base/bytes.ts';
import { feeratePerKw, msat, sat, unixTime } from '../../../../src/base/units.ts';
import { txId } from '../../../../src/bitcoin/tx.ts';
import { acceptChannel, channelCodec, openChannel } from '../../../../src/bolt/channel/channel.ts';
import { localCommitmentTx } from '../../../../src/bolt/channel/force-close.ts';
import { perCommitmentSecret } from '../../../../src/bolt/channel/keys.ts';
import type { Message, MessageNamed } from '../../../../src/bolt/wire/message.ts';
import { encodeWith } from '../../../../src/codec/codec.ts';
import { ANCHORS, type Name, Pair, type PairOptions, p2wpkh } from '../../../channel/pair.ts';

const opened = (options: PairOptions = {}): Pair => new Pair({ pushMsat: 400_000_000n, ...options }).ready();
const tell = (pair: Pair, name: Name, message: Message): Pair => pair.feed(name, { kind: 'message', message });
const stored = (pair: Pair, name: Name): number => encodeWith(channelCodec, pair.channel(name)).length;

/** What Bob says first after a reconnection, changed. */
function reestablish(pair: Pair, change: Partial<MessageNamed<'channel_reestablish'>>): Pair {
  pair.cut().connect();
  pair.alice.inbox.length = 0;
  const said = must(pair.bob.sent.at(-1), 'a message');
  if (said.name !== 'channel_reestablish') throw new Error(said.name);
  return tell(pair, 'alice', { ...said, ...change });
}

describe('channel_reestablish', () => {
  test('a claim to expect a later commitment, without proof, does not take our way out of the channel', () => {
    const pair = opened();
    pair.pay('alice', 1_000_000n);
    reestablish(pair, { nextCommitmentNumber: 1000n });
    expect(pair.sentBy('alice').at(-1)).toBe('error');
    expect(pair.view('alice').phase).toBe('normal');
    expect(pair.view('alice').usable).toBe(false);
    const id = pair.command();
    pair.feed('alice', { kind: 'force_close', id });
    expect(pair.alice.replies.get(id)?.ok).toBe(true);
    expect(pair.publishable('alice').map(({ label }) => label)).toEqual(['commitment']);
    // Nor does it hold against the same claim told the next time.
    const again = opened();
    reestablish(again, { nextCommitmentNumber: 1000n });
    again.cut().connect().settle();
    expect(again.view('alice').usable).toBe(true);
  });

  test('updates that the peer forgot over a reconnection, as it may, are forgotten here', () => {
    const pair = opened();
    const forgetful = pair.channel('alice');
    pair.feed('alice', { kind: 'update_fee', id: pair.command(), feerate: feeratePerKw(1700) });
    pair.add('alice', 3_000_000n);
    while (pair.deliver('bob'));
    expect(pair.view('bob').htlcs.length).toBe(1);
    pair.alice.channel = forgetful;
    pair.cut().connect().settle().pay('alice', 2_000_000n);
    expect(pair.bob.hungUp).toBeNull();
    expect(pair.view('bob').feeratePerKw).toBe(1000);
  });

  test('a proof that our state is outdated counts before a next_commitment_number of 0', () => {
    const pair = opened();
    pair.pay('alice', 1_000_000n);
    const { commitments } = pair.active('alice');
    const { commitmentSeed } = pair.alice.env.keys.channelSecrets(pair.channel('alice').durable.params.keyIndex);
    reestablish(pair, {
      nextCommitmentNumber: 0n,
      nextRevocationNumber: commitments.local.number + 1n,
      yourLastPerCommitmentSecret: perCommitmentSecret(commitmentSeed, commitments.local.number),
    });
    expect(pair.view('alice').phase).toBe('data_loss');
    expect(pair.alice.published.filter(({ label }) => label === 'commitment')).toEqual([]);
  });

  test('next_funding for a transaction that nobody here knows is answered by tx_abort', () => {
    const pair = opened();
    reestablish(pair, { tlvs: { nextFunding: { nextFundingTxid: new Uint8Array(32).fill(7) as never, retransmitFlags: 1 } } });
    expect(pair.sentBy('alice')).toContain('tx_abort');
    expect(pair.view('alice').usable).toBe(true);
  });
});

describe('what a peer makes us keep', () => {
  test('a commitment before channel_ready is a fault: it would make an unfunded channel one that is never forgotten', () => {
    const pair = new Pair({ pushMsat: 400_000_000n }).open();
    const { channelId } = pair.view('bob');
    tell(pair, 'bob', { name: 'commitment_signed', channelId, signature: new Uint8Array(64), htlcSignature: [], tlvs: {} });
    expect(pair.bob.hungUp).toContain('unexpected_message');
  });

  test('a failure’s reason as long as a message is kept in part only, and passed on', () => {
    const pair = opened();
    const { htlcId } = pair.add('alice', 1_000_000n);
    pair.settle();
    pair.feed('bob', { kind: 'fail_htlc', htlcId, reason: new Uint8Array(65_000).fill(3), attributionData: null });
    pair.feed('bob', { kind: 'flush' });
    while (pair.deliver('alice'));
    expect(stored(pair, 'alice')).toBeLessThan(10_000);
    pair.settle();
    const [failed] = pair.eventsOf('alice', 'htlc_failed');
    expect(failed?.failure.kind).toBe('reason');
  });

  test('feerates that we have not signed yet replace each other', () => {
    const pair = opened();
    pair.add('bob', 1_000_000n);
    pair.feed('bob', { kind: 'flush' });
    const before = stored(pair, 'bob');
    // Alice answers nothing, and goes on proposing and signing.
    pair.alice.inbox.length = 0;
    for (let i = 0; i < 20; i++) {
      pair.feed('alice', { kind: 'update_fee', id: pair.command(), feerate: feeratePerKw(1100 + i) }).feed('alice', { kind: 'flush' });
      while (pair.deliver('bob'));
      // Of Bob's answers only the revocation reaches her.
      pair.alice.inbox.splice(0, pair.alice.inbox.length, ...pair.alice.inbox.filter((bytes) => bytes[1] === 133));
      pair.deliver('alice');
    }
    expect(pair.bob.hungUp).toBeNull();
    expect(pair.active('bob').commitments.local.number).toBeGreaterThan(15n);
    expect(pair.active('bob').commitments.fees.length).toBeLessThan(4);
    expect(stored(pair, 'bob')).toBeLessThan(before + 200);
  });

  test('an upfront_shutdown_script binds only where both know of it', () => {
    const known = new Pair({ upfront: p2wpkh('fixed') }).ready();
    expect(known.channel('alice').durable.params.upfront.remote).toEqual(p2wpkh('fixed'));
    const features = ANCHORS.filter((name) => name !== 'option_upfront_shutdown_script');
    const unknown = new Pair({ upfront: p2wpkh('fixed'), features }).ready();
    expect(unknown.channel('alice').durable.params.upfront.remote).toBeNull();
  });

  test('funding_satoshis beyond all money there is', () => {
    const pair = new Pair();
    const started = openChannel(pair.openRequest(), pair.alice.env);
    if (!started.ok) throw new Error('refused');
    const effect = must(started.value.effects[0], 'open_channel');
    if (effect.kind !== 'send' || effect.message.name !== 'open_channel') throw new Error('open_channel comes first');
    const huge = { fundingSatoshis: sat(2n ** 62n), maxHtlcValueInFlightMsat: msat(2n ** 63n), channelReserveSatoshis: sat(2n ** 50n) };
    const result = acceptChannel(pair.acceptRequest({ ...effect.message, ...huge }), pair.bob.env);
    expect(result).toMatchObject({ ok: false, failure: { why: expect.stringContaining('funding_satoshis') } });
    expect(openChannel(pair.openRequest({ capacity: sat(2n ** 62n) }), pair.alice.env)).toMatchObject({
      ok: false,
      failure: { rule: 'funding_satoshis' },
    });
  });
});

describe('closing', () => {
  /** Bob's `closing_complete`, as he would send it with this fee and lock time. */
  function complete(pair: Pair, part: { readonly feerate: number; readonly height?: number }): void {
    const id = pair.command();
    const { env } = pair.bob;
    pair.bob.env = { ...env, height: (part.height ?? env.height) as never };
    pair.feed('bob', { kind: 'close', id, script: p2wpkh('bob'), feerate: feeratePerKw(part.feerate) });
    pair.bob.env = env;
    pair.settle();
  }

  test('a closing transaction that cannot be mined yet does not stand for one that can, nor for our commitment', () => {
    const pair = opened({ pushMsat: 600_000_000n });
    pair.feed('alice', { kind: 'close', id: pair.command(), script: p2wpkh('alice'), feerate: null }).settle();
    const before = must(pair.publishable('alice')[0], 'a closing transaction').tx;
    complete(pair, { feerate: 9000, height: pair.height + 7 });
    const now = must(pair.publishable('alice')[0], 'a closing transaction').tx;
    expect(toHex(txId(now))).toBe(toHex(txId(before)));
    // Nor one that no node relays.
    complete(pair, { feerate: 2_000_000 });
    expect(toHex(txId(must(pair.publishable('alice')[0], 'tx').tx))).toBe(toHex(txId(before)));
  });

  test('one of a peer that is some blocks ahead stands', () => {
    const pair = opened();
    pair.feed('alice', { kind: 'close', id: pair.command(), script: p2wpkh('alice'), feerate: null }).settle();
    complete(pair, { feerate: 9000, height: pair.height + 6 });
    expect(must(pair.publishable('alice')[0], 'a closing transaction').tx.locktime).toBe(pair.height + 6);
  });

  test('where nothing else was agreed on, an error of the peer still fails the channel', () => {
    const pair = opened();
    // Alice's own closing_complete is never answered.
    pair.onEffect = (end, effect) => {
      if (end.name === 'alice' && effect.kind === 'send' && effect.message.name === 'closing_complete')
        Object.assign(effect, { message: { name: 'ping', numPongBytes: 0, ignored: new Uint8Array(), tlvs: {} } });
    };
    pair.bob.env = { ...pair.bob.env, height: 400_000_000 as never };
    pair.feed('bob', { kind: 'close', id: pair.command(), script: p2wpkh('bob'), feerate: null });
    for (let i = 0; i < 3; i++) {
      pair.flush();
      const [first] = pair.bob.inbox;
      if (first !== undefined && first[1] === 18) pair.bob.inbox.shift();
      pair.deliver('bob');
      pair.deliver('alice');
    }
    expect(pair.sentBy('alice')).toContain('closing_sig');
    const { channelId } = pair.view('alice');
    tell(pair, 'alice', { name: 'error', channelId, data: utf8('no'), tlvs: {} });
    expect(pair.publishable('alice').map(({ label }) => label)).toEqual(['commitment']);
  });

  test('a peer that replaces its closing transaction a hundred times makes us keep a few', () => {
    const pair = opened();
    pair.feed('bob', { kind: 'close', id: pair.command(), script: p2wpkh('bob'), feerate: feeratePerKw(1000) }).settle();
    const own = must(
      pair.alice.published.find(({ label }) => label === 'closing'),
      'a closing transaction',
    ).tx;
    for (let i = 1; i <= 100; i++) complete(pair, { feerate: 1000 + 10 * i });
    expect(stored(pair, 'alice')).toBeLessThan(5_000);
    expect(pair.publishable('alice').length).toBe(1);
    const dearest = must(
      pair.alice.published.findLast(({ label }) => label === 'closing'),
      'the last one',
    ).tx;
    expect(toHex(txId(dearest))).not.toBe(toHex(txId(own)));
    expect(toHex(txId(must(pair.publishable('alice')[0], 'the dearest').tx))).toBe(toHex(txId(dearest)));
  });

  for (const [how, phase] of [
    ['closing_signed', 'force_closing'],
    ['closing_complete', 'negotiating'],
  ] as const)
    test(`a peer that never answers ${how} is not waited for without end`, () => {
      const simple = how === 'closing_complete';
      const pair = opened({ features: ANCHORS.filter((name) => simple || name !== 'option_simple_close') });
      pair.feed('alice', { kind: 'close', id: pair.command(), script: p2wpkh('alice'), feerate: null });
      for (let i = 0; i < 10 && !pair.sentBy('alice').includes(how); i++) {
        pair.flush();
        pair.deliver('bob');
        if (!pair.sentBy('alice').includes(how)) pair.deliver('alice');
      }
      const wait = (seconds: number): void => {
        pair.alice.env = { ...pair.alice.env, now: unixTime(pair.alice.env.now + seconds) };
        pair.feed('alice', { kind: 'tick' });
      };
      wait(600);
      expect([pair.view('alice').phase, pair.alice.hungUp]).toEqual(['negotiating', null]);
      wait(1);
      expect(pair.view('alice').phase).toBe(phase);
      if (simple) expect(pair.alice.hungUp).toContain('closing_sig');
    });

  test('an update after both shutdowns, with nothing left to resolve, is a fault', () => {
    const pair = opened({ features: ['option_static_remotekey', 'option_anchors', 'option_channel_type'] });
    pair.feed('bob', { kind: 'close', id: pair.command(), script: p2wpkh('bob'), feerate: null }).settle();
    const { channelId } = pair.view('bob');
    tell(pair, 'bob', { name: 'update_fee', channelId, feeratePerKw: feeratePerKw(1500), tlvs: {} });
    expect(pair.bob.hungUp).toContain('update_after_shutdown');
  });
});

describe('announcement', () => {
  test('a reorganization that the sides see at different times needs no reconnection', () => {
    for (const late of ['alice', 'bob'] as const) {
      const pair = new Pair({ isPublic: true }).ready();
      const funding = must(
        pair.alice.published.find(({ label }) => label === 'funding'),
        'funding',
      ).tx;
      const before = pair.view('alice').scid;
      // The late side has seen nothing of it while the other one announces anew.
      const old = pair.ends[late].channel;
      const env = pair.ends[late].env;
      for (let i = 0; i < 7; i++) pair.unmine();
      pair.ends[late].channel = old;
      pair.ends[late].env = env;
      const early = late === 'alice' ? 'bob' : 'alice';
      pair.onlyTo = early;
      pair.mine([]).mine([funding], 5).settle();
      pair.onlyTo = late;
      for (let at = pair.height; at > 1000; at--) pair.feed(late, { kind: 'block_disconnected', height: at as never });
      pair.replay(0).settle();
      pair.onlyTo = null;
      const after = pair.view('alice').scid;
      expect(after).not.toBe(before);
      expect(pair.view('bob').scid).toBe(after);
      for (const name of ['alice', 'bob'] as const)
        expect(pair.eventsOf(name, 'announced').map((event) => event.announcement.shortChannelId)).toEqual([before, after]);
      expect(pair.alice.hungUp ?? pair.bob.hungUp).toBeNull();
    }
  });
});

describe('a funding transaction that is double-spent', () => {
  const conflictOf = (pair: Pair) => {
    const funding = must(
      pair.alice.published.find(({ label }) => label === 'funding'),
      'funding',
    ).tx;
    return { funding, conflict: { ...funding, outputs: [{ amount: sat(900_000n), script: p2wpkh('elsewhere') }] } };
  };

  test('ends the channel of its funder, who stops publishing it', () => {
    const pair = new Pair({ pushMsat: 100_000_000n }).open();
    const { conflict } = conflictOf(pair);
    pair.mine([conflict]).reload('alice');
    expect(pair.view('alice').closing).toMatchObject({ how: 'never_funded' });
    expect(pair.publishable('alice')).toEqual([]);
    expect(pair.view('alice').phase).toBe('closing');
    expect(pair.eventsOf('alice', 'closing').length).toBe(1);
    pair.mine([], 97);
    expect(pair.view('alice').phase).not.toBe('closed');
    pair.mine([]);
    expect(pair.view('alice').phase).toBe('closed');
    expect(pair.eventsOf('alice', 'closed').length).toBe(1);
  });

  test('a reorganization that takes the other spend away leaves us our money: the channel is closed by our commitment', () => {
    const pair = new Pair({ pushMsat: 100_000_000n }).open();
    const { funding, conflict } = conflictOf(pair);
    pair.mine([conflict]).unmine().reload('alice');
    expect(pair.publishable('alice').map(({ label }) => label)).toEqual(['funding', 'commitment']);
    pair.mine([funding]);
    const [commitment, ...more] = pair.publishable('alice');
    expect(more).toEqual([]);
    expect(must(commitment, 'a commitment').label).toBe('commitment');
    const { params, phase } = pair.channel('alice').durable;
    if (phase.kind !== 'closing') throw new Error(phase.kind);
    expect(must(commitment, 'a commitment').tx).toEqual(localCommitmentTx(params, phase, pair.alice.env));
  });

  test('payments of a channel that was used before it confirmed are failed', () => {
    const features = ['option_static_remotekey', 'option_anchors', 'option_channel_type', 'option_scid_alias', 'option_zeroconf'] as const;
    const pair = new Pair({ features, zeroConf: true, pushMsat: 100_000_000n }).open();
    pair.add('alice', 5_000_000n);
    pair.add('bob', 7_000_000n);
    pair.settle();
    pair.mine([conflictOf(pair).conflict], 5);
    expect(pair.eventsOf('alice', 'htlc_failed').map(({ failure }) => failure.kind)).toEqual(['on_chain']);
    expect(pair.eventsOf('alice', 'htlc_removed').map(({ settled }) => settled)).toEqual([false]);
  });
});
