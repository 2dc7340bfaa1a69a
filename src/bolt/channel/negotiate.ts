// `closing_signed` (BOLT 2, "Legacy Closing Negotiation"): with fee ranges, and with peers that send none.
import { assert } from '../../base/assert.ts';
import { equal } from '../../base/bytes.ts';
import { type FeeratePerKw, feeratePerKw, msatToSat, type Sat, sat } from '../../base/units.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import { supports } from '../wire/features.ts';
import type { MessageNamed } from '../wire/message.ts';
import {
  type ClosingInput,
  type ClosingShare,
  closingFee,
  completeClosing,
  isDust,
  legacyClosingTx,
  signClosing,
  verifyClosing,
} from './closing.ts';
import { fault, warningMessage } from './faults.ts';
import { type Active, type Channel, type ChannelParams, type ClosingTx, type Negotiation, withPhase, withSession } from './state.ts';
import { type Handled, handled, raise, send, stepTo } from './turn.ts';
import type { ChannelEffect, ChannelStep, Env } from './types.ts';
import { isQuiet } from './update.ts';

export function closingInput(params: ChannelParams): ClosingInput {
  assert(params.fundingOutpoint !== null, 'a channel that closes is funded');
  return {
    outpoint: params.fundingOutpoint,
    capacity: params.capacity,
    localFundingPubkey: params.local.basepoints.fundingPubkey,
    remoteFundingPubkey: params.remote.basepoints.fundingPubkey,
  };
}

/** Final balances with the scripts of both `shutdown`s. */
export function closingShares(params: ChannelParams, active: Active): { readonly local: ClosingShare; readonly remote: ClosingShare } {
  const { settled } = active.commitments;
  return {
    local: { balanceMsat: settled.localMsat, script: active.shutdown.local?.script ?? params.shutdownScript },
    remote: { balanceMsat: settled.remoteMsat, script: active.shutdown.remote ?? params.shutdownScript },
  };
}

/** So many closing transactions are kept: a peer may replace its own without end. */
const CLOSING_TXS_KEPT = 4;

/** A closing transaction with both signatures: published, and kept while it is among the best. */
export function addClosingTx(channel: Channel, active: Active, closing: ClosingTx, env: Env): ChannelStep {
  const txid = txId(closing.tx);
  if (active.closingTxs.some(({ tx }) => equal(txId(tx), txid))) return stepTo(withPhase(channel, active));
  const all = [...active.closingTxs, closing];
  const dropped = all.length > CLOSING_TXS_KEPT ? (all.find((each) => !isMinable(each, env)) ?? cheapest(all)) : null;
  const next = withPhase(channel, { ...active, closingTxs: all.filter((each) => each !== dropped) });
  const effects: ChannelEffect[] = [{ kind: 'publish', tx: closing.tx, label: 'closing' }];
  if (active.closingTxs.length === 0) effects.push(raise({ kind: 'closing', how: 'cooperative', why: 'both sides agreed' }));
  return stepTo(next, effects);
}

const cheapest = (closings: readonly ClosingTx[]): ClosingTx | undefined =>
  closings.reduce<ClosingTx | undefined>((least, each) => (least === undefined || each.fee < least.fee ? each : least), undefined);

/**
 * Of conflicting closing transactions, the one that pays most: it is what replaces the others. A peer chooses lock time and fee of its own
 * (BOLT 2, closing_complete), and may choose them so that nobody takes the transaction: one that could not stand in the next block is none.
 */
export function bestClosing(closings: readonly ClosingTx[], env: Env): ClosingTx | null {
  const minable = closings.filter((closing) => isMinable(closing, env));
  return minable.reduce<ClosingTx | null>((most, closing) => (most === null || closing.fee >= most.fee ? closing : most), null);
}

/** The peer may have seen blocks that we have yet to see. */
const SOON_BLOCKS = 6;

/** Final, or will be within some blocks; and relayed. */
function isMinable({ tx }: ClosingTx, env: Env): boolean {
  const now = tx.locktime < LOCKTIME_IS_TIME ? env.height + SOON_BLOCKS : env.now;
  const isFinal = tx.locktime <= now || tx.inputs.every(({ sequence }) => sequence === 0xffffffff);
  return isFinal && !tx.outputs.some(({ amount, script }) => isDust(amount, script));
}

/** Consensus: a lock time from here on is a time. */
const LOCKTIME_IS_TIME = 500_000_000;

/** The feerate of our closing transaction: the user's, else what confirms within some blocks. */
export const closingFeerate = (active: Active, env: Env): FeeratePerKw =>
  feeratePerKw(Math.max(active.shutdown.local?.feerate ?? env.feerates.normal, env.feerates.minimum));

function ownRange(params: ChannelParams, active: Active, env: Env): { readonly min: Sat; readonly max: Sat; readonly ideal: Sat } {
  const { local, remote } = closingShares(params, active);
  const fee = (feerate: FeeratePerKw): Sat => closingFee([local.script, remote.script], feerate);
  const funder = msatToSat(params.isFunder ? local.balanceMsat : remote.balanceMsat);
  const atMost = (value: Sat, most: Sat): Sat => (value < most ? value : most);
  const ideal = atMost(fee(closingFeerate(active, env)), funder);
  const min = atMost(fee(env.feerates.minimum), ideal);
  // BOLT 2: "Note that the non-funder is not paying the fee, so there is no reason for it to have a maximum feerate."
  if (!params.isFunder) return { min, max: funder, ideal };
  const priority = fee(env.feerates.priority);
  return { min, max: atMost(priority > 2n * ideal ? priority : sat(2n * ideal), funder), ideal };
}

/** The funder proposes first. */
export function startLegacy(channel: Channel, active: Active, env: Env): ChannelStep {
  const { params } = channel.durable;
  const { min, max, ideal } = ownRange(params, active, env);
  const negotiation: Negotiation = { range: { min, max }, sentFee: null, receivedFee: null, awaiting: null, since: env.now };
  if (!params.isFunder) return stepTo(withSession(channel, { negotiation }));
  return propose(channel, active, negotiation, ideal, env);
}

function propose(channel: Channel, active: Active, negotiation: Negotiation, fee: Sat, env: Env): ChannelStep {
  const { params } = channel.durable;
  const tx = ownTx(params, active, fee);
  // The fee is at most the funder's balance; where nothing but dust is left there is nothing to close with.
  if (tx === null) return stepTo(withSession(channel, { negotiation }));
  const next = withSession(channel, { negotiation: { ...negotiation, sentFee: fee } });
  return stepTo(next, [send(closingSigned(params, tx, fee, negotiation, env))]);
}

const ownTx = (params: ChannelParams, active: Active, fee: Sat): Tx | null => txWith(params, active, fee, params.local.dustLimit);

function txWith(params: ChannelParams, active: Active, fee: Sat, dustLimit: Sat): Tx | null {
  const { outpoint } = closingInput(params);
  const funder = params.isFunder ? 'local' : 'remote';
  return legacyClosingTx({ outpoint, ...closingShares(params, active), funder, fee, dustLimit });
}

function closingSigned(params: ChannelParams, tx: Tx, fee: Sat, negotiation: Negotiation, env: Env): MessageNamed<'closing_signed'> {
  const { min, max } = negotiation.range;
  return {
    name: 'closing_signed',
    channelId: params.channelId,
    feeSatoshis: fee,
    signature: signClosing(tx, closingInput(params), env.keys.channelSecrets(params.keyIndex).fundingKey),
    tlvs: { feeRange: { minFeeSatoshis: min, maxFeeSatoshis: max } },
  };
}

export function receiveClosingSigned(channel: Channel, active: Active, message: MessageNamed<'closing_signed'>, env: Env): Handled {
  const { params } = channel.durable;
  const { session } = channel;
  if (!session.shutdownSent || !session.shutdownReceived || !isQuiet(active.commitments))
    return fault('unexpected_message', 'closing_signed before the channel is empty');
  if (supports(session.features, 'option_simple_close')) return fault('unexpected_message', 'closing_signed with option_simple_close');
  const fee = message.feeSatoshis;
  const tx = signedVariant(params, active, message);
  if (tx === 'dust') return fault('closing_dust', `with a fee of ${fee} an output is dust`);
  if (tx === null) return fault('closing_signature', `the signature for a fee of ${fee} is invalid`);
  const negotiation = session.negotiation ?? fresh(params, active, env);
  const decision = decide(params, negotiation, message, settlingFee(params, active, negotiation));
  const received: Negotiation = { ...negotiation, receivedFee: fee, range: widened(params, negotiation, message) };
  switch (decision.kind) {
    case 'fault':
      return fault(decision.name, decision.message);
    case 'warn':
      return handled(withSession(channel, { negotiation: received }), [send(warningMessage(params.channelId, decision.message))]);
    case 'propose': {
      const step = propose(channel, active, received, decision.fee, env);
      return handled(step.channel, step.effects);
    }
    case 'agree':
      return agree(channel, active, { tx, fee, negotiation: received, signature: message.signature }, env);
  }
}

const fresh = (params: ChannelParams, active: Active, env: Env): Negotiation => {
  const { min, max } = ownRange(params, active, env);
  return { range: { min, max }, sentFee: null, receivedFee: null, awaiting: null, since: env.now };
};

/** BOLT 2: the non-funder "SHOULD set max_fee_satoshis to at least the max_fee_satoshis received". */
function widened(params: ChannelParams, negotiation: Negotiation, message: MessageNamed<'closing_signed'>): Negotiation['range'] {
  const { range } = negotiation;
  const theirs = message.tlvs.feeRange?.maxFeeSatoshis;
  return params.isFunder || theirs === undefined || theirs < range.max ? range : { ...range, max: theirs };
}

/** The transaction that the peer signed: either side may have left out an output that its own dust limit excludes, the peer also its own. */
function signedVariant(params: ChannelParams, active: Active, message: MessageNamed<'closing_signed'>): Tx | 'dust' | null {
  const input = closingInput(params);
  const fee = message.feeSatoshis;
  const whole = txWith(params, active, fee, params.local.dustLimit);
  const theirs = txWith(params, active, fee, params.remote.dustLimit);
  const own = active.shutdown.local?.script ?? params.shutdownScript;
  const withoutTheirs =
    whole === null || whole.outputs.length < 2 ? null : { ...whole, outputs: whole.outputs.filter((output) => output.script === own) };
  for (const tx of [whole, theirs, withoutTheirs]) {
    if (tx === null || tx.outputs.length === 0 || !verifyClosing(tx, input, message.signature)) continue;
    // BOLT 2: "if one of the outputs in the closing transaction is below the dust limit for its scriptpubkey: MUST fail the channel".
    return tx.outputs.some((output) => isDust(output.amount, output.script)) ? 'dust' : tx;
  }
  return null;
}

/** 28 sat/vB. */
const SETTLING_FEERATE = feeratePerKw(7000);

/**
 * The most that is paid to come to terms with a peer that sends no range, as lnd does: it begins with its own estimate, and a force close, which
 * is what remains otherwise, costs more.
 */
function settlingFee(params: ChannelParams, active: Active, negotiation: Negotiation): Sat {
  const { local, remote } = closingShares(params, active);
  if (!params.isFunder) return negotiation.range.max;
  const most = closingFee([local.script, remote.script], SETTLING_FEERATE);
  const balance = msatToSat(local.balanceMsat);
  const bounded = most < balance ? most : balance;
  return bounded > negotiation.range.max ? bounded : negotiation.range.max;
}

type Decision =
  | { readonly kind: 'agree' }
  | { readonly kind: 'propose'; readonly fee: Sat }
  | { readonly kind: 'warn'; readonly message: string }
  | { readonly kind: 'fault'; readonly name: 'closing_fee' | 'closing_fee_not_between'; readonly message: string };

/** The rules of the receiving node, in their order. */
function decide(params: ChannelParams, negotiation: Negotiation, message: MessageNamed<'closing_signed'>, settling: Sat): Decision {
  const fee = message.feeSatoshis;
  const { range, sentFee, receivedFee } = negotiation;
  if (sentFee !== null && fee === sentFee) return { kind: 'agree' };
  const theirs = message.tlvs.feeRange;
  if (theirs !== undefined) {
    const low = theirs.minFeeSatoshis > range.min ? theirs.minFeeSatoshis : range.min;
    // The non-funder has no maximum of its own.
    const high = !params.isFunder || theirs.maxFeeSatoshis < range.max ? theirs.maxFeeSatoshis : range.max;
    if (low > high) return { kind: 'warn', message: `no fee is both in ${theirs.minFeeSatoshis}..${theirs.maxFeeSatoshis} and acceptable` };
    if (fee >= low && fee <= high && (params.isFunder || sentFee === null)) return { kind: 'agree' };
    if (params.isFunder) return { kind: 'fault', name: 'closing_fee', message: `fee ${fee} is not in both ranges` };
    if (sentFee !== null) return { kind: 'fault', name: 'closing_fee', message: `fee ${fee} where ${sentFee} was agreed on` };
    return { kind: 'propose', fee: fee < low ? low : high };
  }
  if (fee >= range.min && fee <= settling) return { kind: 'agree' };
  if (sentFee === null) return { kind: 'propose', fee: fee < range.min ? range.min : range.max };
  const [low, high] = sentFee < fee ? [sentFee, fee] : [fee, sentFee];
  // "MUST propose a value strictly between the received fee_satoshis and its previously-sent fee_satoshis."
  if (receivedFee !== null && !isBetween(fee, sentFee, receivedFee))
    return { kind: 'fault', name: 'closing_fee_not_between', message: `fee ${fee} is not between ${sentFee} and ${receivedFee}` };
  const middle = sat((low + high) / 2n);
  const next = middle < range.min ? range.min : middle > settling ? settling : middle;
  return next > low && next < high
    ? { kind: 'propose', fee: next }
    : { kind: 'fault', name: 'closing_fee_not_between', message: `fee ${fee} leaves nothing to agree on` };
}

const isBetween = (value: Sat, a: Sat, b: Sat): boolean => (a < b ? value > a && value < b : value > b && value < a);

function agree(
  channel: Channel,
  active: Active,
  agreed: {
    readonly tx: Tx;
    readonly fee: Sat;
    readonly negotiation: Negotiation;
    readonly signature: MessageNamed<'closing_signed'>['signature'];
  },
  env: Env,
): Handled {
  const { params } = channel.durable;
  const { tx, fee, negotiation } = agreed;
  const input = closingInput(params);
  const local = signClosing(tx, input, env.keys.channelSecrets(params.keyIndex).fundingKey);
  const complete = completeClosing(tx, input, { local, remote: agreed.signature });
  const answer = negotiation.sentFee === fee ? [] : [send(closingSigned(params, tx, fee, negotiation, env))];
  const step = addClosingTx(withSession(channel, { negotiation: { ...negotiation, sentFee: fee } }), active, { tx: complete, fee }, env);
  return handled(step.channel, [...answer, ...step.effects]);
}
