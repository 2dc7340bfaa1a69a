// What others see of a channel: the node when it plans payments, the command line, the chain follower.
import { assertNever } from '../../base/assert.ts';
import type { OutPoint } from '../../base/ids.ts';
import { type Height, height, msat } from '../../base/units.ts';
import { txId } from '../../bitcoin/tx.ts';
import { decodeChannelType } from '../wire/features.ts';
import { nextDeadline } from './commit.ts';
import { GRACE } from './force-close.ts';
import { addRules, FULFILLED_MARGIN, largestAmount, OFFERED_GRACE } from './limits.ts';
import { watchedOutpoints } from './onchain.ts';
import { realScid } from './ready.ts';
import { type Active, type Channel, type Closing, hasType, type Phase } from './state.ts';
import { isLive, isUsable } from './turn.ts';
import type { ChannelView, PhaseName } from './types.ts';
import { isAtRest, isQuiet, snapshot } from './update.ts';

/** A channel never changes, so that what is seen of it is found once. */
const views = new WeakMap<Channel, ChannelView>();

export function view(channel: Channel): ChannelView {
  let seen = views.get(channel);
  if (seen === undefined) {
    seen = look(channel);
    views.set(channel, seen);
  }
  return seen;
}

function look(channel: Channel): ChannelView {
  const { params, phase } = channel.durable;
  const usable = isUsable(channel);
  const opening = { isFunder: params.isFunder, isPublic: params.isPublic, isZeroConf: hasType(params, 'zeroconf') };
  const common = {
    channelId: params.channelId,
    peer: params.peer,
    phase: phaseName(channel),
    connected: channel.session.link === 'established',
    usable,
    busy: isLive(phase) && !isAtRest(phase.commitments),
    ...opening,
    channelType: decodeChannelType(params.channelType) ?? [],
    fundingOutpoint: params.fundingOutpoint,
    capacity: params.capacity,
    htlcMinimumMsat: params.remote.htlcMinimum,
  };
  if (!isLive(phase)) return { ...common, ...NOTHING_LIVE, closing: closingOf(phase) };
  const content = snapshot(phase.commitments, 'local', params.isFunder);
  return {
    ...common,
    fundingHeight: phase.funding.confirmed?.height ?? null,
    scid: realScid(params, phase),
    localAlias: phase.aliases.local,
    remoteAlias: phase.aliases.remote,
    localMsat: content.localMsat,
    remoteMsat: content.remoteMsat,
    // Found by search, and seldom asked for: on demand only.
    get sendableMsat() {
      return usable ? largestAmount(addRules(params, phase.commitments, 'offering')) : msat(0);
    },
    get receivableMsat() {
      return usable ? largestAmount(addRules(params, phase.commitments, 'asked')) : msat(0);
    },
    feeratePerKw: content.feerate,
    htlcs: phase.commitments.htlcs.map(({ direction, htlc, origin }) => ({ direction, htlc, origin })),
    closing: closingOf(phase),
    safeOfflineUntilHeight: safeUntil(channel, phase),
  };
}

const NOTHING_LIVE = {
  fundingHeight: null,
  scid: null,
  localAlias: null,
  remoteAlias: null,
  localMsat: msat(0),
  remoteMsat: msat(0),
  sendableMsat: msat(0),
  receivableMsat: msat(0),
  feeratePerKw: 0 as ChannelView['feeratePerKw'],
  htlcs: [],
  safeOfflineUntilHeight: null,
} as const;

function phaseName(channel: Channel): PhaseName {
  const { phase, frozen } = channel.durable;
  if (frozen !== null && (phase.kind === 'opening' || phase.kind === 'active')) return 'frozen';
  switch (phase.kind) {
    case 'opening':
      return 'opening';
    case 'active':
      return activeName(phase);
    case 'closing':
      if (phase.how === 'cooperative' || phase.how === 'never_funded') return 'closing';
      return phase.how === 'data_loss' ? 'data_loss' : 'force_closing';
    case 'closed':
      return 'closed';
    default:
      return assertNever(phase, 'phase');
  }
}

function activeName(active: Active): PhaseName {
  const { shutdown, readiness } = active;
  if (active.closingTxs.length > 0) return 'closing';
  if (shutdown.sent && shutdown.remote !== null && isQuiet(active.commitments)) return 'negotiating';
  if (shutdown.local !== null || shutdown.remote !== null) return 'shutdown';
  if (!readiness.sent) return 'awaiting_confirmation';
  return readiness.received ? 'normal' : 'awaiting_channel_ready';
}

function closingOf(phase: Phase): ChannelView['closing'] {
  switch (phase.kind) {
    case 'opening':
      return null;
    case 'active':
      if (phase.closingTxs.length === 0) return null;
      return { how: 'cooperative', why: 'both sides agreed', txids: phase.closingTxs.map(({ tx }) => txId(tx)) };
    case 'closing': {
      const local = phase.how === 'local_force' ? [phase.commitments.local.txid] : [];
      return { how: phase.how, why: phase.why, txids: phase.spend === null ? local : [txId(phase.spend.tx)] };
    }
    case 'closed':
      return { how: phase.how, why: phase.why, txids: [] };
    default:
      return assertNever(phase, 'phase');
  }
}

/** An HTLC's deadline, or the end of the delay within which a revoked commitment must be answered, counted from the last block seen. */
function safeUntil(channel: Channel, phase: Active | Closing): Height | null {
  const { commitments } = phase;
  const deadline = nextDeadline(commitments, GRACE);
  const isSpent = phase.kind === 'closing' && phase.spend !== null;
  const cheat = commitments.remote.number > 0n && !isSpent ? channel.session.height + channel.durable.params.local.toSelfDelay : null;
  if (deadline === null) return cheat === null ? null : height(cheat);
  return height(cheat === null ? deadline : Math.min(deadline, cheat));
}

/** What the chain follower must look for: transactions that make or spend these. */
export const watches = (channel: Channel): { readonly outpoints: readonly OutPoint[] } => ({ outpoints: watchedOutpoints(channel) });

/** Heights by which something must have happened, else the channel is failed. */
export function deadlines(channel: Channel): readonly { readonly height: Height; readonly what: string }[] {
  const { phase } = channel.durable;
  if (phase.kind !== 'active') return [];
  const all: { readonly height: Height; readonly what: string }[] = [];
  for (const { direction, htlc, preimage } of phase.commitments.htlcs) {
    if (direction === 'offered') all.push({ height: height(htlc.cltvExpiry + OFFERED_GRACE), what: `offered HTLC ${htlc.id} times out` });
    else if (preimage !== null)
      all.push({ height: height(htlc.cltvExpiry - FULFILLED_MARGIN), what: `fulfilled HTLC ${htlc.id} must be gone` });
  }
  return all.sort((a, b) => a.height - b.height);
}
