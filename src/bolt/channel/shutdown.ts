// `shutdown` (BOLT 2, "Closing Initiation"), and when the negotiation of a closing transaction begins.
import { type Bytes, equal } from '../../base/bytes.ts';
import { supports } from '../wire/features.ts';
import type { Message, MessageNamed } from '../wire/message.ts';
import { isShutdownScript } from './closing.ts';
import { fault } from './faults.ts';
import { startLegacy } from './negotiate.ts';
import { shutdownForms } from './parameters.ts';
import { startSimple } from './simple-close.ts';
import { type Active, type Channel, type ChannelParams, withPhase, withSession } from './state.ts';
import { type Handled, handled, replyFail, replyOk, send, stepTo } from './turn.ts';
import type { ChannelInput, ChannelRefusal, ChannelStep, Env } from './types.ts';
import { hasUnsignedUpdates, isQuiet } from './update.ts';

type CloseInput = Extract<ChannelInput, { readonly kind: 'close' }>;

/** The user's cooperative close, or the replacement of a closing transaction under way. */
export function requestClose(channel: Channel, active: Active, input: CloseInput, env: Env): ChannelStep {
  const refusal = closeRefusal(channel, active, input);
  if (refusal !== null) return stepTo(channel, [replyFail(input.id, refusal)]);
  const { script, feerate } = input;
  const next: Active = { ...active, shutdown: { ...active.shutdown, local: { script, feerate } } };
  const wanted = withPhase(channel, next);
  const reply = replyOk(input.id, { kind: 'done' });
  if (!mayNegotiate(wanted, next)) return stepTo(wanted, [reply]);
  // option_simple_close: "MAY send another closing_complete (e.g. with a different fee_satoshis or closer_scriptpubkey)."
  const step = startSimple(withSession(wanted, { negotiation: null }), next, env);
  return stepTo(step.channel, [reply, ...step.effects]);
}

function closeRefusal(channel: Channel, active: Active, input: CloseInput): ChannelRefusal | null {
  const refuse = (rule: string, message: string): ChannelRefusal => ({ code: 'POLICY', rule, message });
  const { upfront } = channel.durable.params;
  const { session } = channel;
  // BOLT 2: "if it sent a non-zero-length shutdown_scriptpubkey [...]: MUST send the same value in scriptpubkey."
  if (upfront.local !== null && !equal(upfront.local, input.script))
    return refuse('upfront_shutdown_script', 'another script was fixed when the channel was opened');
  // What a peer that is away would take is not known; every node of today takes any segwit script.
  const forms = session.link === 'established' ? shutdownForms(session.features) : { anySegwit: true, simpleClose: false };
  if (!isShutdownScript(input.script, forms)) return refuse('shutdown', 'the peer would not take this script');
  if (!active.shutdown.sent) return null;
  if (session.link !== 'established')
    return { code: 'PEER_UNREACHABLE', rule: 'connection', message: 'a closing under way is changed while the peer is connected' };
  if (!supports(session.features, 'option_simple_close'))
    return refuse('option_simple_close', 'the peer cannot replace a closing that is under way');
  if (session.negotiation?.awaiting) return refuse('closing_sig', 'the peer has not answered the last closing_complete');
  if (!mayNegotiate(channel, active)) return refuse('shutdown', 'the channel is not ready for its closing transaction');
  return null;
}

const shutdownMessage = (params: ChannelParams, scriptpubkey: Bytes): Message => ({
  name: 'shutdown',
  channelId: params.channelId,
  scriptpubkey,
  tlvs: {},
});

/** Sends a `shutdown` that is due. BOLT 2: not "if there are updates pending on the receiving node's commitment transaction". */
export function maybeSendShutdown(channel: Channel): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'active' || channel.session.link !== 'established' || channel.session.shutdownSent) return stepTo(channel);
  const { shutdown } = phase;
  const local = shutdown.local ?? (shutdown.remote === null ? null : { script: params.shutdownScript, feerate: null });
  if (local === null || hasUnsignedUpdates(phase.commitments, params.isFunder)) return stepTo(channel);
  const next = withPhase(channel, { ...phase, shutdown: { ...shutdown, local, sent: true } });
  return stepTo(withSession(next, { shutdownSent: true }), [send(shutdownMessage(params, local.script))]);
}

/** BOLT 2: "upon reconnection: if it has sent a previous shutdown: MUST retransmit shutdown." */
export function resendShutdown(channel: Channel): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'active' || !phase.shutdown.sent || phase.shutdown.local === null) return stepTo(channel);
  return stepTo(withSession(channel, { shutdownSent: true }), [send(shutdownMessage(params, phase.shutdown.local.script))]);
}

export function receiveShutdown(channel: Channel, active: Active, message: MessageNamed<'shutdown'>): Handled {
  const { params } = channel.durable;
  const { features } = channel.session;
  const { scriptpubkey } = message;
  if (!isShutdownScript(scriptpubkey, shutdownForms(features))) return fault('bad_shutdown_script', 'scriptpubkey is of no known form');
  // BOLT 2: "that shutdown_scriptpubkey is not equal to scriptpubkey: MUST fail the connection."
  if (params.upfront.remote !== null && !equal(params.upfront.remote, scriptpubkey))
    return fault('bad_shutdown_script', 'scriptpubkey is not the one of upfront_shutdown_script');
  const next = withPhase(channel, { ...active, shutdown: { ...active.shutdown, remote: scriptpubkey } });
  return handled(withSession(next, { shutdownReceived: true }));
}

/** Both said `shutdown` on this connection, and both commitments are empty and settled. */
export const mayNegotiate = ({ session }: Channel, active: Active): boolean =>
  session.link === 'established' && session.shutdownSent && session.shutdownReceived && isQuiet(active.commitments);

/** Begins to negotiate, once a connection. */
export function maybeNegotiate(channel: Channel, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'active' || channel.session.negotiation !== null || !mayNegotiate(channel, phase)) return stepTo(channel);
  const simple = supports(channel.session.features, 'option_simple_close');
  return simple ? startSimple(channel, phase, env) : startLegacy(channel, phase, env);
}
