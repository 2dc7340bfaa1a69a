// Small things that every part of the state machine says.

import type { CommandId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Message } from '../wire/message.ts';
import type { Fault } from './faults.ts';
import type { Active, Channel, Closing, Phase } from './state.ts';
import type { ChannelEffect, ChannelEvent, ChannelRefusal, ChannelReply, ChannelStep } from './types.ts';

/** What handling a message comes to: a step, or the peer's fault. */
export type Handled = Result<ChannelStep, Fault>;

export const stepTo = (channel: Channel, effects: readonly ChannelEffect[] = []): ChannelStep => ({ channel, effects });
export const handled = (channel: Channel, effects: readonly ChannelEffect[] = []): Handled => ok({ channel, effects });

/** A second part after a first one, in order. */
export function andThen(first: ChannelStep, second: (channel: Channel) => ChannelStep): ChannelStep {
  const next = second(first.channel);
  if (next.effects.length === 0) return { channel: next.channel, effects: first.effects };
  return { channel: next.channel, effects: [...first.effects, ...next.effects] };
}

export const send = (message: Message): ChannelEffect => ({ kind: 'send', message });
export const raise = (event: ChannelEvent): ChannelEffect => ({ kind: 'raise', event });
export const replyOk = (id: CommandId, value: ChannelReply): ChannelEffect => ({ kind: 'reply', id, result: ok(value) });
export const replyFail = (id: CommandId, refusal: ChannelRefusal): ChannelEffect => ({ kind: 'reply', id, result: fail(refusal) });
export const note = (what: string, details: Readonly<Record<string, string | number>> = {}): ChannelEffect => ({
  kind: 'record',
  fact: { kind: 'note', what, details },
});

/** The phases that have commitments. */
export const isLive = (phase: Phase): phase is Active | Closing => phase.kind === 'active' || phase.kind === 'closing';

/** HTLCs and fees may be proposed by us now. */
export function isUsable(channel: Channel): boolean {
  const { phase, frozen } = channel.durable;
  return (
    frozen === null &&
    phase.kind === 'active' &&
    channel.session.link === 'established' &&
    isReady(phase) &&
    phase.shutdown.local === null &&
    phase.shutdown.remote === null
  );
}

/** Both `channel_ready` were exchanged. */
export const isReady = (phase: Active | Closing): boolean => phase.readiness.sent && phase.readiness.received;
