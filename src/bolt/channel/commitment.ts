import { assert } from '../../base/assert.ts';
import { type Bytes, compare, concat } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { type Blocks, type FeeratePerKw, type Msat, msat, msatToSat, type Sat, sat, satToMsat } from '../../base/units.ts';
import { feeOfWeight } from '../../bitcoin/fees.ts';
import { p2wshScript } from '../../bitcoin/script.ts';
import { type Tx, type TxOutput, txId, txInput } from '../../bitcoin/tx.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Basepoints, type CommitmentKeys, commitmentKeys } from './keys.ts';
import { anchorScript, type CommitmentFormat, fundingScript, htlcScripts, toLocalScript, toRemoteScript } from './scripts.ts';
import type { Htlc } from './types.ts';

export type { CommitmentFormat } from './scripts.ts';

export interface DirectedHtlc {
  readonly htlc: Htlc;
  /** By the owner of the commitment. */
  readonly offered: boolean;
}

/** What a commitment says, from its owner's view; balances without the HTLCs, before fees and anchors. */
export interface CommitmentSpec {
  readonly toLocalMsat: Msat;
  readonly toRemoteMsat: Msat;
  readonly feerate: FeeratePerKw;
  readonly htlcs: readonly DirectedHtlc[];
}

/** What never changes between the commitments of one side. */
export interface CommitmentParams {
  readonly fundingOutpoint: OutPoint;
  readonly capacity: Sat;
  readonly format: CommitmentFormat;
  readonly ownerIsFunder: boolean;
  readonly owner: Basepoints;
  readonly other: Basepoints;
  /** `dust_limit_satoshis` that the owner announced. */
  readonly ownerDustLimit: Sat;
  /** `to_self_delay` that the owner bears: the other side announced it. */
  readonly ownerToSelfDelay: Blocks;
}

export interface BuiltHtlc {
  readonly directed: DirectedHtlc;
  readonly outputIndex: number;
  /** HTLC-timeout where the owner offered it, HTLC-success else; unsigned. */
  readonly htlcTx: Tx;
  readonly witnessScript: Bytes;
}

export interface BuiltCommitment {
  /** Unsigned. */
  readonly tx: Tx;
  readonly number: bigint;
  readonly keys: CommitmentKeys;
  /** Untrimmed ones in the order of their outputs, which is the order of HTLC signatures. */
  readonly htlcs: readonly BuiltHtlc[];
  readonly toLocalIndex: number | null;
  readonly toRemoteIndex: number | null;
  readonly ownerAnchorIndex: number | null;
  readonly otherAnchorIndex: number | null;
  readonly fundingWitnessScript: Bytes;
  /** Of `to_local` and of every HTLC transaction's output. */
  readonly toLocalWitnessScript: Bytes;
}

/** BOLT 3: the amount of an anchor. */
export const ANCHOR_AMOUNT: Sat = sat(330);
/** BOLT 3, appendix A: weight of a commitment is `base` + `perHtlc` for each untrimmed HTLC. */
export const COMMITMENT_WEIGHT = { static_remotekey: 724, anchors: 1124, perHtlc: 172 } as const;
/** BOLT 3, appendix A. */
export const HTLC_TIMEOUT_WEIGHT = { static_remotekey: 663, anchors: 666 } as const;
export const HTLC_SUCCESS_WEIGHT = { static_remotekey: 703, anchors: 706 } as const;

/** Expected weight of a commitment with this many untrimmed HTLCs. */
export const commitWeight = (format: CommitmentFormat, untrimmedHtlcs: number): number =>
  COMMITMENT_WEIGHT[format] + COMMITMENT_WEIGHT.perHtlc * untrimmedHtlcs;

/** BOLT 3, "Fee Calculation": the base fee, rounded down. Without the anchors. */
export const commitFee = (format: CommitmentFormat, feerate: FeeratePerKw, untrimmedHtlcs: number): Sat =>
  feeOfWeight(commitWeight(format, untrimmedHtlcs), feerate);

/** What the funder pays for a commitment: the base fee, and with anchors their amounts (BOLT 3, "Fee Payment"). */
export const funderCost = (format: CommitmentFormat, feerate: FeeratePerKw, untrimmedHtlcs: number): Sat =>
  sat(commitFee(format, feerate, untrimmedHtlcs) + (format === 'anchors' ? 2n * ANCHOR_AMOUNT : 0n));

/** The fee inside an HTLC transaction: HTLC-timeout where the owner offered the HTLC. 0 with anchors. */
export function htlcTxFee(format: CommitmentFormat, feerate: FeeratePerKw, offered: boolean): Sat {
  if (format === 'anchors') return sat(0);
  return feeOfWeight(offered ? HTLC_TIMEOUT_WEIGHT[format] : HTLC_SUCCESS_WEIGHT[format], feerate);
}

/** What decides whether an HTLC has an output in a commitment; the dust limit is its owner's. */
export interface TrimRules {
  readonly format: CommitmentFormat;
  readonly feerate: FeeratePerKw;
  readonly dustLimit: Sat;
}

/** HTLCs below this amount are trimmed; `offered` by the commitment's owner. */
export const trimThreshold = (rules: TrimRules, offered: boolean): Msat =>
  satToMsat(sat(rules.dustLimit + htlcTxFee(rules.format, rules.feerate, offered)));

/** BOLT 3, "Trimmed Outputs". Whole satoshis are compared, which equals comparing millisatoshis with a threshold in whole satoshis. */
export const htlcIsTrimmed = (directed: DirectedHtlc, rules: TrimRules): boolean =>
  directed.htlc.amountMsat < trimThreshold(rules, directed.offered);

/** BOLT 2: the sum of what has no output, which `max_dust_htlc_exposure_msat` bounds. */
export function dustExposure(htlcs: readonly DirectedHtlc[], rules: TrimRules): Msat {
  const thresholds = [trimThreshold(rules, false), trimThreshold(rules, true)] as const;
  let sum = 0n;
  for (const { htlc, offered } of htlcs) if (htlc.amountMsat < thresholds[offered ? 1 : 0]) sum += htlc.amountMsat;
  return msat(sum);
}

/** How many of the HTLCs have an output. */
export function countUntrimmed(htlcs: readonly DirectedHtlc[], rules: TrimRules): number {
  const thresholds = [trimThreshold(rules, false), trimThreshold(rules, true)] as const;
  let count = 0;
  for (const { htlc, offered } of htlcs) if (htlc.amountMsat >= thresholds[offered ? 1 : 0]) count++;
  return count;
}

export const trimRules = (params: CommitmentParams, feerate: FeeratePerKw): TrimRules => ({
  format: params.format,
  feerate,
  dustLimit: params.ownerDustLimit,
});

/**
 * The commitment transaction number `number` of `params.owner`, and the HTLC transactions that spend it. `perCommitmentPoint` is the
 * owner's, a valid point. Throws where the spec holds more than the capacity, which the limits of BOLT 2 exclude. They also see to it that
 * the funder can pay `funderCost`: where it cannot, it pays what it has, and with anchors the outputs may exceed the capacity.
 */
export function buildCommitment(
  params: CommitmentParams,
  number: bigint,
  perCommitmentPoint: Bytes,
  spec: CommitmentSpec,
): BuiltCommitment {
  const total = spec.htlcs.reduce((sum, { htlc }) => sum + htlc.amountMsat, spec.toLocalMsat + spec.toRemoteMsat);
  assert(total <= satToMsat(params.capacity), 'a commitment pays at most the capacity');
  const keys = commitmentKeys(params.owner, params.other, perCommitmentPoint);
  const toLocalWitnessScript = toLocalScript(keys, params.ownerToSelfDelay);
  const drafts = draftOutputs(params, keys, spec, toLocalWitnessScript);
  drafts.sort(compareDrafts);
  const obscured = number ^ obscuringFactor(params);
  const tx: Tx = {
    version: 2,
    inputs: [txInput(params.fundingOutpoint, (0x80000000 | Number(obscured >> 24n)) >>> 0)],
    outputs: drafts.map((draft) => draft.output),
    locktime: 0x20000000 | Number(obscured & 0xffffffn),
  };
  const indexOf = (kind: Draft['kind']): number | null => {
    const index = drafts.findIndex((draft) => draft.kind === kind);
    return index === -1 ? null : index;
  };
  return {
    tx,
    number,
    keys,
    htlcs: buildHtlcs(params, spec.feerate, tx, drafts, p2wshScript(toLocalWitnessScript)),
    toLocalIndex: indexOf('to_local'),
    toRemoteIndex: indexOf('to_remote'),
    ownerAnchorIndex: indexOf('owner_anchor'),
    otherAnchorIndex: indexOf('other_anchor'),
    fundingWitnessScript: fundingScript(params.owner.fundingPubkey, params.other.fundingPubkey).witnessScript,
    toLocalWitnessScript,
  };
}

/** BOLT 3: the commitment number that a transaction spending the funding output would bear; meaningful only for a commitment. */
export function readCommitmentNumber(tx: Tx, params: CommitmentParams): bigint | null {
  const input = tx.inputs[0];
  if (tx.inputs.length !== 1 || input === undefined) return null;
  if (input.sequence >>> 24 !== 0x80 || tx.locktime >>> 24 !== 0x20) return null;
  return ((BigInt(input.sequence & 0xffffff) << 24n) | BigInt(tx.locktime & 0xffffff)) ^ obscuringFactor(params);
}

const factors = new WeakMap<CommitmentParams, bigint>();

/** BOLT 3: lower 48 bits of SHA256(payment_basepoint from open_channel || payment_basepoint from accept_channel). */
export function obscuringFactor(params: CommitmentParams): bigint {
  let factor = factors.get(params);
  if (factor === undefined) {
    const [funder, fundee] = params.ownerIsFunder ? [params.owner, params.other] : [params.other, params.owner];
    const hash = sha256(concat(funder.paymentBasepoint, fundee.paymentBasepoint));
    factor = new DataView(hash.buffer, hash.byteOffset).getBigUint64(24) & 0xffffffffffffn;
    factors.set(params, factor);
  }
  return factor;
}

interface Draft {
  readonly kind: 'to_local' | 'to_remote' | 'owner_anchor' | 'other_anchor' | 'htlc';
  readonly output: TxOutput;
  readonly directed: DirectedHtlc | null;
  readonly witnessScript: Bytes | null;
}

function draftOutputs(params: CommitmentParams, keys: CommitmentKeys, spec: CommitmentSpec, toLocalWitnessScript: Bytes): Draft[] {
  const drafts = draftHtlcs(params, keys, spec);
  const untrimmed = drafts.length;
  const cost = funderCost(params.format, spec.feerate, untrimmed);
  const toLocal = afterCost(msatToSat(spec.toLocalMsat), params.ownerIsFunder ? cost : sat(0));
  const toRemote = afterCost(msatToSat(spec.toRemoteMsat), params.ownerIsFunder ? sat(0) : cost);
  const draft = (kind: Draft['kind'], amount: Sat, script: Bytes): void => {
    drafts.push({ kind, output: { amount, script }, directed: null, witnessScript: null });
  };
  const hasLocal = toLocal >= params.ownerDustLimit;
  const hasRemote = toRemote >= params.ownerDustLimit;
  if (hasLocal) draft('to_local', toLocal, p2wshScript(toLocalWitnessScript));
  if (hasRemote) draft('to_remote', toRemote, toRemoteScript(keys.otherPayment, params.format).script);
  if (params.format === 'anchors') {
    // BOLT 3: both anchors, unless there are no HTLCs and that side's output is below the dust limit.
    if (hasLocal || untrimmed > 0) draft('owner_anchor', ANCHOR_AMOUNT, p2wshScript(anchorScript(params.owner.fundingPubkey)));
    if (hasRemote || untrimmed > 0) draft('other_anchor', ANCHOR_AMOUNT, p2wshScript(anchorScript(params.other.fundingPubkey)));
  }
  return drafts;
}

function draftHtlcs(params: CommitmentParams, keys: CommitmentKeys, spec: CommitmentSpec): Draft[] {
  if (spec.htlcs.length === 0) return [];
  const rules = trimRules(params, spec.feerate);
  const thresholds = [trimThreshold(rules, false), trimThreshold(rules, true)] as const;
  const scripts = htlcScripts(keys, params.format);
  const drafts: Draft[] = [];
  for (const directed of spec.htlcs) {
    const { htlc, offered } = directed;
    if (htlc.amountMsat < thresholds[offered ? 1 : 0]) continue;
    const witnessScript = offered ? scripts.offered(htlc) : scripts.received(htlc);
    const output = { amount: msatToSat(htlc.amountMsat), script: p2wshScript(witnessScript) };
    drafts.push({ kind: 'htlc', output, directed, witnessScript });
  }
  return drafts;
}

/** BOLT 3, appendix C: a funder that cannot pay the whole fee pays what it has. */
const afterCost = (balance: Sat, cost: Sat): Sat => sat(balance > cost ? balance - cost : 0n);

/** BOLT 3, "Transaction Output Ordering": amount, script, then for HTLCs `cltv_expiry`. */
function compareDrafts(a: Draft, b: Draft): number {
  if (a.output.amount !== b.output.amount) return a.output.amount < b.output.amount ? -1 : 1;
  return compare(a.output.script, b.output.script) || (a.directed?.htlc.cltvExpiry ?? 0) - (b.directed?.htlc.cltvExpiry ?? 0);
}

function buildHtlcs(
  params: CommitmentParams,
  feerate: FeeratePerKw,
  tx: Tx,
  drafts: readonly Draft[],
  outputScript: Bytes,
): readonly BuiltHtlc[] {
  const built: BuiltHtlc[] = [];
  const fees = [htlcTxFee(params.format, feerate, false), htlcTxFee(params.format, feerate, true)] as const;
  const sequence = params.format === 'anchors' ? 1 : 0;
  const txid = txId(tx);
  for (let vout = 0; vout < drafts.length; vout++) {
    const { directed, witnessScript, output } = drafts[vout] as Draft;
    if (directed === null || witnessScript === null) continue;
    const htlcTx: Tx = {
      version: 2,
      inputs: [txInput({ txid, vout }, sequence)],
      outputs: [{ amount: sat(output.amount - fees[directed.offered ? 1 : 0]), script: outputScript }],
      locktime: directed.offered ? directed.htlc.cltvExpiry : 0,
    };
    built.push({ directed, outputIndex: vout, htlcTx, witnessScript });
  }
  return built;
}
