import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { type Bytes, concat, EMPTY, toHex, utf8 } from '../../../../src/base/bytes.ts';
import { feeratePerKw, type Sat, sat } from '../../../../src/base/units.ts';
import { type Tx, txId } from '../../../../src/bitcoin/tx.ts';
import { closingFee, legacyClosingTx, signClosing } from '../../../../src/bolt/channel/closing.ts';
import { closingInput, closingShares } from '../../../../src/bolt/channel/negotiate.ts';
import type { ChannelInput } from '../../../../src/bolt/channel/types.ts';
import type { FeatureName } from '../../../../src/bolt/wire/features.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import { ANCHORS, type Name, other, Pair, type PairOptions, p2tr, p2wpkh } from '../../../channel/pair.ts';

const LEGACY_CLOSE: readonly FeatureName[] = ANCHORS.filter((name) => name !== 'option_simple_close');
const p2wsh = (tag: string): Bytes => concat(Uint8Array.of(0, 32), sha256(utf8(tag)));
const opReturn = concat(Uint8Array.of(0x6a, 6), utf8('lnkit!'));

const opened = (options: PairOptions): Pair => new Pair({ pushMsat: 400_000_000n, ...options }).ready();

function close(pair: Pair, by: Name, script: Bytes, feerate: number | null = null) {
  const id = pair.command();
  const input: ChannelInput = { kind: 'close', id, script, feerate: feerate === null ? null : feeratePerKw(feerate) };
  return must(pair.feed(by, input).ends[by].replies.get(id), 'a reply');
}

const closings = (pair: Pair, name: Name): readonly Tx[] =>
  pair.ends[name].published.filter(({ label }) => label === 'closing').map(({ tx }) => tx);
const ids = (txs: readonly Tx[]): readonly string[] => [...new Set(txs.map((tx) => toHex(txId(tx))))].sort();
const pays = (tx: Tx, script: Bytes): bigint | null => tx.outputs.find((output) => toHex(output.script) === toHex(script))?.amount ?? null;

describe('cooperative close by closing_signed', () => {
  for (const by of ['alice', 'bob'] as const)
    for (const [kind, script] of [
      ['p2wpkh', p2wpkh('end')],
      ['p2wsh', p2wsh('end')],
      ['p2tr', p2tr('end')],
    ] as const)
      test(`${by} closes to ${kind}: both publish one transaction, and its funder pays`, () => {
        const pair = opened({ features: LEGACY_CLOSE });
        expect(close(pair, by, script).ok).toBe(true);
        pair.settle();
        expect(ids(closings(pair, 'alice'))).toEqual(ids(closings(pair, 'bob')));
        const [tx] = closings(pair, 'alice');
        const mine = pays(must(tx, 'a closing transaction'), script) ?? 0n;
        const theirs = pays(must(tx, 'a closing transaction'), p2wpkh(other(by))) ?? 0n;
        const [funder, fundee] = by === 'alice' ? [mine, theirs] : [theirs, mine];
        expect(fundee).toBe(400_000n);
        expect(funder).toBeGreaterThan(599_000n);
        expect(funder).toBeLessThan(600_000n);
        for (const name of ['alice', 'bob'] as const) {
          expect(pair.view(name).phase).toBe('closing');
          expect(pair.eventsOf(name, 'closing')).toEqual([{ kind: 'closing', how: 'cooperative', why: 'both sides agreed' }]);
          expect(pair.sentBy(name)).not.toContain('error');
        }
        pair.mine([must(tx, 'tx')], 99);
        expect(pair.view('alice').phase).toBe('closed');
        expect(pair.eventsOf('bob', 'closed').length).toBe(1);
      });

  test('waits until the HTLCs are gone, and takes no new ones', () => {
    const pair = opened({ features: LEGACY_CLOSE });
    const paid = pair.add('alice', 50_000_000n);
    const failed = pair.add('bob', 20_000_000n);
    pair.settle();
    close(pair, 'bob', p2wpkh('end'));
    pair.settle();
    expect(pair.view('alice').phase).toBe('shutdown');
    expect(closings(pair, 'alice')).toEqual([]);
    pair.fulfill('bob', paid.htlcId, paid.preimage).settle();
    pair.fail('alice', failed.htlcId).settle();
    expect(pays(must(closings(pair, 'alice')[0], 'tx'), p2wpkh('end'))).toBe(450_000n);
  });

  test('updates under way are signed before shutdown leaves', () => {
    const pair = opened({ features: LEGACY_CLOSE });
    const { htlcId, preimage } = pair.add('alice', 50_000_000n);
    close(pair, 'alice', p2wpkh('end'));
    pair.flush();
    expect(pair.sentBy('alice').slice(-3)).toEqual(['update_add_htlc', 'commitment_signed', 'shutdown']);
    pair.settle();
    pair.fulfill('bob', htlcId, preimage).settle();
    expect(ids(closings(pair, 'alice')).length).toBe(1);
  });

  test('shutdown waits for updates that cannot be signed yet', () => {
    const pair = opened({ features: LEGACY_CLOSE });
    pair.add('alice', 50_000_000n);
    pair.flush();
    pair.add('alice', 40_000_000n);
    close(pair, 'alice', p2wpkh('end'));
    pair.flush();
    expect(pair.sentBy('alice').slice(-3)).toEqual(['update_add_htlc', 'commitment_signed', 'update_add_htlc']);
    pair.settle();
    expect(pair.view('bob').phase).toBe('shutdown');
    expect(pair.view('bob').htlcs.length).toBe(2);
  });

  test('a fee that differs is settled within the ranges of both', () => {
    const pair = opened({ features: LEGACY_CLOSE });
    // What Bob relays is more than what Alice would pay at first, and within what she is ready to pay.
    pair.bob.env = { ...pair.bob.env, feerates: { ...pair.bob.env.feerates, minimum: feeratePerKw(1500), normal: feeratePerKw(3000) } };
    close(pair, 'alice', p2wpkh('end'));
    pair.settle();
    expect(ids(closings(pair, 'alice'))).toEqual(ids(closings(pair, 'bob')));
    expect(ids(closings(pair, 'alice')).length).toBe(1);
  });

  test('a peer without fee_range is met half-way', () => {
    for (const feerate of [2500, 700]) {
      const pair = opened({ features: LEGACY_CLOSE });
      pair.bob.env = { ...pair.bob.env, feerates: { ...pair.bob.env.feerates, minimum: feeratePerKw(feerate) } };
      // lnd sends no range: take it out of every message under way.
      pair.onEffect = (_, effect) => {
        if (effect.kind === 'send' && effect.message.name === 'closing_signed') Object.assign(effect.message, { tlvs: {} });
      };
      close(pair, 'bob', p2wpkh('end'));
      pair.settle();
      expect(pair.alice.hungUp).toBeNull();
      expect(ids(closings(pair, 'alice'))).toEqual(ids(closings(pair, 'bob')));
      expect(ids(closings(pair, 'alice')).length).toBe(1);
    }
  });

  test('a connection lost after any message of the closing begins the negotiation anew', () => {
    const run = (cutAfter: number): number => {
      const pair = opened({ features: LEGACY_CLOSE });
      pair.add('alice', 50_000_000n);
      pair.settle();
      close(pair, 'alice', p2wpkh('end'));
      pair.fail('bob', 0n);
      let count = 0;
      for (let round = 0; round < 100; round++) {
        pair.flush();
        const moved = (['alice', 'bob'] as const).map((name) => {
          const did = pair.deliver(name);
          if (did && ++count === cutAfter) pair.cut().reload('alice').reload('bob').connect();
          return did;
        });
        if (!moved.some(Boolean)) break;
      }
      const [a, b] = [ids(closings(pair, 'alice')), ids(closings(pair, 'bob'))];
      expect(a.length, `cut ${cutAfter}`).toBeGreaterThan(0);
      expect(b.length, `cut ${cutAfter}`).toBeGreaterThan(0);
      return count;
    };
    const messages = run(0);
    expect(messages).toBeGreaterThan(8);
    for (let k = 1; k <= messages; k++) run(k);
  });

  test('an output that is dust is left out', () => {
    const pair = opened({ features: LEGACY_CLOSE, pushMsat: 200_000n });
    close(pair, 'alice', p2wpkh('end'));
    pair.settle();
    expect(must(closings(pair, 'bob')[0], 'tx').outputs.length).toBe(1);
  });
});

describe('cooperative close by closing_complete', () => {
  for (const by of ['alice', 'bob'] as const)
    for (const [kind, script] of [
      ['p2wpkh', p2wpkh('end')],
      ['p2wsh', p2wsh('end')],
      ['p2tr', p2tr('end')],
      ['OP_RETURN', opReturn],
    ] as const)
      test(`${by} closes to ${kind}: each side pays for a transaction of its own`, () => {
        const pair = opened({ features: ANCHORS });
        expect(close(pair, by, script).ok).toBe(true);
        pair.settle();
        const all = ids(closings(pair, 'alice'));
        expect(all.length).toBe(2);
        expect(ids(closings(pair, 'bob'))).toEqual(all);
        for (const name of ['alice', 'bob'] as const) {
          expect(pair.ends[name].hungUp).toBeNull();
          expect(pair.publishable(name).map(({ label }) => label)).toEqual(['closing']);
        }
        pair.mine([must(closings(pair, 'alice')[0], 'tx')], 99);
        expect(pair.view('alice').phase).toBe('closed');
        expect(pair.view('bob').phase).toBe('closed');
      });

  test('a higher feerate replaces the closing transaction, from either side, with another script too', () => {
    const pair = opened({ features: ANCHORS });
    close(pair, 'alice', p2wpkh('end'));
    pair.settle();
    const before = must(pair.publishable('alice')[0], 'a closing transaction').tx;
    expect(close(pair, 'alice', p2tr('elsewhere'), 3000).ok).toBe(true);
    pair.settle();
    const after = must(pair.publishable('bob')[0], 'a closing transaction').tx;
    expect(toHex(txId(after))).not.toBe(toHex(txId(before)));
    const outputs = (tx: Tx): bigint => tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
    expect(outputs(after)).toBeLessThan(outputs(before));
    expect(pays(after, p2tr('elsewhere'))).not.toBeNull();
    expect(close(pair, 'bob', p2wpkh('bob'), 5000).ok).toBe(true);
    pair.settle();
    const last = must(pair.publishable('alice')[0], 'a closing transaction').tx;
    expect(pays(last, p2tr('elsewhere'))).toBe(600_000n);
    expect(outputs(last)).toBeLessThan(outputs(after));
  });

  test('both change their scripts at once: the connection ends, and the next one settles it', () => {
    const pair = opened({ features: ANCHORS });
    close(pair, 'alice', p2wpkh('end'));
    pair.settle();
    close(pair, 'alice', p2tr('new alice'), 3000);
    close(pair, 'bob', p2tr('new bob'), 4000);
    pair.settle();
    expect(pair.alice.hungUp ?? pair.bob.hungUp).toContain('closing_script');
    pair.cut().connect().settle();
    expect(pair.alice.hungUp).toBeNull();
    const last = must(pair.publishable('alice')[0], 'tx').tx;
    expect(pays(last, p2tr('new alice'))).not.toBeNull();
    expect(pays(last, p2tr('new bob'))).not.toBeNull();
  });

  test('a side without money leaves the closing to the other', () => {
    const pair = opened({ features: ANCHORS, pushMsat: 0n });
    close(pair, 'bob', p2wpkh('end'));
    pair.settle();
    expect(pair.sentBy('bob')).not.toContain('closing_complete');
    expect(ids(closings(pair, 'bob'))).toEqual(ids(closings(pair, 'alice')));
    expect(ids(closings(pair, 'bob')).length).toBe(1);
    expect(must(closings(pair, 'bob')[0], 'tx').outputs.length).toBe(1);
  });

  test('a request while the peer owes an answer is refused', () => {
    const pair = opened({ features: ANCHORS });
    close(pair, 'alice', p2wpkh('end'));
    for (let i = 0; i < 3; i++) {
      pair.flush();
      pair.deliver('bob');
      pair.deliver('alice');
    }
    pair.flush();
    const again = pair.channel('alice').session.negotiation?.awaiting ? close(pair, 'alice', p2wpkh('end'), 4000) : null;
    expect(again?.ok).toBe(false);
  });
});

describe('shutdown scripts', () => {
  test('one fixed at the opening is the only one', () => {
    const pair = opened({ features: ANCHORS, closeTo: p2wpkh('fixed') });
    const refused = close(pair, 'alice', p2wpkh('another'));
    expect(refused).toMatchObject({ ok: false, failure: { code: 'POLICY', rule: 'upfront_shutdown_script' } });
    expect(close(pair, 'alice', p2wpkh('fixed')).ok).toBe(true);
    pair.settle();
    expect(pays(must(closings(pair, 'bob')[0], 'tx'), p2wpkh('fixed'))).not.toBeNull();
  });

  test('another one from a peer that fixed its own ends the connection', () => {
    const pair = opened({ features: ANCHORS, upfront: p2wpkh('fixed') });
    const message = { name: 'shutdown', channelId: pair.view('alice').channelId, scriptpubkey: p2wpkh('stolen'), tlvs: {} } as const;
    pair.feed('alice', { kind: 'message', message });
    expect(pair.alice.hungUp).toContain('bad_shutdown_script');
  });

  test('forms that were not negotiated are refused, ours and theirs', () => {
    const pair = opened({ features: LEGACY_CLOSE.filter((name) => name !== 'option_shutdown_anysegwit') });
    expect(close(pair, 'alice', p2tr('end'))).toMatchObject({ ok: false, failure: { rule: 'shutdown' } });
    expect(close(pair, 'alice', opReturn)).toMatchObject({ ok: false, failure: { rule: 'shutdown' } });
    const channelId = pair.view('alice').channelId;
    pair.feed('alice', { kind: 'message', message: { name: 'shutdown', channelId, scriptpubkey: EMPTY, tlvs: {} } });
    expect(pair.alice.hungUp).toContain('bad_shutdown_script');
  });

  test('a signature for another fee is a warning; a fee outside both ranges costs the channel', () => {
    const reached = (): Pair => {
      const pair = opened({ features: LEGACY_CLOSE });
      close(pair, 'bob', p2wpkh('bob'));
      // Alice funds the channel and proposes first; Bob has not heard of it yet.
      while (!pair.sentBy('alice').includes('closing_signed')) {
        pair.flush();
        if (pair.sentBy('alice').includes('closing_signed')) break;
        pair.deliver('alice');
        pair.deliver('bob');
      }
      while (pair.bob.inbox.length > 1) pair.deliver('bob');
      expect(closings(pair, 'alice')).toEqual([]);
      return pair;
    };
    const range = { feeRange: { minFeeSatoshis: sat(1n), maxFeeSatoshis: sat(1_000_000n) } };
    const tell = (pair: Pair, feeSatoshis: Sat, signedFee: Sat, tlvs: Partial<typeof range> = range): void => {
      const params = pair.channel('bob').durable.params;
      const input = closingInput(params);
      const shares = closingShares(params, pair.active('bob'));
      const part = { outpoint: input.outpoint, ...shares, funder: 'remote', fee: signedFee, dustLimit: sat(354n) } as const;
      const key = pair.bob.env.keys.channelSecrets(params.keyIndex).fundingKey;
      const signature = signClosing(must(legacyClosingTx(part), 'a transaction'), input, key);
      const message = { name: 'closing_signed', channelId: params.channelId, feeSatoshis, signature, tlvs } as const;
      pair.feed('alice', { kind: 'message', message });
    };
    const forged = reached();
    tell(forged, sat(500n), sat(501n));
    expect(forged.alice.hungUp).toContain('closing_signature');
    expect(forged.view('alice').phase).toBe('negotiating');
    const dear = reached();
    tell(dear, sat(100_000n), sat(100_000n));
    expect(dear.alice.hungUp).toContain('closing_fee');
    expect(dear.view('alice').phase).toBe('force_closing');
    // Without a range, as from lnd: half-way, and up to what a force close would cost.
    const far = reached();
    tell(far, sat(50_000n), sat(50_000n), {});
    expect(far.alice.hungUp).toBeNull();
    const answer = far.alice.sent.at(-1);
    expect(answer?.name === 'closing_signed' && answer.feeSatoshis).toBe(closingFee([p2wpkh('alice'), p2wpkh('bob')], feeratePerKw(7000)));
    const agreed = reached();
    tell(agreed, sat(500n), sat(500n));
    expect(agreed.view('alice').phase).toBe('closing');
  });
});
