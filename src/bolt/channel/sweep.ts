import { assert, must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, type Sat, sat } from '../../base/units.ts';
import {
  dustLimit,
  FEERATE_FLOOR,
  feeOfWeightCeil,
  INPUT_BASE_WEIGHT,
  inputWeight,
  outputWeight,
  TX_BASE_WEIGHT,
  type WalletScriptKind,
} from '../../bitcoin/fees.ts';
import { SIGHASH, sighashV0 } from '../../bitcoin/sighash.ts';
import { witnessSignature } from '../../bitcoin/sign.ts';
import { type Tx, type TxOutput, txInput } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import type { Claim } from './claims.ts';
import { type BuiltCommitment, type CommitmentParams, HTLC_SUCCESS_WEIGHT, HTLC_TIMEOUT_WEIGHT } from './commitment.ts';
import { completeHtlc, type HtlcCompletion } from './transactions.ts';

/** Bitcoin Core's limit of what it relays (MAX_STANDARD_TX_WEIGHT). */
export const MAX_STANDARD_WEIGHT = 400_000;

/** A transaction made here. Inputs of the wallet are unsigned: `prevouts`, in order, are what signing them needs. */
export interface Spend {
  readonly tx: Tx;
  readonly fee: Sat;
  readonly prevouts: readonly TxOutput[];
}

/** What there is does not pay for its own spending at this feerate. */
export interface Uneconomical {
  readonly kind: 'uneconomical';
  readonly value: Sat;
  readonly fee: Sat;
}

/** Weight of the input that spends a claim, its signature counted at its longest (72 bytes with hash type). */
export function claimWeight(claim: Claim): number {
  const length = (item: number): number => item + (item < 0xfd ? 1 : 3);
  return claim.trailer.reduce((weight, item) => weight + length(item.length), INPUT_BASE_WEIGHT + 1 + length(72));
}

/**
 * Sends claims to `script` in one transaction that pays `feerate` by its weight. Claims that cost more than they bring stay out (`left`).
 * All must be claimable; `locktime` (the height, against fee sniping) is raised to what they need. At most 400,000 weight units, which
 * even 966 HTLCs fit (BOLT 5).
 */
export function sweep(part: {
  readonly claims: readonly Claim[];
  readonly script: Bytes;
  readonly feerate: FeeratePerKw;
  readonly locktime: number;
}): Result<Spend & { readonly left: readonly Claim[] }, Uneconomical> {
  const pays = (claim: Claim): boolean => claim.output.amount > feeOfWeightCeil(claimWeight(claim), part.feerate);
  const claims = part.claims.filter(pays);
  const weight = claims.reduce((sum, claim) => sum + claimWeight(claim), outerWeight(claims.length) + outputWeight(part.script));
  assert(weight <= MAX_STANDARD_WEIGHT, 'a sweep is small enough to be relayed');
  const value = claims.reduce((sum, claim) => sum + claim.output.amount, 0n);
  const fee = feeOfWeightCeil(weight, part.feerate);
  if (claims.length === 0 || value - fee < dustLimit(part.script)) return fail({ kind: 'uneconomical', value: sat(value), fee });
  const tx: Tx = {
    version: 2,
    inputs: claims.map((claim) => txInput(claim.outpoint, claim.sequence)),
    outputs: [{ amount: sat(value - fee), script: part.script }],
    locktime: claims.reduce((least, claim) => Math.max(least, claim.locktime), part.locktime),
  };
  const left = part.claims.filter((claim) => !pays(claim));
  return ok({ tx: signClaims(tx, claims), fee, prevouts: claims.map((claim) => claim.output), left });
}

/** An output of the wallet that pays fees. */
export interface FeeInput {
  readonly outpoint: OutPoint;
  readonly output: TxOutput;
  readonly kind: WalletScriptKind;
}

export interface FeeSource {
  readonly inputs: readonly FeeInput[];
  /** Where what is left goes; nothing is left where it would be dust. */
  readonly changeScript: Bytes;
  readonly feerate: FeeratePerKw;
}

/**
 * The child that lifts a commitment to `feerate` by spending our anchor and outputs of the wallet. Its fee makes parent and child together
 * pay `feerate`, and is never below the relay minimum of the child alone. Fails where the wallet's inputs do not suffice.
 */
export function bumpWithAnchor(
  anchor: Claim,
  parent: { readonly weight: number; readonly fee: Sat },
  source: FeeSource,
): Result<Spend, Uneconomical> {
  const weight = source.inputs.reduce(
    (sum, input) => sum + inputWeight(input.kind),
    outerWeight(source.inputs.length + 1) + claimWeight(anchor) + outputWeight(source.changeScript),
  );
  const together = feeOfWeightCeil(parent.weight + weight, source.feerate) - parent.fee;
  const alone = feeOfWeightCeil(weight, FEERATE_FLOOR);
  const fee = sat(together > alone ? together : alone);
  const value = sat(source.inputs.reduce((sum, input) => sum + input.output.amount, anchor.output.amount as bigint));
  // The child has no other output: without change there is nothing to send.
  if (value - fee < dustLimit(source.changeScript)) return fail({ kind: 'uneconomical', value, fee });
  const tx: Tx = {
    version: 2,
    inputs: [txInput(anchor.outpoint, anchor.sequence), ...source.inputs.map((input) => txInput(input.outpoint, FEE_SEQUENCE))],
    outputs: [{ amount: sat(value - fee), script: source.changeScript }],
    locktime: 0,
  };
  return ok({ tx: signClaims(tx, [anchor]), fee, prevouts: [anchor.output, ...source.inputs.map((input) => input.output)] });
}

/**
 * With anchors: an HTLC transaction of our own commitment with inputs of the wallet that pay its fee (BOLT 5: MUST). The HTLC's input and
 * output stay first, where the peer's signature (SIGHASH_SINGLE) wants them. Fails where the wallet's inputs do not suffice.
 */
export function htlcTxWithFee(
  built: BuiltCommitment,
  params: CommitmentParams,
  index: number,
  completion: HtlcCompletion,
  source: FeeSource,
): Result<Spend, Uneconomical> {
  assert(params.format === 'anchors', 'without anchors an HTLC transaction is complete as it is');
  const { htlcTx, directed, outputIndex } = must(built.htlcs[index], 'an HTLC of this commitment');
  const bare = (directed.offered ? HTLC_TIMEOUT_WEIGHT : HTLC_SUCCESS_WEIGHT).anchors;
  const weight = source.inputs.reduce(
    (sum, input) => sum + inputWeight(input.kind),
    bare + outerWeight(source.inputs.length + 1) - TX_BASE_WEIGHT,
  );
  const value = sat(source.inputs.reduce((sum, input) => sum + input.output.amount, 0n));
  const least = feeOfWeightCeil(weight, source.feerate);
  if (value < least) return fail({ kind: 'uneconomical', value, fee: least });
  const change = sat(value - feeOfWeightCeil(weight + outputWeight(source.changeScript), source.feerate));
  const hasChange = change >= dustLimit(source.changeScript);
  const tx: Tx = {
    ...htlcTx,
    inputs: [...htlcTx.inputs, ...source.inputs.map((input) => txInput(input.outpoint, FEE_SEQUENCE))],
    outputs: hasChange ? [...htlcTx.outputs, { amount: change, script: source.changeScript }] : htlcTx.outputs,
  };
  return ok({
    tx: completeHtlc(built, params, index, completion, tx),
    fee: sat(hasChange ? value - change : value),
    prevouts: [must(built.tx.outputs[outputIndex], 'an output'), ...source.inputs.map((input) => input.output)],
  });
}

/** Replaceable, and lock times are in force. */
const FEE_SEQUENCE = 0xfffffffd;

/** What a transaction weighs besides its inputs and outputs: the count of outputs is below 253 here, that of inputs may not be. */
const outerWeight = (inputs: number): number => TX_BASE_WEIGHT + (inputs < 0xfd ? 0 : 8);

/** Signs the first inputs, which spend these claims in order. */
function signClaims(tx: Tx, claims: readonly Claim[]): Tx {
  const witnesses = claims.map((claim, index) => {
    const hash = sighashV0({ tx, index, scriptCode: claim.scriptCode, amount: claim.output.amount, hashType: SIGHASH.ALL });
    return [witnessSignature(secp.sign(hash, claim.privateKey)), ...claim.trailer];
  });
  return { ...tx, inputs: tx.inputs.map((input, i) => ({ ...input, witness: witnesses[i] ?? input.witness })) };
}
