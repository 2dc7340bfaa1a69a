import { createHash, randomBytes } from 'node:crypto';
import type * as Lnd from './lnd-types.ts';
import { base64ToHex, base64ToTxid, hexToBase64, hexToBase64Url, type RestClient } from './rest.ts';

export interface OpenChannelOptions {
  readonly peer: string;
  readonly amountSat: number;
  readonly pushSat?: number;
  readonly private?: boolean;
  readonly scidAlias?: boolean;
  readonly zeroConf?: boolean;
  readonly commitmentType?: 'UNKNOWN_COMMITMENT_TYPE' | 'STATIC_REMOTE_KEY' | 'ANCHORS';
  readonly feeRate?: number;
  readonly closeAddress?: string;
  readonly minConfs?: number;
}

export interface Outpoint {
  readonly txid: string;
  readonly index: number;
}

export interface CloseOptions {
  readonly force?: boolean;
  /** sat/vB. */
  readonly feeRate?: number;
  readonly deliveryAddress?: string;
  /** Simple close only, where each end makes a transaction that pays its own fee: wait for this lnd's. */
  readonly own?: boolean;
  /** With `own`: the transaction that this one replaces by a higher fee, which lnd names again at first. */
  readonly replaces?: string;
}

export interface InvoiceOptions {
  /** Without it the payer chooses. */
  readonly amountMsat?: number | bigint;
  readonly memo?: string;
  readonly expirySeconds?: number;
  /** With hints over private channels. */
  readonly private?: boolean;
  readonly cltvExpiry?: number;
  readonly amp?: boolean;
}

export interface CreatedInvoice {
  readonly bolt11: string;
  readonly paymentHash: string;
}

export interface SendOptions {
  /** For an invoice without an amount. */
  readonly amountMsat?: number | bigint;
  readonly feeLimitMsat?: number;
  readonly timeoutSeconds?: number;
  readonly maxParts?: number;
  readonly maxShardMsat?: number;
  /** lnd's numbers (`chan_id`) of the channels that may be used first. */
  readonly outgoingChannels?: readonly string[];
  readonly selfPayment?: boolean;
}

const KEYSEND_RECORD = 5482373484;

const outpointPath = ({ txid, index }: Outpoint): string => `${txid}/${index}`;

export const parseOutpoint = (text: string): Outpoint => {
  const [txid = '', index] = text.split(':');
  return { txid, index: Number(index) };
};

/** What the suite asks of an lnd, over its REST API. Hashes, keys and transaction ids are hex here. */
export class LndClient {
  readonly rest: RestClient;

  constructor(rest: RestClient) {
    this.rest = rest;
  }

  getInfo(): Promise<Lnd.GetInfo> {
    return this.rest.call('GET', '/v1/getinfo');
  }

  async newAddress(type: 'WITNESS_PUBKEY_HASH' | 'TAPROOT_PUBKEY' = 'WITNESS_PUBKEY_HASH'): Promise<string> {
    const kind = type === 'TAPROOT_PUBKEY' ? 4 : 0;
    return (await this.rest.call<{ address: string }>('GET', `/v1/newaddress?type=${kind}`)).address;
  }

  walletBalance(): Promise<Lnd.WalletBalance> {
    return this.rest.call('GET', '/v1/balance/blockchain');
  }

  async sendCoins(address: string, sats: number, feeRate = 2): Promise<string> {
    const body = { addr: address, amount: String(sats), sat_per_vbyte: String(feeRate) };
    return (await this.rest.call<{ txid: string }>('POST', '/v1/transactions', body)).txid;
  }

  /** Connects to `NODE_ID@HOST:PORT`; being connected already is fine. */
  async connectPeer(address: string): Promise<void> {
    const [pubkey, host] = address.split('@');
    await this.rest.call('POST', '/v1/peers', { addr: { pubkey, host }, perm: false, timeout: '10' }).catch((error: Error) => {
      if (!error.message.includes('already connected')) throw error;
    });
  }

  async disconnectPeer(nodeId: string): Promise<void> {
    await this.rest.call('DELETE', `/v1/peers/${nodeId}`);
  }

  async listPeers(): Promise<readonly Lnd.LndPeer[]> {
    return (await this.rest.call<{ peers: Lnd.LndPeer[] }>('GET', '/v1/peers')).peers;
  }

  /** Returns once the funding transaction is published (or, with zero-conf, known). */
  async openChannel(options: OpenChannelOptions): Promise<Outpoint> {
    const point = await this.rest.call<{ funding_txid_bytes: string; output_index: number }>('POST', '/v1/channels', {
      node_pubkey: hexToBase64(options.peer),
      local_funding_amount: String(options.amountSat),
      push_sat: String(options.pushSat ?? 0),
      private: options.private ?? false,
      scid_alias: options.scidAlias ?? false,
      zero_conf: options.zeroConf ?? false,
      commitment_type: options.commitmentType ?? 'UNKNOWN_COMMITMENT_TYPE',
      sat_per_vbyte: String(options.feeRate ?? 2),
      close_address: options.closeAddress ?? '',
      min_confs: options.minConfs ?? 1,
      spend_unconfirmed: options.minConfs === 0,
    });
    return { txid: base64ToTxid(point.funding_txid_bytes), index: point.output_index };
  }

  /** Several channels with one funding transaction. */
  async openChannels(
    channels: readonly { readonly peer: string; readonly amountSat: number; readonly pushSat: number }[],
  ): Promise<readonly Outpoint[]> {
    const opened = await this.rest.call<{ pending_channels: readonly { txid: string; output_index: number }[] }>(
      'POST',
      '/v1/channels/batch',
      {
        channels: channels.map(({ peer, amountSat, pushSat }) => ({
          node_pubkey: hexToBase64(peer),
          local_funding_amount: String(amountSat),
          push_sat: String(pushSat),
        })),
        sat_per_vbyte: '2',
        spend_unconfirmed: true,
      },
    );
    return opened.pending_channels.map(({ txid, output_index }) => ({ txid: base64ToTxid(txid), index: output_index }));
  }

  async listChannels(): Promise<readonly Lnd.LndChannel[]> {
    return (await this.rest.call<{ channels: Lnd.LndChannel[] }>('GET', '/v1/channels')).channels;
  }

  pendingChannels(): Promise<Lnd.PendingChannels> {
    return this.rest.call('GET', '/v1/channels/pending');
  }

  async closedChannels(): Promise<readonly Lnd.ClosedChannel[]> {
    return (await this.rest.call<{ channels: Lnd.ClosedChannel[] }>('GET', '/v1/channels/closed')).channels;
  }

  /**
   * Returns the id of the first closing transaction that lnd tells of, or with `own` of its own one. Of two transactions of a simple
   * close the dearer one confirms, and without fee estimates an lnd offers 25 sat/vB: ask bitcoind which one spends the channel.
   */
  async closeChannel(channel: Outpoint, options: CloseOptions = {}): Promise<string> {
    // Without no_wait lnd refuses while an HTLC is still being removed, which the payment's verdict does not wait for.
    const query = new URLSearchParams({ force: String(options.force ?? false), no_wait: 'true' });
    if (options.feeRate !== undefined) query.set('sat_per_vbyte', String(options.feeRate));
    if (options.deliveryAddress !== undefined) query.set('delivery_address', options.deliveryAddress);
    const path = `/v1/channels/${outpointPath(channel)}?${query}`;
    for await (const update of this.rest.stream<{ close_pending?: { txid: string; local_close_tx: boolean } }>('DELETE', path)) {
      if (update.close_pending === undefined || (options.own === true && !update.close_pending.local_close_tx)) continue;
      const txid = base64ToTxid(update.close_pending.txid);
      if (txid !== options.replaces) return txid;
    }
    throw new Error(`lnd ended the close of ${channel.txid}:${channel.index} without a transaction`);
  }

  async updateChannelPolicy(policy: { baseFeeMsat: number; feeRatePpm: number; timeLockDelta: number; channel?: Outpoint }): Promise<void> {
    const { channel } = policy;
    const scope =
      channel === undefined ? { global: true } : { chan_point: { funding_txid_str: channel.txid, output_index: channel.index } };
    const body = {
      ...scope,
      base_fee_msat: String(policy.baseFeeMsat),
      fee_rate_ppm: policy.feeRatePpm,
      time_lock_delta: policy.timeLockDelta,
    };
    await this.rest.call('POST', '/v1/chanpolicy', body);
  }

  async addInvoice(options: InvoiceOptions = {}): Promise<CreatedInvoice> {
    const answer = await this.rest.call<{ r_hash: string; payment_request: string }>('POST', '/v1/invoices', invoiceBody(options));
    return { bolt11: answer.payment_request, paymentHash: base64ToHex(answer.r_hash) };
  }

  /** An invoice that stays accepted until `settleInvoice` or `cancelInvoice`: a payment can be stopped half way with it. */
  async addHoldInvoice(paymentHash: string, options: InvoiceOptions = {}): Promise<CreatedInvoice> {
    const body = { ...invoiceBody(options), hash: hexToBase64(paymentHash) };
    const answer = await this.rest.call<{ payment_request: string }>('POST', '/v2/invoices/hodl', body);
    return { bolt11: answer.payment_request, paymentHash };
  }

  async settleInvoice(preimage: string): Promise<void> {
    await this.rest.call('POST', '/v2/invoices/settle', { preimage: hexToBase64(preimage) });
  }

  async cancelInvoice(paymentHash: string): Promise<void> {
    await this.rest.call('POST', '/v2/invoices/cancel', { payment_hash: hexToBase64(paymentHash) });
  }

  lookupInvoice(paymentHash: string): Promise<Lnd.LndInvoice> {
    return this.rest.call('GET', `/v1/invoice/${paymentHash}`);
  }

  decodePayReq(bolt11: string): Promise<Lnd.DecodedInvoice> {
    return this.rest.call('GET', `/v1/payreq/${bolt11}`);
  }

  /** Pays and waits for the verdict: SUCCEEDED or FAILED, never a throw for a payment that failed. */
  sendPayment(bolt11: string, options: SendOptions = {}): Promise<Lnd.LndPayment> {
    const amount = options.amountMsat === undefined ? {} : { amt_msat: String(options.amountMsat) };
    return this.#send({ payment_request: bolt11, ...amount }, options);
  }

  /** A spontaneous payment; the preimage is random. */
  keysend(nodeId: string, amountMsat: number | bigint, options: SendOptions = {}): Promise<Lnd.LndPayment> {
    const preimage = randomBytes(32);
    const hash = createHash('sha256').update(preimage).digest('base64');
    const dest_custom_records = { [KEYSEND_RECORD]: preimage.toString('base64') };
    return this.#send({ dest: hexToBase64(nodeId), amt_msat: String(amountMsat), payment_hash: hash, dest_custom_records }, options);
  }

  async #send(what: object, options: SendOptions): Promise<Lnd.LndPayment> {
    const body = {
      ...what,
      timeout_seconds: options.timeoutSeconds ?? 60,
      fee_limit_msat: String(options.feeLimitMsat ?? 100_000),
      max_parts: options.maxParts ?? 16,
      max_shard_size_msat: String(options.maxShardMsat ?? 0),
      outgoing_chan_ids: options.outgoingChannels ?? [],
      allow_self_payment: options.selfPayment ?? false,
      no_inflight_updates: true,
    };
    let last: Lnd.LndPayment | undefined;
    for await (const payment of this.rest.stream<Lnd.LndPayment>('POST', '/v2/router/send', body)) last = payment;
    if (last === undefined) throw new Error('lnd ended the payment stream without a verdict');
    return last;
  }

  /** The stored payment, followed until it has a verdict: what a sender asks after lnd was restarted. */
  async trackPayment(paymentHash: string): Promise<Lnd.LndPayment> {
    const path = `/v2/router/track/${hexToBase64Url(paymentHash)}?no_inflight_updates=true`;
    let last: Lnd.LndPayment | undefined;
    for await (const payment of this.rest.stream<Lnd.LndPayment>('GET', path)) last = payment;
    if (last === undefined) throw new Error(`lnd knows no verdict for ${paymentHash}`);
    return last;
  }

  /** Every payment that lnd has stored, with or without a verdict. One that it never sent a part of has none for ever after a kill. */
  async listPayments(): Promise<readonly Lnd.LndPayment[]> {
    const query = 'include_incomplete=true&max_payments=10000';
    return (await this.rest.call<{ payments: readonly Lnd.LndPayment[] }>('GET', `/v1/payments?${query}`)).payments;
  }

  /** Forgets what earlier payments taught about channels. */
  async resetMissionControl(): Promise<void> {
    await this.rest.call('POST', '/v2/router/mc/reset', {});
  }

  /** The announced channels; with `unannounced` the own private ones too. */
  describeGraph(options: { readonly unannounced?: boolean } = {}): Promise<Lnd.Graph> {
    return this.rest.call('GET', `/v1/graph?include_unannounced=${options.unannounced ?? false}`);
  }

  async queryRoutes(nodeId: string, amountSat: number): Promise<readonly Lnd.LndRoute[]> {
    return (await this.rest.call<{ routes: Lnd.LndRoute[] }>('GET', `/v1/graph/routes/${nodeId}/${amountSat}`)).routes;
  }

  async forwardingHistory(): Promise<readonly Lnd.ForwardingEvent[]> {
    const answer = await this.rest.call<{ forwarding_events: Lnd.ForwardingEvent[] }>('POST', '/v1/switch', { num_max_events: 1000 });
    return answer.forwarding_events;
  }
}

function invoiceBody(options: InvoiceOptions): object {
  return {
    memo: options.memo ?? '',
    value_msat: String(options.amountMsat ?? 0),
    private: options.private ?? false,
    ...(options.amp === true ? { is_amp: true } : {}),
    ...(options.expirySeconds === undefined ? {} : { expiry: String(options.expirySeconds) }),
    ...(options.cltvExpiry === undefined ? {} : { cltv_expiry: String(options.cltvExpiry) }),
  };
}
