import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Preimage } from '../../src/base/ids.ts';
import { p2wpkhScript, p2wshScript } from '../../src/bitcoin/script.ts';
import { encodeTx, formatTxId, txId } from '../../src/bitcoin/tx.ts';
import {
  type BuiltCommitment,
  buildCommitment,
  type CommitmentFormat,
  commitFee,
  countUntrimmed,
  obscuringFactor,
  readCommitmentNumber,
  trimRules,
} from '../../src/bolt/channel/commitment.ts';
import {
  completeCommitment,
  completeHtlc,
  signCommitment,
  signHtlcs,
  verifyCommitmentSignature,
  verifyHtlcSignatures,
} from '../../src/bolt/channel/transactions.ts';
import anchors from './bolt03-commitment-anchors.json' with { type: 'json' };
import legacy from './bolt03-commitment-legacy.json' with { type: 'json' };
import { caseSpec, commitmentNumber, compact, fixtureParams, htlcs, perCommitmentPoint, preimages, secrets } from './bolt03-fixture.ts';

interface HtlcTxCase {
  readonly output_index: number;
  readonly kind: string;
  readonly remote_signature: string;
  readonly tx: string;
}

function expectHtlcTransactions(built: BuiltCommitment, format: CommitmentFormat, cases: readonly HtlcTxCase[]): void {
  const params = fixtureParams(format);
  expect(built.htlcs.map((htlc) => [htlc.outputIndex, htlc.directed.offered ? 'timeout' : 'success'])).toEqual(
    cases.map((htlc) => [htlc.output_index, htlc.kind]),
  );
  const signatures = cases.map((htlc) => compact(htlc.remote_signature));
  expect(signHtlcs(built, params, secrets.remotePaymentSecret).map(toHex)).toEqual(signatures.map(toHex));
  expect(verifyHtlcSignatures(built, params, signatures)).toBe(true);
  for (const [i, expected] of cases.entries()) {
    const htlc = built.htlcs[i]?.directed;
    const preimage = htlc?.offered ? null : (preimages[htlcs.indexOf(htlc as (typeof htlcs)[number])] as Preimage);
    const otherSignature = signatures[i] as Uint8Array;
    const tx = completeHtlc(built, params, i, { htlcBasepointSecret: secrets.localPaymentSecret, otherSignature, preimage });
    expect(toHex(encodeTx(tx))).toBe(expected.tx);
  }
}

describe('BOLT 3 appendix C: commitments with option_static_remotekey', () => {
  test('the obscuring factor', () => {
    expect(obscuringFactor(fixtureParams('static_remotekey'))).toBe(BigInt(`0x${legacy.params.obscuring_factor}`));
  });

  test.each(legacy.cases)('$name ($local_feerate_per_kw)', (given) => {
    const params = fixtureParams('static_remotekey');
    const spec = caseSpec(given);
    const built = buildCommitment(params, commitmentNumber, perCommitmentPoint, spec);
    expect(toHex(built.fundingWitnessScript)).toBe(legacy.params.funding_wscript);
    expect(built.htlcs.length).toBe(given.num_htlcs);
    const outputs = built.tx.outputs.map((output) => `${output.amount} ${toHex(output.script)}`);
    for (const output of given.outputs ?? []) {
      const script =
        'wscript' in output ? p2wshScript(fromHex(output.wscript as string)) : p2wpkhScript(fromHex(output.p2wpkh_pubkey as string));
      expect(outputs).toContain(`${output.amount_sat} ${toHex(script)}`);
    }
    const remoteSignature = compact(given.remote_signature);
    expect(toHex(signCommitment(built, params, secrets.remoteFundingKey))).toBe(toHex(remoteSignature));
    expect(toHex(signCommitment(built, params, secrets.localFundingKey))).toBe(toHex(compact(given.local_signature)));
    expect(verifyCommitmentSignature(built, params, params.other.fundingPubkey, remoteSignature)).toBe(true);
    expect(verifyCommitmentSignature(built, params, params.owner.fundingPubkey, remoteSignature)).toBe(false);
    const tx = completeCommitment(built, params, secrets.localFundingKey, remoteSignature);
    expect(toHex(encodeTx(tx))).toBe(given.commit_tx);
    expect(formatTxId(txId(tx))).toBe(given.commit_txid);
    expect(readCommitmentNumber(tx, params)).toBe(commitmentNumber);
    if (given.base_fee_sat !== undefined) {
      const fee = commitFee(params.format, spec.feerate, countUntrimmed(spec.htlcs, trimRules(params, spec.feerate)));
      expect(Number(fee)).toBe(given.base_fee_sat);
      const paid = tx.outputs.reduce((rest, output) => rest - output.amount, params.capacity as bigint);
      expect(Number(paid)).toBe(given.actual_fee_sat);
    }
    expectHtlcTransactions(built, 'static_remotekey', given.htlc_txs);
  });
});

describe('BOLT 3 appendix F: commitments with option_anchors', () => {
  test.each(anchors.cases)('$name', (given) => {
    const params = fixtureParams('anchors', given.local_dust_limit_satoshi);
    const built = buildCommitment(params, commitmentNumber, perCommitmentPoint, caseSpec(given));
    const remoteSignature = compact(given.remote_signature);
    expect(toHex(signCommitment(built, params, secrets.remoteFundingKey))).toBe(toHex(remoteSignature));
    expect(verifyCommitmentSignature(built, params, params.other.fundingPubkey, remoteSignature)).toBe(true);
    const tx = completeCommitment(built, params, secrets.localFundingKey, remoteSignature);
    expect(toHex(encodeTx(tx))).toBe(given.commit_tx);
    expect(formatTxId(txId(tx))).toBe(given.commit_txid);
    expectHtlcTransactions(built, 'anchors', given.htlc_txs);
  });
});
