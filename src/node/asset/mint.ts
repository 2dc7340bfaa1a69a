import { optionalSiblingHash } from '../../asset/commitment/sibling.ts';
import { commitForChain, commitmentOutputKey, TAP_VERSION, tapRoot } from '../../asset/commitment/tap-commitment.ts';
import { assetId } from '../../asset/genesis.ts';
import { type AnchorOutput, BIP86_PROOF, createProof } from '../../asset/proof/create.ts';
import type { Proof } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { Wallet } from '../wallet/types.ts';
import { type Funding, signAnchor } from './anchor-tx.ts';
import { type Batched, freeAfterBatch, fundBatch, fundedBatch, fundingOf, openBatch, sealBatch } from './batch.ts';
import { holdingOf } from './holding.ts';
import { certain } from './sign.ts';
import { type Sprout, sproutsOf, withGroupWitness } from './sprout.ts';
import type { Anchor, AssetState, Holding, KnownAsset } from './types.ts';

/** A minting that is signed and changes nothing until it is taken in. */
export interface Minting extends Batched {
  /** With the batch minted. */
  readonly state: AssetState;
  /** The coins of the batch are no longer kept: the transaction spends them. */
  readonly wallet: Wallet;
  readonly anchor: Anchor;
  readonly holdings: readonly Holding[];
  readonly funding: Funding;
}

/**
 * Mints the open batch: all its assets stand in the first output of one transaction. Funds and seals it before that, where it is not yet. `feerate`
 * null: the usual one.
 */
export function buildMinting(before: Batched, env: NodeEnv, part: { readonly feerate: FeeratePerKw | null }): Result<Minting, NodeFailure> {
  const sealed = fundAndSeal(before, env, part.feerate);
  if (!sealed.ok) return sealed;
  const { state, wallet } = sealed.value;
  const funded = fundedBatch(state);
  if (!funded.ok) return funded;
  const { batch, funding: stored } = funded.value;
  const funding = fundingOf(wallet, stored, env);
  if (!funding.ok) return funding;
  const witnesses = must(stored.witnesses ?? undefined, 'a sealed batch');
  const sprouts = sproutsOf(state, batch, stored, env.walletKeys).map((sprout, index) => ({
    ...sprout,
    asset: withGroupWitness(sprout.asset, must(witnesses[index], 'a witness for each asset')),
  }));
  const assets = sprouts.map(({ asset }) => asset);
  const commitment = certain(commitForChain(TAP_VERSION.V2, assets));
  const internalKey = env.walletKeys.assetKey(stored.internalKeyIndex).publicKey;
  const sibling = certain(optionalSiblingHash(stored.sibling));
  const outputKey = must(commitmentOutputKey(tapRoot(commitment), { internalKey, sibling }), 'the internal key is a point');
  const tx = signAnchor(funding.value, env.walletKeys, { scripts: [p2trScript(outputKey)], locktime: env.height });
  const content = { kind: 'assets', commitment, sibling: stored.sibling } as const;
  const outputs: AnchorOutput[] = [{ outputIndex: 0, internalKey, content }, ...changeOutput(funding.value)];
  const holdings = sprouts.map((each): Holding => {
    const { scriptKeyIndex } = each;
    return { ...holdingOf(proofOf(each, tx, outputs)), scriptKeyIndex, internalKeyIndex: stored.internalKeyIndex };
  });
  const feeSat = funding.value.feeSat;
  const anchor: Anchor = {
    txid: txId(tx),
    tx,
    kind: 'mint',
    block: null,
    feeSat,
    createdAt: env.now,
    deliveries: [],
    note: null,
    replaces: null,
  };
  const after = minted(state, { anchor, holdings, sprouts });
  return ok({ state: after, wallet: freeAfterBatch(wallet, stored), anchor, holdings, funding: funding.value });
}

function fundAndSeal(before: Batched, env: NodeEnv, feerate: FeeratePerKw | null): Result<Batched, NodeFailure> {
  const open = openBatch(before.state);
  if (!open.ok) return open;
  const isFunded = open.value.funding !== null;
  if (isFunded && feerate !== null) return fail({ code: 'USAGE', message: 'the batch is funded: its fee is fixed' });
  const request = { feerate: feerate ?? env.feerates.normal, sibling: null };
  const funded = isFunded ? ok(before) : fundBatch(before, env, request);
  if (!funded.ok || (funded.value.state.batch?.funding?.witnesses ?? null) !== null) return funded;
  const sealed = sealBatch(funded.value.state, env, []);
  return sealed.ok ? ok({ ...funded.value, state: sealed.value }) : sealed;
}

function proofOf({ seedling, asset, genesis, joins, begins }: Sprout, tx: Tx, outputs: readonly AnchorOutput[]): Proof {
  return createProof({
    prevOut: genesis.firstPrevOut,
    anchorTx: tx,
    outputs,
    asset,
    outputIndex: 0,
    genesis,
    ...(seedling.meta === null ? {} : { metaReveal: seedling.meta }),
    ...(begins && joins !== null && joins.reveal !== null ? { groupKeyReveal: joins.reveal } : {}),
  });
}

function minted(
  state: AssetState,
  part: { readonly anchor: Anchor; readonly holdings: readonly Holding[]; readonly sprouts: readonly Sprout[] },
): AssetState {
  let { holdings, known, groups } = state;
  for (const holding of part.holdings) holdings = holdings.set(holding.key, holding);
  for (const { seedling, asset, genesis, joins, begins } of part.sprouts) {
    const fact: KnownAsset = { genesis, meta: seedling.meta, groupKey: asset.groupKey };
    known = known.set(assetId(genesis), fact);
    // Noted as well where a group of others turns out to be one that we mint for with a key elsewhere.
    if (joins !== null && (begins || joins.external !== null)) groups = groups.set(joins.groupKey, joins);
  }
  const anchors = state.anchors.set(part.anchor.txid, part.anchor);
  return { ...state, batch: null, anchors, holdings, known, groups };
}

/** How the change shows that no asset is in it. */
export const changeOutput = ({ change, leading, outputs }: Pick<Funding, 'change' | 'leading' | 'outputs'>): readonly AnchorOutput[] =>
  change === null
    ? []
    : [{ outputIndex: leading.length + outputs, internalKey: change.internalKey, content: { kind: 'none', tapscriptProof: BIP86_PROOF } }];
