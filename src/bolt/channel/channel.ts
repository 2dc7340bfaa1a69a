// A channel is a function: `step(channel, input, env)` gives the next channel and what is to be done. Nothing else changes a channel.
import { assertNever } from '../../base/assert.ts';
import type { CommandId } from '../../base/ids.ts';
import { type FeeratePerKw, feeratePerKw } from '../../base/units.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import { supports } from '../wire/features.ts';
import type { Message } from '../wire/message.ts';
import { printable } from '../wire/setup.ts';
import { receiveFundingCreated } from './accept.ts';
import { maybeAnnounce, receiveAnnouncementSignatures } from './announce.ts';
import { canSign, receiveCommit, receiveRevoke, sendCommit } from './commit.ts';
import { errorMessage, FAULTS, type Fault, fault, warningMessage } from './faults.ts';
import { forceClose, goOffline, localCommitmentTx, loseData, receiveError, requestForceClose } from './force-close.ts';
import { bestClosing, receiveClosingSigned } from './negotiate.ts';
import {
  addHtlc,
  checkFee,
  proposeFee,
  receiveAdd,
  receiveFail,
  receiveFailMalformed,
  receiveFee,
  receiveFulfill,
  removeHtlc,
  sendFee,
  withRemoval,
} from './normal.ts';
import { connectBlock, disconnectBlock, sweepTx } from './onchain.ts';
import { failOpening, funded, receiveAccept, receiveFundingSigned } from './open.ts';
import { receiveChannelReady } from './ready.ts';
import { receiveReestablish, reestablishMessage } from './reestablish.ts';
import { maybeNegotiate, maybeSendShutdown, receiveShutdown, requestClose } from './shutdown.ts';
import { receiveClosingComplete, receiveClosingSig } from './simple-close.ts';
import { type Active, type Channel, type Closing, formatOf, NEW_SESSION, type Opening, withPhase, withSession } from './state.ts';
import { andThen, type Handled, handled, isLive, isUsable, note, replyFail, send, stepTo } from './turn.ts';
import type { ChannelInput, ChannelStep, Env, TxLabel } from './types.ts';
import { findHtlc, STAGE, snapshot, withHtlc } from './update.ts';

export { acceptChannel } from './accept.ts';
export { openChannel } from './open.ts';

export function step(channel: Channel, input: ChannelInput, env: Env): ChannelStep {
  if (channel.durable.frozen !== null) return stepFrozen(channel, input, env);
  switch (input.kind) {
    case 'message':
      return receive(channel, input.message, env);
    case 'connected':
      return connected(channel, input, env);
    case 'disconnected':
      return disconnected(channel);
    case 'funded':
    case 'funding_failed':
      return answerFund(channel, input, env);
    case 'block':
      return connectBlock(channel, input, env);
    case 'block_disconnected':
      return disconnectBlock(channel, input.height);
    case 'add_htlc':
      return addHtlc(channel, input, env);
    case 'update_fee':
      return proposeFee(channel, input, env);
    case 'fulfill_htlc':
    case 'fail_htlc':
    case 'fail_malformed_htlc':
      return remove(channel, input);
    case 'close':
      return close(channel, input, env);
    case 'force_close':
      return requestForceClose(channel, input, env);
    case 'flush':
      return flush(channel, env);
    case 'tick':
      return tick(channel, env);
    default:
      return assertNever(input, 'channel input');
  }
}

/** A bug was met: the channel stands still until somebody looks, but for the chain and the operator. */
export const freeze = (channel: Channel, why: string): Channel => ({
  durable: { ...goOffline(channel).durable, frozen: why },
  session: goOffline(channel).session,
});

function stepFrozen(channel: Channel, input: ChannelInput, env: Env): ChannelStep {
  const why = `the channel is frozen: ${channel.durable.frozen}`;
  const refuse = (id: CommandId): ChannelStep => stepTo(channel, [replyFail(id, { code: 'POLICY', rule: 'frozen', message: why })]);
  switch (input.kind) {
    case 'block':
      return connectBlock(channel, input, env);
    case 'block_disconnected':
      return disconnectBlock(channel, input.height);
    case 'force_close':
      return requestForceClose(channel, input, env);
    case 'add_htlc':
    case 'update_fee':
    case 'close':
      return refuse(input.id);
    case 'fulfill_htlc':
      return rememberPreimage(channel, input);
    default:
      return stepTo(channel);
  }
}

// --- the connection

function connected(channel: Channel, input: Extract<ChannelInput, { readonly kind: 'connected' }>, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  const offline = goOffline(channel);
  const session = { ...NEW_SESSION, link: 'reestablishing', features: input.features, height: channel.session.height } as const;
  const online: Channel = { durable: offline.durable, session };
  switch (phase.kind) {
    case 'opening':
      // BOLT 2: what has not reached funding_signed is not remembered over a connection.
      return failOpening(offline, phase, 'the connection was lost', { tellPeer: false, code: 'PEER_UNREACHABLE' });
    case 'active':
      return stepTo(online, [send(reestablishMessage(params, phase, env))]);
    case 'closing': {
      if (phase.how === 'cooperative') return stepTo(online);
      // BOLT 2: "if a channel is in an error state: SHOULD retransmit the error packet and ignore any other packets".
      const error = send(errorMessage(params.channelId, phase.why));
      return stepTo(online, phase.how === 'data_loss' ? [send(reestablishMessage(params, phase, env)), error] : [error]);
    }
    case 'closed':
      return stepTo(online);
    default:
      return assertNever(phase, 'phase');
  }
}

function disconnected(channel: Channel): ChannelStep {
  const { phase } = channel.durable;
  const offline = goOffline(channel);
  if (phase.kind !== 'opening') return stepTo(offline);
  return failOpening(offline, phase, 'the connection was lost', { tellPeer: false, code: 'PEER_UNREACHABLE' });
}

// --- messages

function receive(channel: Channel, message: Message, env: Env): ChannelStep {
  // After a fault nothing counts that was still under way on that connection.
  if (channel.session.link === 'disconnected') return stepTo(channel);
  const result = dispatch(channel, message, env);
  return result.ok ? result.value : applyFault(channel, result.failure, env);
}

function dispatch(channel: Channel, message: Message, env: Env): Handled {
  const { phase } = channel.durable;
  switch (phase.kind) {
    case 'opening':
      return receiveOpening(channel, phase, message, env);
    case 'active':
      return receiveActive(channel, phase, message, env);
    case 'closing':
      return receiveClosing(channel, phase, message);
    case 'closed':
      return handled(channel);
    default:
      return assertNever(phase, 'phase');
  }
}

function receiveOpening(channel: Channel, opening: Opening, message: Message, env: Env): Handled {
  switch (message.name) {
    case 'accept_channel':
      return receiveAccept(channel, opening, message, env);
    case 'funding_created':
      return receiveFundingCreated(channel, opening, message, env);
    case 'funding_signed':
      return receiveFundingSigned(channel, opening, message, env);
    case 'error': {
      const why = `the peer: ${printable(message.data).slice(0, 500)}`;
      const step = failOpening(channel, opening, why, { tellPeer: false, code: 'POLICY' });
      return handled(step.channel, step.effects);
    }
    case 'warning':
      return handled(channel, [note('warning_from_peer', { text: printable(message.data).slice(0, 500) })]);
    default:
      return fault('unexpected_message', `${message.name} while the channel is being opened`);
  }
}

function receiveActive(channel: Channel, active: Active, message: Message, env: Env): Handled {
  switch (message.name) {
    case 'error': {
      const step = receiveError(channel, active, message, env);
      return handled(step.channel, step.effects);
    }
    case 'warning':
      return handled(channel, [note('warning_from_peer', { text: printable(message.data).slice(0, 500) })]);
    case 'channel_reestablish':
      return receiveReestablish(channel, active, message, env, loseData);
  }
  // BOLT 2: "MUST wait to receive the other node's channel_reestablish message before sending any other messages for that channel."
  if (channel.session.link !== 'established') return fault('unexpected_message', `${message.name} before channel_reestablish`);
  switch (message.name) {
    case 'channel_ready': {
      const ready = receiveChannelReady(channel, active, message);
      return ready.ok ? { ok: true, value: andThen(ready.value, (next) => maybeAnnounce(next, env)) } : ready;
    }
    case 'update_add_htlc':
      return receiveAdd(channel, active, message);
    case 'update_fulfill_htlc':
      return receiveFulfill(channel, active, message);
    case 'update_fail_htlc':
      return receiveFail(channel, active, message);
    case 'update_fail_malformed_htlc':
      return receiveFailMalformed(channel, active, message);
    case 'update_fee':
      return receiveFee(channel, active, message, env);
    case 'commitment_signed':
      return receiveCommit(channel, active, message, env);
    case 'revoke_and_ack':
      return receiveRevoke(channel, active, message);
    case 'announcement_signatures':
      return receiveAnnouncementSignatures(channel, active, message, env);
    case 'shutdown':
      return receiveShutdown(channel, active, message);
    case 'closing_signed':
      return receiveClosingSigned(channel, active, message, env);
    case 'closing_complete':
      return receiveClosingComplete(channel, active, message, env);
    case 'closing_sig':
      return receiveClosingSig(channel, active, message, env);
    case 'start_batch':
      // BOLT 2: batches are for splices, which we have none of: what follows is taken one by one.
      return message.batchSize > 20 ? fault('batch_size', `a batch of ${message.batchSize}`) : handled(channel);
    default:
      return fault('unexpected_message', `${message.name} in this phase`);
  }
}

/** The channel is given up: whatever the peer says is answered by why, once. */
function receiveClosing(channel: Channel, closing: Closing, message: Message): Handled {
  if (message.name === 'error' || message.name === 'warning')
    return handled(channel, [note(`${message.name}_from_peer`, { text: printable(message.data).slice(0, 500) })]);
  // One that missed the end of a cooperative close will see it in the chain: an error would only make it publish a commitment in vain.
  if (message.name !== 'channel_reestablish' || closing.how === 'data_loss' || closing.how === 'cooperative') return handled(channel);
  return handled(channel, [send(errorMessage(channel.durable.params.channelId, `the channel is closing: ${closing.why}`))]);
}

function applyFault(channel: Channel, failure: Fault, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  const text = `${failure.name}: ${failure.message}`;
  const hangUp = { kind: 'disconnect', why: text } as const;
  if (phase.kind === 'opening') return failOpening(channel, phase, text, { tellPeer: true, code: 'POLICY' });
  const recorded = note('fault', { name: failure.name, message: failure.message });
  if (phase.kind !== 'active') return stepTo(goOffline(channel), [recorded, hangUp]);
  switch (FAULTS[failure.name]) {
    case 'warning':
      return stepTo(goOffline(channel), [recorded, send(warningMessage(params.channelId, text)), hangUp]);
    case 'error':
      // The connection stays, so that the peer's own `error` arrives; nothing else is taken on it.
      return stepTo(withSession(goOffline(channel), { link: 'reestablishing' }), [recorded, send(errorMessage(params.channelId, text))]);
    case 'force_close': {
      const closed = forceClose(channel, phase, text, env);
      return stepTo(goOffline(closed.channel), [recorded, ...closed.effects, hangUp]);
    }
  }
}

// --- what the node says

function answerFund(channel: Channel, input: Extract<ChannelInput, { readonly kind: 'funded' | 'funding_failed' }>, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (input.kind === 'funded')
    return phase.kind === 'opening' ? funded(channel, phase, input, env) : stepTo(channel, [{ kind: 'release_funding', tx: input.tx }]);
  if (phase.kind !== 'opening') return stepTo(channel);
  return failOpening(channel, phase, `no funding transaction: ${input.reason}`, { tellPeer: true, code: 'INSUFFICIENT_FUNDS' });
}

function remove(
  channel: Channel,
  input: Extract<ChannelInput, { readonly kind: 'fulfill_htlc' | 'fail_htlc' | 'fail_malformed_htlc' }>,
): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind === 'active') return removeHtlc(channel, phase, input);
  return input.kind === 'fulfill_htlc' ? rememberPreimage(channel, input) : stepTo(channel);
}

/** On chain, and in a channel that stands still, only a preimage is of use: it is kept for the claim. */
function rememberPreimage(channel: Channel, input: Extract<ChannelInput, { readonly kind: 'fulfill_htlc' }>): ChannelStep {
  const { phase } = channel.durable;
  if (!isLive(phase)) return stepTo(channel);
  const entry = findHtlc(phase.commitments, 'received', input.htlcId);
  if (entry === undefined || entry.preimage !== null) return stepTo(channel);
  const { preimage } = withRemoval(entry, input);
  return stepTo(withPhase(channel, { ...phase, commitments: withHtlc(phase.commitments, { ...entry, preimage }) }));
}

function close(channel: Channel, input: Extract<ChannelInput, { readonly kind: 'close' }>, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind === 'active') return requestClose(channel, phase, input, env);
  return stepTo(channel, [replyFail(input.id, { code: 'POLICY', rule: 'channel_state', message: `the channel is ${phase.kind}` })]);
}

/** No more inputs wait: updates are signed, then what waited for that follows. */
function flush(channel: Channel, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'active' || channel.session.link !== 'established') return stepTo(channel);
  const signed = canSign(channel, phase) ? sendCommit(channel, phase, env) : stepTo(channel);
  const shut = andThen(signed, maybeSendShutdown);
  return andThen(shut, (next) => maybeNegotiate(next, env));
}

/** With anchors a commitment needs to be relayed only (a child pays for its speed): 10 sat/vB, as other nodes hold it. */
const ANCHOR_FEERATE: FeeratePerKw = feeratePerKw(2500);

/** So long a peer may take to answer in the negotiation of a closing transaction. */
const CLOSING_PATIENCE_SECONDS = 600;

/** So long an opening may take. Others hold theirs as long, and it is time enough to sign a funding transaction by hand. */
const OPENING_PATIENCE_SECONDS = 600;

/** What becomes of an opening that does not end; null where it may go on. Nothing is at stake yet: ours is not published. */
function openingTimeout(channel: Channel, opening: Opening, env: Env): ChannelStep | null {
  const { link, openingSince } = channel.session;
  if (link === 'disconnected')
    return failOpening(channel, opening, 'the connection was lost', { tellPeer: false, code: 'PEER_UNREACHABLE' });
  if (openingSince === null || env.now - openingSince <= OPENING_PATIENCE_SECONDS) return null;
  return failOpening(channel, opening, 'the opening took too long', { tellPeer: true, code: 'PEER_UNREACHABLE' });
}

/** What becomes of a closing that the peer lets lie; null where it does not. */
function closingTimeout(channel: Channel, active: Active, env: Env): ChannelStep | null {
  const { negotiation, link, features } = channel.session;
  if (negotiation === null || link !== 'established' || env.now - negotiation.since <= CLOSING_PATIENCE_SECONDS) return null;
  // BOLT 2: "SHOULD close the connection if it doesn't receive closing_sig."
  if (supports(features, 'option_simple_close'))
    return negotiation.awaiting === null ? null : stepTo(goOffline(channel), [{ kind: 'disconnect', why: 'no closing_sig' }]);
  // BOLT 2: "if it doesn't receive a closing_signed response after a reasonable amount of time: MUST fail the channel".
  return bestClosing(active.closingTxs, env) === null ? forceClose(channel, active, 'no closing fee was agreed on in time', env) : null;
}

/** As funder, keeps the feerate near the estimate. */
function tick(channel: Channel, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind === 'opening') return openingTimeout(channel, phase, env) ?? stepTo(channel);
  if (phase.kind !== 'active') return stepTo(channel);
  const mute = closingTimeout(channel, phase, env);
  if (mute !== null) return mute;
  if (!params.isFunder || !isUsable(channel)) return stepTo(channel);
  const estimate = formatOf(params) === 'anchors' ? Math.min(env.feerates.normal, ANCHOR_FEERATE) : env.feerates.priority;
  const wanted = feeratePerKw(Math.max(estimate, env.feerates.minimum, 253));
  const now = snapshot(phase.commitments, 'remoteNext', true).feerate;
  // One fee at a time, and only for a change that matters.
  const pending = phase.commitments.fees.some((fee) => fee.stage < STAGE.committed);
  if (pending || (wanted <= now * 1.25 && wanted >= now * 0.5)) return stepTo(channel);
  const checked = checkFee(channel, wanted, env);
  return checked.ok ? sendFee(channel, checked.value, wanted) : stepTo(channel);
}

// --- what the node may ask

/** What should be in a mempool or in the chain now. */
export function publishable(channel: Channel, env: Env): readonly { readonly tx: Tx; readonly label: TxLabel }[] {
  const { phase, params } = channel.durable;
  if (!isLive(phase)) return [];
  const wanted: { readonly tx: Tx; readonly label: TxLabel }[] = [];
  if (phase.kind === 'closing' && phase.how === 'never_funded') return wanted;
  if (phase.funding.tx !== null && phase.funding.confirmed === null) wanted.push({ tx: phase.funding.tx, label: 'funding' });
  const spend = phase.kind === 'closing' ? phase.spend : null;
  if (spend !== null && spend.height !== null) {
    const swept = sweepTx(channel, env);
    return swept === null ? wanted : [...wanted, { tx: swept, label: 'sweep' }];
  }
  if (spend !== null) wanted.push({ tx: spend.tx, label: spend.owner === 'both' ? 'closing' : 'commitment' });
  else if (phase.kind === 'closing' && phase.how === 'local_force')
    wanted.push({ tx: localCommitmentTx(params, phase, env), label: 'commitment' });
  else {
    const closing = bestClosing(phase.closingTxs, env);
    if (closing !== null) wanted.push({ tx: closing.tx, label: 'closing' });
  }
  return wanted;
}

export { channelCodec } from './codec.ts';
export { deadlines, view, watches } from './view.ts';
