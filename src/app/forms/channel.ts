import { toHex } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { formatScid } from '../../base/ids.ts';
import { formatOutPoint, formatTxId } from '../../bitcoin/tx.ts';
import type { ChannelView } from '../../bolt/channel/types.ts';
import { jsonInteger } from '../json.ts';
import { amount, choice, count, flag, hex, list, nullable, object, outpoint, type SchemaOf, scid, type TypeOf, text } from '../schema.ts';

const htlcSchema = object({
  direction: choice(['offered', 'received']),
  id: text({ pattern: '^\\d+$' }),
  amount_msat: amount(),
  payment_hash: hex(32),
  expiry_height: count(),
});

/** A channel as `channel list` and `channel show` print it. */
export const channelSchema = object({
  channel_id: hex(32),
  short_channel_id: nullable(scid()),
  alias: nullable(scid({ description: 'what stands for the short channel id in invoices' })),
  peer: hex(33),
  state: text(),
  connected: flag(),
  usable: flag({ description: 'HTLCs may be added now' }),
  funder: choice(['local', 'remote']),
  public: flag(),
  zero_conf: flag(),
  channel_type: list(text()),
  funding_outpoint: nullable(outpoint()),
  funding_height: nullable(count()),
  capacity_sat: amount(),
  local_msat: amount(),
  remote_msat: amount(),
  sendable_msat: amount(),
  receivable_msat: amount(),
  feerate_per_kw: count(),
  htlcs: list(htlcSchema),
  closing: nullable(object({ how: text(), why: text(), txids: list(hex(32)) })),
  safe_offline_until_height: nullable(count()),
});
export type ChannelJson = TypeOf<typeof channelSchema>;

export const channelsSchema: SchemaOf<{ readonly channels: readonly ChannelJson[] }> = object({ channels: list(channelSchema) });

export function channelJson(seen: ChannelView): ChannelJson {
  return {
    channel_id: toHex(seen.channelId),
    short_channel_id: seen.scid === null ? null : formatScid(seen.scid),
    alias: seen.localAlias === null ? null : formatScid(seen.localAlias),
    peer: toHex(seen.peer),
    state: seen.phase,
    connected: seen.connected,
    usable: seen.usable,
    funder: seen.isFunder ? 'local' : 'remote',
    public: seen.isPublic,
    zero_conf: seen.isZeroConf,
    channel_type: seen.channelType,
    funding_outpoint: seen.fundingOutpoint === null ? null : formatOutPoint(seen.fundingOutpoint),
    funding_height: seen.fundingHeight,
    capacity_sat: jsonInteger(seen.capacity),
    local_msat: jsonInteger(seen.localMsat),
    remote_msat: jsonInteger(seen.remoteMsat),
    sendable_msat: jsonInteger(seen.sendableMsat),
    receivable_msat: jsonInteger(seen.receivableMsat),
    feerate_per_kw: seen.feeratePerKw,
    htlcs: seen.htlcs.map(({ direction, htlc }) => ({
      direction,
      id: `${htlc.id}`,
      amount_msat: jsonInteger(htlc.amountMsat),
      payment_hash: toHex(htlc.paymentHash),
      expiry_height: htlc.cltvExpiry,
    })),
    closing:
      seen.closing === null
        ? null
        : { how: seen.closing.how, why: seen.closing.why, txids: seen.closing.txids.map((txid) => formatTxId(txid as TxId)) },
    safe_offline_until_height: seen.safeOfflineUntilHeight,
  };
}
