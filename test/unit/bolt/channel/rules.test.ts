// Rules on which money depends, each at its border.
import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { concat, toHex } from '../../../../src/base/bytes.ts';
import { blocks, feeratePerKw, height, msat, sat } from '../../../../src/base/units.ts';
import { type Tx, txId, txInput } from '../../../../src/bitcoin/tx.ts';
import { CLOSING_SEQUENCE, closingTx, legacyClosingTx, signClosing } from '../../../../src/bolt/channel/closing.ts';
import { perCommitmentSecret } from '../../../../src/bolt/channel/keys.ts';
import { closingInput, closingShares } from '../../../../src/bolt/channel/negotiate.ts';
import { firstCommitmentProblem } from '../../../../src/bolt/channel/parameters.ts';
import type { Closing } from '../../../../src/bolt/channel/state.ts';
import type { Message, MessageNamed } from '../../../../src/bolt/wire/message.ts';
import { ANCHORS, type Name, Pair, type PairOptions, p2tr, p2wpkh } from '../../../channel/pair.ts';

const opened = (options: PairOptions = {}): Pair => new Pair({ pushMsat: 400_000_000n, ...options }).ready();
const tell = (pair: Pair, name: Name, message: Message): Pair => pair.feed(name, { kind: 'message', message });
const last = <N extends Message['name']>(pair: Pair, name: Name, wanted: N): MessageNamed<N> =>
  must(
    pair.ends[name].sent.findLast((message): message is MessageNamed<N> => message.name === wanted),
    wanted,
  );
const close = (pair: Pair, by: Name, script = p2wpkh(by)): Pair =>
  pair.feed(by, { kind: 'close', id: pair.command(), script, feerate: null });
function forceClose(pair: Pair, by: Name): Tx {
  pair.feed(by, { kind: 'force_close', id: pair.command() });
  return must(
    pair.ends[by].published.findLast(({ label }) => label === 'commitment'),
    'a commitment',
  ).tx;
}

describe('channel_reestablish', () => {
  function told(pair: Pair, change: Partial<MessageNamed<'channel_reestablish'>>): Pair {
    pair.cut().connect();
    pair.alice.inbox.length = 0;
    return tell(pair, 'alice', { ...last(pair, 'bob', 'channel_reestablish'), ...change });
  }

  test('a wrong secret for the right numbers fails the channel', () => {
    const pair = opened().pay('alice', 1_000_000n);
    told(pair, { yourLastPerCommitmentSecret: new Uint8Array(32).fill(9) });
    expect(pair.view('alice').phase).toBe('force_closing');
    expect(pair.alice.hungUp).toContain('reestablish_mismatch');
    const first = told(opened(), { yourLastPerCommitmentSecret: new Uint8Array(32).fill(9) });
    expect(first.view('alice').phase).toBe('force_closing');
  });

  test('a peer that asks for a revocation before the last one is behind', () => {
    const pair = opened().pay('alice', 1_000_000n).pay('alice', 1_000_000n);
    const { local } = pair.active('alice').commitments;
    const { commitmentSeed } = pair.alice.env.keys.channelSecrets(1);
    told(pair, {
      nextRevocationNumber: local.number - 2n,
      yourLastPerCommitmentSecret: perCommitmentSecret(commitmentSeed, local.number - 3n),
    });
    expect(pair.sentBy('alice').slice(-1)).toEqual(['error']);
    expect(pair.view('alice')).toMatchObject({ phase: 'normal', usable: false });
  });

  test('nothing else is taken before it', () => {
    const pair = opened().cut().connect();
    tell(pair, 'alice', { name: 'shutdown', channelId: pair.view('alice').channelId, scriptpubkey: p2wpkh('bob'), tlvs: {} });
    expect(pair.alice.hungUp).toContain('before channel_reestablish');
  });

  test('what a connection that was given up still says is not heard', () => {
    const pair = opened();
    const { channelId } = pair.view('alice');
    tell(pair, 'alice', { name: 'stfu', channelId, initiator: 1, tlvs: {} });
    expect(pair.alice.hungUp).not.toBeNull();
    const before = pair.channel('alice');
    tell(pair, 'alice', { name: 'shutdown', channelId, scriptpubkey: p2wpkh('bob'), tlvs: {} });
    tell(pair, 'alice', { name: 'error', channelId, data: new Uint8Array(), tlvs: {} });
    expect(pair.channel('alice')).toBe(before);
  });
});

describe('opening', () => {
  test('without option_zeroconf one confirmation at least is waited for, whatever is asked', () => {
    const pair = new Pair({ limits: { bob: { minDepth: blocks(0) } } }).open();
    expect(last(pair, 'bob', 'accept_channel').minimumDepth).toBe(1);
    const asked = new Pair();
    asked.onEffect = (_, effect) => {
      if (effect.kind === 'send' && effect.message.name === 'accept_channel') Object.assign(effect.message, { minimumDepth: 0 });
    };
    asked.open();
    expect(asked.sentBy('alice')).not.toContain('channel_ready');
  });

  test('neither side’s reserve may be dust to the other', () => {
    const accept = (change: Partial<MessageNamed<'accept_channel'>>, options: PairOptions): string => {
      const pair = new Pair(options);
      pair.onEffect = (_, effect) => {
        if (effect.kind === 'send' && effect.message.name === 'accept_channel') Object.assign(effect.message, change);
      };
      pair.open();
      return pair.eventsOf('alice', 'opening_failed')[0]?.why ?? 'opened';
    };
    const small = { capacity: 100_000n };
    expect(accept({ dustLimitSatoshis: sat(1001n), channelReserveSatoshis: sat(1001n) }, small)).toContain('above our channel_reserve');
    expect(accept({ dustLimitSatoshis: sat(1000n), channelReserveSatoshis: sat(1000n) }, small)).toBe('opened');
    const high = { limits: { alice: { dustLimit: sat(500n) } } };
    expect(accept({ channelReserveSatoshis: sat(499n) }, high)).toContain('below our dust limit');
    expect(accept({ channelReserveSatoshis: sat(500n) }, high)).toBe('opened');
  });

  test('one side at least is above its reserve, and an output as large as the dust limit is none', () => {
    const part = { capacity: sat(21_000n), pushMsat: msat(8_000_000n), feerate: feeratePerKw(1000), format: 'static_remotekey' } as const;
    // 21,000 sat less 8,000 and 724 weight at 1,000 sat/kw.
    expect(firstCommitmentProblem({ ...part, reserves: [sat(12_276n)] })).toContain('channel_reserve_satoshis');
    expect(firstCommitmentProblem({ ...part, reserves: [sat(12_275n)] })).toBeNull();
    for (const [push, output] of [
      [354_000n, [354n]],
      [353_999n, []],
    ] as const) {
      const outputs = forceClose(new Pair({ pushMsat: push }).ready(), 'alice').outputs.map(({ amount }) => amount as bigint);
      expect(outputs.filter((amount) => amount > 330n && amount < 1000n)).toEqual(output);
    }
  });

  test('a funding output with another script is no channel', () => {
    const pair = new Pair().open();
    const { durable, session } = pair.channel('bob');
    const { remote } = durable.params;
    const basepoints = { ...remote.basepoints, fundingPubkey: remote.basepoints.htlcBasepoint };
    pair.bob.channel = { session, durable: { ...durable, params: { ...durable.params, remote: { ...remote, basepoints } } } };
    pair.mine([must(pair.alice.published[0], 'funding').tx]);
    expect(pair.view('bob').closing?.how).toBe('never_funded');
  });

  test('no update before channel_ready', () => {
    const pair = new Pair({ pushMsat: 400_000_000n }).open();
    const common = { channelId: pair.view('bob').channelId, tlvs: {} };
    const add = { id: 0n, amountMsat: msat(1_000_000n), paymentHash: new Uint8Array(32), cltvExpiry: height(1500) };
    tell(pair, 'bob', { name: 'update_add_htlc', ...common, ...add, onionRoutingPacket: new Uint8Array(1366) } as never);
    expect(pair.bob.hungUp).toContain('unexpected_message');
    const fee = new Pair().open();
    tell(fee, 'bob', { name: 'update_fee', channelId: fee.view('bob').channelId, feeratePerKw: feeratePerKw(1200), tlvs: {} });
    expect(fee.bob.hungUp).toContain('unexpected_message');
  });
});

describe('closing', () => {
  test('closing_complete to another script than the one fixed at the opening is refused', () => {
    const pair = opened({ upfront: p2wpkh('fixed') });
    pair.onEffect = (end, effect) => {
      if (end.name !== 'bob' || effect.kind !== 'send' || effect.message.name !== 'closing_complete') return;
      Object.assign(effect.message, { closerScriptpubkey: p2wpkh('stolen') });
    };
    close(pair, 'alice').settle();
    expect(pair.alice.hungUp).toContain('upfront_shutdown_script');
  });

  for (const [name, what] of [
    ['closing_complete', 'closing_signature'],
    ['closing_sig', 'closing_signature'],
  ] as const)
    test(`a wrong signature in ${name} closes nothing`, () => {
      const pair = opened();
      let done = false;
      pair.onEffect = (end, effect) => {
        if (done || end.name !== 'bob' || effect.kind !== 'send' || effect.message.name !== name) return;
        done = true;
        const { tlvs } = effect.message as MessageNamed<'closing_sig'>;
        const wrong = Object.fromEntries(Object.entries(tlvs).map(([key, bytes]) => [key, (bytes as Uint8Array).toReversed()]));
        Object.assign(effect.message, { tlvs: wrong });
      };
      close(pair, 'alice');
      for (let i = 0; i < 20 && pair.alice.hungUp === null; i++) {
        pair.flush();
        pair.deliver('alice');
        if (pair.alice.hungUp === null) pair.deliver('bob');
      }
      expect(pair.alice.hungUp).toContain(what);
    });

  test('closing_sig for other terms than ours is refused', () => {
    const pair = opened();
    pair.onEffect = (end, effect) => {
      if (end.name === 'bob' && effect.kind === 'send' && effect.message.name === 'closing_sig')
        Object.assign(effect.message, { locktime: effect.message.locktime + 1 });
    };
    close(pair, 'alice').settle();
    expect(pair.alice.hungUp).toContain('closing_sig is not for our closing_complete');
  });

  test('our output stands in every closing transaction that we sign for the peer', () => {
    const pair = opened();
    close(pair, 'alice').settle();
    for (const { tx, label } of pair.alice.published) {
      if (label !== 'closing') continue;
      const ours = tx.outputs.find(({ script }) => toHex(script) === toHex(p2wpkh('alice')));
      expect(must(ours, 'our output').amount).toBeGreaterThan(599_000n);
    }
  });

  test('closing_signed: a peer may leave out its own output, and only that', () => {
    const features = ANCHORS.filter((name) => name !== 'option_simple_close');
    for (const kept of ['local', 'remote'] as const) {
      const pair = opened({ features });
      close(pair, 'bob');
      for (let i = 0; i < 10 && !pair.sentBy('alice').includes('closing_signed'); i++) {
        pair.flush();
        if (pair.sentBy('alice').includes('closing_signed')) break;
        pair.deliver('alice');
        pair.deliver('bob');
      }
      const { feeSatoshis } = last(pair, 'alice', 'closing_signed');
      const params = pair.channel('alice').durable.params;
      const input = closingInput(params);
      const part = { outpoint: input.outpoint, ...closingShares(params, pair.active('alice')), funder: 'local' } as const;
      const whole = must(legacyClosingTx({ ...part, fee: feeSatoshis, dustLimit: sat(354n) }), 'a transaction');
      const output = must(
        whole.outputs.find(({ script }) => script === part[kept].script),
        'an output',
      );
      const outputs = kept === 'local' ? { local: output, remote: null } : { local: null, remote: output };
      const tx = closingTx({ outpoint: input.outpoint, outputs, locktime: 0, sequence: CLOSING_SEQUENCE.legacy });
      const { capacity, localFundingPubkey, remoteFundingPubkey, outpoint } = input;
      const theirs = { outpoint, capacity, localFundingPubkey: remoteFundingPubkey, remoteFundingPubkey: localFundingPubkey };
      const signature = signClosing(tx, theirs, pair.bob.env.keys.channelSecrets(7).fundingKey);
      tell(pair, 'alice', { name: 'closing_signed', channelId: params.channelId, feeSatoshis, signature, tlvs: {} });
      if (kept === 'local') expect(pair.view('alice').phase).toBe('closing');
      else expect(pair.alice.hungUp).toContain('closing_signature');
    }
  });

  test('a script that is ours and the peer’s at once is paid twice', () => {
    const pair = opened({ scripts: { alice: p2tr('same'), bob: p2tr('same') } });
    close(pair, 'alice', p2tr('same')).settle();
    for (const { tx, label } of pair.alice.published)
      if (label === 'closing') expect(tx.outputs.map(({ amount }) => amount).reduce((a, b) => a + b, 0n)).toBeGreaterThan(999_000n);
  });
});

describe('on chain', () => {
  test('a preimage that was told before is not told again by the chain, nor does a timeout undo it', () => {
    for (const byPreimage of [true, false]) {
      const pair = opened();
      const { preimage, htlcId } = pair.add('alice', 20_000_000n);
      pair.settle();
      const { channelId } = pair.view('alice');
      tell(pair, 'alice', { name: 'update_fulfill_htlc', channelId, id: htlcId, paymentPreimage: preimage, tlvs: {} });
      expect(pair.eventsOf('alice', 'htlc_fulfilled').length).toBe(1);
      const commitment = forceClose(pair, 'bob');
      pair.cut().mine([commitment]);
      const vout = commitment.outputs.findIndex(({ amount }) => amount === 20_000n);
      const witness = [new Uint8Array(), new Uint8Array(71), byPreimage ? preimage : new Uint8Array(), new Uint8Array(130)];
      const inputs = [txInput({ txid: txId(commitment), vout }, 1, witness)];
      pair.mine([{ version: 2, inputs, outputs: [{ amount: sat(19_000n), script: p2wpkh('claim') }], locktime: 0 }], 10);
      expect(pair.eventsOf('alice', 'htlc_fulfilled').length).toBe(1);
      expect(pair.eventsOf('alice', 'htlc_failed')).toEqual([]);
    }
  });

  test('the peer’s last commitment but one, not revoked yet: what it lacks is failed, what it holds is followed', () => {
    const pair = opened();
    pair.add('alice', 30_000_000n);
    pair.settle().add('alice', 20_000_000n);
    // Signed, and never delivered.
    pair.feed('alice', { kind: 'flush' }).cut();
    pair.mine([forceClose(pair, 'bob')], 6);
    expect(pair.view('alice').closing?.how).toBe('remote_force');
    expect(pair.eventsOf('alice', 'htlc_failed').map(({ htlc }) => htlc.id)).toEqual([1n]);
    const { spend } = pair.channel('alice').durable.phase as Closing;
    expect(spend?.outputs.map(({ what }) => (what.kind === 'htlc' ? what.id : 'main'))).toEqual(['main', 0n]);
  });

  test('a preimage told again after a reconnection is one preimage', () => {
    const pair = opened();
    const { preimage, htlcId } = pair.add('alice', 20_000_000n);
    pair.settle();
    const message = {
      name: 'update_fulfill_htlc',
      channelId: pair.view('alice').channelId,
      id: htlcId,
      paymentPreimage: preimage,
      tlvs: {},
    } as const;
    tell(pair, 'alice', message);
    pair.cut().reload('alice').connect().settle();
    tell(pair, 'alice', message);
    expect(pair.alice.hungUp).toBeNull();
    expect(pair.eventsOf('alice', 'htlc_fulfilled').length).toBe(1);
  });

  test('a removal told twice is one removal', () => {
    const pair = opened();
    const { preimage, htlcId } = pair.add('alice', 20_000_000n);
    pair.settle().fulfill('bob', htlcId, preimage).feed('bob', { kind: 'flush' });
    const signed = pair.channel('bob');
    pair.fulfill('bob', htlcId, preimage).fail('bob', htlcId);
    expect(pair.channel('bob')).toBe(signed);
    pair.settle();
    expect(pair.view('bob').localMsat).toBe(420_000_000n);
  });

  test('of a commitment that we cannot build it is not said which HTLCs it lacks', () => {
    const pair = opened();
    const stale = pair.reload('bob').channel('bob');
    pair.cut().connect().settle();
    const { reply } = pair.add('alice', 20_000_000n);
    expect(reply.ok).toBe(true);
    pair.settle().pay('alice', 1_000_000n);
    const revoked = forceClose(Object.assign(pair.cut(), {}), 'alice');
    pair.bob.channel = stale;
    pair.mine([revoked], 10);
    // Bob has lost the state in which the HTLC came: the commitment is one that he does not know.
    expect(pair.view('bob').closing?.how).toBe('data_loss');
    expect(pair.eventsOf('bob', 'htlc_removed').length).toBe(1);
    const phase = pair.channel('bob').durable.phase as Closing;
    expect(phase.spend?.settledOthers).toBe(false);
  });

  test('an HTLC without an output is settled only where it is gone from what confirmed', () => {
    const pair = opened();
    const { htlcId, preimage } = pair.add('bob', 200_000n);
    pair.settle();
    const before = forceClose(pair, 'bob');
    const again = opened();
    const same = again.add('bob', 200_000n, { secret: 'x' });
    again.settle();
    expect([htlcId, preimage.length]).toEqual([same.htlcId, 32]);
    // Alice has fulfilled it and signed its removal, which Bob has not answered when his commitment with it confirms.
    const copy = again.channel('bob');
    again.fulfill('alice', same.htlcId, same.preimage).feed('alice', { kind: 'flush' });
    again.cut();
    again.bob.channel = copy;
    const commitment = forceClose(again, 'bob');
    again.mine([commitment], 10);
    expect(again.eventsOf('alice', 'htlc_removed').map(({ settled }) => settled)).toEqual([false]);
    expect(before.outputs.length).toBe(commitment.outputs.length);
  });

  test('nothing that happens to a funding transaction makes us publish an outdated commitment', () => {
    const pair = new Pair({ pushMsat: 100_000_000n, zeroConf: true, features: [...ANCHORS, 'option_zeroconf'] }).open();
    const stale = pair.channel('alice');
    pair.pay('alice', 10_000_000n).pay('bob', 5_000_000n).cut();
    pair.alice.channel = stale;
    pair.cut().connect().settle();
    expect(pair.view('alice').closing?.how).toBe('data_loss');
    const funding = must(
      pair.alice.published.find(({ label }) => label === 'funding'),
      'funding',
    ).tx;
    const conflict = { ...funding, outputs: [{ amount: sat(900_000n), script: concat(p2wpkh('elsewhere')) }] };
    pair.mine([conflict]).unmine().reload('alice');
    expect(pair.publishable('alice').map(({ label }) => label)).not.toContain('commitment');
    pair.mine([funding], 3);
    expect(pair.publishable('alice').map(({ label }) => label)).not.toContain('commitment');
  });
});
