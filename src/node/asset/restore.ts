import { ZERO32 } from '../../asset/genesis.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { BytesMap } from '../../base/bytes-map.ts';
import type { CommandId, TxId } from '../../base/ids.ts';
import { type Draft, emit, refuse, reply, update } from '../draft.ts';
import type { BlockPoint } from '../types.ts';
import { addUnconfirmed } from '../wallet/wallet.ts';
import { isDead, settleSpends } from './fate.ts';
import { withEarlierLife } from './key-range.ts';
import { type AssetState, NO_ASSETS } from './types.ts';

/** Assets of a backup, led up to the block `at` of the best chain; their histories are stored. */
export interface RestoreAction {
  readonly kind: 'restore';
  readonly assets: AssetState;
  readonly at: BlockPoint;
  /** Holdings whose proof does not hold, or whose output is gone: they stay out. */
  readonly without: readonly Bytes[];
}

/** Takes everything in at once, so that a crash leaves all of it or nothing. Refuses with POLICY where the chain has moved meanwhile. */
export function restore(draft: Draft, id: CommandId, { assets, at, without }: RestoreAction): void {
  const tip = draft.state.cursor.at(-1);
  if (tip === undefined || !equal(tip.hash, at.hash)) {
    refuse(draft, id, { code: 'POLICY', message: 'the chain has moved while the backup was read', hint: 'try again' });
    return;
  }
  const merged = merge(draft.state.assets, unbound(withoutHoldings(assets, without)));
  const keys = withEarlierLife(draft.state.assets, assets, draft.env.now);
  const next = settleSpends({ ...merged, ...keys });
  let { wallet } = draft.state;
  for (const anchor of next.anchors.values()) {
    if (anchor.block !== null || isDead(next, anchor.txid) || draft.state.assets.anchors.has(anchor.txid)) continue;
    wallet = addUnconfirmed(wallet, draft.env.walletKeys, { tx: anchor.tx, now: draft.env.now, label: 'asset' });
    emit(draft, { kind: 'publish', tx: anchor.tx, label: 'asset' });
  }
  update(draft, { assets: next, wallet });
  reply(draft, id, { kind: 'done' });
}

/** Who spent an output is not known where nobody was looking. */
const SOMEBODY = ZERO32 as TxId;

function withoutHoldings(state: AssetState, keys: readonly Bytes[]): AssetState {
  let { holdings } = state;
  // What they were stays on record, as spent by somebody: the way that led to what came of them passes through them.
  for (const key of keys) {
    const holding = holdings.get(key);
    if (holding !== undefined) holdings = holdings.set(key, { ...holding, spentBy: SOMEBODY });
  }
  return { ...state, holdings };
}

/** Coins and keys that a batch was bound to may be used by now: it is funded again. */
const unbound = (state: AssetState): AssetState => (state.batch === null ? state : { ...state, batch: { ...state.batch, funding: null } });

/** What is here already is newer than the backup, and stays; what is not comes from it. */
function merge(ours: AssetState, backedUp: AssetState): AssetState {
  const merged: Record<string, unknown> = {};
  for (const name of Object.keys(NO_ASSETS) as (keyof AssetState)[]) {
    const [here, there, none] = [ours[name], backedUp[name], NO_ASSETS[name]] as readonly unknown[];
    if (isMap(here) && isMap(there)) merged[name] = union(here, there);
    else merged[name] = toText(here) === toText(none) ? there : here;
  }
  return merged as unknown as AssetState;
}

type AnyMap = BytesMap<Bytes, unknown>;
const isMap = (value: unknown): value is AnyMap => typeof value === 'object' && value !== null && 'changesSince' in value;

function union(here: AnyMap, there: AnyMap): AnyMap {
  let map = here;
  for (const [key, value] of there.entries()) if (!map.has(key)) map = map.set(key, value);
  return map;
}

/** Only asked whether something is as empty as it is in a new wallet. */
const toText = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each instanceof Uint8Array ? toHex(each) : each));
