// A question for routes, and what answers it. Payments, probes and `lnkit route` all ask in this form.
import type { Bytes } from '../../base/bytes.ts';
import type { ChannelId, NodeId, ShortChannelId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import type { Prior } from './cost.ts';

/** What a node asks for forwarding over an edge (BOLT 7, channel_update). */
export interface ForwardingPolicy {
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
}

/** BOLT 11, route hints: one edge that no gossip tells. It leaves `nodeId`, towards the next hop's node or the destination. */
export interface HintHop extends ForwardingPolicy {
  readonly nodeId: NodeId;
  readonly scid: ShortChannelId;
}

/** What a payer knows of a blinded path (BOLT 12, `blinded_payinfo`): what all of its hops ask together. The planner sees one edge. */
export interface BlindedTail extends ForwardingPolicy {
  /** The introduction point. Where it is the recipient itself, `hops` is 0. */
  readonly nodeId: NodeId;
  /** Of what arrives at the recipient in one part. */
  readonly htlcMinimumMsat: Msat;
  readonly htlcMaximumMsat: Msat;
  /** Nodes behind the introduction point, the recipient included. */
  readonly hops: number;
  /** What the payloads take in the onion from the introduction point's on, lengths and HMACs included. */
  readonly onionBytes: number;
  /** `blinded_payinfo.features`. A path with an unknown even bit is not used. */
  readonly features: Bytes;
}

/** One of our channels as it can be used now. */
export interface FirstHop {
  readonly channelId: ChannelId;
  /** The real short channel id, or an alias that stands for it. */
  readonly scid: ShortChannelId;
  readonly peer: NodeId;
  /** Already counts what is in flight. */
  readonly sendableMsat: Msat;
  readonly htlcMinimumMsat: Msat;
}

/** What an edge was seen to carry or not, within one payment. */
export interface EdgeLesson {
  readonly scid: ShortChannelId;
  /** The node that the edge leads to. */
  readonly to: NodeId;
  /** Amounts of this size and above failed; 0 where the edge is of no use at all; null where only its policy was learned. */
  readonly failsFromMsat: Msat | null;
  /** What the edge's own node says it asks, newer than the graph. */
  readonly policy: ForwardingPolicy | null;
}

/**
 * How it is known what the destination takes. `invoice`: whoever asks has read it. `node` and `keysend`: its node_announcement says whether it
 * takes parts, and a payment that nobody asked for.
 */
export type PaymentKind = 'invoice' | 'node' | 'keysend';

/** Expiries are absolute heights. */
export interface RouteQuery {
  readonly destination: NodeId;
  readonly amountMsat: Msat;
  readonly maxFeeMsat: Msat;
  readonly maxParts: number;
  readonly kind: PaymentKind;
  /** Absent: as the planner was set up. */
  readonly prior?: Prior;
  /** Of the last HTLC. */
  readonly finalCltvExpiry: Height;
  readonly maxCltvExpiry: Height;
  readonly hints: readonly (readonly HintHop[])[];
  /** Blinded paths to the destination. Where there are any, nothing else leads to it. */
  readonly tails: readonly BlindedTail[];
  /** What the destination's payload takes in the onion, length and HMAC included; of no account with `tails`. */
  readonly finalBytes: number;
  readonly firstHops: readonly FirstHop[];
  readonly lessons: readonly EdgeLesson[];
  /** What parts in flight occupy. */
  readonly inFlight: readonly { readonly scid: ShortChannelId; readonly to: NodeId; readonly amountMsat: Msat }[];
  readonly excludedNodes: readonly NodeId[];
  readonly excludedChannels: readonly ShortChannelId[];
}

/**
 * One hop of a route: the HTLC on the channel that leads to `nodeId`. The last hop of a route over a blinded path stands for all of that: it
 * leads from the introduction point to the destination, and its `scid` is a `tailScid`.
 */
export interface RouteHop {
  readonly nodeId: NodeId;
  readonly scid: ShortChannelId;
  readonly amountMsat: Msat;
  readonly cltvExpiry: Height;
}

export interface Route {
  /** Our channel of the first hop. */
  readonly channelId: ChannelId;
  readonly hops: readonly [RouteHop, ...RouteHop[]];
}

export interface NoRoute {
  readonly code: 'NO_ROUTE';
  readonly message: string;
  readonly hint: string;
}

/** Finds routes for the whole amount: one, or several parts. The graph behind it is the gossip owner's. */
export type Planner = (query: RouteQuery) => Result<readonly Route[], NoRoute>;

/** The last transaction of the last block that a short channel id can name, some three centuries from now. */
const TAILS = 0xffff_ffff_ffffn;

/** The name of the blinded path with this index in the question: a short channel id that no channel has. */
export const tailScid = (index: number): ShortChannelId => ((TAILS << 16n) | BigInt(index)) as ShortChannelId;
/** The index of the blinded path that a hop stands for; null for a channel. */
export const tailIndex = (scid: ShortChannelId): number | null => (scid >> 16n === TAILS ? Number(scid & 0xffffn) : null);
