import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compare } from '../../../../src/base/bytes.ts';
import { blocks, feeratePerKw, sat } from '../../../../src/base/units.ts';
import { compareOutputs } from '../../../../src/bitcoin/bip69.ts';
import { p2wshScript } from '../../../../src/bitcoin/script.ts';
import {
  ANCHOR_AMOUNT,
  buildCommitment,
  type CommitmentParams,
  type CommitmentSpec,
  countUntrimmed,
  type DirectedHtlc,
  dustExposure,
  funderCost,
  htlcIsTrimmed,
  htlcTxFee,
  trimRules,
} from '../../../../src/bolt/channel/commitment.ts';
import { signHtlcs, verifyHtlcSignatures } from '../../../../src/bolt/channel/transactions.ts';
import { aliceParams, alicePoint, bob, CAPACITY, FORMATS, htlc, NUMBER, spec } from './transactions-fixture.ts';

const directed: fc.Arbitrary<DirectedHtlc> = fc
  .tuple(
    fc.integer({ min: 0, max: 12 }),
    // Around the trim thresholds, and equal amounts often.
    fc.oneof(
      fc.bigInt({ min: 1n, max: 3_000_000n }),
      fc.constantFrom(354_000n, 353_999n, 5_000_000n, 5_000_999n),
      fc.bigInt({ min: 1n, max: 50_000_000n }),
    ),
    fc.boolean(),
    fc.constantFrom(500, 501, 600, 0x800000),
  )
  .map(([id, amount, offered, expiry]) => htlc(id, amount, offered, expiry));

interface Case {
  readonly params: CommitmentParams;
  readonly given: CommitmentSpec;
}

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    format: fc.constantFrom(...FORMATS),
    ownerIsFunder: fc.boolean(),
    feerate: fc.oneof(fc.integer({ min: 253, max: 20_000 }), fc.integer({ min: 253, max: 20_000_000 })),
    dust: fc.integer({ min: 354, max: 3000 }),
    delay: fc.integer({ min: 0, max: 65_535 }),
    toRemoteMsat: fc.oneof(fc.bigInt({ min: 0n, max: 2_000_000n }), fc.bigInt({ min: 0n, max: 9_000_000_000n })),
    htlcs: fc.array(directed, { maxLength: 12 }),
  })
  .map((part) => ({
    params: {
      ...aliceParams(part.format, part.ownerIsFunder),
      ownerDustLimit: sat(part.dust),
      ownerToSelfDelay: blocks(part.delay),
    },
    given: spec(part.htlcs, part.feerate, part.toRemoteMsat),
  }));

const make = ({ params, given }: Case) => buildCommitment(params, NUMBER, alicePoint, given);

test('no satoshi appears: outputs and fee are the capacity, and the fee is the base fee with what was trimmed and rounded', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { params, given } = one;
      const built = make(one);
      const paid = built.tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
      const fee = CAPACITY - paid;
      const rules = trimRules(params, given.feerate);
      const cost = funderCost(params.format, given.feerate, countUntrimmed(given.htlcs, rules));
      const funder = params.ownerIsFunder ? given.toLocalMsat : given.toRemoteMsat;
      // Such a state is refused before it is built (BOLT 2).
      fc.pre(funder >= cost * 1000n);
      expect(fee).toBeGreaterThanOrEqual(0n);
      const anchors = [built.ownerAnchorIndex, built.otherAnchorIndex].filter((index) => index !== null).length;
      const afterCost = (balance: bigint, pays: boolean): bigint => balance / 1000n - (pays ? cost : 0n);
      const local = afterCost(given.toLocalMsat, params.ownerIsFunder);
      const remote = afterCost(given.toRemoteMsat, !params.ownerIsFunder);
      const dust = (local < params.ownerDustLimit ? local : 0n) + (remote < params.ownerDustLimit ? remote : 0n);
      const roundedAway =
        CAPACITY -
        given.htlcs.reduce((sum, { htlc }) => sum + htlc.amountMsat / 1000n, given.toLocalMsat / 1000n + given.toRemoteMsat / 1000n);
      const trimmed = given.htlcs.filter((h) => htlcIsTrimmed(h, rules)).reduce((sum, { htlc }) => sum + htlc.amountMsat / 1000n, 0n);
      expect(fee).toBe(cost - BigInt(anchors) * ANCHOR_AMOUNT + trimmed + roundedAway + dust);
    }),
  );
});

test('only the funder pays: the other side’s output is its whole balance, or absent where that is dust', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { params, given } = one;
      const { tx, toLocalIndex, toRemoteIndex } = make(one);
      const index = params.ownerIsFunder ? toRemoteIndex : toLocalIndex;
      const balance = (params.ownerIsFunder ? given.toRemoteMsat : given.toLocalMsat) / 1000n;
      if (balance < params.ownerDustLimit) expect(index).toBeNull();
      else expect(tx.outputs[index ?? -1]?.amount).toBe(balance);
    }),
  );
});

test('outputs are ordered by BIP 69, equal ones by expiry', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { tx, htlcs } = make(one);
      for (let i = 1; i < tx.outputs.length; i++) {
        const [a, b] = [tx.outputs[i - 1], tx.outputs[i]];
        if (a === undefined || b === undefined) throw new Error('an output');
        expect(compareOutputs(a, b)).toBeLessThanOrEqual(0);
      }
      for (let i = 1; i < htlcs.length; i++) {
        const [a, b] = [htlcs[i - 1], htlcs[i]];
        if (a === undefined || b === undefined) throw new Error('an HTLC');
        expect(a.outputIndex).toBeLessThan(b.outputIndex);
        const same =
          tx.outputs[a.outputIndex]?.amount === tx.outputs[b.outputIndex]?.amount && compare(a.witnessScript, b.witnessScript) === 0;
        if (same) expect(a.directed.htlc.cltvExpiry).toBeLessThanOrEqual(b.directed.htlc.cltvExpiry);
      }
    }),
  );
});

test('an HTLC has an output exactly when it is not trimmed; no output and no HTLC transaction is below the dust limit', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { params, given } = one;
      const { tx, htlcs } = make(one);
      const rules = trimRules(params, given.feerate);
      const untrimmed = given.htlcs.filter((h) => !htlcIsTrimmed(h, rules));
      expect(new Set(htlcs.map((h) => h.directed))).toEqual(new Set(untrimmed));
      expect(htlcs.length).toBe(untrimmed.length);
      const whole = given.htlcs.reduce((sum, h) => sum + h.htlc.amountMsat, 0n);
      const kept = untrimmed.reduce((sum, h) => sum + h.htlc.amountMsat, 0n);
      expect(dustExposure(given.htlcs, rules)).toBe(whole - kept);
      for (const { amount } of tx.outputs) expect(amount === ANCHOR_AMOUNT || amount >= params.ownerDustLimit).toBe(true);
      for (const { htlcTx, outputIndex, directed: h, witnessScript } of htlcs) {
        const amount = htlcTx.outputs[0]?.amount ?? 0n;
        expect(amount).toBe(h.htlc.amountMsat / 1000n - htlcTxFee(params.format, given.feerate, h.offered));
        expect(amount).toBeGreaterThanOrEqual(params.ownerDustLimit);
        expect(compare(tx.outputs[outputIndex]?.script ?? new Uint8Array(), p2wshScript(witnessScript))).toBe(0);
      }
    }),
  );
});

test('anchors stand where their side has an output, or any HTLC has one; without option_anchors nowhere', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const built = make(one);
      const anchors = one.params.format === 'anchors';
      expect(built.ownerAnchorIndex !== null).toBe(anchors && (built.toLocalIndex !== null || built.htlcs.length > 0));
      expect(built.otherAnchorIndex !== null).toBe(anchors && (built.toRemoteIndex !== null || built.htlcs.length > 0));
    }),
  );
});

test('what one side signs the other verifies, in any order of the HTLCs', () => {
  fc.assert(
    fc.property(anyCase, ({ params, given }) => {
      const signatures = signHtlcs(make({ params, given }), params, bob.htlcBasepointSecret);
      const mirrored = make({ params, given: { ...given, htlcs: given.htlcs.toReversed() } });
      expect(verifyHtlcSignatures(mirrored, params, signatures)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('an HTLC is trimmed below the dust limit and the fee of its transaction, in millisatoshi exactly (BOLT 3’s example)', () => {
  const rules = { format: 'static_remotekey', feerate: feeratePerKw(5000), dustLimit: sat(546) } as const;
  expect(htlcTxFee('static_remotekey', rules.feerate, true)).toBe(3315n);
  expect(htlcTxFee('static_remotekey', rules.feerate, false)).toBe(3515n);
  expect(htlcIsTrimmed(htlc(1, 3_860_999n, true), rules)).toBe(true);
  expect(htlcIsTrimmed(htlc(1, 3_861_000n, true), rules)).toBe(false);
  expect(htlcIsTrimmed(htlc(1, 4_060_999n, false), rules)).toBe(true);
  expect(htlcIsTrimmed(htlc(1, 4_061_000n, false), rules)).toBe(false);
  const example = [htlc(1, 5_000_000n, true), htlc(2, 1_000_000n, true), htlc(3, 7_000_000n, false), htlc(4, 800_000n, false)];
  expect(countUntrimmed(example, rules)).toBe(2);
  expect(funderCost('static_remotekey', rules.feerate, 2)).toBe(5340n);
  expect(dustExposure(example, rules)).toBe(1_800_000n);
});
