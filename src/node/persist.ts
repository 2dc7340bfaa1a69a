import { utf8 } from '../base/bytes.ts';
import { type BytesMap, bytesMap } from '../base/bytes-map.ts';
import type { Result } from '../base/result.ts';
import { fail, ok } from '../base/result.ts';
import type { Network } from '../bitcoin/network.ts';
import { channelCodec } from '../bolt/channel/codec.ts';
import type { Channel, KeyManager } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import { type Codec, type DecodeFailure, decodeWith, encodeWith } from '../codec/codec.ts';
import { keepForBatch } from './asset/batch.ts';
import { assetRows, loadAssets, restAssets } from './asset/persist.ts';
import type { Batch, HistoryRow, Row, StoredState } from './batch.ts';
import { cursorCodec, extrasCodec, invoiceCodec, numberCodec, paymentCodec, peerCodec } from './codec.ts';
import { forwardCodec, historyRow } from './facts.ts';
import { inFlight, isDone } from './pay.ts';
import type { Invoice, NodeEffect, NodeState, Payment, Peer } from './types.ts';
import { walletCodec } from './wallet/codec.ts';
import type { Wallet, WalletKeys } from './wallet/types.ts';
import { newWallet, restoreWallet } from './wallet/wallet.ts';

const WALLET = utf8('wallet');
const CURSOR = utf8('cursor');
const KEY_INDEX = utf8('key_index');

/** Everything in which two states differ, as rows, with the facts that the steps between them recorded. */
export function batchOf(before: NodeState, after: NodeState, effects: readonly NodeEffect[]): Batch {
  const rows: Row[] = [
    ...channelRows(before, after),
    ...rowsOf(before.extras, after.extras, (key, value) => ({ table: 'extras', key, blob: value && encodeWith(extrasCodec, value) })),
    ...rowsOf(before.forwards, after.forwards, (key, value) => ({ table: 'forward', key, blob: value && encodeWith(forwardCodec, value) })),
    ...paymentRows(before, after),
    ...invoiceRows(before, after),
    ...peerRows(before, after),
    ...assetRows(before.assets, after.assets),
  ];
  if (before.wallet !== after.wallet && walletDiffers(before.wallet, after.wallet))
    rows.push({ table: 'meta', key: WALLET, blob: encodeWith(walletCodec, after.wallet) });
  if (before.cursor !== after.cursor) rows.push({ table: 'meta', key: CURSOR, blob: encodeWith(cursorCodec, after.cursor) });
  if (before.nextKeyIndex !== after.nextKeyIndex)
    rows.push({ table: 'meta', key: KEY_INDEX, blob: encodeWith(numberCodec, after.nextKeyIndex) });
  const history: HistoryRow[] = effects.flatMap((effect) => (effect.kind === 'record' ? [historyRow(effect.row)] : []));
  return { rows, history };
}

const walletDiffers = (a: Wallet, b: Wallet): boolean => a.cursors !== b.cursors || a.coins !== b.coins || a.txs !== b.txs;

function rowsOf<K extends Uint8Array, V>(before: BytesMap<K, V>, after: BytesMap<K, V>, row: (key: K, value: V | null) => Row): Row[] {
  return [...after.changesSince(before)].map(([key, value]) => row(key, value ?? null));
}

function channelRows(before: NodeState, after: NodeState): Row[] {
  return [...after.channels.changesSince(before.channels)].flatMap(([key, channel]): Row[] => {
    if (channel === undefined) return [{ table: 'channel', key, blob: null }];
    // The session is not stored: a change of nothing else needs no row.
    if (before.channels.get(key)?.durable === channel.durable) return [];
    const { peer, phase } = view(channel);
    // Before the signatures nothing is at stake: a channel that is being opened is forgotten by a restart as by a disconnection.
    if (phase === 'opening') return [];
    return [{ table: 'channel', key, blob: encodeWith(channelCodec, channel), peer, phase, closed: phase === 'closed' }];
  });
}

function paymentRows(before: NodeState, after: NodeState): Row[] {
  return [...after.payments.changesSince(before.payments)].flatMap(([key, payment]): Row[] => {
    if (payment === undefined) return [];
    // As long as a part is in flight the row counts as pending, so that a restart brings it back into memory.
    const status = inFlight(payment) ? 'pending' : payment.status;
    const { destination, amountMsat, createdAt, key: idempotencyKey } = payment;
    return [{ table: 'payment', key, blob: encodeWith(paymentCodec, payment), status, destination, amountMsat, idempotencyKey, createdAt }];
  });
}

function invoiceRows(before: NodeState, after: NodeState): Row[] {
  return [...after.invoices.changesSince(before.invoices)].flatMap(([key, invoice]): Row[] =>
    invoice === undefined
      ? []
      : [{ table: 'invoice', key, blob: encodeWith(invoiceCodec, invoice), state: invoice.state, createdAt: invoice.createdAt }],
  );
}

function peerRows(before: NodeState, after: NodeState): Row[] {
  return [...after.peers.changesSince(before.peers)].flatMap(([key, peer]): Row[] => {
    const old = before.peers.get(key);
    if (peer === undefined) return old === undefined || isPlain(old) ? [] : [{ table: 'peer', key, blob: null }];
    if (isPlain(peer) && (old === undefined || isPlain(old))) return [];
    const same =
      old !== undefined && old.address === peer.address && old.wanted === peer.wanted && old.trustedForZeroConf === peer.trustedForZeroConf;
    return same ? [] : [{ table: 'peer', key, blob: encodeWith(peerCodec, peer) }];
  });
}

/** Nothing but a link is known of it: whoever connects costs no row. */
const isPlain = (peer: Peer): boolean => peer.address === null && !peer.wanted && !peer.trustedForZeroConf;

/** Drops from memory what came to its end (since an older state, where one is given) and is committed: it can be read from the store. */
export function prune(state: NodeState, since?: NodeState): NodeState {
  const before = since ?? { payments: bytesMap(), invoices: bytesMap(), channels: bytesMap() };
  let { payments, invoices, channels, extras } = state;
  for (const [key, payment] of payments.changesSince(before.payments))
    if (payment !== undefined && isDone(payment)) payments = payments.delete(key);
  for (const [key, invoice] of invoices.changesSince(before.invoices))
    if (invoice !== undefined && invoice.state !== 'open' && invoice.state !== 'accepted') invoices = invoices.delete(key);
  for (const [key, channel] of channels.changesSince(before.channels))
    if (channel !== undefined && view(channel).phase === 'closed') {
      channels = channels.delete(key);
      extras = extras.delete(key);
    }
  const assets = since === undefined ? state.assets : restAssets(state.assets, since.assets);
  const same = payments === state.payments && invoices === state.invoices && channels === state.channels && assets === state.assets;
  return same ? state : { ...state, payments, invoices, channels, extras, assets };
}

export interface LoadOptions {
  readonly network: Network;
  readonly keys: KeyManager;
  readonly walletKeys: WalletKeys;
}

/** The node as it was stored, with no session up. Fails with the place of the first blob that does not decode. */
export function loadState(stored: StoredState, options: LoadOptions): Result<NodeState, DecodeFailure> {
  try {
    const walletBlob = stored.meta.get('wallet');
    const cursorBlob = stored.meta.get('cursor');
    const keyIndex = stored.meta.get('key_index');
    const assets = loadAssets(stored, must);
    const channels = stored.channels.map((blob): Channel => must('channel', channelCodec, blob));
    return ok({
      network: options.network,
      nodeId: options.keys.nodeId,
      peers: bytesMap(stored.peers.map((blob) => must('peer', peerCodec, blob)).map((peer) => [peer.nodeId, peer])),
      channels: bytesMap(channels.map((channel) => [view(channel).channelId, channel])),
      extras: bytesMap(stored.extras.map((blob) => must('extras', extrasCodec, blob)).map((extras) => [extras.channelId, extras])),
      payments: bytesMap(
        stored.payments.map((blob) => must('payment', paymentCodec, blob)).map((payment) => [payment.paymentHash, payment]),
      ),
      invoices: bytesMap(
        stored.invoices.map((blob) => must('invoice', invoiceCodec, blob)).map((invoice) => [invoice.paymentHash, invoice]),
      ),
      forwards: bytesMap(stored.forwards.map(({ key, blob }) => [key, must('forward', forwardCodec, blob)])),
      wallet: keepForBatch(
        walletBlob === undefined
          ? newWallet(options.walletKeys)
          : restoreWallet(must('wallet', walletCodec, walletBlob), options.walletKeys),
        assets,
      ),
      cursor: cursorBlob === undefined ? [] : must('cursor', cursorCodec, cursorBlob),
      assets,
      nextKeyIndex: keyIndex === undefined ? 0 : must('key_index', numberCodec, keyIndex),
      opening: bytesMap(),
      untold: bytesMap(),
      probes: bytesMap(),
      away: bytesMap(),
    });
  } catch (error) {
    if (error instanceof Damaged) return fail(error.failure);
    throw error;
  }
}

/** A blob that does not decode. Its code is the one of the command line. */
class Damaged extends Error {
  readonly code = 'STORE_CORRUPT';
  readonly hint = 'restore the store from a backup; it was not written to';
  readonly failure: DecodeFailure;
  constructor(failure: DecodeFailure) {
    super(`the store is damaged at ${failure.path}: ${failure.message}`);
    this.failure = failure;
  }
}

function must<T>(name: string, codec: Codec<T>, blob: Uint8Array): T {
  const decoded = decodeWith(codec, blob);
  if (!decoded.ok) throw new Damaged({ ...decoded.failure, path: `${name}.${decoded.failure.path}` });
  return decoded.value;
}

export const decodePayment = (blob: Uint8Array): Payment => must('payment', paymentCodec, blob);
export const decodeInvoiceRecord = (blob: Uint8Array): Invoice => must('invoice', invoiceCodec, blob);
