import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash, OutPoint, TxId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import type { FeeratePerKw, Height, Sat, UnixTime } from '../../base/units.ts';
import type { BlockHeader } from '../../bitcoin/block.ts';
import type { Tx } from '../../bitcoin/tx.ts';

/**
 * Where lnkit learns of the chain: bitcoind or an Esplora server. Everything a backend says is outside input: blocks are decoded with our own
 * codec and held to the hash that was asked for, and what is malformed comes back as a failure. Nothing here throws because of a backend.
 */
export interface ChainSource {
  readonly backend: 'bitcoind' | 'esplora';
  /** `host:port` or the URL, always without credentials. */
  readonly place: string;
  /** The hash of block 0: which chain this is. */
  network(): Promise<ChainResult<BlockHash>>;
  status(): Promise<ChainResult<ChainStatus>>;
  tip(): Promise<ChainResult<BlockRef>>;
  /** The block at a height of the best chain; null above the tip. */
  blockHash(height: Height): Promise<ChainResult<BlockHash | null>>;
  /** Null where the backend does not know the block. */
  header(hash: BlockHash): Promise<ChainResult<BlockHeader | null>>;
  /** Null where the backend does not know the block. */
  block(hash: BlockHash): Promise<ChainResult<ChainBlock | null>>;
  broadcast(tx: Tx): Promise<ChainResult<BroadcastOutcome>>;
  /** What `broadcast` would say, without sending; null where the backend cannot tell. */
  testAccept(tx: Tx): Promise<ChainResult<BroadcastOutcome | null>>;
  /** An estimate for confirmation within `targetBlocks` (1 to 1008); null where the backend has none. */
  feerate(targetBlocks: number): Promise<ChainResult<FeeratePerKw | null>>;
  /** What the backend's mempool asks at least, or null where it does not say. */
  minFeerate(): Promise<ChainResult<FeeratePerKw | null>>;
  /** A transaction of the chain or the mempool. Null: not known to this backend (a bitcoind without txindex knows only its mempool). */
  transaction(txid: TxId): Promise<ChainResult<KnownTx | null>>;
  /** The id of one transaction of a block on the best chain (how a short channel id is resolved); null where there is none. */
  txidAt(at: { readonly height: Height; readonly txIndex: number }): Promise<ChainResult<TxId | null>>;
  /** An output that is unspent on the best chain, whatever the mempool says; null where it is spent or never was. */
  output(outpoint: OutPoint): Promise<ChainResult<UnspentOutput | null>>;
  /** Every confirmed unspent output paying to one of the scripts: for finding a wallet again without reading every block. */
  unspent(scripts: readonly Bytes[]): Promise<ChainResult<readonly FoundOutput[]>>;
  /** Ids of the unconfirmed transactions that the backend has. */
  mempool(): Promise<ChainResult<readonly TxId[]>>;
  /** Calls back when the best chain may have changed. Only a hint to look: it may come late, twice or for nothing. */
  watchTip(onHint: () => void): StopWatching;
  /** Ends watches and connections; requests under way fail as unreachable. */
  close(): void;
}

export type StopWatching = () => void;

export type ChainResult<T> = Result<T, ChainFailure>;

export interface ChainFailure {
  readonly code: 'CHAIN_UNREACHABLE' | 'CHAIN_NOT_SYNCED' | 'WRONG_NETWORK' | 'MALFORMED';
  /** Names the backend and what happened; never holds credentials. */
  readonly message: string;
  readonly hint: string | null;
}

export interface BlockRef {
  readonly height: Height;
  readonly hash: BlockHash;
}

export interface ChainBlock extends BlockRef {
  readonly prevHash: BlockHash;
  readonly header: BlockHeader;
  readonly time: UnixTime;
  readonly txs: readonly Tx[];
}

export interface ChainStatus {
  readonly tip: BlockRef;
  /** The highest header that the backend has heard of; above the tip while it catches up. */
  readonly headers: Height;
  readonly synced: boolean;
}

export type BroadcastOutcome =
  | { readonly kind: 'accepted' }
  /** In the mempool or in a block already. */
  | { readonly kind: 'known' }
  | { readonly kind: 'rejected'; readonly why: RejectKind; readonly reason: string };

/**
 * Why a transaction was refused. `missing_inputs`: an input is unknown or spent on chain. `conflict`: it does not pay enough to replace what is in
 * the mempool. `fee`: below the mempool's floor. `not_final`: a lock time or relative lock is not over. `invalid`: a script fails. `policy`: the rest.
 */
export type RejectKind = 'missing_inputs' | 'conflict' | 'fee' | 'not_final' | 'invalid' | 'policy';

export interface KnownTx {
  readonly tx: Tx;
  readonly confirmed: BlockRef | null;
}

export interface UnspentOutput {
  readonly amount: Sat;
  readonly script: Bytes;
  readonly height: Height;
  readonly coinbase: boolean;
}

export interface FoundOutput {
  readonly outpoint: OutPoint;
  readonly amount: Sat;
  readonly script: Bytes;
  readonly height: Height;
}

/** Sorts the reject reason of Bitcoin Core (`reason` or `reason, details`). */
export function rejection(reason: string): BroadcastOutcome {
  if (/txn-already-in-mempool|txn-already-known|txn-same-nonwitness-data|already in (block chain|utxo set)/i.test(reason))
    return { kind: 'known' };
  return { kind: 'rejected', why: REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? 'policy', reason };
}

const REASONS: readonly (readonly [RegExp, RejectKind])[] = [
  [/missing-?inputs|missingorspent/i, 'missing_inputs'],
  [/insufficient fee|txn-mempool-conflict|replacement|spends-conflicting/i, 'conflict'],
  [/min relay fee not met|mempool min fee not met|min-fee-not-met/i, 'fee'],
  [/non-final|non-BIP68-final|premature-spend/i, 'not_final'],
  [/script-verify-flag|bad-txns|bad-witness|TX decode failed/i, 'invalid'],
];

export const unreachable = (message: string, hint: string | null = null): ChainFailure => ({ code: 'CHAIN_UNREACHABLE', message, hint });
export const notSynced = (message: string, hint: string | null = null): ChainFailure => ({ code: 'CHAIN_NOT_SYNCED', message, hint });
export const malformed = (message: string, hint: string | null = null): ChainFailure => ({ code: 'MALFORMED', message, hint });
export const wrongNetwork = (message: string, hint: string | null = null): ChainFailure => ({ code: 'WRONG_NETWORK', message, hint });
