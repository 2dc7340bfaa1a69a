import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { type Bytes, EMPTY, toHex } from '../../../../src/base/bytes.ts';
import type { Preimage } from '../../../../src/base/ids.ts';
import { height } from '../../../../src/base/units.ts';
import { SIGHASH, sighashV0 } from '../../../../src/bitcoin/sighash.ts';
import { type Tx, txId, txWeight, withWitness } from '../../../../src/bitcoin/tx.ts';
import {
  type BuiltCommitment,
  buildCommitment,
  COMMITMENT_WEIGHT,
  type CommitmentFormat,
  commitWeight,
  HTLC_SUCCESS_WEIGHT,
  HTLC_TIMEOUT_WEIGHT,
  readCommitmentNumber,
} from '../../../../src/bolt/channel/commitment.ts';
import { perCommitmentPoint } from '../../../../src/bolt/channel/keys.ts';
import { fundingScript, htlcScripts } from '../../../../src/bolt/channel/scripts.ts';
import {
  completeCommitment,
  completeHtlc,
  htlcHashType,
  htlcSighashes,
  signCommitment,
  signHtlcs,
  verifyHtlcSignatures,
} from '../../../../src/bolt/channel/transactions.ts';
import weights from '../../../vectors/bolt03-weights.json' with { type: 'json' };
import { scriptFailure } from '../../bitcoin/interpreter.ts';
import {
  alice,
  aliceParams,
  alicePoint,
  bob,
  build,
  FORMATS,
  fundingOutput,
  htlc,
  MIXED,
  NUMBER,
  preimageOf,
  spec,
} from './transactions-fixture.ts';

const key = (format: CommitmentFormat) => (format === 'anchors' ? 'anchors' : 'no_anchors');

function publish(format: CommitmentFormat, built: BuiltCommitment): Tx {
  const params = aliceParams(format);
  return completeCommitment(built, params, alice.fundingKey, signCommitment(built, params, bob.fundingKey));
}

function completed(format: CommitmentFormat, built: BuiltCommitment, index: number): Tx {
  const signatures = signHtlcs(built, aliceParams(format), bob.htlcBasepointSecret);
  const { directed } = must(built.htlcs[index], 'an HTLC');
  return completeHtlc(built, aliceParams(format), index, {
    htlcBasepointSecret: alice.htlcBasepointSecret,
    otherSignature: signatures[index] as Bytes,
    preimage: directed.offered ? null : preimageOf(Number(directed.htlc.id)),
  });
}

describe.each(FORMATS)('%s', (format) => {
  const built = build(format);
  const params = aliceParams(format);

  test('the constants are appendix A’s', () => {
    expect(COMMITMENT_WEIGHT[format]).toBe(weights.commitment[key(format)].base);
    expect(COMMITMENT_WEIGHT.perHtlc).toBe(weights.commitment[key(format)].per_htlc);
    expect(HTLC_TIMEOUT_WEIGHT[format]).toBe(weights.htlc_timeout[key(format)]);
    expect(HTLC_SUCCESS_WEIGHT[format]).toBe(weights.htlc_success[key(format)]);
  });

  test('scripts have the sizes of appendix A', () => {
    const scripts = htlcScripts(built.keys, format);
    // Appendix A counts expiries of 4 bytes.
    const late = { ...htlc(1, 1n, true).htlc, cltvExpiry: height(0x01000000) };
    const suffix = format === 'anchors' ? '_anchors' : '';
    expect(scripts.offered(late).length).toBe(weights.script_sizes[`offered_htlc${suffix}`]);
    expect(scripts.received(late).length).toBe(weights.script_sizes[`accepted_htlc${suffix}`]);
    expect(fundingScript(params.owner.fundingPubkey, params.other.fundingPubkey).witnessScript.length).toBe(
      weights.script_sizes.funding_multisig,
    );
  });

  test('a published commitment weighs what is expected, less what short signatures and counts save', () => {
    for (const htlcs of [[], MIXED]) {
      const difference = commitWeight(format, htlcs.length) - txWeight(publish(format, build(format, spec(htlcs))));
      // Two signatures of 71 or 72 bytes where 73 are expected (rarely shorter); with anchors 3 bytes to count the outputs where 1 suffices.
      expect(difference).toBeGreaterThanOrEqual(2);
      expect(difference).toBeLessThanOrEqual(8 + (format === 'anchors' ? 8 : 0));
    }
  });

  test('HTLC transactions weigh what is expected, less what short signatures and expiries save', () => {
    built.htlcs.forEach((one, i) => {
      const expected = one.directed.offered ? HTLC_TIMEOUT_WEIGHT[format] : HTLC_SUCCESS_WEIGHT[format];
      const difference = expected - txWeight(completed(format, built, i));
      expect(difference).toBeGreaterThanOrEqual(2);
      expect(difference).toBeLessThanOrEqual(12);
    });
  });

  test('Bitcoin’s script rules accept a commitment signed by both, and refuse it with one signature wrong', () => {
    const tx = publish(format, built);
    expect(scriptFailure(tx, [fundingOutput(params)])).toBeNull();
    const wrong = completeCommitment(built, params, bob.fundingKey, signCommitment(built, params, bob.fundingKey));
    expect(scriptFailure(wrong, [fundingOutput(params)])).not.toBeNull();
  });

  test('Bitcoin’s script rules accept every HTLC transaction', () => {
    expect(built.htlcs.length).toBe(MIXED.length);
    built.htlcs.forEach((one, i) => {
      const prevout = must(built.tx.outputs[one.outputIndex], 'an output');
      expect(scriptFailure(completed(format, built, i), [prevout])).toBeNull();
    });
  });

  test('Bitcoin’s script rules refuse an HTLC transaction with a changed amount, lock time, preimage or signature', () => {
    built.htlcs.forEach((one, i) => {
      const prevout = must(built.tx.outputs[one.outputIndex], 'an output');
      const tx = completed(format, built, i);
      const witness = must(tx.inputs[0], 'an input').witness;
      const output = must(tx.outputs[0], 'an output');
      const bad: readonly Tx[] = [
        { ...tx, outputs: [{ ...output, amount: (output.amount + 1n) as typeof output.amount }] },
        { ...tx, locktime: one.directed.offered ? tx.locktime - 1 : 1 },
        withWitness(tx, 0, witness.with(3, preimageOf(77))),
        withWitness(tx, 0, witness.with(1, witness[2] as Bytes)),
        withWitness(tx, 0, witness.with(2, EMPTY)),
      ];
      for (const changed of bad) expect(scriptFailure(changed, [prevout])).not.toBeNull();
    });
  });

  test('the packed HTLC hashes are BIP 143’s', () => {
    const hashes = htlcSighashes(built, params);
    built.htlcs.forEach((one, i) => {
      const amount = must(built.tx.outputs[one.outputIndex], 'an output').amount;
      const hash = sighashV0({ tx: one.htlcTx, index: 0, scriptCode: one.witnessScript, amount, hashType: htlcHashType(format) });
      expect(toHex(hashes.subarray(32 * i, 32 * i + 32))).toBe(toHex(hash));
    });
  });

  test('HTLC signatures are refused when one is missing, exchanged or for another commitment', () => {
    const signatures = signHtlcs(built, params, bob.htlcBasepointSecret);
    expect(verifyHtlcSignatures(built, params, signatures)).toBe(true);
    expect(verifyHtlcSignatures(built, params, signatures.slice(1))).toBe(false);
    expect(verifyHtlcSignatures(built, params, [...signatures, signatures[0] as Bytes])).toBe(false);
    expect(verifyHtlcSignatures(built, params, signatures.toReversed())).toBe(false);
    const next = buildCommitment(params, NUMBER + 1n, perCommitmentPoint(alice.commitmentSeed, NUMBER + 1n), spec(MIXED));
    expect(verifyHtlcSignatures(next, params, signatures)).toBe(false);
  });

  test('equal outputs stand in the order of their expiry', () => {
    const equal = built.htlcs.filter((one) => one.directed.htlc.amountMsat === 40_000_000n);
    expect(equal.map((one) => one.directed.htlc.cltvExpiry)).toEqual([600, 700]);
    expect(equal.map((one) => one.htlcTx.locktime)).toEqual([600, 700]);
    const reversed = build(format, spec(MIXED.toReversed()));
    expect(toHex(txId(reversed.tx))).toBe(toHex(txId(built.tx)));
    expect(reversed.htlcs.map((one) => one.directed.htlc.id)).toEqual(built.htlcs.map((one) => one.directed.htlc.id));
  });

  test('the commitment number reads back, also at its greatest, and other transactions have none', () => {
    for (const number of [0n, 1n, 2n ** 24n, 2n ** 48n - 1n]) {
      const { tx } = buildCommitment(params, number, alicePoint, spec([]));
      expect(readCommitmentNumber(tx, params)).toBe(number);
      expect(readCommitmentNumber({ ...tx, locktime: 0 }, params)).toBeNull();
    }
    expect(readCommitmentNumber(must(built.htlcs[0], 'an HTLC').htlcTx, params)).toBeNull();
  });

  test('a preimage for HTLC-timeout, or none for HTLC-success, is a bug', () => {
    const index = built.htlcs.findIndex((one) => one.directed.offered);
    const part = { htlcBasepointSecret: alice.htlcBasepointSecret, otherSignature: new Uint8Array(64).fill(1) };
    expect(() => completeHtlc(built, params, index, { ...part, preimage: new Uint8Array(32) as Preimage })).toThrow();
    const received = built.htlcs.findIndex((one) => !one.directed.offered);
    expect(() => completeHtlc(built, params, received, { ...part, preimage: null })).toThrow();
  });
});

test('with anchors the peer’s HTLC signature leaves room for other inputs, ours does not', () => {
  expect(htlcHashType('anchors')).toBe(SIGHASH.SINGLE | SIGHASH.ANYONECANPAY);
  expect(htlcHashType('static_remotekey')).toBe(SIGHASH.ALL);
});
