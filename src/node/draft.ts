import { must } from '../base/assert.ts';
import type { Bytes } from '../base/bytes.ts';
import { concat, fromBigInt } from '../base/bytes.ts';
import type { ChannelId, CommandId, NodeId, ShortChannelId } from '../base/ids.ts';
import { fail, ok, type Result } from '../base/result.ts';
import type { Channel, ChannelEvent, ChannelView } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import type { Message } from '../bolt/wire/message.ts';
import type { NodeEffect, NodeEnv, NodeFailure, NodeReply, NodeState, Peer } from './types.ts';

/** For inputs to channels that answer no command. */
export const INSIDE = -1 as CommandId;

/**
 * A step in the making. The handlers of one input replace parts of `state` and append effects; from outside the step stays a function,
 * because a draft never outlives it.
 */
export interface Draft {
  /** Its height follows the blocks of the step. */
  env: NodeEnv;
  state: NodeState;
  readonly effects: NodeEffect[];
  /** What channels raised and nobody has handled yet. */
  readonly events: { readonly channelId: ChannelId; readonly event: ChannelEvent }[];
  /** Channels that may have something to sign, by the text of their id. */
  readonly touched: Set<ChannelId>;
}

export function newDraft(state: NodeState, env: NodeEnv): Draft {
  return { env, state, effects: [], events: [], touched: new Set() };
}

export function update(draft: Draft, change: Partial<NodeState>): void {
  draft.state = { ...draft.state, ...change };
}

export function emit(draft: Draft, effect: NodeEffect): void {
  draft.effects.push(effect);
}

export function log(draft: Draft, level: 'debug' | 'info' | 'warn' | 'error', text: string): void {
  draft.effects.push({ kind: 'log', level, text });
}

export function reply(draft: Draft, id: CommandId, value: NodeReply): void {
  draft.effects.push({ kind: 'reply', id, result: ok(value) });
}

export function refuse(draft: Draft, id: CommandId, failure: NodeFailure): void {
  draft.effects.push({ kind: 'reply', id, result: fail(failure) as Result<NodeReply, NodeFailure> });
}

/** Sends over the link that is up; a peer that is away gets nothing, and hears what matters when it comes back. */
export function sendTo(draft: Draft, nodeId: NodeId, message: Message): void {
  const session = draft.state.peers.get(nodeId)?.session;
  if (session?.kind === 'up' || session?.kind === 'greeting')
    draft.effects.push({ kind: 'send', link: session.link, peer: nodeId, message });
}

export function setPeer(draft: Draft, peer: Peer): void {
  update(draft, { peers: draft.state.peers.set(peer.nodeId, peer) });
}

export function setChannel(draft: Draft, channelId: ChannelId, channel: Channel): void {
  update(draft, { channels: draft.state.channels.set(channelId, channel) });
}

export function channelView(draft: Draft, channelId: ChannelId): ChannelView {
  return view(must(draft.state.channels.get(channelId), 'no such channel'));
}

export function isConnected(state: NodeState, nodeId: NodeId): boolean {
  return state.peers.get(nodeId)?.session.kind === 'up';
}

/** The channel that a short channel id in an onion names: its real one (never for a channel that hides it) or our alias for it. */
export function channelByScid(state: NodeState, scid: ShortChannelId): ChannelView | null {
  for (const channel of state.channels.values()) {
    const seen = view(channel);
    if (seen.localAlias === scid) return seen;
    // BOLT 2, option_scid_alias: "MUST NOT allow incoming HTLCs to use the real short_channel_id".
    if (seen.scid === scid && !seen.channelType.includes('option_scid_alias')) return seen;
  }
  return null;
}

/** Key of a forward: the incoming channel and the HTLC's id in it, 40 bytes. */
export const forwardKey = (channelId: ChannelId, htlcId: bigint): Bytes => concat(channelId, fromBigInt(htlcId, 8));
