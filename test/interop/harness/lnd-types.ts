// The parts of lnd's REST answers that the suite reads. lnd writes 64-bit integers as decimal strings and bytes as base64.

export interface GetInfo {
  readonly version: string;
  readonly identity_pubkey: string;
  readonly alias: string;
  readonly block_height: number;
  readonly synced_to_chain: boolean;
  readonly synced_to_graph: boolean;
  readonly num_active_channels: number;
  readonly num_pending_channels: number;
  readonly features: Readonly<Record<string, { readonly name: string; readonly is_required: boolean; readonly is_known: boolean }>>;
}

export interface WalletBalance {
  readonly total_balance: string;
  readonly confirmed_balance: string;
  readonly unconfirmed_balance: string;
}

export interface Htlc {
  readonly incoming: boolean;
  readonly amount: string;
  readonly hash_lock: string;
  readonly expiration_height: number;
}

export interface LndChannel {
  readonly active: boolean;
  readonly remote_pubkey: string;
  /** `txid:index`. */
  readonly channel_point: string;
  readonly chan_id: string;
  readonly capacity: string;
  readonly local_balance: string;
  readonly remote_balance: string;
  readonly commit_fee: string;
  readonly fee_per_kw: string;
  readonly unsettled_balance: string;
  readonly num_updates: string;
  readonly pending_htlcs: readonly Htlc[];
  readonly private: boolean;
  readonly initiator: boolean;
  readonly commitment_type: string;
  readonly zero_conf: boolean;
  readonly zero_conf_confirmed_scid: string;
  readonly alias_scids: readonly string[];
  readonly peer_scid_alias: string;
  readonly local_chan_reserve_sat: string;
  readonly remote_chan_reserve_sat: string;
}

export interface PendingChannel {
  readonly remote_node_pub: string;
  readonly channel_point: string;
  readonly capacity: string;
  readonly local_balance: string;
  readonly remote_balance: string;
}

export interface PendingChannels {
  readonly pending_open_channels: readonly { readonly channel: PendingChannel }[];
  readonly pending_force_closing_channels: readonly {
    readonly channel: PendingChannel;
    readonly closing_txid: string;
    readonly limbo_balance: string;
    readonly maturity_height: number;
    readonly blocks_til_maturity: number;
    readonly recovered_balance: string;
  }[];
  readonly waiting_close_channels: readonly {
    readonly channel: PendingChannel;
    readonly limbo_balance: string;
    readonly closing_txid: string;
  }[];
}

export interface ClosedChannel {
  readonly channel_point: string;
  readonly closing_tx_hash: string;
  readonly settled_balance: string;
  readonly time_locked_balance: string;
  /** COOPERATIVE_CLOSE, LOCAL_FORCE_CLOSE, REMOTE_FORCE_CLOSE, BREACH_CLOSE, FUNDING_CANCELED or ABANDONED. */
  readonly close_type: string;
}

export interface LndInvoice {
  readonly memo: string;
  readonly r_preimage: string;
  readonly r_hash: string;
  readonly value_msat: string;
  readonly state: 'OPEN' | 'SETTLED' | 'CANCELED' | 'ACCEPTED';
  readonly payment_request: string;
  readonly amt_paid_msat: string;
  readonly htlcs: readonly { readonly amt_msat: string; readonly state: string; readonly chan_id: string }[];
}

export interface DecodedInvoice {
  readonly destination: string;
  readonly payment_hash: string;
  readonly num_msat: string;
  readonly timestamp: string;
  readonly expiry: string;
  readonly description: string;
  readonly cltv_expiry: string;
  readonly payment_addr: string;
  readonly route_hints: readonly { readonly hop_hints: readonly { readonly node_id: string; readonly chan_id: string }[] }[];
}

export interface LndPayment {
  readonly payment_hash: string;
  readonly payment_preimage: string;
  readonly value_msat: string;
  readonly fee_msat: string;
  readonly status: 'UNKNOWN' | 'IN_FLIGHT' | 'SUCCEEDED' | 'FAILED' | 'INITIATED';
  readonly failure_reason: string;
  readonly htlcs: readonly {
    readonly status: string;
    readonly route: LndRoute;
    readonly failure: { readonly code: string; readonly failure_source_index: number } | null;
  }[];
}

export interface LndRoute {
  readonly total_time_lock: number;
  readonly total_fees_msat: string;
  readonly total_amt_msat: string;
  readonly hops: readonly {
    readonly chan_id: string;
    readonly pub_key: string;
    readonly amt_to_forward_msat: string;
    readonly fee_msat: string;
    readonly expiry: number;
  }[];
}

export interface RoutingPolicy {
  readonly time_lock_delta: number;
  readonly min_htlc: string;
  readonly max_htlc_msat: string;
  readonly fee_base_msat: string;
  readonly fee_rate_milli_msat: string;
  readonly disabled: boolean;
}

export interface Graph {
  readonly nodes: readonly { readonly pub_key: string; readonly alias: string; readonly color: string }[];
  readonly edges: readonly {
    readonly channel_id: string;
    readonly chan_point: string;
    readonly node1_pub: string;
    readonly node2_pub: string;
    readonly capacity: string;
    readonly node1_policy: RoutingPolicy | null;
    readonly node2_policy: RoutingPolicy | null;
  }[];
}

export interface LndPeer {
  readonly pub_key: string;
  readonly address: string;
  readonly inbound: boolean;
  readonly sync_type: string;
  readonly features: GetInfo['features'];
}

export interface ForwardingEvent {
  readonly chan_id_in: string;
  readonly chan_id_out: string;
  readonly amt_in_msat: string;
  readonly amt_out_msat: string;
  readonly fee_msat: string;
}
