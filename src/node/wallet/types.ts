import { type Bytes, concat } from '../../base/bytes.ts';
import type { BytesMap } from '../../base/bytes-map.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import { type FeeratePerKw, feeratePerKw, type Height, type Sat, sat, type UnixTime } from '../../base/units.ts';
import type { AccountKind, KeyChain, KeyPath } from '../../bitcoin/hd.ts';
import type { Tx, TxOutput } from '../../bitcoin/tx.ts';
import type { Random, TxLabel } from '../../bolt/channel/types.ts';

export type { AccountKind, KeyChain, KeyPath, WalletKeys } from '../../bitcoin/hd.ts';

/** BIP 44: so many unused addresses in a row are watched. */
export const GAP_LIMIT = 20;
/** A coinbase output can be spent in the block this much above its own. */
export const COINBASE_MATURITY = 100;
/** A transaction this deep is kept as a line of history only. No reorganisation of this depth is undone exactly. */
export const FINAL_DEPTH = 288;

/** How far one chain of addresses has got. */
export interface ChainCursor {
  /** The next index to hand out. */
  readonly next: number;
  /** One above the highest index that a transaction was seen to pay. */
  readonly used: number;
}

export type ChainCursors = { readonly [A in AccountKind]: { readonly [C in KeyChain]: ChainCursor } };

/** An output that pays one of our scripts. */
export interface Coin {
  readonly outpoint: OutPoint;
  readonly output: TxOutput;
  readonly path: KeyPath;
  /** Of the block it is in; null while unconfirmed. */
  readonly height: Height | null;
  readonly coinbase: boolean;
  /** The transaction known to spend it. Coins go when that one is final. */
  readonly spentBy: TxId | null;
}

/** A transaction that pays us or spends from us. */
export interface WalletTx {
  readonly txid: TxId;
  /** null once it is final: only the line of history remains. */
  readonly tx: Tx | null;
  readonly height: Height | null;
  readonly seenAt: UnixTime;
  /** Sum of its outputs to us. */
  readonly received: Sat;
  /** Sum of our coins that it spends. */
  readonly spent: Sat;
  /** null where inputs of others hide it. */
  readonly fee: Sat | null;
  /** What lnkit made it for; null where others made it. */
  readonly label: TxLabel | null;
  /** The transaction of ours that it replaced. */
  readonly replaces: TxId | null;
}

/** What is stored. Nothing in it is secret, nothing in it depends on the height of the chain. */
export interface WalletDurable {
  readonly cursors: ChainCursors;
  /** By out point (`outPointKey`). */
  readonly coins: BytesMap<Bytes, Coin>;
  readonly txs: BytesMap<TxId, WalletTx>;
}

/**
 * The on-chain wallet. A value: every function gives a new one, or the very same where nothing changed.
 *
 * `scripts` and `pending` are derived from the rest. `reservations` are not stored: they hold the inputs of funding transactions that are
 * signed but not yet published, and a restart forgets the negotiations that those belong to.
 */
export interface Wallet extends WalletDurable {
  /** Every script watched: all used ones, all handed out, and GAP_LIMIT more of each chain. */
  readonly scripts: BytesMap<Bytes, KeyPath>;
  /** Which unconfirmed transaction of the wallet spends an out point, ours or not. */
  readonly pending: BytesMap<Bytes, TxId>;
  readonly reservations: BytesMap<TxId, Tx>;
}

export interface WalletFailure {
  readonly code: 'INSUFFICIENT_FUNDS' | 'POLICY' | 'USAGE' | 'NOT_FOUND';
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, string | number | bigint>>;
}

/** Fees above these are refused, whoever asks. */
export interface FeeLimits {
  readonly maxFeerate: FeeratePerKw;
  readonly maxFee: Sat;
}

/** 1,000 sat/vB, and a hundredth of a bitcoin for one transaction. */
export const DEFAULT_FEE_LIMITS: FeeLimits = { maxFeerate: feeratePerKw(250_000), maxFee: sat(1_000_000) };

/** What every transaction is made with. */
export interface BuildOptions {
  readonly feerate: FeeratePerKw;
  /** The chain's height now. */
  readonly height: Height;
  readonly random: Random;
  readonly limits?: FeeLimits;
  /** Must be left in the wallet afterwards (channels with anchors need coins to raise fees with). */
  readonly keep?: Sat;
  /** Coins that are not to be taken; default: none. */
  readonly held?: readonly OutPoint[];
}

/** A signed transaction of the wallet, not yet recorded and not yet published. */
export interface Spend {
  readonly tx: Tx;
  readonly fee: Sat;
  readonly weight: number;
  readonly inputs: readonly Coin[];
  readonly change: { readonly vout: number; readonly amount: Sat; readonly path: KeyPath } | null;
}

/** 36 bytes that name an out point in maps. */
export function outPointKey({ txid, vout }: OutPoint): Bytes {
  return concat(txid, Uint8Array.of(vout & 0xff, (vout >>> 8) & 0xff, (vout >>> 16) & 0xff, vout >>> 24));
}
