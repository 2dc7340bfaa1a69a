// Updates in both directions (BOLT 2, "Normal Operation"): the peer's messages and the node's commands.
import { assert, must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, height } from '../../base/units.ts';
import { Reader } from '../../codec/reader.ts';
import { Writer } from '../../codec/writer.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256 } from '../../crypto/hash.ts';
import { BADONION } from '../wire/failure.ts';
import type { Message, MessageNamed } from '../wire/message.ts';
import { type Fault, fault } from './faults.ts';
import { addRules, brokenByAmount, brokenByFeerate, CLTV_EXPIRY_LIMIT, feerateProblem } from './limits.ts';
import { type Active, type Channel, type ChannelParams, type Commitments, type LiveHtlc, type Removal, withPhase } from './state.ts';
import { type Handled, handled, isReady, isUsable, raise, replyFail, replyOk, send, stepTo } from './turn.ts';
import type { ChannelEffect, ChannelInput, ChannelRefusal, ChannelStep, Env } from './types.ts';
import { findHtlc, isQuiet, STAGE, withFee, withHtlc } from './update.ts';

type InputNamed<K extends ChannelInput['kind']> = Extract<ChannelInput, { readonly kind: K }>;

const withCommitments = (channel: Channel, active: Active, commitments: Commitments): Channel =>
  withPhase(channel, { ...active, commitments });

// --- what the peer proposes

export function receiveAdd(channel: Channel, active: Active, message: MessageNamed<'update_add_htlc'>): Handled {
  const { params } = channel.durable;
  const { commitments } = active;
  if (!isReady(active)) return fault('unexpected_message', 'update_add_htlc before channel_ready');
  // BOLT 2: "MUST NOT send an update_add_htlc after a shutdown."
  if (active.shutdown.remote !== null) return fault('update_after_shutdown', 'update_add_htlc after shutdown');
  if (message.id !== commitments.nextHtlcId.remote)
    return fault('htlc_id', `HTLC ${message.id} where ${commitments.nextHtlcId.remote} comes next`);
  if (message.amountMsat === 0n) return fault('amount_is_zero', `HTLC ${message.id} of amount 0`);
  if (message.cltvExpiry >= CLTV_EXPIRY_LIMIT) return fault('cltv_expiry', `cltv_expiry ${message.cltvExpiry} is not a height`);
  const broken = brokenByAmount(addRules(params, commitments, 'offered'), message.amountMsat);
  if (broken !== null) return fault(FAULT_OF_RULE[broken.rule] ?? 'channel_reserve_satoshis', `HTLC ${message.id}: ${broken.message}`);
  const pathKey = message.tlvs.blindedPath ?? null;
  const entry: LiveHtlc = {
    direction: 'received',
    htlc: {
      id: message.id,
      amountMsat: message.amountMsat,
      paymentHash: message.paymentHash,
      cltvExpiry: height(message.cltvExpiry),
    },
    stage: STAGE.proposed,
    onion: message.onionRoutingPacket,
    pathKey,
    origin: null,
    preimage: null,
    removal: null,
  };
  const nextHtlcId = { ...commitments.nextHtlcId, remote: message.id + 1n };
  return handled(withCommitments(channel, active, { ...commitments, htlcs: [...commitments.htlcs, entry], nextHtlcId }));
}

const FAULT_OF_RULE: { readonly [rule: string]: Fault['name'] } = {
  htlc_minimum_msat: 'htlc_minimum_msat',
  max_accepted_htlcs: 'max_accepted_htlcs',
  max_htlc_value_in_flight_msat: 'max_htlc_value_in_flight_msat',
};

/** BOLT 2: "if the id does not correspond to an HTLC in its current commitment transaction". */
function removable(active: Active, id: bigint): Result<LiveHtlc, Fault> {
  const entry = findHtlc(active.commitments, 'offered', id);
  if (entry === undefined || entry.stage !== STAGE.committed) return fault('unknown_htlc', `no HTLC ${id} that can be removed`);
  return ok(entry);
}

export function receiveFulfill(channel: Channel, active: Active, message: MessageNamed<'update_fulfill_htlc'>): Handled {
  const found = removable(active, message.id);
  if (!found.ok) return found;
  const entry = found.value;
  const preimage = message.paymentPreimage;
  if (!equal(sha256(preimage), entry.htlc.paymentHash)) return fault('bad_preimage', `preimage of HTLC ${message.id} has another hash`);
  const attributionData = attributionBytes(message.tlvs.attributionData);
  const removed: LiveHtlc = { ...entry, stage: STAGE.removing, preimage, removal: { kind: 'fulfill', attributionData } };
  const told: ChannelEffect = raise({
    kind: 'htlc_fulfilled',
    htlc: entry.htlc,
    origin: must(entry.origin, 'an offered HTLC has one'),
    preimage,
    attributionData,
  });
  const next = withCommitments(channel, active, withHtlc(active.commitments, removed));
  return handled(next, entry.preimage === null ? [told] : []);
}

/**
 * BOLT 4 has nodes return 292 bytes. Of a reason that is far longer nobody can read anything, and it would be stored at every commitment,
 * for each of 483 HTLCs: this much is kept, and passed on as unreadable as it came.
 */
const MAX_REASON = 4096;

export function receiveFail(channel: Channel, active: Active, message: MessageNamed<'update_fail_htlc'>): Handled {
  const attributionData = attributionBytes(message.tlvs.attributionData);
  const reason = message.reason.length > MAX_REASON ? message.reason.slice(0, MAX_REASON) : message.reason;
  return receiveFailure(channel, active, message.id, { kind: 'fail', reason, attributionData });
}

export function receiveFailMalformed(channel: Channel, active: Active, message: MessageNamed<'update_fail_malformed_htlc'>): Handled {
  const { sha256OfOnion, failureCode } = message;
  // BOLT 2: "if the BADONION bit in failure_code is not set for update_fail_malformed_htlc"
  if ((failureCode & BADONION) === 0) return fault('badonion_bit', `failure_code ${failureCode} without BADONION`);
  return receiveFailure(channel, active, message.id, { kind: 'fail_malformed', sha256OfOnion, failureCode });
}

function receiveFailure(channel: Channel, active: Active, id: bigint, removal: Removal): Handled {
  const found = removable(active, id);
  if (!found.ok) return found;
  const removed: LiveHtlc = { ...found.value, stage: STAGE.removing, removal };
  return handled(withCommitments(channel, active, withHtlc(active.commitments, removed)));
}

export function receiveFee(channel: Channel, active: Active, message: MessageNamed<'update_fee'>, env: Env): Handled {
  const { params } = channel.durable;
  if (!isReady(active)) return fault('unexpected_message', 'update_fee before channel_ready');
  if (params.isFunder) return fault('update_fee_by_fundee', 'update_fee from the side that does not pay the fee');
  // BOLT 2: "if no HTLCs remain in either commitment transaction [...]: MUST NOT send any update message after that point."
  if (active.shutdown.sent && active.shutdown.remote !== null && isQuiet(active.commitments))
    return fault('update_after_shutdown', 'update_fee when there is nothing left but to close');
  const problem = feerateProblem(message.feeratePerKw, env);
  if (problem !== null) return fault('update_fee_range', problem);
  const broken = brokenByFeerate(params, active.commitments, message.feeratePerKw, 'offered');
  if (broken !== null) return fault('update_fee_unaffordable', broken.message);
  return handled(withCommitments(channel, active, withFee(active.commitments, message.feeratePerKw)));
}

// --- what the node proposes

export function addHtlc(channel: Channel, input: InputNamed<'add_htlc'>, env: Env): ChannelStep {
  const checked = checkAdd(channel, input, env);
  if (!checked.ok) return stepTo(channel, [replyFail(input.id, checked.failure)]);
  const active = checked.value;
  const { commitments } = active;
  const id = commitments.nextHtlcId.local;
  const { amountMsat, paymentHash, cltvExpiry, onion, pathKey, origin } = input;
  const entry: LiveHtlc = {
    direction: 'offered',
    htlc: { id, amountMsat, paymentHash, cltvExpiry },
    stage: STAGE.proposed,
    onion,
    pathKey,
    origin,
    preimage: null,
    removal: null,
  };
  const nextHtlcId = { ...commitments.nextHtlcId, local: id + 1n };
  const next = withCommitments(channel, active, { ...commitments, htlcs: [...commitments.htlcs, entry], nextHtlcId });
  return stepTo(next, [replyOk(input.id, { kind: 'added', htlcId: id }), send(addMessage(channel.durable.params, entry))]);
}

function checkAdd(channel: Channel, input: InputNamed<'add_htlc'>, env: Env): Result<Active, ChannelRefusal> {
  const { phase, params } = channel.durable;
  if (phase.kind === 'active' && channel.session.link !== 'established')
    return fail({ code: 'PEER_UNREACHABLE', rule: 'connection', message: 'the peer is not connected' });
  if (phase.kind !== 'active' || !isUsable(channel)) return refuse('channel_state', 'the channel takes no new HTLCs');
  if (input.cltvExpiry >= CLTV_EXPIRY_LIMIT) return refuse('cltv_expiry', `cltv_expiry ${input.cltvExpiry} is not a height`);
  // BOLT 2: "MUST NOT offer an HTLC with a timeout deadline before its cltv_expiry": one that has expired could only be failed.
  if (input.cltvExpiry <= env.height) return refuse('cltv_expiry', `cltv_expiry ${input.cltvExpiry} is not above height ${env.height}`);
  const broken = brokenByAmount(addRules(params, phase.commitments, 'offering'), input.amountMsat);
  if (broken === null) return ok(phase);
  const code = INSUFFICIENT.has(broken.rule) ? 'INSUFFICIENT_FUNDS' : 'POLICY';
  return fail({ code, rule: broken.rule, message: broken.message });
}

const INSUFFICIENT: ReadonlySet<string> = new Set(['channel_reserve_satoshis', 'fee', 'fee_spike_buffer']);

const refuse = (rule: string, message: string): { readonly ok: false; readonly failure: ChannelRefusal } =>
  fail({ code: 'POLICY', rule, message });

/** As funder: proposes a feerate. */
export function proposeFee(channel: Channel, input: InputNamed<'update_fee'>, env: Env): ChannelStep {
  const checked = checkFee(channel, input.feerate, env);
  if (!checked.ok) return stepTo(channel, [replyFail(input.id, checked.failure)]);
  const step = sendFee(channel, checked.value, input.feerate);
  return stepTo(step.channel, [replyOk(input.id, { kind: 'done' }), ...step.effects]);
}

export function checkFee(channel: Channel, feerate: FeeratePerKw, env: Env): Result<Active, ChannelRefusal> {
  const { phase, params } = channel.durable;
  if (!params.isFunder) return refuse('update_fee', 'the fee is the funder’s to set');
  if (phase.kind === 'active' && channel.session.link !== 'established')
    return fail({ code: 'PEER_UNREACHABLE', rule: 'connection', message: 'the peer is not connected' });
  if (phase.kind !== 'active' || !isUsable(channel)) return refuse('channel_state', 'the channel takes no updates');
  const problem = feerateProblem(feerate, env);
  if (problem !== null) return refuse('feerate_per_kw', problem);
  const broken = brokenByFeerate(params, phase.commitments, feerate, 'offering');
  if (broken === null) return ok(phase);
  return fail({ code: broken.rule === 'fee' ? 'INSUFFICIENT_FUNDS' : 'POLICY', rule: broken.rule, message: broken.message });
}

export function sendFee(channel: Channel, active: Active, feerate: FeeratePerKw): ChannelStep {
  const next = withCommitments(channel, active, withFee(active.commitments, feerate));
  return stepTo(next, [send(feeMessage(channel.durable.params, feerate))]);
}

type RemovalInput = InputNamed<'fulfill_htlc' | 'fail_htlc' | 'fail_malformed_htlc'>;

/** Removes an HTLC of the peer; repeated and late commands change nothing. While disconnected it is kept, and sent after the reconnection. */
export function removeHtlc(channel: Channel, active: Active, input: RemovalInput): ChannelStep {
  const entry = findHtlc(active.commitments, 'received', input.htlcId);
  if (entry === undefined || entry.stage > STAGE.committed) return stepTo(channel);
  // BOLT 2: not "until the corresponding HTLC is irrevocably committed in both sides' commitment transactions", which is when it is told.
  assert(entry.stage === STAGE.committed, 'an HTLC is removed after htlc_received');
  const removed = withRemoval(entry, input);
  const next = withCommitments(channel, active, withHtlc(active.commitments, removed));
  const effects = channel.session.link === 'established' ? [send(removalMessage(channel.durable.params, removed))] : [];
  return stepTo(next, effects);
}

/** The HTLC as the node wants it removed; the preimage must be the right one. */
export function withRemoval(entry: LiveHtlc, input: RemovalInput): LiveHtlc {
  switch (input.kind) {
    case 'fulfill_htlc': {
      assert(equal(sha256(input.preimage), entry.htlc.paymentHash), 'a preimage has the payment hash');
      const removal: Removal = { kind: 'fulfill', attributionData: input.attributionData };
      return { ...entry, stage: STAGE.removing, preimage: input.preimage, removal };
    }
    case 'fail_htlc':
      return { ...entry, stage: STAGE.removing, removal: { kind: 'fail', reason: input.reason, attributionData: input.attributionData } };
    case 'fail_malformed_htlc': {
      const { sha256OfOnion, failureCode } = input;
      assert((failureCode & BADONION) !== 0, 'a malformed onion has a BADONION code');
      return { ...entry, stage: STAGE.removing, removal: { kind: 'fail_malformed', sha256OfOnion, failureCode } };
    }
  }
}

// --- updates as messages, for the first time and again after a reconnection

export function addMessage(params: ChannelParams, entry: LiveHtlc): Message {
  const { id, amountMsat, paymentHash, cltvExpiry } = entry.htlc;
  return {
    name: 'update_add_htlc',
    channelId: params.channelId,
    id,
    amountMsat,
    paymentHash,
    cltvExpiry,
    onionRoutingPacket: must(entry.onion, 'an onion is kept until the peer has acknowledged it'),
    tlvs: entry.pathKey === null ? {} : { blindedPath: entry.pathKey },
  };
}

export function removalMessage(params: ChannelParams, entry: LiveHtlc): Message {
  const removal = must(entry.removal, 'a removal');
  const common = { channelId: params.channelId, id: entry.htlc.id };
  switch (removal.kind) {
    case 'fulfill': {
      const paymentPreimage = must(entry.preimage, 'a fulfilment has a preimage');
      return { name: 'update_fulfill_htlc', ...common, paymentPreimage, tlvs: attributionTlv(removal.attributionData) };
    }
    case 'fail':
      return { name: 'update_fail_htlc', ...common, reason: removal.reason, tlvs: attributionTlv(removal.attributionData) };
    case 'fail_malformed': {
      const { sha256OfOnion, failureCode } = removal;
      return { name: 'update_fail_malformed_htlc', ...common, sha256OfOnion, failureCode, tlvs: {} };
    }
  }
}

export const feeMessage = (params: ChannelParams, feerate: FeeratePerKw): Message => ({
  name: 'update_fee',
  channelId: params.channelId,
  feeratePerKw: feerate,
  tlvs: {},
});

interface Attribution {
  readonly htlcHoldTimes: readonly number[];
  readonly truncatedHmacs: Bytes;
}

/** BOLT 4: 20 hold times, then 210 truncated HMACs, as one string of 920 bytes. */
function attributionBytes(data: Attribution | undefined): Bytes | null {
  if (data === undefined) return null;
  const writer = new Writer(920);
  for (const time of data.htlcHoldTimes) writer.u32(time);
  return writer.bytes(data.truncatedHmacs).done();
}

function attributionTlv(data: Bytes | null): { readonly attributionData?: Attribution } {
  if (data === null) return {};
  const reader = new Reader(data);
  return { attributionData: { htlcHoldTimes: Array.from({ length: 20 }, () => reader.u32()), truncatedHmacs: reader.rest() } };
}

/** A point that the peer sent is on the curve; the wire only looks at its first byte. */
export const isPoint = (point: Bytes): boolean => secp.isPublicKey(point);
