import { assert, must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { type FeeratePerKw, type Msat, msatToSat, type Sat, sat } from '../../base/units.ts';
import { compareOutputs } from '../../bitcoin/bip69.ts';
import { dustLimit, feeOfWeightCeil, INPUT_BASE_WEIGHT, outputWeight, TX_BASE_WEIGHT } from '../../bitcoin/fees.ts';
import { OP, witnessProgram } from '../../bitcoin/script.ts';
import { SIGHASH, sighashV0 } from '../../bitcoin/sighash.ts';
import { type Tx, type TxOutput, txInput, withWitness } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { fundingScript } from './scripts.ts';
import { fundingWitness } from './transactions.ts';

/** BOLT 3: sequence of the legacy closing transaction, and of the one of `option_simple_close` (which may be replaced). */
export const CLOSING_SEQUENCE = { legacy: 0xffffffff, simple: 0xfffffffd } as const;

/** What a closing transaction spends. */
export interface ClosingInput {
  readonly outpoint: OutPoint;
  readonly capacity: Sat;
  readonly localFundingPubkey: Bytes;
  readonly remoteFundingPubkey: Bytes;
}

/** One side's part: its final balance and where it wants it. */
export interface ClosingShare {
  readonly balanceMsat: Msat;
  readonly script: Bytes;
}

/** An unsigned closing transaction; at least one output. */
export function closingTx(part: {
  readonly outpoint: OutPoint;
  readonly outputs: { readonly local: TxOutput | null; readonly remote: TxOutput | null };
  readonly locktime: number;
  readonly sequence: number;
}): Tx {
  const outputs = [part.outputs.local, part.outputs.remote].filter((output) => output !== null).sort(compareOutputs);
  assert(outputs.length > 0, 'a closing transaction has an output');
  return { version: 2, inputs: [txInput(part.outpoint, part.sequence)], outputs, locktime: part.locktime };
}

/**
 * The transaction of `closing_signed` for this fee (satoshi), or null where the funder cannot pay it or no output is left. BOLT 3: balances
 * round down, the fee is the funder's, and each side removes outputs below its own dust limit (`dustLimit`).
 */
export function legacyClosingTx(part: {
  readonly outpoint: OutPoint;
  readonly local: ClosingShare;
  readonly remote: ClosingShare;
  readonly funder: 'local' | 'remote';
  readonly fee: Sat;
  readonly dustLimit: Sat;
}): Tx | null {
  const amount = (side: 'local' | 'remote'): Sat => sat(msatToSat(part[side].balanceMsat) - (part.funder === side ? part.fee : 0n));
  if (amount(part.funder) < 0n) return null;
  const output = (side: 'local' | 'remote'): TxOutput | null =>
    amount(side) < part.dustLimit ? null : { amount: amount(side), script: part[side].script };
  const outputs = { local: output('local'), remote: output('remote') };
  if (outputs.local === null && outputs.remote === null) return null;
  return closingTx({ outpoint: part.outpoint, outputs, locktime: 0, sequence: CLOSING_SEQUENCE.legacy });
}

/** BOLT 2: the signature fields of `closing_complete`, by the outputs that stand in the transaction. */
export type SimpleCloseVariant = 'closer_output_only' | 'closee_output_only' | 'closer_and_closee_outputs';

export interface SimpleCloseRequest {
  readonly outpoint: OutPoint;
  /** Who sends `closing_complete` and pays. */
  readonly closer: ClosingShare;
  readonly closee: ClosingShare;
  readonly fee: Sat;
  readonly locktime: number;
}

/** The transaction of one variant, or null where the closer cannot pay the fee. Amounts behind OP_RETURN are 0 (BOLT 3). */
export function simpleClosingTx(part: SimpleCloseRequest, variant: SimpleCloseVariant): Tx | null {
  const amounts = simpleCloseAmounts(part);
  if (amounts === null) return null;
  const closer = { amount: amounts.closer, script: part.closer.script };
  const closee = { amount: amounts.closee, script: part.closee.script };
  const outputs = {
    local: variant === 'closee_output_only' ? null : closer,
    remote: variant === 'closer_output_only' ? null : closee,
  };
  return closingTx({ outpoint: part.outpoint, outputs, locktime: part.locktime, sequence: CLOSING_SEQUENCE.simple });
}

/**
 * The variants that the closer must sign, with their transactions; empty where the fee cannot be paid or would leave dust only. BOLT 2,
 * "Closing Negotiation: closing_complete and closing_sig".
 */
export function simpleCloseVariants(part: SimpleCloseRequest): readonly { readonly variant: SimpleCloseVariant; readonly tx: Tx }[] {
  const amounts = simpleCloseAmounts(part);
  if (amounts === null) return [];
  const closerIsDust = isDust(amounts.closer, part.closer.script);
  const closeeIsDust = isDust(amounts.closee, part.closee.script);
  if (closerIsDust && closeeIsDust) return [];
  const variants = variantsToSign({
    closerHasLess: part.closer.balanceMsat < part.closee.balanceMsat,
    closerIsDust,
    closeeIsDust,
  });
  return variants.map((variant) => ({ variant, tx: must(simpleClosingTx(part, variant), 'the fee can be paid') }));
}

function variantsToSign(part: {
  readonly closerHasLess: boolean;
  readonly closerIsDust: boolean;
  readonly closeeIsDust: boolean;
}): readonly SimpleCloseVariant[] {
  if (part.closerHasLess) {
    // The lesser side may leave its own output out, and must where it is dust.
    return part.closerIsDust ? ['closee_output_only'] : ['closer_and_closee_outputs'];
  }
  // "Otherwise (not lesser amount, cannot remove its own output)": never closee_output_only.
  return part.closeeIsDust ? ['closer_output_only'] : ['closer_output_only', 'closer_and_closee_outputs'];
}

/** BOLT 2: the field that the closee must use among those present; it fails the channel where that one is missing. */
export function simpleCloseChoice(part: SimpleCloseRequest, present: ReadonlySet<SimpleCloseVariant>): SimpleCloseVariant {
  const amount = simpleCloseAmounts(part)?.closee ?? sat(0);
  if (isDust(amount, part.closee.script)) return 'closer_output_only';
  return present.has('closer_and_closee_outputs') ? 'closer_and_closee_outputs' : 'closee_output_only';
}

/** Whole satoshis of both outputs, or null where the fee is above the closer's balance. */
function simpleCloseAmounts(part: SimpleCloseRequest): { readonly closer: Sat; readonly closee: Sat } | null {
  const closer = msatToSat(part.closer.balanceMsat);
  if (part.fee > closer) return null;
  return {
    closer: isOpReturn(part.closer.script) ? sat(0) : sat(closer - part.fee),
    closee: isOpReturn(part.closee.script) ? sat(0) : msatToSat(part.closee.balanceMsat),
  };
}

export const isOpReturn = (script: Bytes): boolean => script[0] === OP.RETURN;

/** BOLT 3, "Dust Limits": below Bitcoin Core's threshold of this kind of script; never for OP_RETURN. */
export const isDust = (amount: Sat, script: Bytes): boolean => amount < dustLimit(script);

/** BOLT 2: the forms of `shutdown_scriptpubkey`. */
export function isShutdownScript(script: Bytes, allowed: { readonly anySegwit: boolean; readonly simpleClose: boolean }): boolean {
  const program = witnessProgram(script);
  if (program !== null) {
    if (program.version === 0) return program.program.length === 20 || program.program.length === 32;
    return allowed.anySegwit;
  }
  if (!allowed.simpleClose || script[0] !== OP.RETURN) return false;
  const length = script[1] ?? 0;
  if (length >= 6 && length <= 75) return script.length === 2 + length;
  const long = script[2] ?? 0;
  return length === OP.PUSHDATA1 && long >= 76 && long <= 80 && script.length === 3 + long;
}

/** Witness of the funding output: count, empty, two signatures of at most 72 bytes with hash type, script of 71 bytes. */
const FUNDING_WITNESS_WEIGHT = 1 + 1 + 2 * (1 + 72) + 1 + 71;

/** Weight of a signed closing transaction with these output scripts (one or two). */
export const closingWeight = (scripts: readonly Bytes[]): number =>
  scripts.reduce((weight, script) => weight + outputWeight(script), TX_BASE_WEIGHT + INPUT_BASE_WEIGHT + FUNDING_WITNESS_WEIGHT);

/** What a closing transaction with these output scripts pays at a feerate, rounded up. */
export const closingFee = (scripts: readonly Bytes[], feerate: FeeratePerKw): Sat => feeOfWeightCeil(closingWeight(scripts), feerate);

const closingSighash = (tx: Tx, input: ClosingInput): Bytes =>
  sighashV0({
    tx,
    index: 0,
    scriptCode: fundingScript(input.localFundingPubkey, input.remoteFundingPubkey).witnessScript,
    amount: input.capacity,
    hashType: SIGHASH.ALL,
  });

/** 64 bytes. */
export const signClosing = (tx: Tx, input: ClosingInput, fundingKey: Bytes): Bytes => secp.sign(closingSighash(tx, input), fundingKey);

/** Whether this is the peer's signature. */
export const verifyClosing = (tx: Tx, input: ClosingInput, remoteSignature: Bytes): boolean =>
  secp.verify(remoteSignature, closingSighash(tx, input), input.remoteFundingPubkey);

/** The closing transaction, signed by both. */
export function completeClosing(tx: Tx, input: ClosingInput, signatures: { readonly local: Bytes; readonly remote: Bytes }): Tx {
  const witness = fundingWitness({
    witnessScript: fundingScript(input.localFundingPubkey, input.remoteFundingPubkey).witnessScript,
    own: { pubkey: input.localFundingPubkey, signature: signatures.local },
    other: { pubkey: input.remoteFundingPubkey, signature: signatures.remote },
  });
  return withWitness(tx, 0, witness);
}
