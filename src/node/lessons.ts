import { type Bytes, equal } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import { msat } from '../base/units.ts';
import type { HtlcFailure } from '../bolt/channel/types.ts';
import { decodeFailure as openFailure } from '../bolt/onion/failure.ts';
import { failureCode, failureName, NODE, PERM, decodeFailure as readFailure, UPDATE } from '../bolt/wire/failure.ts';
import { decodeMessage } from '../bolt/wire/message.ts';
import { verifyUpdate } from './own-gossip.ts';
import type { EdgeLesson, NodeEffect, PartFailure, PaymentPart, Route } from './types.ts';

/** A part of a payment, or of a probe. */
type Tried = Pick<PaymentPart, 'route' | 'sharedSecrets'>;

export interface Learned {
  readonly failure: PartFailure;
  readonly lessons: readonly EdgeLesson[];
  readonly excludedNodes: readonly NodeId[];
}

const nothing = { lessons: [], excludedNodes: [] } as const;

/** What a failed part teaches about the edges of its route (BOLT 4, "Receiving Failure Codes"). */
export function learn(part: Tried, failure: HtlcFailure): Learned {
  const { hops } = part.route;
  if (failure.kind === 'on_chain')
    return {
      failure: { hop: null, reason: `on_chain_${failure.why}`, code: null, final: false },
      lessons: [useless(part, 0)],
      excludedNodes: [],
    };
  if (failure.kind === 'malformed') {
    // Our own peer could not read the onion.
    const reason = failureName(failure.failureCode) ?? `code ${failure.failureCode}`;
    return {
      failure: { hop: 0, reason, code: failure.failureCode, final: hops.length === 1 },
      lessons: [useless(part, 0)],
      excludedNodes: [],
    };
  }
  const opened = openFailure({ packet: failure.reason, sharedSecrets: part.sharedSecrets });
  if (opened.kind === 'unreadable') return unreadable(part);
  const read = readFailure(opened.message);
  if (!read.ok) return unreadable(part);
  const code = failureCode(read.value);
  // A blinded path is one hop of the route and several of the onion: whoever of them speaks, it is about the path, or it is the recipient.
  const isFinal = opened.hopIndex === part.sharedSecrets.length - 1;
  const hop = isFinal ? hops.length - 1 : Math.min(opened.hopIndex, hops.length - 2);
  const reason = read.value.name === 'unknown' ? `code ${code}` : read.value.name;
  if (isFinal) {
    // mpp_timeout and temporary trouble of the destination are worth another try; everything else it says is its last word.
    const again = reason === 'mpp_timeout' || reason === 'temporary_node_failure';
    return { failure: { hop, reason, code, final: !again }, ...nothing };
  }
  const told: PartFailure = { hop, reason, code, final: false };
  if ((code & NODE) !== 0) return { failure: told, lessons: [], excludedNodes: [nodeAt(part, hop)] };
  const update = 'channelUpdate' in read.value ? read.value.channelUpdate : null;
  const policy = (code & UPDATE) !== 0 && update !== null ? policyIn(part, hop, update) : null;
  return { failure: told, lessons: [edgeLesson(part, hop, code, reason, policy)], excludedNodes: [] };
}

const nodeAt = (part: Tried, hop: number): NodeId => (part.route.hops[hop] as Route['hops'][number]).nodeId;

const useless = (part: Tried, hop: number): EdgeLesson => {
  const edge = part.route.hops[hop] as Route['hops'][number];
  return { scid: edge.scid, to: edge.nodeId, failsFromMsat: msat(0), policy: null };
};

/** Nobody on the route signed the failure: any hop but the last may be at fault, so each edge beyond ours counts as failed at its amount. */
function unreadable(part: Tried): Learned {
  const lessons = part.route.hops.slice(1).map((hop) => ({ scid: hop.scid, to: hop.nodeId, failsFromMsat: hop.amountMsat, policy: null }));
  return { failure: { hop: null, reason: 'unreadable', code: null, final: lessons.length === 0 }, lessons, excludedNodes: [] };
}

/** The reporting hop speaks of the edge behind it. */
function edgeLesson(part: Tried, hop: number, code: number, reason: string, policy: EdgeLesson['policy']): EdgeLesson {
  const edge = part.route.hops[hop + 1] as Route['hops'][number];
  const base = { scid: edge.scid, to: edge.nodeId };
  if ((code & PERM) !== 0 || reason === 'channel_disabled') return { ...base, failsFromMsat: msat(0), policy: null };
  if (reason === 'temporary_channel_failure') return { ...base, failsFromMsat: edge.amountMsat, policy };
  // A policy error without a new policy would only be met again.
  return { ...base, failsFromMsat: policy === null || samePolicy(part, hop, policy) ? msat(0) : null, policy };
}

/** What the edge asks by its newest update is what we already gave: the node contradicts itself. */
function samePolicy(part: Tried, hop: number, policy: NonNullable<EdgeLesson['policy']>): boolean {
  const [into, out] = [part.route.hops[hop], part.route.hops[hop + 1]];
  if (into === undefined || out === undefined) return true;
  const fee = BigInt(policy.feeBaseMsat) + (out.amountMsat * BigInt(policy.feeProportionalMillionths)) / 1_000_000n;
  return into.amountMsat - out.amountMsat >= fee && into.cltvExpiry - out.cltvExpiry >= policy.cltvExpiryDelta;
}

/** What the channels of others carried on the way to where a part failed; null where that taught nothing. Of our own channels we know all. */
export function taughtBy({ hops }: Route, failure: PartFailure): Extract<NodeEffect, { kind: 'learn' }> | null {
  const { hop, reason } = failure;
  if (hops.length === 1 || hop === null || hop < 0) return null;
  if (hop === hops.length - 1) return { kind: 'learn', hops, outcome: { kind: 'carried' } };
  if (reason === 'temporary_channel_failure') return { kind: 'learn', hops, outcome: { kind: 'failed', hop: hop + 1 } };
  if (hop === 0) return null;
  return { kind: 'learn', hops: hops.slice(0, hop + 1) as unknown as Route['hops'], outcome: { kind: 'carried' } };
}

const CHANNEL_UPDATE = Uint8Array.of(1, 2);

/** The policy in an update that came with a failure, where it is of the right edge and its node signed it. */
function policyIn(part: Tried, hop: number, update: Bytes): EdgeLesson['policy'] {
  // Some nodes put the message type in front, some do not (BOLT 4 tells readers to take both).
  const typed =
    update.length >= 2 && equal(update.subarray(0, 2), CHANNEL_UPDATE) ? update : new Uint8Array([...CHANNEL_UPDATE, ...update]);
  const decoded = decodeMessage(typed);
  if (!decoded.ok || decoded.value.name !== 'channel_update') return null;
  const edge = part.route.hops[hop + 1];
  if (edge === undefined || decoded.value.shortChannelId !== edge.scid || !verifyUpdate(decoded.value, nodeAt(part, hop))) return null;
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = decoded.value;
  return { feeBaseMsat: Number(feeBaseMsat), feeProportionalMillionths, cltvExpiryDelta };
}
