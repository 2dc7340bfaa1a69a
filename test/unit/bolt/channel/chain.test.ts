import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { toHex, utf8 } from '../../../../src/base/bytes.ts';
import { type Tx, txId, txInput } from '../../../../src/bitcoin/tx.ts';
import { deadlines, watches } from '../../../../src/bolt/channel/channel.ts';
import { localCommitmentTx } from '../../../../src/bolt/channel/force-close.ts';
import type { Channel } from '../../../../src/bolt/channel/state.ts';
import { ANCHORS, LEGACY, type Name, Pair, type PairOptions, p2wpkh } from '../../../channel/pair.ts';
import { scriptFailure } from '../../bitcoin/interpreter.ts';

const opened = (options: PairOptions = {}): Pair => new Pair({ pushMsat: 400_000_000n, ...options }).ready();
const formats = [
  ['anchors', ANCHORS],
  ['static_remotekey', LEGACY],
] as const;

function forceClose(pair: Pair, by: Name): Tx {
  const id = pair.command();
  pair.feed(by, { kind: 'force_close', id });
  expect(pair.ends[by].replies.get(id)?.ok).toBe(true);
  return must(
    pair.ends[by].published.findLast(({ label }) => label === 'commitment'),
    'a commitment',
  ).tx;
}
const labels = (pair: Pair, name: Name): readonly string[] => pair.publishable(name).map(({ label }) => label);
const sweepOf = (pair: Pair, name: Name): Tx =>
  must(
    pair.publishable(name).find(({ label }) => label === 'sweep'),
    'a sweep',
  ).tx;

describe('force close', () => {
  for (const [name, features] of formats)
    for (const by of ['alice', 'bob'] as const)
      test(`${name}: by ${by}, both sides have their money after its delay`, () => {
        const pair = opened({ features });
        pair.pay('alice', 10_000_000n);
        const peer = by === 'alice' ? 'bob' : 'alice';
        const commitment = forceClose(pair, by);
        expect(pair.view(by).phase).toBe('force_closing');
        expect(labels(pair, by)).toEqual(['commitment']);
        pair.settle();
        pair.mine([commitment]);
        expect(pair.view(peer).closing).toMatchObject({ how: 'remote_force' });
        expect(pair.eventsOf(by, 'closing').length).toBe(1);
        // The peer's output needs no delay (with anchors one block), ours that of to_self_delay.
        const peerSweep = sweepOf(pair, peer);
        expect(labels(pair, by)).toEqual([]);
        pair.mine([peerSweep], 717);
        expect(labels(pair, by)).toEqual([]);
        pair.mine([]);
        const ownSweep = sweepOf(pair, by);
        expect(must(ownSweep.inputs[0], 'an input').sequence).toBe(720);
        expect(toHex(must(ownSweep.outputs[0], 'an output').script)).toBe(toHex(p2wpkh(by)));
        expect(toHex(must(peerSweep.outputs[0], 'an output').script)).toBe(toHex(p2wpkh(peer)));
        pair.mine([ownSweep], 98);
        expect(pair.view(peer).phase).toBe('closed');
        expect(pair.view(by).phase).toBe('force_closing');
        pair.mine([]);
        expect(pair.view(by).phase).toBe('closed');
        expect(pair.eventsOf(by, 'closed').length).toBe(1);
      });

  test('with a commitment that the peer had signed but was not revoked yet', () => {
    const pair = opened();
    pair.add('alice', 20_000_000n);
    pair.feed('alice', { kind: 'flush' });
    pair.deliver('bob');
    pair.deliver('bob');
    // Bob holds two valid commitments; the newer one is his latest.
    const commitment = forceClose(pair, 'bob');
    pair.cut().mine([commitment]);
    expect(pair.view('alice').closing?.how).toBe('remote_force');
  });

  test('survives a reload at every point', () => {
    const pair = opened();
    pair.add('alice', 20_000_000n);
    pair.settle();
    const commitment = forceClose(pair.reload('alice').connect().settle(), 'alice');
    pair.reload('alice').reload('bob');
    expect(labels(pair, 'alice')).toEqual(['commitment']);
    expect(toHex(txId(must(pair.publishable('alice')[0], 'tx').tx))).toBe(toHex(txId(commitment)));
    pair.mine([commitment]).reload('alice');
    expect(pair.view('alice').closing?.txids.map(toHex)).toEqual([toHex(txId(commitment))]);
  });

  test('an error of the peer fails the channel', () => {
    const pair = opened();
    const { channelId } = pair.view('alice');
    pair.feed('alice', { kind: 'message', message: { name: 'error', channelId, data: utf8('no\nmore'), tlvs: {} } });
    expect(pair.view('alice').phase).toBe('force_closing');
    expect(pair.view('alice').closing?.why).toBe('error from the peer: no.more');
    expect(labels(pair, 'alice')).toEqual(['commitment']);
  });

  test('the state is told again by an error on the next connection, and commands are refused', () => {
    const pair = opened();
    forceClose(pair, 'alice');
    pair.cut();
    const sent = pair.sentBy('alice').length;
    pair.connect().settle();
    expect(pair.sentBy('alice').slice(sent)).toContain('error');
    expect(pair.view('bob').phase).toBe('force_closing');
    expect(pair.add('alice', 1_000_000n).reply).toMatchObject({ ok: false, failure: { rule: 'channel_state' } });
  });
});

describe('what is published', () => {
  for (const [name, features] of formats)
    test(`${name}: passes the script interpreter: commitment, sweeps of both sides, closing transactions`, () => {
      const pair = opened({ features });
      pair.add('alice', 20_000_000n);
      pair.add('bob', 15_000_000n);
      pair.settle();
      const funding = must(pair.alice.published[0], 'funding').tx.outputs.slice(1);
      const commitment = forceClose(pair, 'alice');
      expect(commitment.outputs.length).toBeGreaterThan(3);
      expect(scriptFailure(commitment, funding)).toBeNull();
      pair.mine([commitment], 720);
      for (const by of ['alice', 'bob'] as const) {
        const swept = sweepOf(pair, by);
        const prevouts = swept.inputs.map(({ prevout }) => must(commitment.outputs[prevout.vout], 'an output'));
        expect(scriptFailure(swept, prevouts), by).toBeNull();
      }
      const agreed = opened({ features });
      agreed.feed('bob', { kind: 'close', id: agreed.command(), script: p2wpkh('end'), feerate: null }).settle();
      const closings = agreed.alice.published.filter(({ label }) => label === 'closing');
      expect(closings.length).toBeGreaterThan(0);
      for (const { tx } of closings) expect(scriptFailure(tx, must(agreed.alice.published[0], 'funding').tx.outputs.slice(1))).toBeNull();
    });
});

describe('HTLC deadlines', () => {
  test('an offered HTLC that the peer never resolves fails the channel after its grace', () => {
    const pair = opened();
    const expiry = pair.height + 40;
    pair.add('alice', 20_000_000n, { cltvExpiry: expiry });
    pair.settle();
    expect(deadlines(pair.channel('alice'))).toEqual([{ height: expiry + 2, what: 'offered HTLC 0 times out' }]);
    expect(pair.view('alice').safeOfflineUntilHeight).toBe(expiry + 2);
    pair.mine([], expiry - pair.height);
    expect(pair.view('alice').phase).toBe('normal');
    pair.mine([]);
    expect(pair.view('alice').phase).toBe('force_closing');
    expect(pair.view('alice').closing?.why).toContain('was not resolved');
  });

  test('a fulfilled HTLC that the peer does not remove fails the channel in time', () => {
    const pair = opened();
    const expiry = pair.height + 40;
    const { htlcId, preimage } = pair.add('alice', 20_000_000n, { cltvExpiry: expiry });
    pair.settle();
    pair.cut().fulfill('bob', htlcId, preimage);
    pair.mine([], expiry - 18 - 1 - pair.height - 1);
    expect(pair.view('bob').phase).toBe('normal');
    pair.mine([]);
    expect(pair.view('bob').phase).toBe('force_closing');
    // Alice has her own limit, which is later.
    expect(pair.view('alice').phase).toBe('normal');
  });

  test('an unanswered HTLC of the peer costs nothing', () => {
    const pair = opened();
    pair.add('alice', 20_000_000n, { cltvExpiry: pair.height + 10 });
    pair.settle().cut().mine([], 8);
    expect(pair.view('bob').phase).toBe('normal');
    expect(pair.view('bob').safeOfflineUntilHeight).toBe(pair.height + 720);
  });
});

describe('HTLCs on chain', () => {
  test('what has no output on the confirmed commitment is failed once that is deep', () => {
    const pair = opened();
    pair.add('alice', 300_000n);
    pair.settle();
    pair.add('alice', 20_000_000n);
    // The second one never reached Bob.
    pair.cut();
    const commitment = forceClose(pair, 'bob');
    pair.mine([commitment], 4);
    expect(pair.eventsOf('alice', 'htlc_failed')).toEqual([]);
    pair.mine([], 5);
    expect(pair.eventsOf('alice', 'htlc_failed').map(({ htlc, failure }) => [htlc.id, failure])).toEqual([
      [0n, { kind: 'on_chain', why: 'not_included' }],
      [1n, { kind: 'on_chain', why: 'not_included' }],
    ]);
    expect(pair.eventsOf('bob', 'htlc_removed').map(({ htlc, settled }) => [htlc.id, settled])).toEqual([[0n, false]]);
  });

  for (const how of ['preimage', 'timeout'] as const)
    test(`an output spent by ${how} ends the HTLC`, () => {
      const pair = opened();
      const { preimage } = pair.add('alice', 20_000_000n);
      pair.settle();
      const commitment = forceClose(pair, 'bob');
      pair.cut().mine([commitment]);
      const vout = commitment.outputs.findIndex(({ amount }) => amount === 20_000n);
      const witness = [new Uint8Array(), new Uint8Array(71), how === 'preimage' ? preimage : new Uint8Array(), new Uint8Array(130)];
      const spend: Tx = {
        version: 2,
        inputs: [txInput({ txid: txId(commitment), vout }, 1, witness)],
        outputs: [{ amount: 19_000n as never, script: p2wpkh('claim') }],
        locktime: 0,
      };
      pair.mine([spend]);
      expect(pair.eventsOf('alice', 'htlc_fulfilled').map((event) => toHex(event.preimage))).toEqual(
        how === 'preimage' ? [toHex(preimage)] : [],
      );
      pair.mine([], 10);
      expect(pair.eventsOf('alice', 'htlc_failed').map(({ failure }) => failure)).toEqual(
        how === 'timeout' ? [{ kind: 'on_chain', why: 'timed_out' }] : [],
      );
      expect(pair.eventsOf('bob', 'htlc_removed').map(({ settled }) => settled)).toEqual([how === 'preimage']);
      pair.reload('alice').reload('bob');
    });
});

describe('loss of data', () => {
  /** Bob comes back with an older copy of himself. */
  function fallenBehind(payments: number, options: PairOptions = {}): Pair {
    const pair = opened(options);
    pair.pay('alice', 1_000_000n);
    const old: Channel = pair.reload('bob').channel('bob');
    pair.cut().connect().settle();
    for (let i = 0; i < payments; i++) pair.pay('alice', 2_000_000n);
    pair.cut();
    pair.bob.channel = old;
    return pair;
  }

  for (const [name, features] of formats)
    test(`${name}: the side that is behind publishes nothing, says so, and takes its money from the peer’s commitment`, () => {
      const pair = fallenBehind(2, { features });
      pair.connect().settle();
      expect(pair.view('bob').phase).toBe('data_loss');
      expect(pair.eventsOf('bob', 'closing').map(({ how }) => how)).toEqual(['data_loss']);
      expect(pair.sentBy('bob').at(-1)).toBe('error');
      expect(labels(pair, 'bob')).toEqual([]);
      expect(pair.bob.published).toEqual([]);
      const id = pair.command();
      pair.feed('bob', { kind: 'force_close', id });
      expect(pair.bob.replies.get(id)).toMatchObject({ ok: false, failure: { rule: 'data_loss' } });
      // The error is what makes the other side publish.
      expect(pair.view('alice').phase).toBe('force_closing');
      const commitment = must(pair.publishable('alice')[0], 'a commitment').tx;
      pair.mine([commitment], 1);
      const swept = sweepOf(pair, 'bob');
      expect(must(swept.outputs[0], 'an output').amount).toBeGreaterThan(404_000n);
      pair.mine([swept], 99);
      expect(pair.view('bob').phase).toBe('closed');
    });

  test('the side that is not behind waits for the other to say so', () => {
    const pair = fallenBehind(2);
    pair.connect();
    pair.deliver('alice');
    expect(pair.sentBy('alice').at(-1)).toBe('error');
    expect(pair.view('alice').phase).toBe('normal');
    expect(pair.view('alice').usable).toBe(false);
    expect(pair.alice.published.filter(({ label }) => label === 'commitment')).toEqual([]);
  });

  test('a secret that is not ours proves nothing: our commitment is published', () => {
    const pair = opened();
    pair.pay('alice', 1_000_000n).cut().connect();
    pair.alice.inbox.length = 0;
    const { channelId } = pair.view('alice');
    pair.feed('alice', {
      kind: 'message',
      message: {
        name: 'channel_reestablish',
        channelId,
        nextCommitmentNumber: 3n,
        nextRevocationNumber: 1000n,
        yourLastPerCommitmentSecret: new Uint8Array(32).fill(7),
        myCurrentPerCommitmentPoint: pair.active('alice').commitments.remote.point,
        tlvs: {},
      },
    });
    expect(pair.view('alice').phase).toBe('force_closing');
    expect(pair.alice.hungUp).toContain('reestablish_mismatch');
  });

  test('a next_commitment_number of 0 asks for our commitment', () => {
    const pair = opened().cut().connect();
    pair.alice.inbox.length = 0;
    const reestablish = must(pair.bob.sent.at(-1), 'a message');
    pair.feed('alice', { kind: 'message', message: { ...reestablish, nextCommitmentNumber: 0n } as never });
    expect(pair.view('alice').phase).toBe('force_closing');
  });

  test('a revoked commitment is recognised, with all that a penalty needs in the store', () => {
    const pair = opened();
    pair.add('alice', 20_000_000n);
    pair.settle();
    const { params } = pair.channel('bob').durable;
    const revoked = localCommitmentTx(params, pair.active('bob'), pair.bob.env);
    pair.pay('alice', 5_000_000n);
    pair.cut().mine([revoked]);
    expect(pair.view('alice').closing?.how).toBe('revoked');
    const fact = pair.alice.facts.find((each) => each.kind === 'revoked_commitment' && toHex(each.txid) === toHex(txId(revoked)));
    expect(fact).toMatchObject({ commitmentNumber: 1n, htlcs: [{ offeredByUs: true, htlc: { id: 0n } }] });
    expect(labels(pair, 'alice')).toEqual(['sweep']);
  });
});

describe('reorganizations', () => {
  test('the funding transaction may move to another place', () => {
    const pair = opened({ isPublic: true, pushMsat: 0n, features: ANCHORS });
    const before = pair.view('alice').scid;
    expect(pair.eventsOf('alice', 'announced').length).toBe(1);
    for (let i = 0; i < 7; i++) pair.unmine();
    expect(pair.view('alice').scid).toBeNull();
    expect(pair.view('alice').phase).toBe('normal');
    expect(labels(pair, 'alice')).toEqual(['funding']);
    const funding = must(pair.publishable('alice')[0], 'funding').tx;
    pair.mine([]).mine([funding], 5);
    const after = pair.view('bob').scid;
    expect(after).not.toBe(before);
    expect(after).not.toBeNull();
    const told = pair.eventsOf('alice', 'scid_changed').map(({ scid }) => scid);
    expect(told.at(-1)).toBe(after);
    // Announced again, under the id that holds.
    expect(pair.eventsOf('alice', 'announced').map((event) => event.announcement.shortChannelId)).toEqual([before, after]);
    pair.pay('alice', 1_000_000n);
  });

  test('a closing transaction that falls out of the chain is published again; another one may take its place', () => {
    const pair = opened();
    pair.feed('alice', { kind: 'close', id: pair.command(), script: p2wpkh('end'), feerate: null }).settle();
    const [first, second] = pair.alice.published.filter(({ label }) => label === 'closing').map(({ tx }) => tx);
    pair.mine([must(first, 'a closing transaction')]);
    expect(labels(pair, 'alice')).toEqual([]);
    pair.unmine();
    expect(labels(pair, 'alice')).toEqual(['closing']);
    pair.mine([must(second, 'another one')], 99);
    expect(pair.view('alice').phase).toBe('closed');
    expect(pair.eventsOf('alice', 'closing').length).toBe(1);
  });

  test('a commitment that falls out of the chain is published again, its sweep waits anew', () => {
    const pair = opened();
    const commitment = forceClose(pair, 'alice');
    pair.mine([commitment]);
    pair.mine([], 718);
    expect(labels(pair, 'alice')).toEqual(['sweep']);
    for (let i = 0; i < 720; i++) pair.unmine();
    expect(labels(pair, 'alice')).toEqual(['commitment']);
    expect(labels(pair, 'bob')).toEqual(['commitment']);
    pair.mine([commitment]);
    expect(labels(pair, 'alice')).toEqual([]);
  });
});

describe('funding', () => {
  test('a fundee forgets what was not funded in 2016 blocks; a funder does not', () => {
    const pair = new Pair().open();
    pair.mine([], 2014);
    expect(pair.view('bob').phase).toBe('awaiting_confirmation');
    pair.mine([]);
    expect(pair.view('bob').phase).toBe('closed');
    expect(pair.view('bob').closing?.how).toBe('never_funded');
    expect(pair.view('alice').phase).toBe('awaiting_confirmation');
  });

  test('a funding output of another amount is no channel', () => {
    const pair = new Pair().open();
    const funding = must(pair.alice.published[0], 'funding').tx;
    // The same txid cannot pay less; a fundee that never saw it can only be told another capacity.
    const { durable, session } = pair.channel('bob');
    pair.bob.channel = { session, durable: { ...durable, params: { ...durable.params, capacity: 999_999n as never } } };
    pair.mine([funding]);
    expect(pair.view('bob').phase).toBe('closed');
    expect(pair.view('bob').closing?.how).toBe('never_funded');
  });

  test('channel_ready waits for minimum_depth, and not for the connection', () => {
    const pair = new Pair({ limits: { bob: { minDepth: 3 as never } } }).open();
    const funding = must(pair.alice.published[0], 'funding').tx;
    pair.mine([funding], 1);
    expect(pair.sentBy('alice')).not.toContain('channel_ready');
    pair.cut().mine([]);
    expect(pair.view('alice').phase).toBe('awaiting_channel_ready');
    pair.reload('alice').connect().settle();
    expect(pair.view('alice').phase).toBe('normal');
    expect(pair.view('bob').phase).toBe('normal');
    expect(pair.eventsOf('alice', 'ready').length).toBe(1);
  });

  test('watches hold the funding output, and when it is spent every output that is followed', () => {
    const pair = opened();
    pair.add('alice', 20_000_000n);
    pair.settle();
    const funding = must(pair.view('alice').fundingOutpoint, 'funded');
    expect(watches(pair.channel('alice')).outpoints).toEqual([funding]);
    const commitment = forceClose(pair, 'alice');
    pair.mine([commitment]);
    const amounts = watches(pair.channel('alice'))
      .outpoints.slice(1)
      .map(({ vout }) => commitment.outputs[vout]?.amount);
    expect(amounts.toSorted()).toEqual([20_000n, must(commitment.outputs.at(-1), 'ours').amount]);
  });
});
