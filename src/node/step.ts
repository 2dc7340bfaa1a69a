import { assertNever, Bug } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import type { ChannelId, CommandId } from '../base/ids.ts';
import { fail } from '../base/result.ts';
import { freeze } from '../bolt/channel/channel.ts';
import type { ChannelEvent } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import { bumpCommitments } from './anchors.ts';
import { assetCommand } from './asset/commands.ts';
import { connect, disconnectTip } from './chain.ts';
import { channelOf, closeCommand, estimateFunding, feeCommand, feed, openCommand } from './channels.ts';
import { channelView, type Draft, emit, log, newDraft, refuse, reply, setChannel, setPeer, update } from './draft.ts';
import { forwardFailed, forwardFulfilled } from './forward.ts';
import { incoming } from './incoming.ts';
import { cancelInvoice, createInvoice, settleInvoice } from './invoices.ts';
import { announced, extrasOf, nameUpdate, policyProblem, refreshUpdate, resendUpdate, tickUpdates } from './own-gossip.ts';
import { partFailed, partFulfilled, payCommand, tickPayment } from './pay.ts';
import { dial, linkDown, linkFailed, linkUp, malformed, message, newPeer, tickPeers } from './peers.ts';
import { probeCommand, probePartFailed, tickProbes } from './probe.ts';
import { forgetChannel, forgetHtlc, tickInvoices } from './receive.ts';
import type { NodeCommand, NodeEnv, NodeInput, NodeState, NodeStep } from './types.ts';
import { bumpCommand, newAddressCommand, sendCommand, sightUnconfirmed } from './wallet-commands.ts';

/**
 * The node as a function: all inputs that wait, in order, and then one signature for each channel that has something to sign. Their effects
 * leave after the commit of the state that is returned. A bug met in one input leaves no trace of that input.
 */
export function step(state: NodeState, inputs: readonly NodeInput[], env: NodeEnv): NodeStep {
  const draft = newDraft(state, env);
  for (const input of inputs) take(draft, input);
  // Signing may raise nothing, but what it sends may complete a reply; new events are handled until there are none.
  for (let round = 0; draft.touched.size > 0; round++) {
    if (round > 1000) throw new Bug('a step does not come to an end');
    const touched = [...draft.touched];
    draft.touched.clear();
    for (const channelId of touched)
      guarded(
        draft,
        { kind: 'tick' },
        () => {
          if (!draft.state.channels.has(channelId)) return;
          const before = draft.state.channels.get(channelId);
          feed(draft, channelId, { kind: 'flush' });
          if (draft.state.channels.get(channelId) === before) draft.touched.delete(channelId);
          drain(draft);
        },
        channelId,
      );
  }
  return { state: draft.state, effects: draft.effects };
}

/** What one channel or one payment cannot bear must not keep the others from a block or from the time. */
function take(draft: Draft, input: NodeInput): void {
  switch (input.kind) {
    case 'block':
    case 'block_disconnected': {
      // Not guarded as a whole: a block that is left out would never come again. Where the wallet cannot take it in the process ends.
      const each = (channelId: ChannelId, run: () => void): void => guarded(draft, input, () => handled(draft, run), channelId);
      if (input.kind === 'block') connect(draft, input, each);
      else disconnectTip(draft, input, each);
      guarded(draft, input, () => handled(draft, () => tickInvoices(draft)));
      return;
    }
    case 'tick':
      for (const part of [tickPeers, tickInvoices, tickUpdates, tickProbes, bumpCommitments])
        guarded(draft, input, () => handled(draft, () => part(draft)));
      advancePayments(draft);
      for (const channelId of [...draft.state.channels.keys()])
        guarded(draft, input, () => handled(draft, () => void feed(draft, channelId, { kind: 'tick' })), channelId);
      return;
    default:
      guarded(draft, input, () => handle(draft, input));
  }
}

function handled(draft: Draft, run: () => void): void {
  run();
  drain(draft);
}

function advancePayments(draft: Draft): void {
  for (const hash of [...draft.state.payments.keys()]) guarded(draft, { kind: 'tick' }, () => tickPayment(draft, hash));
}

/** DESIGN: "A throw means a bug: the step leaves no trace, the peer is disconnected, the channel is frozen and reported." */
function guarded(draft: Draft, input: NodeInput, run: () => void, channelId?: ChannelId): void {
  const before = { state: draft.state, effects: draft.effects.length, events: [...draft.events], touched: [...draft.touched] };
  try {
    run();
  } catch (error) {
    draft.state = before.state;
    draft.effects.length = before.effects;
    draft.events.splice(0, draft.events.length, ...before.events);
    draft.touched.clear();
    for (const id of before.touched) draft.touched.add(id);
    report(draft, input, error as Error, channelId);
  }
}

function report(draft: Draft, input: NodeInput, error: Error, channelId?: ChannelId): void {
  log(draft, 'error', `bug while handling ${input.kind}: ${error.stack ?? error.message}`);
  const concerned = channelId ?? (input.kind === 'message' && input.message.name !== 'unknown' ? channelOf(input.message) : null);
  const channel = concerned === null || concerned === undefined ? undefined : draft.state.channels.get(concerned);
  if (concerned && channel !== undefined) {
    setChannel(draft, concerned, freeze(channel, error.message));
    forgetChannel(draft, concerned);
    draft.touched.delete(concerned);
  }
  if (input.kind === 'message') emit(draft, { kind: 'close_link', link: input.link, peer: input.peer, why: 'internal error' });
  if (input.kind === 'command') emit(draft, { kind: 'reply', id: input.id, result: fail({ code: 'INTERNAL', message: error.message }) });
}

function handle(draft: Draft, input: Exclude<NodeInput, { readonly kind: 'block' | 'block_disconnected' | 'tick' }>): void {
  switch (input.kind) {
    case 'link_up':
      linkUp(draft, input);
      break;
    case 'link_down':
      linkDown(draft, input);
      break;
    case 'link_failed':
      linkFailed(draft, input);
      break;
    case 'message':
      message(draft, input);
      break;
    case 'malformed_message':
      malformed(draft, input);
      break;
    case 'unconfirmed':
      sightUnconfirmed(draft, input);
      break;
    case 'command':
      command(draft, input.id, input.command);
      break;
    default:
      assertNever(input, 'node input');
  }
  drain(draft);
}

/** Handles what channels raised, in order, inside of the same step. */
function drain(draft: Draft): void {
  for (let next = draft.events.shift(); next !== undefined; next = draft.events.shift()) event(draft, next.channelId, next.event);
}

function event(draft: Draft, channelId: ChannelId, raised: ChannelEvent): void {
  switch (raised.kind) {
    case 'htlc_received':
      incoming(draft, channelId, raised);
      return;
    case 'htlc_fulfilled':
      if (raised.origin.kind === 'payment') partFulfilled(draft, raised.origin, raised.preimage);
      else forwardFulfilled(draft, raised.origin, raised.preimage);
      return;
    case 'htlc_failed':
      if (raised.origin.kind === 'forward') forwardFailed(draft, raised, raised.origin);
      else if (draft.state.probes.has(raised.origin.paymentHash)) probePartFailed(draft, raised.origin, raised.failure);
      else partFailed(draft, raised.origin, raised.failure);
      return;
    case 'htlc_removed':
      if (!raised.settled) forgetHtlc(draft, raised.htlc.paymentHash, { channelId, htlcId: raised.htlc.id });
      return;
    case 'opening_failed':
      openingEnded(draft, channelId, raised.why);
      return;
    case 'funding_signed':
      opened(draft, channelId);
      return;
    case 'ready':
    case 'scid_changed':
      if (channelView(draft, channelId).phase === 'normal') nameUpdate(draft, channelId);
      advancePayments(draft);
      return;
    case 'established':
      if (channelView(draft, channelId).phase === 'normal') resendUpdate(draft, channelId);
      advancePayments(draft);
      return;
    case 'announced':
      announced(draft, channelId, raised.announcement);
      return;
    case 'closing':
      log(draft, 'info', `channel ${toHex(channelId)} closes (${raised.how}): ${raised.why}`);
      if (raised.how !== 'cooperative') forgetChannel(draft, channelId);
      return;
    case 'closed':
      log(draft, 'info', `channel ${toHex(channelId)} is closed`);
      return;
    default:
      assertNever(raised, 'channel event');
  }
}

function opened(draft: Draft, channelId: ChannelId): void {
  update(draft, { extras: draft.state.extras.set(channelId, extrasOf(draft, channelId)) });
  answerOpening(draft, channelId, (id) => reply(draft, id, { kind: 'channel', channelId }));
}

function openingEnded(draft: Draft, channelId: ChannelId, why: string): void {
  log(draft, 'warn', `channel ${toHex(channelId)} was not opened: ${why}`);
  answerOpening(draft, channelId, (id) => {
    const poor = why.includes('INSUFFICIENT') || why.startsWith('insufficient');
    refuse(draft, id, { code: poor ? 'INSUFFICIENT_FUNDS' : 'PEER_ERROR', message: `the channel was not opened: ${why}` });
  });
  // Nothing was signed: nothing is worth keeping.
  update(draft, { channels: draft.state.channels.delete(channelId) });
}

function answerOpening(draft: Draft, channelId: ChannelId, answer: (id: CommandId) => void): void {
  const id = draft.state.opening.get(channelId);
  if (id === undefined) return;
  update(draft, { opening: draft.state.opening.delete(channelId) });
  answer(id);
}

function command(draft: Draft, id: CommandId, wanted: NodeCommand): void {
  switch (wanted.kind) {
    case 'connect_peer':
      connectPeer(draft, id, wanted);
      return;
    case 'disconnect_peer':
      disconnectPeer(draft, id, wanted);
      return;
    case 'trust_peer':
      setPeer(draft, { ...(draft.state.peers.get(wanted.peer) ?? newPeer(wanted.peer)), trustedForZeroConf: wanted.trusted });
      reply(draft, id, { kind: 'done' });
      return;
    case 'open_channel':
      openCommand(draft, id, wanted);
      return;
    case 'close_channel':
    case 'force_close_channel':
      closeCommand(draft, id, wanted);
      return;
    case 'set_policy':
      setPolicy(draft, id, wanted);
      return;
    case 'update_fee':
      feeCommand(draft, id, wanted);
      return;
    case 'create_invoice':
      createInvoice(draft, id, wanted);
      return;
    case 'cancel_invoice':
      cancelInvoice(draft, id, wanted.paymentHash);
      return;
    case 'settle_invoice':
      settleInvoice(draft, id, wanted.preimage);
      return;
    case 'pay':
      payCommand(draft, id, wanted);
      return;
    case 'probe':
      probeCommand(draft, id, wanted);
      return;
    case 'new_address':
      newAddressCommand(draft, id, wanted);
      return;
    case 'send_coins':
      sendCommand(draft, id, wanted);
      return;
    case 'bump_fee':
      bumpCommand(draft, id, wanted);
      return;
    case 'asset':
      assetCommand(draft, id, wanted.what);
      return;
    case 'estimate_funding':
      estimateFunding(draft, id, wanted);
      return;
    default:
      assertNever(wanted, 'command');
  }
}

function connectPeer(draft: Draft, id: CommandId, wanted: Extract<NodeCommand, { kind: 'connect_peer' }>): void {
  const known = draft.state.peers.get(wanted.peer) ?? newPeer(wanted.peer);
  const peer = { ...known, address: wanted.address, wanted: true };
  setPeer(draft, peer);
  if (peer.session.kind === 'down') dial(draft, peer);
  reply(draft, id, { kind: 'done' });
}

function disconnectPeer(draft: Draft, id: CommandId, wanted: Extract<NodeCommand, { kind: 'disconnect_peer' }>): void {
  const peer = draft.state.peers.get(wanted.peer);
  if (peer === undefined) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no such peer' });
    return;
  }
  setPeer(draft, { ...peer, wanted: false });
  if (peer.session.kind === 'up' || peer.session.kind === 'greeting')
    emit(draft, { kind: 'close_link', link: peer.session.link, peer: peer.nodeId, why: 'the operator said so' });
  reply(draft, id, { kind: 'done' });
}

function setPolicy(draft: Draft, id: CommandId, wanted: Extract<NodeCommand, { kind: 'set_policy' }>): void {
  const channel = draft.state.channels.get(wanted.channelId);
  if (channel === undefined || view(channel).phase === 'closed') {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no such channel' });
    return;
  }
  // Under its temporary id nothing is kept of it.
  if (view(channel).phase === 'opening') {
    refuse(draft, id, { code: 'POLICY', message: 'the channel is still being opened', hint: 'wait until it is signed' });
    return;
  }
  const policy = { ...extrasOf(draft, wanted.channelId).policy, ...wanted.policy };
  const problem = policyProblem(policy, view(channel).capacity);
  if (problem !== null) {
    refuse(draft, id, { code: 'USAGE', message: problem });
    return;
  }
  refreshUpdate(draft, wanted.channelId, policy);
  reply(draft, id, { kind: 'done' });
}
