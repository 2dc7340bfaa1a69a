// Contract of the node: what it is told (NodeInput), what it asks for (NodeEffect), and what it knows (NodeState).
import type { Bytes } from '../base/bytes.ts';
import type { BytesMap } from '../base/bytes-map.ts';
import type { BlockHash, ChannelId, CommandId, NodeId, OutPoint, PaymentHash, Preimage, ShortChannelId, TxId } from '../base/ids.ts';
import type { Result } from '../base/result.ts';
import type { Blocks, FeeratePerKw, Height, Msat, Sat, UnixTime } from '../base/units.ts';
import type { BlockHeader } from '../bitcoin/block.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Tx } from '../bitcoin/tx.ts';
import type { Channel, Env, TxLabel } from '../bolt/channel/types.ts';
import type { Prior } from '../bolt/route/cost.ts';
import type { Outcome } from '../bolt/route/knowledge.ts';
import type { EdgeLesson, HintHop, Planner, Route } from '../bolt/route/query.ts';
import type { Message, UnknownMessage } from '../bolt/wire/message.ts';
import type { AssetCommand, AssetReply } from './asset/commands.ts';
import type { AssetState } from './asset/types.ts';
import type { Wallet, WalletKeys } from './wallet/types.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A peer: what is stored of it, and the link that is up now. */
export interface Peer {
  readonly nodeId: NodeId;
  readonly address: Address | null;
  /** The operator lets this peer open channels that are used before they confirm. */
  readonly trustedForZeroConf: boolean;
  /** The operator asked to be connected. Peers with channels are wanted anyway. */
  readonly wanted: boolean;
  readonly session: PeerSession;
}

export type PeerSession =
  | { readonly kind: 'down'; readonly attempts: number; readonly retryAt: UnixTime; readonly why: string }
  | { readonly kind: 'connecting'; readonly attempts: number }
  /** The transport is up, `init` was sent and not yet received. */
  | { readonly kind: 'greeting'; readonly link: number; readonly inbound: boolean; readonly since: UnixTime; readonly attempts: number }
  | {
      readonly kind: 'up';
      readonly link: number;
      readonly inbound: boolean;
      /** Their features as sent, and what both sides support. */
      readonly remoteFeatures: Bytes;
      readonly features: Bytes;
      readonly since: UnixTime;
      readonly lastHeard: UnixTime;
      readonly pingSentAt: UnixTime | null;
      /** Dials before this link, for the back-off where it does not last. */
      readonly attempts: number;
      /** Errors and warnings that came over this link. */
      readonly complaints: number;
    };

/** What we ask of those who forward through a channel (BOLT 7, channel_update). */
export interface Policy {
  readonly feeBaseMsat: Msat;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: Blocks;
  readonly htlcMinimumMsat: Msat;
  /** null: what the channel can carry. */
  readonly htlcMaximumMsat: Msat | null;
}

export type { EdgeLesson, FirstHop, HintHop, NoRoute, Planner, Route, RouteHop, RouteQuery } from '../bolt/route/query.ts';

export interface NodeEnv extends Env {
  readonly plan: Planner;
  /** What new channels ask of those who forward through them. */
  readonly defaultPolicy: Policy;
  readonly walletKeys: WalletKeys;
  readonly network: Network;
  readonly alias: string;
  readonly addresses: readonly Address[];
  /** Whether an invoice with this hash was ever stored: one that has ended is in the store only. Absent: there is no store. */
  readonly hasInvoice?: (hash: PaymentHash) => boolean;
}

export type PaymentStatus = 'pending' | 'settled' | 'failed';

export interface PaymentPart {
  readonly id: number;
  readonly status: 'in_flight' | 'settled' | 'failed';
  readonly amountMsat: Msat;
  readonly feeMsat: Msat;
  readonly route: Route;
  /** Of the onion, one for each hop: with them the failures are read. */
  readonly sharedSecrets: readonly Bytes[];
  readonly sentAt: UnixTime;
  readonly resolvedAt: UnixTime | null;
  readonly failure: PartFailure | null;
}

export interface PartFailure {
  /** Index of the hop that failed: 0 is our own channel's peer; null when unreadable, -1 when we ourselves could not send. */
  readonly hop: number | null;
  /** BOLT 4's name, or our own word where the onion does not tell. */
  readonly reason: string;
  readonly code: number | null;
  readonly final: boolean;
}

/** An outgoing payment. One payment hash, one payment; a new run of one that failed starts a new round in it. */
export interface Payment {
  readonly paymentHash: PaymentHash;
  readonly status: PaymentStatus;
  readonly destination: NodeId;
  readonly amountMsat: Msat;
  readonly maxFeeMsat: Msat;
  readonly maxParts: number;
  readonly bolt11: string | null;
  readonly paymentSecret: Bytes | null;
  readonly paymentMetadata: Bytes | null;
  /** For keysend: the preimage travels in the onion. */
  readonly keysendPreimage: Preimage | null;
  /** Idempotency key of the user. */
  readonly key: string | null;
  readonly finalCltvDelta: Blocks;
  readonly hints: readonly (readonly HintHop[])[];
  readonly outgoing: readonly ShortChannelId[];
  readonly excludedNodes: readonly NodeId[];
  readonly excludedChannels: readonly ShortChannelId[];
  readonly multipart: boolean;
  /** For this run only: after a restart routes are planned as the node is set up. */
  readonly prior?: Prior;
  readonly createdAt: UnixTime;
  /** No new part is sent after this. */
  readonly retryUntil: UnixTime;
  readonly finishedAt: UnixTime | null;
  readonly preimage: Preimage | null;
  readonly parts: readonly PaymentPart[];
  readonly lessons: readonly EdgeLesson[];
  readonly error: {
    readonly code: 'PAYMENT_FAILED' | 'NO_ROUTE' | 'REJECTED_BY_DESTINATION';
    readonly message: string;
    readonly hint: string;
  } | null;
}

/** A limit of fees for any amount: so many millionths of it, or the floor where that is more. */
export interface FeeLimit {
  readonly floorMsat: Msat;
  readonly millionths: number;
}

/** One HTLC of a probe: it cannot settle, because nobody knows a preimage of its hash. */
export interface ProbePart {
  readonly id: number;
  /** Index of the trial it belongs to; null for one that ends early to measure how long a hop takes. */
  readonly trial: number | null;
  /** `arrived`: the last hop of its route refused it, as it must. */
  readonly status: 'in_flight' | 'arrived' | 'failed';
  readonly route: Route;
  readonly sharedSecrets: readonly Bytes[];
  readonly failure: PartFailure | null;
}

/** One amount that a probe tried. */
export interface ProbeTrial {
  readonly amountMsat: Msat;
  readonly outcome: 'open' | 'arrived' | 'no_route' | 'gave_up' | 'timed_out';
  /** Plans that were tried; parts that arrived count on in the next one. */
  readonly rounds: number;
  /** The newest plan: ids of parts that stand for its routes. */
  readonly parts: readonly number[];
  /** Why there was no route, and what would help. */
  readonly why: { readonly message: string; readonly hint: string } | null;
}

/** A probe. It lives in memory only: what it learned is with the owner of the graph, and its HTLCs resolve without it. */
export interface Probe {
  readonly paymentHash: PaymentHash;
  readonly destination: NodeId;
  /** One amount, or the largest up to `amountMsat` that arrives. */
  readonly goal: 'amount' | 'max';
  readonly amountMsat: Msat;
  readonly feeLimit: FeeLimit;
  readonly maxParts: number;
  readonly finalCltvDelta: Blocks;
  readonly hints: readonly (readonly HintHop[])[];
  readonly outgoing: readonly ShortChannelId[];
  readonly excludedNodes: readonly NodeId[];
  readonly excludedChannels: readonly ShortChannelId[];
  readonly prior?: Prior;
  /** No part is sent after this, and nobody waits for one any more. */
  readonly deadline: UnixTime;
  readonly status: 'running' | 'done';
  readonly finishedAt: UnixTime | null;
  readonly trials: readonly ProbeTrial[];
  readonly parts: readonly ProbePart[];
  readonly lessons: readonly EdgeLesson[];
}

export interface InvoiceHtlc {
  readonly channelId: ChannelId;
  readonly htlcId: bigint;
  readonly amountMsat: Msat;
  readonly totalMsat: Msat;
  readonly cltvExpiry: Height;
  readonly sharedSecret: Bytes;
  readonly receivedAt: UnixTime;
}

export interface Invoice {
  readonly paymentHash: PaymentHash;
  /** null for a hold invoice until it is settled. */
  readonly preimage: Preimage | null;
  readonly hold: boolean;
  readonly paymentSecret: Bytes;
  readonly bolt11: string;
  readonly amountMsat: Msat | null;
  readonly description: string;
  readonly createdAt: UnixTime;
  readonly expiresAt: UnixTime;
  readonly minFinalCltvExpiryDelta: Blocks;
  readonly state: 'open' | 'accepted' | 'settled' | 'cancelled' | 'expired';
  readonly receivedMsat: Msat;
  readonly settledAt: UnixTime | null;
  /** The parts held now (`open`: not yet complete; `accepted`: complete and waiting for the preimage). */
  readonly htlcs: readonly InvoiceHtlc[];
}

/** An HTLC that came in on one channel and went out on another; its key in the map is `forwardKey`. */
export interface Forward {
  readonly inChannel: ChannelId;
  readonly inHtlcId: bigint;
  readonly outChannel: ChannelId;
  readonly sharedSecret: Bytes;
  readonly paymentHash: PaymentHash;
  readonly amountInMsat: Msat;
  readonly amountOutMsat: Msat;
  readonly createdAt: UnixTime;
}

/** What the node keeps of a channel beside the channel itself. */
export interface ChannelExtras {
  readonly channelId: ChannelId;
  readonly policy: Policy;
  /** Timestamp of our last channel_update, so that the next is later. */
  readonly updateTimestamp: UnixTime;
  /** The peer's channel_update for its direction, raw, of use for hints. */
  readonly remoteUpdate: Bytes | null;
  /** The signed announcement (type included), once both signed. */
  readonly announcement: Bytes | null;
  readonly openedAt: UnixTime;
  /** Our last update told everybody that the peer is away. */
  readonly toldDisabled?: boolean;
}

export interface BlockPoint {
  readonly height: Height;
  readonly hash: BlockHash;
}

export interface NodeState {
  readonly network: Network;
  readonly nodeId: NodeId;
  readonly peers: BytesMap<NodeId, Peer>;
  /** Open and closing channels; those being opened stand under their temporary id. */
  readonly channels: BytesMap<ChannelId, Channel>;
  readonly extras: BytesMap<ChannelId, ChannelExtras>;
  /** Pending payments; finished ones are in the store. */
  readonly payments: BytesMap<PaymentHash, Payment>;
  /** Open and accepted invoices; others are in the store. */
  readonly invoices: BytesMap<PaymentHash, Invoice>;
  readonly forwards: BytesMap<Bytes, Forward>;
  readonly wallet: Wallet;
  /** The best chain's last blocks as far as this node has followed it, oldest first. */
  readonly cursor: readonly BlockPoint[];
  readonly nextKeyIndex: number;
  readonly assets: AssetState;
  /** Session only: whose command each channel under its temporary id answers. */
  readonly opening: BytesMap<ChannelId, CommandId>;
  /** Session only: new channels whose update the peer shall hear when it has told its own, and since when. */
  readonly untold: BytesMap<ChannelId, UnixTime>;
  /** Session only: probes by their payment hash. */
  readonly probes: BytesMap<PaymentHash, Probe>;
  /** Session only: announced channels whose peer went or came back while our update says otherwise, and since when. */
  readonly away: BytesMap<ChannelId, UnixTime>;
}

export interface BlockInput {
  readonly kind: 'block';
  readonly height: Height;
  readonly hash: BlockHash;
  readonly time: UnixTime;
  /** Absent where nobody asks for proofs of what the block holds. */
  readonly header?: BlockHeader;
  readonly txs: readonly Tx[];
}

export type NodeInput =
  /** The encrypted transport is up. `link` numbers it: what an older link still says is ignored. */
  | { readonly kind: 'link_up'; readonly link: number; readonly peer: NodeId; readonly inbound: boolean; readonly address: Address | null }
  | { readonly kind: 'link_down'; readonly link: number; readonly peer: NodeId; readonly why: string }
  /** An attempt asked for by the effect `connect` came to nothing. */
  | { readonly kind: 'link_failed'; readonly peer: NodeId; readonly why: string }
  | { readonly kind: 'message'; readonly link: number; readonly peer: NodeId; readonly message: Message | UnknownMessage }
  | { readonly kind: 'malformed_message'; readonly link: number; readonly peer: NodeId; readonly type: number; readonly why: string }
  | BlockInput
  | { readonly kind: 'block_disconnected'; readonly height: Height; readonly hash: BlockHash }
  /** A transaction of ours (or of our scripts) was seen in the mempool. */
  | { readonly kind: 'unconfirmed'; readonly tx: Tx /** What lnkit made it for; absent where others made it. */; readonly label?: TxLabel }
  | { readonly kind: 'command'; readonly id: CommandId; readonly command: NodeCommand }
  | { readonly kind: 'tick' };

export type NodeEffect =
  | { readonly kind: 'send'; readonly link: number; readonly peer: NodeId; readonly message: Message }
  | { readonly kind: 'close_link'; readonly link: number; readonly peer: NodeId; readonly why: string }
  | { readonly kind: 'connect'; readonly peer: NodeId; readonly address: Address }
  | { readonly kind: 'publish'; readonly tx: Tx; readonly label: TxLabel }
  | { readonly kind: 'reply'; readonly id: CommandId; readonly result: Result<NodeReply, NodeFailure> }
  /** For the owner of the graph: a gossip message or query of a peer. */
  | { readonly kind: 'gossip'; readonly link: number; readonly peer: NodeId; readonly message: Message }
  /** For the owner of the graph, to be counted: a gossip message that could not be read. */
  | { readonly kind: 'gossip_malformed'; readonly link: number; readonly peer: NodeId; readonly type: number }
  /** For the owner of the graph: our own announcement or update, to store and to broadcast. */
  | { readonly kind: 'announce'; readonly message: Message }
  | { readonly kind: 'peer_ready'; readonly link: number; readonly peer: NodeId; readonly features: Bytes }
  | { readonly kind: 'peer_gone'; readonly link: number; readonly peer: NodeId }
  /** For the owner of the graph: what channels of others were seen to carry, or not. */
  | { readonly kind: 'learn'; readonly hops: Route['hops']; readonly outcome: Outcome }
  | { readonly kind: 'record'; readonly row: FactRow }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string };

/** History: written once with the state, never read by a step. */
export type FactRow =
  | { readonly kind: 'channel'; readonly channelId: ChannelId; readonly at: UnixTime; readonly what: string; readonly blob: Bytes }
  | { readonly kind: 'forwarding'; readonly at: UnixTime; readonly forward: Forward; readonly outcome: 'settled' | 'failed' };

export interface PayCommand {
  readonly kind: 'pay';
  readonly payment: Omit<Payment, 'status' | 'createdAt' | 'finishedAt' | 'preimage' | 'parts' | 'lessons' | 'error'>;
  /** What a probe learned just before. */
  readonly lessons?: readonly EdgeLesson[];
}

export interface ProbeCommand {
  readonly kind: 'probe';
  readonly probe: Omit<Probe, 'paymentHash' | 'status' | 'finishedAt' | 'trials' | 'parts' | 'lessons'>;
}

export type NodeCommand =
  | { readonly kind: 'connect_peer'; readonly peer: NodeId; readonly address: Address }
  | { readonly kind: 'disconnect_peer'; readonly peer: NodeId }
  | { readonly kind: 'trust_peer'; readonly peer: NodeId; readonly trusted: boolean }
  | {
      readonly kind: 'open_channel';
      readonly peer: NodeId;
      readonly capacity: Sat;
      readonly pushMsat: Msat;
      readonly isPublic: boolean;
      readonly zeroConf: boolean;
      readonly feerate: FeeratePerKw | null;
      readonly closeTo: Bytes | null;
    }
  | { readonly kind: 'close_channel'; readonly channelId: ChannelId; readonly script: Bytes | null; readonly feerate: FeeratePerKw | null }
  | { readonly kind: 'force_close_channel'; readonly channelId: ChannelId }
  | { readonly kind: 'set_policy'; readonly channelId: ChannelId; readonly policy: Partial<Policy> }
  | { readonly kind: 'update_fee'; readonly channelId: ChannelId; readonly feerate: FeeratePerKw }
  | {
      readonly kind: 'create_invoice';
      readonly amountMsat: Msat | null;
      readonly description: string;
      readonly expirySeconds: number;
      readonly minFinalCltvExpiryDelta: Blocks | null;
      readonly privateHints: boolean;
      /** A hold invoice for this hash; its preimage is not known here. */
      readonly holdHash: PaymentHash | null;
      readonly preimage: Preimage | null;
    }
  | { readonly kind: 'cancel_invoice'; readonly paymentHash: PaymentHash }
  | { readonly kind: 'settle_invoice'; readonly preimage: Preimage }
  | PayCommand
  | ProbeCommand
  | AssetCommand
  | { readonly kind: 'new_address'; readonly type: 'p2tr' | 'p2wpkh' }
  | {
      readonly kind: 'send_coins';
      /** null amount: everything. */
      readonly outputs: readonly { readonly script: Bytes; readonly amount: Sat | null }[];
      readonly feerate: FeeratePerKw | null;
      readonly dryRun: boolean;
    }
  | {
      readonly kind: 'bump_fee';
      readonly txid: TxId;
      readonly feerate: FeeratePerKw;
      readonly method: 'rbf' | 'cpfp' | 'auto';
      readonly dryRun: boolean;
    }
  | { readonly kind: 'estimate_funding'; readonly capacity: Sat; readonly feerate: FeeratePerKw | null };

export type NodeReply =
  | { readonly kind: 'done' }
  | { readonly kind: 'channel'; readonly channelId: ChannelId }
  | { readonly kind: 'invoice'; readonly invoice: Invoice }
  | { readonly kind: 'payment'; readonly payment: Payment }
  | { readonly kind: 'probe'; readonly probe: Probe }
  | { readonly kind: 'address'; readonly script: Bytes; readonly address: string }
  | { readonly kind: 'transaction'; readonly tx: Tx; readonly feeSat: Sat; readonly published: boolean }
  | AssetReply;

/** A refused command; `code` is one of the command line's error codes. */
export interface NodeFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, string | number | bigint>>;
}

export interface NodeStep {
  readonly state: NodeState;
  readonly effects: readonly NodeEffect[];
}

export type { OutPoint };
