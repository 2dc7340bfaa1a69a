import { assertNever } from '../base/assert.ts';
import { equal, toHex, utf8 } from '../base/bytes.ts';
import type { ChannelId, CommandId, NodeId } from '../base/ids.ts';
import type { Result } from '../base/result.ts';
import { NETWORK_PARAMS } from '../bitcoin/network.ts';
import { p2wshScript } from '../bitcoin/script.ts';
import type { Tx } from '../bitcoin/tx.ts';
import { acceptChannel, openChannel, step } from '../bolt/channel/channel.ts';
import type { Channel, ChannelEffect, ChannelInput, ChannelRefusal, ChannelReply, ChannelView } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import type { Message, MessageNamed } from '../bolt/wire/message.ts';
import { heldBack } from './asset/lease.ts';
import { type Draft, emit, log, refuse, reply, sendTo, setChannel, update } from './draft.ts';
import { factBlob } from './facts.ts';
import type { NodeCommand } from './types.ts';
import { fundChannel } from './wallet/spend.ts';
import { addUnconfirmed, newScript, release } from './wallet/wallet.ts';

type Answer = Result<ChannelReply, ChannelRefusal>;

/**
 * Feeds one input to one channel, keeps its new state and carries its effects on. Returns what it answered to `input.id`; answers to
 * anything else there are none, because a channel answers a command within the step that takes it.
 */
export function feed(draft: Draft, channelId: ChannelId, input: ChannelInput): Answer | null {
  const channel = draft.state.channels.get(channelId);
  if (channel === undefined) return null;
  const after = step(channel, input, draft.env);
  const id = view(after.channel).channelId;
  if (!equal(id, channelId) && draft.state.channels.has(id)) return failTaken(draft, channelId, channel);
  return apply(draft, channelId, after.channel, after.effects);
}

/**
 * The final id is derived from an outpoint that the peer names, and everybody can read those of our channels in the chain: an opening that
 * would take the place of another channel ends, and leaves that one as it is.
 */
function failTaken(draft: Draft, channelId: ChannelId, channel: Channel): null {
  sendTo(draft, view(channel).peer, { name: 'error', channelId, data: utf8('the funding output is that of another channel'), tlvs: {} });
  const failed = step(channel, { kind: 'disconnected' }, draft.env);
  apply(draft, channelId, failed.channel, failed.effects);
  return null;
}

/** Keeps a channel's new state, under its final id as soon as it has one. */
function keep(draft: Draft, channelId: ChannelId, channel: Channel): ChannelId {
  const id = view(channel).channelId;
  if (!equal(id, channelId)) {
    const command = draft.state.opening.get(channelId);
    update(draft, { channels: draft.state.channels.delete(channelId), opening: draft.state.opening.delete(channelId) });
    if (command !== undefined) update(draft, { opening: draft.state.opening.set(id, command) });
  }
  if (draft.state.channels.get(id) !== channel) setChannel(draft, id, channel);
  draft.touched.add(id);
  return id;
}

function apply(draft: Draft, before: ChannelId, channel: Channel, effects: readonly ChannelEffect[]): Answer | null {
  const peer = view(channel).peer;
  const channelId = keep(draft, before, channel);
  let answer: Answer | null = null;
  for (const effect of effects) {
    switch (effect.kind) {
      case 'send':
        sendTo(draft, peer, effect.message);
        break;
      case 'publish':
        publish(draft, effect.tx, effect.label);
        break;
      case 'fund':
        fund(draft, channelId, effect);
        break;
      case 'release_funding':
        update(draft, { wallet: release(draft.state.wallet, effect.tx) });
        break;
      case 'reply':
        answer = effect.result;
        break;
      case 'raise':
        draft.events.push({ channelId, event: effect.event });
        break;
      case 'record':
        emit(draft, {
          kind: 'record',
          row: { kind: 'channel', channelId, at: draft.env.now, what: effect.fact.kind, blob: factBlob(effect.fact) },
        });
        break;
      case 'disconnect':
        disconnect(draft, peer, effect.why);
        break;
      default:
        assertNever(effect, 'channel effect');
    }
  }
  return answer;
}

export function publish(draft: Draft, tx: Tx, label: Extract<ChannelEffect, { kind: 'publish' }>['label']): void {
  update(draft, { wallet: addUnconfirmed(draft.state.wallet, draft.env.walletKeys, { tx, now: draft.env.now, label }) });
  emit(draft, { kind: 'publish', tx, label });
}

/** Answers at once: the wallet is part of the node's state. */
function fund(draft: Draft, channelId: ChannelId, want: Extract<ChannelEffect, { kind: 'fund' }>): void {
  const made = fundChannel(draft.state.wallet, draft.env.walletKeys, {
    amount: want.amount,
    script: want.script,
    feerate: want.feerate,
    height: draft.env.height,
    random: draft.env.random,
    held: heldBack(draft.state.assets, draft.env.now),
  });
  if (!made.ok) {
    feed(draft, channelId, { kind: 'funding_failed', reason: made.failure.message });
    return;
  }
  update(draft, { wallet: made.value.wallet });
  feed(draft, channelId, { kind: 'funded', tx: made.value.tx, vout: made.value.vout });
}

export function disconnect(draft: Draft, peer: NodeId, why: string): void {
  const session = draft.state.peers.get(peer)?.session;
  if (session?.kind === 'up' || session?.kind === 'greeting') emit(draft, { kind: 'close_link', link: session.link, peer, why });
}

/** A fresh script of the wallet to which a channel pays out. */
function payoutScript(draft: Draft): Uint8Array {
  const next = newScript(draft.state.wallet, draft.env.walletKeys, 'p2wpkh');
  update(draft, { wallet: next.wallet });
  return next.script;
}

export function openCommand(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'open_channel' }>): void {
  const session = draft.state.peers.get(command.peer)?.session;
  if (session?.kind !== 'up') {
    refuse(draft, id, { code: 'PEER_UNREACHABLE', message: 'the peer is not connected', hint: 'connect with `lnkit peer connect`' });
    return;
  }
  const trusted = draft.state.peers.get(command.peer)?.trustedForZeroConf === true;
  if (command.zeroConf && !trusted) {
    refuse(draft, id, {
      code: 'POLICY',
      message: 'zero-conf channels are for peers marked as trusted',
      hint: 'lnkit peer connect --trust-zero-conf',
    });
    return;
  }
  const keyIndex = draft.state.nextKeyIndex;
  const opened = openChannel(
    {
      id,
      peer: command.peer,
      capacity: command.capacity,
      pushMsat: command.pushMsat,
      isPublic: command.isPublic,
      zeroConf: command.zeroConf,
      scidAlias: !command.isPublic,
      fundingFeerate: command.feerate ?? draft.env.feerates.normal,
      commitmentFeerate: draft.env.feerates.normal,
      closeTo: command.closeTo,
      shutdownScript: command.closeTo ?? payoutScript(draft),
      keyIndex,
      features: session.features,
      remoteFeatures: session.remoteFeatures,
      chainHash: NETWORK_PARAMS[draft.env.network].chainHash,
    },
    draft.env,
  );
  if (!opened.ok) {
    refuse(draft, id, { ...opened.failure, details: { rule: opened.failure.rule } });
    return;
  }
  const channelId = view(opened.value.channel).channelId;
  update(draft, { nextKeyIndex: keyIndex + 1, opening: draft.state.opening.set(channelId, id) });
  apply(draft, channelId, opened.value.channel, opened.value.effects);
}

/** At most so many channels of one peer may be on their way: each costs a row and a key. */
const MAX_OPENING_PER_PEER = 20;
/** And of all peers together, because node ids cost nothing. */
const MAX_OPENING = 200;

export function openMessage(draft: Draft, peer: NodeId, open: MessageNamed<'open_channel'>): void {
  const session = draft.state.peers.get(peer)?.session;
  if (session?.kind !== 'up') return;
  const why = reasonAgainst(draft, peer, open);
  if (why !== null) {
    sendTo(draft, peer, { name: 'error', channelId: open.temporaryChannelId, data: utf8(why), tlvs: {} });
    return;
  }
  const keyIndex = draft.state.nextKeyIndex;
  const accepted = acceptChannel(
    {
      peer,
      open,
      keyIndex,
      features: session.features,
      remoteFeatures: session.remoteFeatures,
      chainHash: NETWORK_PARAMS[draft.env.network].chainHash,
      trustedForZeroConf: draft.state.peers.get(peer)?.trustedForZeroConf === true,
      upfrontShutdownScript: null,
      shutdownScript: payoutScript(draft),
    },
    draft.env,
  );
  if (!accepted.ok) {
    log(draft, 'warn', `refused a channel of ${toHex(peer)}: ${accepted.failure.why}`);
    sendTo(draft, peer, accepted.failure.message);
    return;
  }
  update(draft, { nextKeyIndex: keyIndex + 1 });
  apply(draft, view(accepted.value.channel).channelId, accepted.value.channel, accepted.value.effects);
}

function reasonAgainst(draft: Draft, peer: NodeId, open: MessageNamed<'open_channel'>): string | null {
  // BOLT 2: "MUST ensure temporary_channel_id is unique from any other channel ID with the same peer". We ask more: channels of all peers
  // stand in one map, and the ids of open ones are no secret.
  if (draft.state.channels.has(open.temporaryChannelId as ChannelId)) return 'temporary_channel_id is in use';
  const opening = [...draft.state.channels.values()].map(view).filter(isUnfunded);
  if (opening.length >= MAX_OPENING) return 'too many channels are being opened';
  return opening.filter((seen) => equal(seen.peer, peer)).length >= MAX_OPENING_PER_PEER ? 'too many channels are being opened' : null;
}

/** Opened by a peer and not yet in the chain: it has cost the peer nothing. */
const isUnfunded = (seen: ChannelView): boolean =>
  !seen.isFunder && seen.fundingHeight === null && (seen.phase === 'opening' || seen.phase === 'awaiting_confirmation');

/** The channel that a message is about; null for messages about none. */
export function channelOf(message: Message): ChannelId | null {
  if ('channelId' in message) return message.channelId as ChannelId;
  if ('temporaryChannelId' in message) return message.temporaryChannelId as ChannelId;
  return null;
}

export function closeCommand(
  draft: Draft,
  id: CommandId,
  command: Extract<NodeCommand, { kind: 'close_channel' | 'force_close_channel' }>,
): void {
  if (!draft.state.channels.has(command.channelId)) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no such channel' });
    return;
  }
  const input: ChannelInput =
    command.kind === 'force_close_channel'
      ? { kind: 'force_close', id }
      : {
          kind: 'close',
          id,
          script: command.script ?? (draft.state.channels.get(command.channelId) as Channel).durable.params.shutdownScript,
          feerate: command.feerate,
        };
  answerWith(draft, id, command.channelId, feed(draft, command.channelId, input));
}

export function feeCommand(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'update_fee' }>): void {
  if (!draft.state.channels.has(command.channelId)) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no such channel' });
    return;
  }
  answerWith(draft, id, command.channelId, feed(draft, command.channelId, { kind: 'update_fee', id, feerate: command.feerate }));
}

function answerWith(draft: Draft, id: CommandId, channelId: ChannelId, answer: Answer | null): void {
  if (answer === null || answer.ok) reply(draft, id, { kind: 'channel', channelId });
  else refuse(draft, id, { code: answer.failure.code, message: answer.failure.message, details: { rule: answer.failure.rule } });
}

/** What a channel's funding would cost, for `--dry-run`: nothing is kept. */
export function estimateFunding(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'estimate_funding' }>): void {
  const feerate = command.feerate ?? draft.env.feerates.normal;
  const made = fundChannel(draft.state.wallet, draft.env.walletKeys, {
    amount: command.capacity,
    script: p2wshScript(new Uint8Array(32)),
    feerate,
    height: draft.env.height,
    random: draft.env.random,
    held: heldBack(draft.state.assets, draft.env.now),
  });
  if (!made.ok) refuse(draft, id, { code: made.failure.code, message: made.failure.message });
  else reply(draft, id, { kind: 'transaction', tx: made.value.tx, feeSat: made.value.fee, published: false });
}
