import { TAP_VERSION } from '../../asset/commitment/tap-commitment.ts';
import { bip86ScriptKey } from '../../asset/keys.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { equalOutPoint, formatOutPoint } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { Wallet, WalletKeys } from '../wallet/types.ts';
import type { Transfer } from './assemble.ts';
import { handedOut } from './key-range.ts';
import { released } from './lease.ts';
import { isHeld } from './select.ts';
import { buildTransfer } from './transfer.ts';
import type { AssetState, Holding } from './types.ts';

/** Keys that were handed out now, and never will be again. */
export interface NewKeys {
  /** 33 bytes: what the asset is locked to. */
  readonly scriptKey: Bytes;
  /** 33 bytes: the key of the output that holds it. */
  readonly internalKey: Bytes;
  readonly scriptKeyIndex: number;
  readonly internalKeyIndex: number;
}

export function drawKeys(state: AssetState, env: NodeEnv): { readonly state: AssetState; readonly keys: NewKeys } {
  const [scriptKeyIndex, internalKeyIndex] = [state.nextKeyIndex, state.nextKeyIndex + 1];
  const scriptKey = bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey;
  const internalKey = env.walletKeys.assetKey(internalKeyIndex).publicKey;
  return {
    state: { ...state, nextKeyIndex: internalKeyIndex + 1 },
    keys: { scriptKey, internalKey, scriptKeyIndex, internalKeyIndex },
  };
}

/** Our keys, by their x coordinates as hex: what others say of whose they are is not relied on. */
export interface OwnKeyIndexes {
  readonly internal: ReadonlyMap<string, number>;
  readonly script: ReadonlyMap<string, number>;
}

export function ownKeyIndexes(state: AssetState, keys: WalletKeys): OwnKeyIndexes {
  const [internal, script] = [new Map<string, number>(), new Map<string, number>()];
  for (const index of handedOut(state)) {
    const { publicKey } = keys.assetKey(index);
    internal.set(toHex(xOnly(publicKey)), index);
    script.set(toHex(xOnly(bip86ScriptKey(publicKey).publicKey)), index);
  }
  return { internal, script };
}

export interface MoveRequest {
  readonly assetId: Bytes;
  readonly amount: bigint;
  /** What stands there and nothing else is spent, held back or not; null for the largest that are free. */
  readonly from: OutPoint | null;
  readonly note: string | null;
}

/**
 * Units of ours into an output of their own. Where `from` was offered for sale, this ends the offer: what it signed is spent. Fails with
 * NOT_FOUND or as every transfer does.
 */
export function moveToSelf(
  state: AssetState,
  wallet: Wallet,
  env: NodeEnv,
  request: MoveRequest & { readonly feerate: FeeratePerKw },
): Result<Transfer, NodeFailure> {
  const { assetId, amount, from, feerate, note } = request;
  const { state: drawn, keys } = drawKeys(state, env);
  const { scriptKey, internalKey, ...indexes } = keys;
  const here = from === null ? null : [...state.holdings.values()].filter((holding) => isAt(state, holding, from));
  if (from !== null && here?.length === 0) return fail({ code: 'NOT_FOUND', message: `no asset of ours is at ${formatOutPoint(from)}` });
  const [asset] = (here ?? [...state.holdings.values()]).filter(({ facts }) => equal(facts.assetId, assetId));
  const payout = {
    kind: 'send',
    assetId,
    amount,
    assetVersion: asset?.proof.asset.version ?? 0,
    scriptKey,
    place: 0,
    internalKey,
    sibling: null,
    script: null,
    interactive: true,
    delivery: null,
    own: { ...indexes, scriptKeyTweak: null },
  } as const;
  const free = from === null ? drawn : released(drawn, { outPoint: from });
  const base = { kind: 'send', payouts: [payout], commitmentVersion: TAP_VERSION.V2, feerate, note } as const;
  return buildTransfer(free, wallet, env, here === null ? base : { ...base, from: here });
}

const isAt = (state: AssetState, holding: Holding, outPoint: OutPoint): boolean =>
  equalOutPoint(holding.facts.outPoint, outPoint) && isHeld(state, holding) && holding.spentBy === null;
