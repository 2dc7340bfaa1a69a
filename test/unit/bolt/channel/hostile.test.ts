import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { utf8 } from '../../../../src/base/bytes.ts';
import { blocks, feeratePerKw, msat, sat } from '../../../../src/base/units.ts';
import { acceptChannel, freeze, openChannel } from '../../../../src/bolt/channel/channel.ts';
import type { Channel } from '../../../../src/bolt/channel/state.ts';
import type { ChannelLimits, OpenRequest } from '../../../../src/bolt/channel/types.ts';
import { channelType } from '../../../../src/bolt/wire/features.ts';
import { decodeMessage, type Message, type MessageNamed } from '../../../../src/bolt/wire/message.ts';
import { ANCHORS, featureBits, LEGACY, type Name, Pair, type PairOptions, p2wpkh } from '../../../channel/pair.ts';

const opened = (options: PairOptions = {}): Pair => new Pair({ pushMsat: 400_000_000n, ...options }).ready();
const tell = (pair: Pair, name: Name, message: Message): Pair => pair.feed(name, { kind: 'message', message });

/** Changes the next message of this kind that `from` sends. */
function tamper<N extends Message['name']>(
  pair: Pair,
  from: Name,
  name: N,
  change: (message: MessageNamed<N>) => Partial<MessageNamed<N>>,
): void {
  let done = false;
  pair.onEffect = (end, effect) => {
    if (done || end.name !== from || effect.kind !== 'send' || effect.message.name !== name) return;
    done = true;
    Object.assign(effect.message, change(effect.message as MessageNamed<N>));
  };
}
/** Its x is beyond the field. */
const NOT_A_POINT = Uint8Array.of(2, ...Array(32).fill(255));
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte));

describe('a peer’s breach in normal operation is a fault, and never a throw', () => {
  const faults: readonly (readonly [string, string, (pair: Pair) => void])[] = [
    [
      'a commitment signature that is wrong',
      'bad_signature',
      (pair) => {
        tamper(pair, 'alice', 'commitment_signed', (message) => ({ signature: flipped(message.signature) }));
        pair.add('alice', 1_000_000n);
      },
    ],
    [
      'an HTLC signature that is wrong',
      'bad_htlc_signatures',
      (pair) => {
        tamper(pair, 'alice', 'commitment_signed', (message) => ({ htlcSignature: message.htlcSignature.map(flipped) }));
        pair.add('alice', 1_000_000n);
      },
    ],
    [
      'HTLC signatures that are too few',
      'bad_htlc_signatures',
      (pair) => {
        tamper(pair, 'alice', 'commitment_signed', () => ({ htlcSignature: [] }));
        pair.add('alice', 1_000_000n);
      },
    ],
    [
      'an amount that differs from what was signed',
      'bad_signature',
      (pair) => {
        tamper(pair, 'alice', 'update_add_htlc', () => ({ amountMsat: msat(2_000_000n) }));
        pair.add('alice', 1_000_000n);
      },
    ],
  ];
  for (const [what, rule, act] of faults)
    test(`${what}: ${rule}`, () => {
      const pair = opened();
      act(pair);
      pair.settle();
      expect(pair.bob.hungUp).toContain(rule);
      expect(pair.view('bob').phase).toBe('normal');
      // The next connection mends it.
      pair.onEffect = null;
      pair.cut().connect().settle();
      expect(pair.bob.hungUp).toBeNull();
      expect(pair.view('bob').htlcs.length).toBe(1);
    });

  test('a revocation with a secret that is not the one: the channel is failed', () => {
    for (const perCommitmentSecret of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(32).fill(3)]) {
      const pair = opened();
      tamper(pair, 'bob', 'revoke_and_ack', () => ({ perCommitmentSecret }));
      pair.add('alice', 1_000_000n);
      pair.settle();
      expect(pair.view('alice').phase).toBe('force_closing');
      expect(pair.view('alice').closing?.why).toContain('bad_revocation');
    }
  });

  test('a secret that contradicts an earlier one: the channel is failed', () => {
    const pair = opened();
    pair.add('alice', 1_000_000n);
    pair.settle();
    const { session, durable } = pair.channel('alice');
    const active = pair.active('alice');
    const { secrets } = active.commitments;
    const lie = secrets.known.map((entry) => ({ ...entry, secret: new Uint8Array(32).fill(5) }));
    const commitments = { ...active.commitments, secrets: { ...secrets, known: lie } };
    pair.alice.channel = { session, durable: { ...durable, phase: { ...active, commitments } } };
    for (let i = 0; i < 4 && pair.view('alice').phase === 'normal'; i++) {
      pair.add('alice', 1_000_000n);
      pair.settle();
    }
    expect(pair.view('alice').closing?.why).toContain('contradicts an earlier one');
  });

  test('a next point that is none, and a revocation that nobody asked for', () => {
    const pair = opened();
    tamper(pair, 'bob', 'revoke_and_ack', () => ({ nextPerCommitmentPoint: NOT_A_POINT }));
    pair.add('alice', 1_000_000n);
    pair.settle();
    expect(pair.alice.hungUp).toContain('bad_point');
    const again = opened();
    const { channelId } = again.view('alice');
    const secret = new Uint8Array(32).fill(1);
    const nextPerCommitmentPoint = again.active('alice').commitments.remote.point;
    tell(again, 'alice', { name: 'revoke_and_ack', channelId, perCommitmentSecret: secret, nextPerCommitmentPoint, tlvs: {} });
    expect(again.alice.hungUp).toContain('unexpected_revocation');
  });

  test('removals of HTLCs that are not there, not ripe or already removed, and wrong preimages', () => {
    const channelOf = (pair: Pair) => ({ channelId: pair.view('alice').channelId, tlvs: {} });
    const paymentPreimage = new Uint8Array(32).fill(9) as never;
    const unknown = opened();
    tell(unknown, 'alice', { name: 'update_fulfill_htlc', ...channelOf(unknown), id: 0n, paymentPreimage });
    expect(unknown.alice.hungUp).toContain('unknown_htlc');

    const unripe = opened();
    const { preimage } = unripe.add('alice', 1_000_000n);
    tell(unripe, 'alice', { name: 'update_fulfill_htlc', ...channelOf(unripe), id: 0n, paymentPreimage: preimage });
    expect(unripe.alice.hungUp).toContain('unknown_htlc');

    const wrong = opened();
    wrong.add('alice', 1_000_000n);
    tell(wrong.settle(), 'alice', { name: 'update_fulfill_htlc', ...channelOf(wrong), id: 0n, paymentPreimage });
    expect(wrong.alice.hungUp).toContain('bad_preimage');
    expect(wrong.eventsOf('alice', 'htlc_fulfilled')).toEqual([]);

    const twice = opened();
    twice.add('alice', 1_000_000n);
    const fail = { name: 'update_fail_htlc', ...channelOf(twice), id: 0n, reason: utf8('no') } as const;
    tell(twice.settle(), 'alice', fail);
    tell(twice, 'alice', fail);
    expect(twice.alice.hungUp).toContain('unknown_htlc');

    const malformed = opened();
    malformed.add('alice', 1_000_000n);
    const sha256OfOnion = new Uint8Array(32);
    const code = { name: 'update_fail_malformed_htlc', ...channelOf(malformed), id: 0n, sha256OfOnion, failureCode: 0x4005 } as const;
    tell(malformed.settle(), 'alice', code);
    expect(malformed.alice.hungUp).toContain('badonion_bit');
  });

  test('a preimage told before a cut settles the HTLC even when the peer fails it afterwards', () => {
    const pair = opened();
    const { htlcId, preimage } = pair.add('alice', 1_000_000n);
    pair.settle();
    const { channelId } = pair.view('alice');
    tell(pair, 'alice', { name: 'update_fulfill_htlc', channelId, id: htlcId, paymentPreimage: preimage, tlvs: {} });
    expect(pair.eventsOf('alice', 'htlc_fulfilled').length).toBe(1);
    pair.cut().reload('alice').connect().settle();
    pair.fail('bob', htlcId).settle();
    expect(pair.eventsOf('alice', 'htlc_fulfilled').length).toBe(1);
    expect(pair.eventsOf('alice', 'htlc_failed')).toEqual([]);
    expect(pair.view('alice').localMsat).toBe(600_000_000n);
  });

  test('update_fee from the fundee, out of range, or beyond what the funder has', () => {
    const fee = (pair: Pair, to: Name, feerate: number): string | null => {
      const message = { name: 'update_fee', channelId: pair.view(to).channelId, feeratePerKw: feeratePerKw(feerate), tlvs: {} } as const;
      return tell(pair, to, message).ends[to].hungUp;
    };
    expect(fee(opened(), 'alice', 1500)).toContain('update_fee_by_fundee');
    expect(fee(opened(), 'bob', 100)).toContain('update_fee_range');
    expect(fee(opened(), 'bob', 300_000)).toContain('update_fee_range');
    expect(fee(opened({ pushMsat: 985_000_000n }), 'bob', 20_000)).toContain('update_fee_unaffordable');
  });

  test('an HTLC after shutdown', () => {
    const pair = opened();
    pair.add('bob', 1_000_000n);
    pair.settle();
    const { channelId } = pair.view('alice');
    tell(pair, 'bob', { name: 'shutdown', channelId, scriptpubkey: p2wpkh('end'), tlvs: {} });
    const onionRoutingPacket = new Uint8Array(1366);
    const paymentHash = new Uint8Array(32) as never;
    const add = { name: 'update_add_htlc', channelId, id: 0n, amountMsat: msat(1000n), paymentHash, onionRoutingPacket, tlvs: {} } as const;
    tell(pair, 'bob', { ...add, cltvExpiry: pair.height + 50 });
    expect(pair.bob.hungUp).toContain('update_after_shutdown');
  });

  test('any message of the table, in any phase, is taken or is a fault', () => {
    const messages: Message[] = [];
    const collect = (pair: Pair): void => {
      messages.push(...pair.alice.sent, ...pair.bob.sent);
    };
    const first = opened({ isPublic: true });
    first.pay('alice', 2_000_000n).pay('bob', 1_000_000n);
    first.cut().connect().settle();
    first.feed('alice', { kind: 'close', id: first.command(), script: p2wpkh('end'), feerate: null });
    collect(first);
    const { channelId } = first.view('alice');
    messages.push(
      { name: 'stfu', channelId, initiator: 1, tlvs: {} },
      { name: 'tx_abort', channelId, data: utf8('x'), tlvs: {} },
      { name: 'start_batch', channelId, batchSize: 2, tlvs: {} },
      { name: 'start_batch', channelId, batchSize: 21, tlvs: {} },
      { name: 'closing_signed', channelId, feeSatoshis: sat(200n), signature: new Uint8Array(64), tlvs: {} },
      { name: 'warning', channelId, data: utf8('careful'), tlvs: {} },
    );
    const closing = (kind: 'close' | 'force_close'): Pair => {
      const pair = opened();
      const id = pair.command();
      return kind === 'close'
        ? pair.feed('alice', { kind, id, script: p2wpkh('end'), feerate: null }).settle()
        : pair.feed('alice', { kind, id });
    };
    for (const pair of [new Pair().open(), opened(), opened().cut().connect(), closing('close'), closing('force_close')]) {
      const saved = { alice: pair.channel('alice'), bob: pair.channel('bob') };
      for (const message of messages)
        for (const name of ['alice', 'bob'] as const) {
          Object.assign(pair.alice, { channel: saved.alice });
          Object.assign(pair.bob, { channel: saved.bob });
          expect(() => tell(pair, name, message).flush(), `${message.name} to ${name} in ${pair.view(name).phase}`).not.toThrow();
        }
    }
  });

  test('a message with a flipped bit is malformed, a fault, or as good as another one, but never a throw and never money', () => {
    const pair = opened({ isPublic: true });
    const seen: { readonly to: Name; readonly channel: Channel; readonly bytes: Uint8Array }[] = [];
    const settle = (): void => {
      for (let moved = true; moved; ) {
        pair.flush();
        moved = false;
        for (const to of ['alice', 'bob'] as const) {
          const [bytes] = pair.ends[to].inbox;
          if (bytes !== undefined) seen.push({ to, channel: pair.channel(to), bytes });
          moved = pair.deliver(to) || moved;
        }
      }
    };
    const paid = pair.add('alice', 20_000_000n);
    const failed = pair.add('bob', 5_000_000n);
    pair.feed('alice', { kind: 'update_fee', id: pair.command(), feerate: feeratePerKw(1700) });
    settle();
    pair.fulfill('bob', paid.htlcId, paid.preimage).fail('alice', failed.htlcId);
    settle();
    pair.cut().connect();
    settle();
    pair.feed('alice', { kind: 'close', id: pair.command(), script: p2wpkh('end'), feerate: null });
    settle();
    expect(seen.length).toBeGreaterThan(20);
    pair.onEffect = (_, effect) => {
      // What a changed byte can never do: tell an end of a payment that is not its end.
      if (effect.kind === 'raise' && effect.event.kind === 'htlc_fulfilled') expect(effect.event.preimage).toEqual(paid.preimage);
    };
    for (const { to, channel, bytes } of seen)
      for (let i = 0; i < 150; i++) {
        const at = i < 40 ? (i * 8 + (i % 8)) % (8 * bytes.length) : (i * 7919 * 31) % (8 * bytes.length);
        const changed = bytes.slice();
        changed[at >> 3] = (changed[at >> 3] as number) ^ (1 << (at & 7));
        const decoded = decodeMessage(changed);
        if (!decoded.ok || decoded.value.name === 'unknown') continue;
        const { message } = { message: decoded.value };
        pair.ends[to].channel = channel;
        expect(() => pair.feed(to, { kind: 'message', message }).feed(to, { kind: 'flush' }), `bit ${at} of ${message.name}`).not.toThrow();
      }
  });
});

describe('opening', () => {
  const openOf = (pair: Pair, change: Partial<MessageNamed<'open_channel'>> = {}): MessageNamed<'open_channel'> => {
    const started = openChannel(pair.openRequest(), pair.alice.env);
    if (!started.ok) throw new Error(started.failure.message);
    const effect = must(started.value.effects[0], 'open_channel');
    if (effect.kind !== 'send' || effect.message.name !== 'open_channel') throw new Error('open_channel comes first');
    return { ...effect.message, ...change };
  };

  const refusals: readonly (readonly [string, Partial<MessageNamed<'open_channel'>>, PairOptions?])[] = [
    ['chain_hash', { chainHash: new Uint8Array(32) as never }],
    ['no channel_type', { tlvs: {} }],
    ['not a defined one', { tlvs: { channelType: Uint8Array.of(0x50, 0, 0) } }],
    ['not a defined one', { tlvs: { channelType: Uint8Array.of(0, 0x10, 0) } }],
    [
      'option_anchors, which was not negotiated',
      { tlvs: { channelType: channelType('option_static_remotekey', 'option_anchors') } },
      { features: LEGACY },
    ],
    ['not trusted', { tlvs: { channelType: channelType('option_static_remotekey', 'option_zeroconf') } }, { trusted: false }],
    ['is for unannounced', { channelFlags: 1, tlvs: { channelType: channelType('option_static_remotekey', 'option_scid_alias') } }],
    ['is below 20000', { fundingSatoshis: sat(19_999n) }],
    ['option_support_large_channel', { fundingSatoshis: sat(2n ** 24n) }, { features: LEGACY }],
    ['feerate 100', { feeratePerKw: feeratePerKw(100) }],
    ['feerate 999999', { feeratePerKw: feeratePerKw(999_999) }],
    ['to_self_delay', { toSelfDelay: 2017 }],
    ['max_accepted_htlcs 484', { maxAcceptedHtlcs: 484 }],
    ['max_accepted_htlcs is 0', { maxAcceptedHtlcs: 0 }],
    ['is below 354', { dustLimitSatoshis: sat(353n) }],
    ['is above 5000', { dustLimitSatoshis: sat(5001n) }],
    ['above channel_reserve_satoshis', { dustLimitSatoshis: sat(4000n), channelReserveSatoshis: sat(3999n) }],
    ['above a fifth', { channelReserveSatoshis: sat(300_000n) }],
    ['htlc_minimum_msat', { htlcMinimumMsat: msat(200_000_000n) }],
    ['max_htlc_value_in_flight_msat', { maxHtlcValueInFlightMsat: msat(1_000n) }],
    ['push_msat', { pushMsat: msat(1_000_000_001n) }],
    ['cannot pay the fee', { pushMsat: msat(999_999_000n) }],
    [
      'within channel_reserve_satoshis',
      {
        fundingSatoshis: sat(21_000n),
        pushMsat: msat(4_000_000n),
        channelReserveSatoshis: sat(4_200n),
        feeratePerKw: feeratePerKw(11_000),
      },
    ],
    ['not a point', { htlcBasepoint: NOT_A_POINT }],
    [
      'upfront_shutdown_script',
      { tlvs: { channelType: channelType('option_static_remotekey'), upfrontShutdownScript: Uint8Array.of(1, 2, 3) } },
    ],
  ];
  for (const [why, change, options] of refusals)
    test(`open_channel is refused: ${why} (${Object.keys(change).join(', ')})`, () => {
      const pair = new Pair(options);
      const result = acceptChannel(pair.acceptRequest(openOf(pair, change)), pair.bob.env);
      expect(result.ok).toBe(false);
      if (!result.ok) {
        expect(result.failure.why).toContain(why);
        expect(result.failure.message.name).toBe('error');
      }
    });

  test('an undefined bit of channel_flags is ignored', () => {
    const pair = new Pair();
    expect(acceptChannel(pair.acceptRequest(openOf(pair, { channelFlags: 0xfe })), pair.bob.env).ok).toBe(true);
  });

  const ourRefusals: readonly (readonly [string, Partial<OpenRequest>, Partial<ChannelLimits>?])[] = [
    ['funding_satoshis', { capacity: sat(1000n) }],
    ['option_support_large_channel', { capacity: sat(2n ** 24n), features: featureBits(LEGACY) }],
    ['option_scid_alias', { isPublic: true, scidAlias: true }],
    ['channel_type', { zeroConf: true }],
    ['feerate_per_kw', { commitmentFeerate: feeratePerKw(1) }],
    ['push_msat', { pushMsat: msat(2_000_000_000n) }],
    ['upfront_shutdown_script', { closeTo: Uint8Array.of(0x51) }],
  ];
  for (const [rule, change] of ourRefusals)
    test(`openChannel refuses: ${rule}`, () => {
      const pair = new Pair();
      expect(openChannel(pair.openRequest(change), pair.alice.env)).toMatchObject({ ok: false, failure: { rule } });
    });

  const accepts: readonly (readonly [string, Partial<MessageNamed<'accept_channel'>>])[] = [
    ['channel_type', { tlvs: { channelType: channelType('option_static_remotekey') } }],
    ['minimum_depth', { minimumDepth: 145 }],
    ['to_self_delay', { toSelfDelay: 5000 }],
    ['not a point', { firstPerCommitmentPoint: NOT_A_POINT }],
  ];
  for (const [why, change] of accepts)
    test(`accept_channel with a bad ${why} ends the opening, and asks for no funding transaction`, () => {
      const pair = new Pair();
      tamper(pair, 'bob', 'accept_channel', () => change);
      pair.open();
      expect(pair.view('alice').phase).toBe('closed');
      expect(pair.eventsOf('alice', 'opening_failed')[0]?.why).toContain(why);
      expect(pair.sentBy('alice')).toEqual(['open_channel', 'error']);
      expect([...pair.alice.replies.values()][0]).toMatchObject({ ok: false, failure: { rule: 'open_channel' } });
      // The error ends it on the other side too.
      expect(pair.view('bob').phase).toBe('closed');
    });

  test('a wrong signature in funding_created or funding_signed: nothing is published, the coins are free again', () => {
    const created = new Pair();
    tamper(created, 'alice', 'funding_created', (message) => ({ signature: flipped(message.signature) }));
    created.open();
    expect(created.view('bob').phase).toBe('closed');
    expect(created.alice.released.length).toBe(1);
    const signed = new Pair();
    tamper(signed, 'bob', 'funding_signed', (message) => ({ signature: flipped(message.signature) }));
    signed.open();
    expect(signed.view('alice').phase).toBe('closed');
    expect(signed.alice.published).toEqual([]);
    expect(signed.alice.released.length).toBe(1);
  });

  test('a connection lost before funding_signed forgets the channel; after it, both keep it', () => {
    const lost = new Pair();
    const started = openChannel(lost.openRequest(), lost.alice.env);
    if (!started.ok) throw new Error('refused');
    lost.alice.channel = started.value.channel;
    lost.feed('alice', { kind: 'disconnected' });
    expect(lost.view('alice').phase).toBe('closed');
    expect(lost.eventsOf('alice', 'opening_failed').length).toBe(1);
    const kept = new Pair().open().cut().reload('alice').reload('bob').connect().settle();
    expect(kept.view('alice').phase).toBe('awaiting_confirmation');
    expect(kept.alice.hungUp).toBeNull();
    expect(kept.publishable('alice').map(({ label }) => label)).toEqual(['funding']);
  });

  test('funding that fails ends the opening', () => {
    const pair = new Pair();
    pair.onEffect = (end, effect) => {
      if (effect.kind === 'fund') pair.feed(end.name, { kind: 'funding_failed', reason: 'no coins' });
    };
    pair.open();
    expect(pair.eventsOf('alice', 'opening_failed')[0]?.why).toContain('no coins');
    expect(pair.alice.released.length, 'the late transaction is released').toBe(1);
    expect([...pair.alice.replies.values()][0]).toMatchObject({ ok: false, failure: { code: 'INSUFFICIENT_FUNDS' } });
  });

  test('zero-conf: payments flow before the funding transaction confirms', () => {
    const pair = new Pair({ features: [...ANCHORS, 'option_zeroconf'], zeroConf: true, scidAlias: true, pushMsat: 100_000_000n }).open();
    expect(pair.view('alice').phase).toBe('normal');
    expect(pair.view('alice')).toMatchObject({ isZeroConf: true, scid: null });
    expect(pair.view('alice').remoteAlias).toBe(pair.view('bob').localAlias);
    expect(must(pair.view('bob').localAlias, 'an alias') >> 40n).toBeGreaterThanOrEqual(16_000_000n);
    pair.pay('alice', 10_000_000n).pay('bob', 5_000_000n);
    pair.mine([must(pair.alice.published[0], 'funding').tx]);
    expect(pair.view('alice').scid).not.toBeNull();
    pair.pay('alice', 10_000_000n);
  });

  test('a large channel where both take it', () => {
    const pair = new Pair({ capacity: 2n ** 24n + 5n }).ready();
    expect(pair.view('bob').capacity).toBe(2n ** 24n + 5n);
  });

  test('option_scid_alias of a private channel is part of its type', () => {
    const pair = new Pair({ scidAlias: true }).ready();
    expect(pair.view('bob').channelType).toContain('option_scid_alias');
  });

  test('the operator’s delay bounds what a peer may ask', () => {
    const pair = new Pair({ limits: { alice: { maxToSelfDelay: blocks(100) } } }).open();
    expect(pair.view('alice').phase).toBe('closed');
  });
});

describe('announcement', () => {
  test('a public channel is announced once by each side, at six confirmations', () => {
    const pair = new Pair({ isPublic: true }).open();
    pair.mine([must(pair.alice.published[0], 'funding').tx], 4);
    expect(pair.eventsOf('alice', 'announced')).toEqual([]);
    pair.mine([]);
    const [a, b] = [pair.eventsOf('alice', 'announced'), pair.eventsOf('bob', 'announced')];
    expect(a.length).toBe(1);
    expect(b).toEqual(a);
    pair.cut().reload('alice').connect().settle().mine([]);
    expect(pair.eventsOf('alice', 'announced').length).toBe(1);
  });

  test('a peer that sends its signatures again gets ours again', () => {
    const pair = new Pair({ isPublic: true }).ready();
    const again = must(
      pair.bob.sent.find((message) => message.name === 'announcement_signatures'),
      'signatures',
    );
    pair.cut().connect().settle();
    const sent = pair.sentBy('alice').length;
    tell(pair, 'alice', again);
    expect(pair.sentBy('alice').slice(sent)).toEqual(['announcement_signatures']);
  });

  test('signatures lost with the connection are sent again', () => {
    const pair = new Pair({ isPublic: true }).open();
    pair
      .mine([must(pair.alice.published[0], 'funding').tx], 4)
      .cut()
      .mine([]);
    pair.reload('bob').connect().settle();
    expect(pair.eventsOf('alice', 'announced').length).toBe(1);
    expect(pair.eventsOf('bob', 'announced').length).toBe(1);
  });

  test('a wrong signature is a fault; another short channel id is warned of; a private channel has none', () => {
    const wrong = new Pair({ isPublic: true });
    tamper(wrong, 'bob', 'announcement_signatures', (message) => ({ bitcoinSignature: flipped(message.bitcoinSignature) }));
    wrong.ready();
    expect(wrong.alice.hungUp).toContain('bad_announcement');
    const other = new Pair({ isPublic: true });
    tamper(other, 'bob', 'announcement_signatures', () => ({ shortChannelId: 5n as never }));
    other.ready();
    expect(other.alice.hungUp).toBeNull();
    expect(other.sentBy('alice')).toContain('warning');
    const quiet = new Pair().ready();
    expect(quiet.sentBy('alice')).not.toContain('announcement_signatures');
  });
});

describe('a frozen channel', () => {
  test('takes no part in anything but the chain and the operator’s force close', () => {
    const pair = opened();
    pair.alice.channel = freeze(pair.channel('alice'), 'a bug');
    expect(pair.view('alice').phase).toBe('frozen');
    expect(pair.add('alice', 1_000_000n).reply).toMatchObject({ ok: false, failure: { rule: 'frozen' } });
    const sent = pair.sentBy('alice').length;
    pair.reload('alice').cut().connect().settle();
    expect(pair.sentBy('alice').length).toBe(sent);
    const id = pair.command();
    pair.feed('alice', { kind: 'force_close', id });
    expect(pair.alice.replies.get(id)?.ok).toBe(true);
    expect(pair.publishable('alice').map(({ label }) => label)).toEqual(['commitment']);
  });
});
