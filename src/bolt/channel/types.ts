// Contract between the channel room and the node: what a channel is told, and what it asks for. Reading the two unions is reading the room.
import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash, ChannelId, CommandId, NodeId, OutPoint, PaymentHash, Preimage, ShortChannelId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import type { Blocks, FeeratePerKw, Height, Msat, Sat, UnixTime } from '../../base/units.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import type { Message, MessageNamed } from '../wire/message.ts';

/** The secrets of one channel (BOLT 3, "Key Derivation"), each 32 bytes. */
export interface ChannelSecrets {
  readonly fundingKey: Bytes;
  readonly revocationBasepointSecret: Bytes;
  readonly paymentBasepointSecret: Bytes;
  readonly delayedPaymentBasepointSecret: Bytes;
  readonly htlcBasepointSecret: Bytes;
  /** Seed of the per-commitment secrets. */
  readonly commitmentSeed: Bytes;
}

/** Derives every key from the wallet's seed; holds no state. */
export interface KeyManager {
  readonly nodeId: NodeId;
  readonly nodeSecret: Bytes;
  /** The secrets of the channel with this index; an index is used once. */
  channelSecrets(index: number): ChannelSecrets;
}

/** `random(n)`: n fresh bytes. In the simulation it replays from a seed. */
export type Random = (length: number) => Bytes;

/** What the fee estimator says now. Bounds are the caller's. */
export interface Feerates {
  /** For what may take a day. */
  readonly background: FeeratePerKw;
  /** For what should confirm within some blocks. */
  readonly normal: FeeratePerKw;
  /** For what has a deadline. */
  readonly priority: FeeratePerKw;
  /** What any node relays. */
  readonly minimum: FeeratePerKw;
}

/** The world as a step may see it. Nothing else does a step depend on. */
export interface Env {
  readonly now: UnixTime;
  readonly height: Height;
  readonly feerates: Feerates;
  readonly keys: KeyManager;
  readonly random: Random;
  readonly limits: ChannelLimits;
}

/** The operator's bounds. Defaults are in `limits.ts`. */
export interface ChannelLimits {
  readonly dustLimit: Sat;
  /** What we let a peer have in flight towards us. */
  readonly maxHtlcValueInFlight: Msat;
  readonly maxAcceptedHtlcs: number;
  readonly htlcMinimum: Msat;
  /** The delay we ask the peer to bear. */
  readonly toSelfDelay: Blocks;
  /** The longest delay that we bear. */
  readonly maxToSelfDelay: Blocks;
  readonly minFundingSat: Sat;
  readonly minDepth: Blocks;
  /** Sum of dust HTLCs on either commitment that we tolerate (BOLT 2, `max_dust_htlc_exposure_msat`). */
  readonly maxDustHtlcExposure: Msat;
  /** Proposed or demanded feerates beyond this factor of our own estimate are refused. */
  readonly maxFeerateFactor: number;
  readonly maxFeerate: FeeratePerKw;
}

/** Where an offered HTLC comes from: kept with it, so that its end finds the way back without another table. */
export type HtlcOrigin =
  | { readonly kind: 'payment'; readonly paymentHash: PaymentHash; readonly part: number }
  | { readonly kind: 'forward'; readonly channelId: ChannelId; readonly htlcId: bigint };

export interface Htlc {
  readonly id: bigint;
  readonly amountMsat: Msat;
  readonly paymentHash: PaymentHash;
  /** Absolute height. */
  readonly cltvExpiry: Height;
}

/** How an offered HTLC failed. */
export type HtlcFailure =
  | { readonly kind: 'reason'; readonly reason: Bytes; readonly attributionData: Bytes | null }
  | { readonly kind: 'malformed'; readonly sha256OfOnion: Bytes; readonly failureCode: number }
  | { readonly kind: 'on_chain'; readonly why: 'timed_out' | 'not_included' };

/** What a block holds for one channel. */
export interface ChainMatch {
  readonly tx: Tx;
  readonly txIndex: number;
}

export type ChannelInput =
  | { readonly kind: 'message'; readonly message: Message }
  /** The transport is up and `init` exchanged, `features` = what both support. Starts the session: `channel_reestablish` goes out. */
  | { readonly kind: 'connected'; readonly features: Bytes; readonly remoteFeatures: Bytes }
  | { readonly kind: 'disconnected' }
  /** Answers the effect `fund`. The transaction is signed and not yet published. */
  | { readonly kind: 'funded'; readonly tx: Tx; readonly vout: number }
  | { readonly kind: 'funding_failed'; readonly reason: string }
  /** A block was connected; `matches` hold every transaction in it that spends or makes an outpoint of `watches(channel)`. */
  | { readonly kind: 'block'; readonly height: Height; readonly hash: BlockHash; readonly matches: readonly ChainMatch[] }
  /** The block at this height was disconnected. */
  | { readonly kind: 'block_disconnected'; readonly height: Height }
  /** `blinding` is the path_key of a blinded route (BOLT 4). */
  | {
      readonly kind: 'add_htlc';
      readonly id: CommandId;
      readonly amountMsat: Msat;
      readonly paymentHash: PaymentHash;
      readonly cltvExpiry: Height;
      readonly onion: Bytes;
      readonly pathKey: Bytes | null;
      readonly origin: HtlcOrigin;
    }
  | { readonly kind: 'fulfill_htlc'; readonly htlcId: bigint; readonly preimage: Preimage; readonly attributionData: Bytes | null }
  | { readonly kind: 'fail_htlc'; readonly htlcId: bigint; readonly reason: Bytes; readonly attributionData: Bytes | null }
  | { readonly kind: 'fail_malformed_htlc'; readonly htlcId: bigint; readonly sha256OfOnion: Bytes; readonly failureCode: number }
  /** As funder: propose this feerate. */
  | { readonly kind: 'update_fee'; readonly id: CommandId; readonly feerate: FeeratePerKw }
  /** Cooperative close, or with a new feerate the RBF of one under way (option_simple_close). */
  | { readonly kind: 'close'; readonly id: CommandId; readonly script: Bytes; readonly feerate: FeeratePerKw | null }
  | { readonly kind: 'force_close'; readonly id: CommandId }
  /** No more inputs wait: sign what is not signed yet. Signing once for many updates is where throughput comes from. */
  | { readonly kind: 'flush' }
  /** Time passed: fee updates, announcement deadlines. */
  | { readonly kind: 'tick' };

export type TxLabel = 'funding' | 'closing' | 'commitment' | 'sweep' | 'anchor' | 'htlc' | 'penalty' | 'spend' | 'asset';

export type ChannelEffect =
  | { readonly kind: 'send'; readonly message: Message }
  | { readonly kind: 'publish'; readonly tx: Tx; readonly label: TxLabel }
  /** As funder: make and sign (not publish) a transaction that pays this output; answered by `funded` or `funding_failed`. */
  | { readonly kind: 'fund'; readonly amount: Sat; readonly script: Bytes; readonly feerate: FeeratePerKw }
  /** The funding transaction will never be used: its inputs are free again. */
  | { readonly kind: 'release_funding'; readonly tx: Tx }
  | { readonly kind: 'reply'; readonly id: CommandId; readonly result: Result<ChannelReply, ChannelRefusal> }
  | { readonly kind: 'raise'; readonly event: ChannelEvent }
  | { readonly kind: 'record'; readonly fact: ChannelFact }
  /** After what was sent before it has left. */
  | { readonly kind: 'disconnect'; readonly why: string };

export type ChannelReply = { readonly kind: 'added'; readonly htlcId: bigint } | { readonly kind: 'done' };

/** Why a command was not carried out; nothing changed. `code` is an error code of the command line. */
export interface ChannelRefusal {
  readonly code: 'POLICY' | 'INSUFFICIENT_FUNDS' | 'PEER_UNREACHABLE' | 'USAGE' | 'NOT_FOUND';
  /** The rule, in BOLT terms: `max_accepted_htlcs`, `channel_reserve_satoshis`, ... */
  readonly rule: string;
  readonly message: string;
}

export type ChannelEvent =
  | { readonly kind: 'opening_failed'; readonly why: string }
  /** Signatures are exchanged: the channel is stored on both sides, and now bears its final id. */
  | { readonly kind: 'funding_signed'; readonly temporaryChannelId: ChannelId }
  /** Both sent channel_ready: payments may flow. */
  | { readonly kind: 'ready' }
  /** The session is established (channel_reestablish done): HTLCs may be added again. */
  | { readonly kind: 'established' }
  /** An HTLC of the peer stands in both commitments and cannot be taken back by the peer alone: act on it. Once per HTLC, ever. */
  | {
      readonly kind: 'htlc_received';
      readonly htlc: Htlc;
      readonly onion: Bytes;
      readonly pathKey: Bytes | null;
      /** BOLT 2, `max_dust_htlc_exposure_msat`: "SHOULD fail this HTLC once it's committed", and reveal no preimage. */
      readonly overDustExposure: boolean;
    }
  /** The peer told the preimage of our HTLC. Raised at once, before it is committed: a preimage is never untold. */
  | {
      readonly kind: 'htlc_fulfilled';
      readonly htlc: Htlc;
      readonly origin: HtlcOrigin;
      readonly preimage: Preimage;
      readonly attributionData: Bytes | null;
    }
  /** Our HTLC is irrevocably gone from both commitments without a preimage. Once per HTLC, ever. */
  | { readonly kind: 'htlc_failed'; readonly htlc: Htlc; readonly origin: HtlcOrigin; readonly failure: HtlcFailure }
  /** An HTLC of the peer is irrevocably gone from both commitments. */
  | { readonly kind: 'htlc_removed'; readonly htlc: Htlc; readonly settled: boolean }
  /** Both signed the announcement (BOLT 7, six confirmations). */
  | { readonly kind: 'announced'; readonly announcement: MessageNamed<'channel_announcement'> }
  /** A short channel id (real or alias) became known or changed. */
  | { readonly kind: 'scid_changed'; readonly scid: ShortChannelId | null }
  | { readonly kind: 'closing'; readonly how: CloseKind; readonly why: string }
  /** Nothing is left to do, everything has depth: the channel may be archived. */
  | { readonly kind: 'closed' };

export type CloseKind = 'cooperative' | 'local_force' | 'remote_force' | 'revoked' | 'data_loss' | 'never_funded';

/** Rows stored with the state in the same commit, never rewritten. */
export type ChannelFact =
  /** A commitment of the peer was revoked: all that a penalty needs. */
  | {
      readonly kind: 'revoked_commitment';
      readonly commitmentNumber: bigint;
      readonly txid: Bytes;
      /** HTLCs on it that have an output, from our view. */
      readonly htlcs: readonly { readonly htlc: Htlc; readonly offeredByUs: boolean }[];
    }
  | { readonly kind: 'note'; readonly what: string; readonly details: Readonly<Record<string, string | number>> };

export interface ChannelStep {
  readonly channel: Channel;
  readonly effects: readonly ChannelEffect[];
}

/**
 * A channel. `durable` is stored; `session` is rebuilt, so that a crash equals a disconnect. Its inner shapes are the room's own
 * (`state.ts`); the node looks at it through the functions of `view.ts`.
 */
export type Channel = import('./state.ts').Channel;

/** What the node and the command line see of a channel (`view.ts` makes it). */
export interface ChannelView {
  readonly channelId: ChannelId;
  readonly peer: NodeId;
  readonly phase: PhaseName;
  readonly connected: boolean;
  /** HTLCs may be added now. */
  readonly usable: boolean;
  /** Changes are under way that not both sides have signed and acknowledged yet. */
  readonly busy: boolean;
  readonly isFunder: boolean;
  readonly isPublic: boolean;
  readonly isZeroConf: boolean;
  readonly channelType: readonly string[];
  readonly fundingOutpoint: OutPoint | null;
  readonly fundingHeight: Height | null;
  readonly capacity: Sat;
  /** Confirmed on chain. */
  readonly scid: ShortChannelId | null;
  /** What the peer knows us by in this channel and may put in an onion to us, and what we may put in one to it. */
  readonly localAlias: ShortChannelId | null;
  readonly remoteAlias: ShortChannelId | null;
  readonly localMsat: Msat;
  readonly remoteMsat: Msat;
  /** The largest HTLC that `add_htlc` takes now (reserve, fees, dust exposure, in-flight limits counted); 0 when none. */
  readonly sendableMsat: Msat;
  readonly receivableMsat: Msat;
  /** The smallest HTLC the peer takes. */
  readonly htlcMinimumMsat: Msat;
  readonly feeratePerKw: FeeratePerKw;
  readonly htlcs: readonly {
    readonly direction: 'offered' | 'received';
    readonly htlc: Htlc;
    readonly origin: HtlcOrigin | null;
  }[];
  readonly closing: { readonly how: CloseKind; readonly why: string; readonly txids: readonly Bytes[] } | null;
  /** The first height at which being offline could lose money; null when nothing is at stake. */
  readonly safeOfflineUntilHeight: Height | null;
}

export type PhaseName =
  | 'opening'
  | 'awaiting_confirmation'
  | 'awaiting_channel_ready'
  | 'normal'
  | 'shutdown'
  | 'negotiating'
  | 'closing'
  | 'force_closing'
  | 'data_loss'
  | 'closed'
  | 'frozen';

/** What a user asks for when opening. */
export interface OpenRequest {
  readonly id: CommandId;
  readonly peer: NodeId;
  readonly capacity: Sat;
  readonly pushMsat: Msat;
  readonly isPublic: boolean;
  readonly zeroConf: boolean;
  readonly scidAlias: boolean;
  readonly fundingFeerate: FeeratePerKw;
  readonly commitmentFeerate: FeeratePerKw;
  /** Upfront shutdown script, where the user fixes one. */
  readonly closeTo: Bytes | null;
  /** A script of the wallet: sweeps go there, and a close that the peer begins. */
  readonly shutdownScript: Bytes;
  readonly keyIndex: number;
  readonly features: Bytes;
  readonly remoteFeatures: Bytes;
  readonly chainHash: Bytes;
}

/** What the node decides about a peer that opens a channel to us. */
export interface AcceptRequest {
  readonly peer: NodeId;
  readonly open: MessageNamed<'open_channel'>;
  readonly keyIndex: number;
  readonly features: Bytes;
  readonly remoteFeatures: Bytes;
  readonly chainHash: Bytes;
  readonly trustedForZeroConf: boolean;
  readonly upfrontShutdownScript: Bytes | null;
  /** A script of the wallet: sweeps go there, and a close that the peer begins. */
  readonly shutdownScript: Bytes;
}

// The room's functions, in `channel.ts` and `view.ts`:
//   openChannel(request: OpenRequest, env: Env): Result<ChannelStep, ChannelRefusal>
//   acceptChannel(request: AcceptRequest, env: Env): Result<ChannelStep, { message: Message; why: string }>   (message: the `error` to send)
//   step(channel: Channel, input: ChannelInput, env: Env): ChannelStep
//   freeze(channel, why: string): Channel        after a bug: phase `frozen`, takes part in nothing but what the user and the chain say
//   view(channel): ChannelView
//   watches(channel): { outpoints: readonly OutPoint[] }          what the chain follower must look for
//   publishable(channel, env): readonly { tx: Tx; label: TxLabel }[]   what should be in a mempool or in the chain now
//   deadlines(channel): readonly { height: Height; what: string }[]
//   channelCodec: Codec<Channel>  of the durable part; reading gives a disconnected channel
