import { evenKey } from '../../asset/keys.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import type { Bytes } from '../../base/bytes.ts';
import { toHex, tryHex } from '../../base/bytes.ts';
import type { ProofType, Universe } from './contract.ts';
import { plain } from './database.ts';
import type { LocalUniverse } from './local.ts';
import { logSyncs, totals, type UniverseTotals } from './stats.ts';

/** What a universe that is served to others knows besides. */
export interface ServedUniverse {
  readonly universe: Universe;
  /** Of the tree over all universes of one type; null where there are none. */
  multiverseRoot(proofType: ProofType): NodeRef | null;
  stats(): UniverseTotals;
  /** The group (33 bytes) of an asset that was minted into one. */
  groupOf(assetId: Bytes): Bytes | null;
  /** A leaf of this asset went out. */
  handedOut(assetId: Bytes): void;
}

/** Who asks again and again costs no more than one count in this time. */
const STATS_MS = 5_000;
/** An asset that is asked for is written down once in this time, however often it is: nobody fills the file by asking. */
const EVENTS_MS = 60_000;
const MAX_ASSETS = 10_000;

/** Our own universe as it is served. `close` writes down what was handed out. */
export function servedUniverse(local: LocalUniverse, now: () => number): ServedUniverse & { close(): void } {
  const { database } = local;
  const asked = new Set<string>();
  let counted: { readonly at: number; readonly stats: UniverseTotals } | undefined;
  const flush = (): void => {
    if (asked.size === 0) return;
    const assets = [...asked].flatMap((id) => tryHex(id) ?? []);
    asked.clear();
    logSyncs(database, assets, now());
  };
  const timer = setInterval(flush, EVENTS_MS).unref();
  return {
    universe: local,
    multiverseRoot: (proofType) => local.multiverseRoot(proofType),
    stats() {
      const at = performance.now();
      if (counted === undefined || at - counted.at > STATS_MS) counted = { at, stats: totals(database) };
      return counted.stats;
    },
    groupOf(assetId) {
      const row = database.one('SELECT group_key FROM asset WHERE id = ?', assetId);
      return row === null || row['group_key'] === null ? null : evenKey(plain(row['group_key']));
    },
    handedOut: (assetId) => void (asked.size < MAX_ASSETS && asked.add(toHex(assetId))),
    close() {
      clearInterval(timer);
      flush();
    },
  };
}
