// `channel_ready` (BOLT 2), and how deep the funding transaction is.
import { type ShortChannelId, shortChannelId } from '../../base/ids.ts';
import type { Height } from '../../base/units.ts';
import { secp } from '../../crypto/ec.ts';
import type { Message, MessageNamed } from '../wire/message.ts';
import { fault } from './faults.ts';
import { perCommitmentPoint } from './keys.ts';
import { type Active, type Channel, type ChannelParams, type Live, withPhase } from './state.ts';
import { andThen, type Handled, handled, raise, send, stepTo } from './turn.ts';
import type { ChannelEffect, ChannelStep, Env } from './types.ts';

/** Confirmations of the funding transaction: 1 in its own block, 0 before. */
export const fundingDepth = (live: Live, height: Height): number =>
  live.funding.confirmed === null ? 0 : Math.max(0, height - live.funding.confirmed.height + 1);

/** The one that names the funding output in the chain, once it is there. */
export function realScid(params: ChannelParams, live: Live): ShortChannelId | null {
  const { confirmed } = live.funding;
  if (confirmed === null || params.fundingOutpoint === null) return null;
  return shortChannelId({ height: confirmed.height, txIndex: confirmed.txIndex, vout: params.fundingOutpoint.vout });
}

export function channelReadyMessage(params: ChannelParams, live: Live, env: Env): Message {
  return {
    name: 'channel_ready',
    channelId: params.channelId,
    secondPerCommitmentPoint: perCommitmentPoint(env.keys.channelSecrets(params.keyIndex).commitmentSeed, 1n),
    tlvs: { shortChannelId: live.aliases.local },
  };
}

/** Sends `channel_ready` where the funding transaction is deep enough; with option_zeroconf that is at once. */
export function markReady(channel: Channel, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'active' || phase.readiness.sent || fundingDepth(phase, env.height) < params.minDepth) return stepTo(channel);
  const next: Active = { ...phase, readiness: { ...phase.readiness, sent: true } };
  // While disconnected it is due, and `channel_reestablish` brings it.
  const message = channel.session.link === 'established' ? [send(channelReadyMessage(params, next, env))] : [];
  return andThen(stepTo(withPhase(channel, next), message), raiseReady);
}

export function receiveChannelReady(channel: Channel, active: Active, message: MessageNamed<'channel_ready'>): Handled {
  const { params } = channel.durable;
  const alias = message.tlvs.shortChannelId ?? active.aliases.remote;
  const aliasEffect: readonly ChannelEffect[] =
    alias === active.aliases.remote ? [] : [raise({ kind: 'scid_changed', scid: realScid(params, active) ?? alias })];
  const aliases = { ...active.aliases, remote: alias };
  // BOLT 2: "MUST ignore any redundant channel_ready it receives", but for another alias.
  if (active.readiness.received) return handled(withPhase(channel, { ...active, aliases }), aliasEffect);
  if (!secp.isPublicKey(message.secondPerCommitmentPoint)) return fault('bad_point', 'second_per_commitment_point is not a point');
  const next: Active = {
    ...active,
    aliases,
    readiness: { ...active.readiness, received: true },
    commitments: { ...active.commitments, remoteNextPoint: message.secondPerCommitmentPoint },
  };
  const step = andThen(stepTo(withPhase(channel, next), aliasEffect), raiseReady);
  return handled(step.channel, step.effects);
}

function raiseReady(channel: Channel): ChannelStep {
  const { phase } = channel.durable;
  const both = phase.kind === 'active' && phase.readiness.sent && phase.readiness.received;
  return stepTo(channel, both ? [raise({ kind: 'ready' })] : []);
}
