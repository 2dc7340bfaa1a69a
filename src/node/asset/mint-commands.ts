import type { TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import { resolveExternalKey } from '../../asset/external-key.ts';
import { assetId } from '../../asset/genesis.ts';
import { customLeafControlBlock, groupInternalKey } from '../../asset/group-key.ts';
import { groupPsbt, isOf, signedGroupPsbt } from '../../asset/packet/group-psbt.ts';
import { virtualSighash } from '../../asset/vm/virtual-tx.ts';
import { assertNever } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { CommandId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { networkParams } from '../../bitcoin/network.ts';
import { encodeTx } from '../../bitcoin/tx.ts';
import { type Draft, refuse, reply, update } from '../draft.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { addSeedling, type Batched, cancelBatch, fundBatch, fundedBatch, type GivenWitness, openBatch, sealBatch } from './batch.ts';
import { buildMinting } from './mint.ts';
import { certain } from './sign.ts';
import { groupTxOf, type Sprout, sproutsOf } from './sprout.ts';
import { type AnchorCost, costOf, takeIn } from './take-in.ts';
import type { AssetState, MintBatch, Seedling } from './types.ts';

export type MintAction =
  /** A dry run tells what minting the batch with it would cost. */
  | { readonly kind: 'add_seedling'; readonly seedling: Seedling; readonly dryRun: boolean }
  | {
      readonly kind: 'fund_batch';
      readonly feerate: FeeratePerKw | null;
      readonly sibling: TapscriptPreimage | null;
      readonly dryRun: boolean;
    }
  /** With what was signed elsewhere: witnesses by asset, and PSBTs. */
  | { readonly kind: 'seal_batch'; readonly witnesses: readonly GivenWitness[]; readonly psbts: readonly Bytes[] }
  | { readonly kind: 'show_batch' }
  | { readonly kind: 'cancel_batch' }
  | { readonly kind: 'mint_batch'; readonly feerate: FeeratePerKw | null; readonly dryRun: boolean };

export interface MintReply {
  readonly kind: 'asset_batch';
  readonly batch: MintBatch;
  /** Of a funded batch: its assets with their ids, in the order of its seedlings. */
  readonly assets: readonly BatchAsset[] | null;
  readonly cost: AnchorCost | null;
}

export interface BatchAsset {
  readonly assetId: Bytes;
  readonly group: BatchGroup | null;
}

/** What somebody needs who signs for a group elsewhere. */
export interface BatchGroup {
  readonly groupKey: Bytes;
  readonly anchorId: Bytes;
  /** Our own key signs when the batch is sealed. */
  readonly ours: boolean;
  /** BIP 341, 33 bytes; null where it was not noted how the key came about. */
  readonly internalKey: Bytes | null;
  readonly merkleRoot: Bytes | null;
  /** The virtual transaction, what its key path signs, and both as a PSBT. */
  readonly tx: Bytes;
  readonly sighash: Bytes;
  readonly psbt: Bytes | null;
  /** Of the one leaf that is the whole of the group's own scripts (V1). */
  readonly controlBlock: Bytes | null;
}

export function mintCommand(draft: Draft, id: CommandId, action: MintAction): void {
  const before: Batched = { state: draft.state.assets, wallet: draft.state.wallet };
  switch (action.kind) {
    case 'add_seedling':
      answer(draft, id, add(before, draft.env, action), action.dryRun);
      return;
    case 'fund_batch': {
      const request = { feerate: action.feerate ?? draft.env.feerates.normal, sibling: action.sibling };
      answer(draft, id, fundBatch(before, draft.env, request), action.dryRun);
      return;
    }
    case 'seal_batch': {
      const given = givenWitnesses(before.state, draft.env, action);
      const sealed = given.ok ? sealBatch(before.state, draft.env, given.value) : given;
      answer(draft, id, sealed.ok ? ok({ ...before, state: sealed.value }) : sealed, false);
      return;
    }
    case 'show_batch':
      answer(draft, id, ok(before), true);
      return;
    case 'cancel_batch': {
      const cancelled = cancelBatch(before, draft.env.now);
      if (!cancelled.ok) {
        refuse(draft, id, cancelled.failure);
        return;
      }
      update(draft, { assets: cancelled.value.state, wallet: cancelled.value.wallet });
      reply(draft, id, { kind: 'asset_batch', batch: cancelled.value.batch, assets: null, cost: null });
      return;
    }
    case 'mint_batch':
      takeIn(draft, id, buildMinting(before, draft.env, { feerate: action.feerate }), action.dryRun);
      return;
    default:
      assertNever(action, 'mint command');
  }
}

/** Takes in what a batch has become, and tells of it; a dry run only tells. */
function answer(draft: Draft, id: CommandId, after: Result<Batched & { readonly cost?: AnchorCost }, NodeFailure>, dryRun: boolean): void {
  const open = after.ok ? openBatch(after.value.state) : after;
  if (!after.ok || !open.ok) {
    refuse(draft, id, (open as Extract<typeof open, { ok: false }>).failure);
    return;
  }
  const { state, wallet, cost } = after.value;
  if (!dryRun) update(draft, { assets: state, wallet });
  const { funding } = open.value;
  const known = cost ?? (funding === null ? null : costOf({ ...funding, outputs: 1 }));
  reply(draft, id, { kind: 'asset_batch', batch: open.value, assets: batchAssets(state, draft.env), cost: known });
}

function add(
  before: Batched,
  env: NodeEnv,
  { seedling, dryRun }: Extract<MintAction, { kind: 'add_seedling' }>,
): Result<Batched & { readonly cost?: AnchorCost }, NodeFailure> {
  const added = addSeedling(before.state, seedling, env.now);
  if (!added.ok) return added;
  const after = { ...before, state: added.value };
  if (!dryRun) return ok(after);
  const funded = fundBatch(after, env, { feerate: env.feerates.normal, sibling: null });
  const funding = funded.ok ? fundedBatch(funded.value.state) : funded;
  return funding.ok ? ok({ ...after, cost: costOf({ ...funding.value.funding, outputs: 1 }) }) : funding;
}

/** What is signed in PSBTs, by the assets of the batch, beside the witnesses that came as they are. */
function givenWitnesses(
  state: AssetState,
  env: NodeEnv,
  { witnesses, psbts }: Extract<MintAction, { kind: 'seal_batch' }>,
): Result<readonly GivenWitness[], NodeFailure> {
  const funded = fundedBatch(state);
  if (!funded.ok) return funded;
  const sprouts = sproutsOf(state, funded.value.batch, funded.value.funding, env.walletKeys);
  const given = [...witnesses];
  for (const psbt of psbts) {
    const signed = signedGroupPsbt(psbt);
    if (!signed.ok) return fail({ code: 'MALFORMED', message: signed.failure.message });
    const of = sprouts.find(({ joins, asset }) => joins !== null && isOf(signed.value, groupTxOf(asset).tx));
    if (of === undefined) return fail({ code: 'NOT_FOUND', message: 'a PSBT is of no asset of the batch' });
    given.push({ assetId: assetId(of.genesis), witness: signed.value.witness });
  }
  return ok(given);
}

function batchAssets(state: AssetState, env: NodeEnv): readonly BatchAsset[] | null {
  const funded = fundedBatch(state);
  if (!funded.ok) return null;
  const { batch, funding } = funded.value;
  return sproutsOf(state, batch, funding, env.walletKeys).map((sprout) => ({
    assetId: assetId(sprout.genesis),
    group: groupOf(sprout, env),
  }));
}

function groupOf({ joins, asset }: Sprout, env: NodeEnv): BatchGroup | null {
  if (joins === null) return null;
  const { groupKey, anchorId, reveal, external } = joins;
  const { tx, prevOut } = groupTxOf(asset);
  const internalKey = reveal === null ? null : groupInternalKey(reveal, anchorId);
  const merkleRoot = reveal?.tapscriptRoot ?? null;
  const signer = external === null ? null : { key: external, resolved: certain(resolveExternalKey(external)) };
  const { xpubVersion } = networkParams(env.network);
  const signing = { tx, prevOut, merkleRoot, anchorId, external: signer, xpubVersion };
  return {
    groupKey,
    anchorId,
    ours: joins.rawKeyIndex !== null,
    internalKey,
    merkleRoot,
    tx: encodeTx(tx),
    sighash: virtualSighash({ tx, asset, index: 0, prevOut }),
    psbt: internalKey === null ? null : groupPsbt({ ...signing, internalKey }),
    controlBlock: reveal?.version === 1 && reveal.customSubtreeRoot !== null ? customLeafControlBlock(reveal, anchorId) : null,
  };
}
