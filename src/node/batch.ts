// Contract between node and store: everything that one step, or several that waited together, changed; written in one transaction.
import type { Bytes } from '../base/bytes.ts';
import type { ChannelId, NodeId, PaymentHash } from '../base/ids.ts';
import type { Msat, UnixTime } from '../base/units.ts';

export const ASSET_TABLES = ['asset', 'asset_anchor', 'asset_known', 'asset_group', 'asset_address'] as const;
export type AssetTable = (typeof ASSET_TABLES)[number];

/** One row to write whole, or (blob null) to remove. Columns beside the blob are for queries only: the blob is the truth. */
export type Row =
  | {
      readonly table: 'channel';
      readonly key: ChannelId;
      readonly blob: Bytes;
      readonly peer: NodeId;
      readonly phase: string;
      readonly closed: boolean;
    }
  | { readonly table: 'channel'; readonly key: ChannelId; readonly blob: null }
  | { readonly table: 'extras'; readonly key: ChannelId; readonly blob: Bytes | null }
  | {
      readonly table: 'payment';
      readonly key: PaymentHash;
      readonly blob: Bytes;
      readonly status: string;
      readonly destination: NodeId;
      readonly amountMsat: Msat;
      readonly idempotencyKey: string | null;
      readonly createdAt: UnixTime;
    }
  | { readonly table: 'invoice'; readonly key: PaymentHash; readonly blob: Bytes; readonly state: string; readonly createdAt: UnixTime }
  | { readonly table: 'forward'; readonly key: Bytes; readonly blob: Bytes | null }
  | { readonly table: 'peer'; readonly key: NodeId; readonly blob: Bytes | null }
  | { readonly table: AssetTable; readonly key: Bytes; readonly blob: Bytes | null }
  /** A transition of an asset before it came to us; never changed, and read one at a time. */
  | { readonly table: 'asset_history'; readonly key: Bytes; readonly blob: Bytes }
  | { readonly table: 'meta'; readonly key: Bytes; readonly blob: Bytes };

/** History, appended and never rewritten. `subject` is the channel concerned, or empty. */
export interface HistoryRow {
  readonly subject: Bytes;
  readonly at: UnixTime;
  readonly what: string;
  readonly blob: Bytes;
}

export interface Batch {
  readonly rows: readonly Row[];
  readonly history: readonly HistoryRow[];
}

/** What is read back at the start: blobs by table, for the node to decode. Payments and invoices: only what is not finished. */
export interface StoredState {
  readonly channels: readonly Bytes[];
  readonly extras: readonly Bytes[];
  readonly payments: readonly Bytes[];
  readonly invoices: readonly Bytes[];
  readonly forwards: readonly { readonly key: Bytes; readonly blob: Bytes }[];
  readonly peers: readonly Bytes[];
  /** Absent: none. */
  readonly assets?: { readonly [T in AssetTable]: readonly Bytes[] };
  readonly meta: ReadonlyMap<string, Bytes>;
}
