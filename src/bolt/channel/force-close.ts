// Leaving a channel alone (BOLT 5, "Failing a Channel"), and what must never be published.
import type { Tx } from '../../bitcoin/tx.ts';
import type { MessageNamed } from '../wire/message.ts';
import { printable } from '../wire/setup.ts';
import { buildLocal, nextDeadline } from './commit.ts';
import { errorMessage } from './faults.ts';
import { FULFILLED_MARGIN, OFFERED_GRACE } from './limits.ts';
import { bestClosing } from './negotiate.ts';
import {
  type Active,
  type Channel,
  type ChannelParams,
  type Closing,
  commitmentParams,
  type Live,
  withPhase,
  withSession,
} from './state.ts';
import { completeCommitment } from './transactions.ts';
import { note, raise, replyFail, replyOk, send, stepTo } from './turn.ts';
import type { ChannelEffect, ChannelInput, ChannelStep, Env } from './types.ts';
import { withoutUnsignedOfPeer } from './update.ts';

/** Our latest commitment, signed by both. */
export function localCommitmentTx(params: ChannelParams, live: Live, env: Env): Tx {
  const built = buildLocal(params, live.commitments, env, 'local');
  const { fundingKey } = env.keys.channelSecrets(params.keyIndex);
  return completeCommitment(built, commitmentParams(params, 'local'), fundingKey, live.commitments.local.signature);
}

/** The connection is gone, or is given up: the peer's updates that it has not signed are reversed. */
export function goOffline(channel: Channel): Channel {
  const { phase, params } = channel.durable;
  const offline = withSession(channel, {
    link: 'disconnected',
    announcementSent: false,
    shutdownSent: false,
    shutdownReceived: false,
    negotiation: null,
  });
  if (phase.kind !== 'active') return offline;
  const commitments = withoutUnsignedOfPeer(phase.commitments, params.isFunder);
  return commitments === phase.commitments ? offline : withPhase(offline, { ...phase, commitments });
}

/** Publishes our commitment, and tells the peer why. */
export function forceClose(channel: Channel, active: Active, why: string, env: Env): ChannelStep {
  const { params } = channel.durable;
  const effects: ChannelEffect[] = [];
  if (channel.session.link !== 'disconnected') effects.push(send(errorMessage(params.channelId, why)));
  effects.push(
    { kind: 'publish', tx: localCommitmentTx(params, active, env), label: 'commitment' },
    raise({ kind: 'closing', how: 'local_force', why }),
    note('force_close', { why }),
  );
  const offline = goOffline(channel);
  const { phase } = offline.durable;
  const closing: Closing = { ...(phase.kind === 'active' ? phase : active), kind: 'closing', how: 'local_force', why, spend: null };
  return stepTo(withPhase({ ...offline, session: { ...offline.session, link: channel.session.link } }, closing), effects);
}

/** BOLT 2, data loss: our commitment is outdated and must not be published; the peer's is waited for. */
export function loseData(channel: Channel, why: string): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'active') return stepTo(channel);
  const reason = `our state is outdated: ${why}`;
  const offline = goOffline(channel);
  const stale = offline.durable.phase.kind === 'active' ? offline.durable.phase : phase;
  const closing: Closing = { ...stale, kind: 'closing', how: 'data_loss', why: reason, spend: null };
  return stepTo(withPhase({ ...offline, session: { ...offline.session, link: channel.session.link } }, closing), [
    send(errorMessage(params.channelId, `please close the channel: ${reason}`)),
    raise({ kind: 'closing', how: 'data_loss', why: reason }),
    note('data_loss', { why: reason }),
  ]);
}

/** The user's force close. */
export function requestForceClose(channel: Channel, input: Extract<ChannelInput, { readonly kind: 'force_close' }>, env: Env): ChannelStep {
  const { phase } = channel.durable;
  const refuse = (rule: string, message: string): ChannelStep => stepTo(channel, [replyFail(input.id, { code: 'POLICY', rule, message })]);
  switch (phase.kind) {
    case 'opening':
      return refuse('channel_state', 'a channel that is being opened is given up by disconnecting');
    case 'closed':
      return refuse('channel_state', 'the channel is closed');
    case 'closing':
      // Publishing an outdated commitment would give all of its money to the peer.
      if (phase.how === 'data_loss') return refuse('data_loss', 'our state is outdated: only the peer can close this channel');
      return stepTo(channel, [replyOk(input.id, { kind: 'done' })]);
    case 'active': {
      const step = forceClose(channel, phase, 'force close by the operator', env);
      return stepTo(step.channel, [replyOk(input.id, { kind: 'done' }), ...step.effects]);
    }
  }
}

/** BOLT 1: an `error` fails the channel; one that has agreed on a closing transaction has that instead. */
export function receiveError(channel: Channel, active: Active, message: MessageNamed<'error'>, env: Env): ChannelStep {
  const text = printable(message.data).slice(0, 500);
  if (bestClosing(active.closingTxs, env) !== null) return stepTo(channel, [note('error_from_peer', { text })]);
  const silent = withSession(channel, { link: 'disconnected' });
  const step = forceClose(silent, active, `error from the peer: ${text}`, env);
  return stepTo(step.channel, [note('error_from_peer', { text }), ...step.effects, { kind: 'disconnect', why: 'error from the peer' }]);
}

export const GRACE = { offered: OFFERED_GRACE, fulfilled: FULFILLED_MARGIN } as const;

/** Fails the channel when an HTLC in it can wait no longer (BOLT 2, "`cltv_expiry_delta` Selection"). */
export function enforceDeadlines(channel: Channel, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'active' || phase.closingTxs.length > 0) return stepTo(channel);
  const deadline = nextDeadline(phase.commitments, GRACE);
  if (deadline === null || env.height < deadline) return stepTo(channel);
  return forceClose(channel, phase, `an HTLC was not resolved by height ${deadline}`, env);
}
