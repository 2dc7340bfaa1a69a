// What a channel remembers. `durable` is stored in the commit of every step; `session` lives as long as a connection and is rebuilt after it.
import { type Bytes, EMPTY } from '../../base/bytes.ts';
import type { ChannelId, CommandId, NodeId, OutPoint, Preimage, ShortChannelId, TxId } from '../../base/ids.ts';
import {
  type Blocks,
  blocks,
  type FeeratePerKw,
  type Height,
  height,
  type Msat,
  msat,
  type Sat,
  sat,
  type UnixTime,
} from '../../base/units.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import type { ShaChain } from '../../crypto/shachain.ts';
import { hasBit } from '../wire/features.ts';
import type { CommitmentFormat, CommitmentParams } from './commitment.ts';
import type { Basepoints } from './keys.ts';
import type { CloseKind, Htlc, HtlcOrigin } from './types.ts';

export interface Channel {
  readonly durable: Durable;
  readonly session: Session;
}

export interface Durable {
  readonly params: ChannelParams;
  readonly phase: Phase;
  /** A bug was met in this channel: it takes no more part in anything but what the user asks for and what the chain says. */
  readonly frozen: string | null;
}

/** What one side announced when opening; limits bind the other side. */
export interface SideParams {
  readonly basepoints: Basepoints;
  readonly dustLimit: Sat;
  /** Of HTLCs offered to this side. */
  readonly maxHtlcValueInFlight: Msat;
  readonly maxAcceptedHtlcs: number;
  readonly htlcMinimum: Msat;
  /** What the other side must keep. */
  readonly channelReserve: Sat;
  /** What the other side's own outputs must wait. */
  readonly toSelfDelay: Blocks;
}

export interface ChannelParams {
  readonly keyIndex: number;
  readonly peer: NodeId;
  readonly isFunder: boolean;
  readonly isPublic: boolean;
  /** The temporary one until the funding transaction is known. */
  readonly channelId: ChannelId;
  readonly chainHash: Bytes;
  readonly channelType: Bytes;
  readonly capacity: Sat;
  readonly pushMsat: Msat;
  readonly minDepth: Blocks;
  readonly local: SideParams;
  /** `UNKNOWN_SIDE` until `accept_channel` arrives; nothing reads it before. */
  readonly remote: SideParams;
  readonly fundingOutpoint: OutPoint | null;
  /** Where the node wants its money: sweeps, and a close that names nothing else. */
  readonly shutdownScript: Bytes;
  /** Scripts that option_upfront_shutdown_script fixed. */
  readonly upfront: { readonly local: Bytes | null; readonly remote: Bytes | null };
  readonly maxDustHtlcExposure: Msat;
}

export type Phase = Opening | Active | Closing | Closed;

/** Before `funding_signed`: nothing is at stake, and a disconnection forgets it. */
export type Opening = { readonly kind: 'opening'; readonly feerate: FeeratePerKw } & (
  | { readonly stage: 'wait_accept'; readonly fundingFeerate: FeeratePerKw }
  | { readonly stage: 'wait_fund'; readonly remotePoint: Bytes }
  | { readonly stage: 'wait_funding_created'; readonly remotePoint: Bytes }
  | { readonly stage: 'wait_funding_signed'; readonly remotePoint: Bytes; readonly fundingTx: Tx; readonly remoteTxid: TxId }
);

/** What there is from the first signatures to the end. */
export interface Live {
  readonly commitments: Commitments;
  readonly funding: Funding;
  /** `channel_ready`: ours is due, the peer's has come. */
  readonly readiness: { readonly sent: boolean; readonly received: boolean };
  readonly aliases: { readonly local: ShortChannelId; readonly remote: ShortChannelId | null };
  readonly announcement: { readonly remote: AnnouncementSignatures | null; readonly announced: boolean };
  readonly shutdown: Shutdown;
  /** Closing transactions with both signatures, oldest first. */
  readonly closingTxs: readonly ClosingTx[];
}

export interface Active extends Live {
  readonly kind: 'active';
}

/** The funding output is spent, or will be by our commitment, or by the peer's where ours is outdated. */
export interface Closing extends Live {
  readonly kind: 'closing';
  readonly how: CloseKind;
  readonly why: string;
  readonly spend: FundingSpend | null;
}

export interface Closed {
  readonly kind: 'closed';
  readonly how: CloseKind;
  readonly why: string;
}

export interface Funding {
  /** The funder's own transaction, until it is buried. */
  readonly tx: Tx | null;
  readonly createdAt: Height;
  readonly confirmed: { readonly height: Height; readonly txIndex: number } | null;
}

export interface AnnouncementSignatures {
  readonly scid: ShortChannelId;
  readonly nodeSignature: Bytes;
  readonly bitcoinSignature: Bytes;
}

export interface Shutdown {
  /** Wanted by the user or owed to the peer; sent once our updates are signed. `feerate` where the user named one. */
  readonly local: { readonly script: Bytes; readonly feerate: FeeratePerKw | null } | null;
  readonly sent: boolean;
  readonly remote: Bytes | null;
}

export interface ClosingTx {
  readonly tx: Tx;
  readonly fee: Sat;
}

/** The transaction that spent the funding output. */
export interface FundingSpend {
  readonly tx: Tx;
  readonly owner: 'both' | 'local' | 'remote';
  /** Null after a reorganization, until it is seen again. */
  readonly height: Height | null;
  /** Outputs of it that we follow, until each is spent. */
  readonly outputs: readonly FollowedOutput[];
  /** Updates of HTLCs that have no output there were told. */
  readonly settledOthers: boolean;
}

export interface FollowedOutput {
  readonly vout: number;
  /** `main` is our balance. */
  readonly what: { readonly kind: 'main' } | { readonly kind: 'htlc'; readonly direction: HtlcDirection; readonly id: bigint };
  readonly spent: { readonly height: Height; readonly preimage: Preimage | null } | null;
  /** The HTLC's outcome was told. */
  readonly told: boolean;
}

export type HtlcDirection = 'offered' | 'received';

/** How the other side of an HTLC removes it. `done` is what is left of a failure once it needs no more sending. */
export type Removal =
  | { readonly kind: 'fulfill'; readonly attributionData: Bytes | null }
  | { readonly kind: 'fail'; readonly reason: Bytes; readonly attributionData: Bytes | null }
  | { readonly kind: 'fail_malformed'; readonly sha256OfOnion: Bytes; readonly failureCode: number };

/** An HTLC that stands, or is about to stand, in a commitment. */
export interface LiveHtlc {
  readonly direction: HtlcDirection;
  readonly htlc: Htlc;
  /** See `update.ts`. */
  readonly stage: number;
  /** Offered: until irrevocably in the peer's commitment. Received: until `htlc_received` is raised. */
  readonly onion: Bytes | null;
  readonly pathKey: Bytes | null;
  readonly origin: HtlcOrigin | null;
  /** Kept even where the removal that told it was never signed. */
  readonly preimage: Preimage | null;
  readonly removal: Removal | null;
}

export interface LiveFee {
  readonly feerate: FeeratePerKw;
  readonly stage: number;
}

export interface Commitments {
  /** Balances as if every live HTLC had never been. */
  readonly settled: { readonly localMsat: Msat; readonly remoteMsat: Msat };
  /** In the order in which they were added. */
  readonly htlcs: readonly LiveHtlc[];
  /** Oldest first; the first one is in both commitments. */
  readonly fees: readonly LiveFee[];
  readonly nextHtlcId: { readonly local: bigint; readonly remote: bigint };
  /** Our commitment. */
  readonly local: { readonly number: bigint; readonly txid: TxId; readonly signature: Bytes; readonly htlcSignatures: readonly Bytes[] };
  /** The peer's commitment that is not revoked. */
  readonly remote: { readonly number: bigint; readonly txid: TxId; readonly point: Bytes };
  /** Signed and not yet answered by `revoke_and_ack`. `sentAfterLocal`: number of our commitment when it was sent, which fixes the order. */
  readonly remoteNext: { readonly txid: TxId; readonly sentAfterLocal: bigint } | null;
  /** Point of the peer's commitment after `remote`; null until `channel_ready`. */
  readonly remoteNextPoint: Bytes | null;
  readonly secrets: ShaChain;
}

export interface Session {
  readonly link: 'disconnected' | 'reestablishing' | 'established';
  /** What both sides support. */
  readonly features: Bytes;
  /** The last block seen. */
  readonly height: Height;
  readonly openCommand: CommandId | null;
  /** When the opening began; null once this connection is another than its. */
  readonly openingSince: UnixTime | null;
  readonly announcementSent: boolean;
  readonly shutdownSent: boolean;
  readonly shutdownReceived: boolean;
  readonly negotiation: Negotiation | null;
}

/** Of `closing_signed`. BOLT 2: it restarts on reconnection. */
export interface Negotiation {
  readonly range: { readonly min: Sat; readonly max: Sat };
  readonly sentFee: Sat | null;
  readonly receivedFee: Sat | null;
  /** Of option_simple_close: the `closing_complete` that awaits its `closing_sig`. */
  readonly awaiting: ClosingRequest | null;
  /** When it began on this connection. */
  readonly since: UnixTime;
}

export interface ClosingRequest {
  readonly closerScript: Bytes;
  readonly closeeScript: Bytes;
  readonly fee: Sat;
  readonly locktime: number;
}

export const NEW_SESSION: Session = {
  link: 'disconnected',
  features: EMPTY,
  height: height(0),
  openCommand: null,
  openingSince: null,
  announcementSent: false,
  shutdownSent: false,
  shutdownReceived: false,
  negotiation: null,
};

const ZERO_POINT = new Uint8Array(33);

export const UNKNOWN_SIDE: SideParams = {
  basepoints: {
    fundingPubkey: ZERO_POINT,
    revocationBasepoint: ZERO_POINT,
    paymentBasepoint: ZERO_POINT,
    delayedPaymentBasepoint: ZERO_POINT,
    htlcBasepoint: ZERO_POINT,
  },
  dustLimit: sat(0),
  maxHtlcValueInFlight: msat(0),
  maxAcceptedHtlcs: 0,
  htlcMinimum: msat(0),
  channelReserve: sat(0),
  toSelfDelay: blocks(0),
};

/** Bits of `channel_type` (BOLT 9). */
export const TYPE_BIT = { static_remotekey: 12, anchors: 22, scid_alias: 46, zeroconf: 50 } as const;

export const hasType = (params: ChannelParams, name: keyof typeof TYPE_BIT): boolean => hasBit(params.channelType, TYPE_BIT[name]);
export const formatOf = (params: ChannelParams): CommitmentFormat => (hasType(params, 'anchors') ? 'anchors' : 'static_remotekey');

export type Side = 'local' | 'remote';

const commitmentParamsOf = new WeakMap<ChannelParams, { readonly [S in Side]: CommitmentParams }>();

/** What never changes in the commitments of one side; the same object for the same `params`. */
export function commitmentParams(params: ChannelParams, owner: Side): CommitmentParams {
  let both = commitmentParamsOf.get(params);
  if (both === undefined) {
    if (params.fundingOutpoint === null) throw new TypeError('a commitment spends a funding output');
    const common = { fundingOutpoint: params.fundingOutpoint, capacity: params.capacity, format: formatOf(params) };
    const side = (own: SideParams, other: SideParams, ownerIsFunder: boolean): CommitmentParams => ({
      ...common,
      ownerIsFunder,
      owner: own.basepoints,
      other: other.basepoints,
      ownerDustLimit: own.dustLimit,
      ownerToSelfDelay: other.toSelfDelay,
    });
    both = { local: side(params.local, params.remote, params.isFunder), remote: side(params.remote, params.local, !params.isFunder) };
    commitmentParamsOf.set(params, both);
  }
  return both[owner];
}

/** BOLT 2: the funding txid with the output index XORed into its last two bytes. */
export function channelIdOf(outpoint: OutPoint): ChannelId {
  const id = outpoint.txid.slice();
  id[30] = (id[30] as number) ^ (outpoint.vout >> 8);
  id[31] = (id[31] as number) ^ (outpoint.vout & 0xff);
  return id as ChannelId;
}

/** The same channel in another phase. */
export const withPhase = (channel: Channel, phase: Phase): Channel => ({ ...channel, durable: { ...channel.durable, phase } });
export const withSession = (channel: Channel, change: Partial<Session>): Channel => ({
  ...channel,
  session: { ...channel.session, ...change },
});
