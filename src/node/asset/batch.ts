import { isGenesisAsset } from '../../asset/asset.ts';
import { optionalSiblingHash, type TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import { resolveExternalKey } from '../../asset/external-key.ts';
import { ASSET_TYPE, assetId, checkName } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { MAX_SUM } from '../../asset/mssmt/node.ts';
import { checkMeta, decimalDisplayOf, type MetaReveal } from '../../asset/proof/meta.ts';
import { interpretTapscript } from '../../asset/vm/tapscript.ts';
import { inputSet } from '../../asset/vm/virtual-tx.ts';
import { validateWitnesses } from '../../asset/vm/vm.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw, UnixTime } from '../../base/units.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { formatOutPoint, type Tx, txInput } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { outPointKey, type Wallet } from '../wallet/types.ts';
import { handOut, release, reserve } from '../wallet/wallet.ts';
import { type Funding, fundAnchor } from './anchor-tx.ts';
import { beginsGroup, ownGroupWitness, type Sprout, sproutsOf, withGroupWitness } from './sprout.ts';
import type { AssetState, BatchFunding, MintBatch, Seedling } from './types.ts';

/** More would make a batch that one transaction's proofs carry badly. */
const MAX_BATCH = 100;
/** So many cancelled batches are remembered. */
const MAX_CANCELLED = 20;

const bad = (message: string, hint?: string) => fail<NodeFailure>({ code: 'USAGE', message, ...(hint === undefined ? {} : { hint }) });
const policy = (message: string, hint?: string) => fail<NodeFailure>({ code: 'POLICY', message, ...(hint === undefined ? {} : { hint }) });

/** The open batch with one more asset. Fails with USAGE, POLICY or NOT_FOUND. */
export function addSeedling(state: AssetState, seedling: Seedling, now: UnixTime): Result<AssetState, NodeFailure> {
  const name = checkName(seedling.tag);
  if (!name.ok) return bad(name.failure.message);
  if (seedling.type === ASSET_TYPE.COLLECTIBLE && seedling.amount !== 1n) return bad('the supply of a collectible is 1');
  if (seedling.amount === 0n || seedling.amount > MAX_SUM) return bad(`a supply is between 1 and ${MAX_SUM}`);
  const meta = seedling.meta === null ? null : checkMeta(seedling.meta);
  if (meta !== null && !meta.ok) return bad(meta.failure.message);
  if (seedling.type === ASSET_TYPE.COLLECTIBLE && decimalsOf(seedling.meta) !== 0) return bad('a collectible has no decimals');
  const batch: MintBatch = state.batch ?? { createdAt: now, seedlings: [], funding: null };
  if (batch.funding !== null)
    return policy(
      'the batch is funded and takes no more assets',
      '`lnkit asset mint finalize` mints it, `lnkit asset mint cancel` drops it',
    );
  if (batch.seedlings.some(({ tag }) => equal(tag, seedling.tag)))
    return policy(`the pending batch has an asset named ${name.value} already`, '`lnkit asset mint list` shows it');
  if (batch.seedlings.length >= MAX_BATCH) return policy(`a batch has at most ${MAX_BATCH} assets`);
  const grouped = checkGroup(state, batch.seedlings, seedling);
  if (!grouped.ok) return grouped;
  const summed = checkSums(state, batch.seedlings, seedling);
  return summed.ok ? ok({ ...state, batch: { ...batch, seedlings: [...batch.seedlings, seedling] } }) : summed;
}

/** One tree holds all that a transaction mints, and in every universe one all that a group has minted. Their sums have 64 bits. */
function checkSums(state: AssetState, others: readonly Seedling[], seedling: Seedling): Result<null, NodeFailure> {
  const batch = others.reduce((total, { amount }) => total + amount, seedling.amount);
  if (batch > MAX_SUM) return bad(`the units of a batch are at most ${MAX_SUM} in all`, 'mint the asset in a batch of its own');
  const { group } = seedling;
  const groupKey = group.kind === 'existing' || group.kind === 'external' ? group.groupKey : null;
  if (groupKey === null) return ok(null);
  const beside = others.reduce((total, each) => (groupPlace(each) === groupPlace(seedling) ? total + each.amount : total), seedling.amount);
  const minted = [...state.holdings.values()].filter(
    ({ proof: { asset } }) => isGenesisAsset(asset) && sameGroup(asset.groupKey, groupKey),
  );
  const sum = minted.reduce((total, { facts }) => total + facts.amount, beside);
  return sum > MAX_SUM ? bad(`a group has at most ${MAX_SUM} units in all its tranches`) : ok(null);
}

function checkGroup(state: AssetState, others: readonly Seedling[], seedling: Seedling): Result<null, NodeFailure> {
  const { group } = seedling;
  if (group.kind === 'external') {
    const key = resolveExternalKey(group.key);
    if (!key.ok) return bad(key.failure.message);
    if (group.groupKey !== null) return checkTranche(state, seedling, { groupKey: group.groupKey, external: key.value.publicKey });
  }
  if (group.kind === 'existing') return checkTranche(state, seedling, { groupKey: group.groupKey, external: null });
  if (group.kind !== 'member') return ok(null);
  const first = others.find(({ tag }) => equal(tag, group.anchor));
  if (first === undefined || !beginsGroup(first))
    return fail({ code: 'NOT_FOUND', message: 'no asset of that name in the batch begins a group', hint: 'add it first, with --grouped' });
  return fitsGroup({ type: first.type, decimals: decimalsOf(first.meta) }, seedling);
}

const decimalsOf = (meta: MetaReveal | null): number => (meta === null ? 0 : (decimalDisplayOf(meta) ?? 0));

function checkTranche(
  state: AssetState,
  seedling: Seedling,
  { groupKey, external }: { readonly groupKey: Bytes; readonly external: Bytes | null },
): Result<null, NodeFailure> {
  const known = state.groups.get(groupKey);
  if (known === undefined) return fail({ code: 'NOT_FOUND', message: 'this group is not known', hint: '`lnkit asset groups` shows them' });
  if (external !== null) {
    if (known.reveal?.version !== 1 || !equal(xOnly(known.reveal.internalKey), xOnly(external)))
      return policy('the key of this group is another', 'a tranche is signed by the key that the group began with');
  } else if (known.rawKeyIndex === null && known.external === null)
    return policy('the key of this group is not ours', 'whoever has it elsewhere names it with --group-xpub');
  const first = state.known.get(known.anchorId);
  const like = first === undefined ? seedling : { type: first.genesis.type, meta: first.meta };
  return fitsGroup({ type: like.type, decimals: decimalsOf(like.meta) }, seedling);
}

/** The assets of a group are of one type and shown alike, as tapd wants it. */
function fitsGroup(first: { readonly type: number; readonly decimals: number }, seedling: Seedling): Result<null, NodeFailure> {
  if (first.type !== seedling.type) return bad('the assets of a group are all of one type');
  if (first.decimals !== decimalsOf(seedling.meta)) return bad(`the first asset of the group is shown with ${first.decimals} decimals`);
  return ok(null);
}

/** Names the group that a seedling belongs to within its batch. */
function groupPlace({ group, tag }: Seedling): string {
  if (group.kind === 'existing') return toHex(group.groupKey);
  if (group.kind === 'external' && group.groupKey !== null) return toHex(group.groupKey);
  return `begun by ${toHex(group.kind === 'member' ? group.anchor : tag)}`;
}

/** What a step changes: assets and wallet go into one commit. */
export interface Batched {
  readonly state: AssetState;
  readonly wallet: Wallet;
}

export interface FundRequest {
  readonly feerate: FeeratePerKw;
  /** Stands beside the assets in the script tree of the output. */
  readonly sibling: TapscriptPreimage | null;
}

/**
 * Binds the open batch to coins, which the wallet then keeps for it, and draws its keys: from there on the ids of its assets are known. Fails with
 * NOT_FOUND, POLICY, USAGE or INSUFFICIENT_FUNDS.
 */
export function fundBatch({ state, wallet }: Batched, env: NodeEnv, request: FundRequest): Result<Batched, NodeFailure> {
  const open = openBatch(state);
  if (!open.ok) return open;
  if (open.value.funding !== null) return policy('the batch is funded already', '`lnkit asset mint cancel` drops it');
  const sibling = optionalSiblingHash(request.sibling);
  if (!sibling.ok) return bad(sibling.failure.message);
  const keys = env.walletKeys;
  const funded = fundAnchor(wallet, keys, {
    assetInputs: [],
    leading: [],
    outputs: 1,
    feerate: request.feerate,
    height: env.height,
    leases: state.leases,
  });
  if (!funded.ok) return funded;
  const { coins, change, feeSat, weight } = funded.value;
  let index = state.nextKeyIndex;
  const internalKeyIndex = index++;
  const drawn = open.value.seedlings.map((seedling) => {
    const scriptKeyIndex = index++;
    const isOurs = seedling.group.kind === 'new' || seedling.group.kind === 'scripted';
    return { scriptKeyIndex, groupKeyIndex: isOurs ? index++ : null };
  });
  const funding: BatchFunding = {
    coins: coins.map(({ outpoint }) => outpoint),
    change: change === null ? null : { amount: change.amount, path: change.path },
    feeSat,
    weight,
    internalKey: keys.assetKey(internalKeyIndex).publicKey,
    internalKeyIndex,
    sibling: request.sibling,
    keys: drawn,
    witnesses: null,
  };
  const handed = change === null ? wallet : handOut(wallet, keys, change.path);
  return ok({ state: { ...state, nextKeyIndex: index, batch: { ...open.value, funding } }, wallet: reserve(handed, heldBy(funding)) });
}

/** A witness made elsewhere for one asset of the batch. */
export interface GivenWitness {
  readonly assetId: Bytes;
  readonly witness: readonly Bytes[];
}

/**
 * Gives every grouped asset of the funded batch its group's witness: one that was made elsewhere, or else our own. Each is validated as any node
 * will. Fails with NOT_FOUND, POLICY, or BAD_SIGNATURE.
 */
export function sealBatch(state: AssetState, env: NodeEnv, given: readonly GivenWitness[]): Result<AssetState, NodeFailure> {
  const funded = fundedBatch(state);
  if (!funded.ok) return funded;
  const { batch, funding } = funded.value;
  if (funding.witnesses !== null) return policy('the batch is sealed already', '`lnkit asset mint finalize` mints it');
  const sprouts = sproutsOf(state, batch, funding, env.walletKeys);
  const stray = given.find((each) => !sprouts.some(({ genesis, joins }) => joins !== null && equal(assetId(genesis), each.assetId)));
  if (stray !== undefined)
    return fail({ code: 'NOT_FOUND', message: `no asset ${toHex(stray.assetId)} of the batch waits for the witness of a group` });
  const witnesses: (readonly Bytes[])[] = [];
  for (const sprout of sprouts) {
    const witness = witnessOf(sprout, given, env);
    if (!witness.ok) return witness;
    witnesses.push(witness.value);
  }
  return ok({ ...state, batch: { ...batch, funding: { ...funding, witnesses } } });
}

function witnessOf(sprout: Sprout, given: readonly GivenWitness[], env: NodeEnv): Result<readonly Bytes[], NodeFailure> {
  const { joins, genesis, asset } = sprout;
  if (joins === null) return ok([]);
  const id = assetId(genesis);
  const of = given.filter((each) => equal(each.assetId, id));
  if (of.length > 1) return bad(`two witnesses for asset ${toHex(id)}`);
  const witness = of[0]?.witness ?? ownGroupWitness(sprout, env.walletKeys);
  if (witness === null)
    return policy(
      `the key of the group of asset ${toHex(id)} signs elsewhere`,
      '`lnkit asset mint show` has the PSBT to sign, `lnkit asset mint seal --psbt FILE` takes it back',
    );
  const transition = { asset: withGroupWitness(asset, witness), splits: [], inputs: inputSet([]) };
  const valid = validateWitnesses(transition, interpretTapscript);
  if (valid.ok) return ok(witness);
  return fail({ code: 'BAD_SIGNATURE', message: `the witness of the group of asset ${toHex(id)} does not hold: ${valid.failure.message}` });
}

/** Drops the open batch; the coins that it held are free again, its keys are never used for anything else. */
export function cancelBatch({ state, wallet }: Batched, now: UnixTime): Result<Batched & { readonly batch: MintBatch }, NodeFailure> {
  const { batch } = state;
  if (batch === null)
    return fail({
      code: 'NOT_FOUND',
      message: 'no batch is pending',
      hint: '`lnkit asset mint list` shows what was minted; that cannot be cancelled',
    });
  const cancelled = [{ batch, cancelledAt: now }, ...state.cancelled].slice(0, MAX_CANCELLED);
  const freed = batch.funding === null ? wallet : release(wallet, heldBy(batch.funding));
  return ok({ batch, state: { ...state, batch: null, cancelled }, wallet: freed });
}

export function openBatch(state: AssetState): Result<MintBatch, NodeFailure> {
  if (state.batch !== null) return ok(state.batch);
  return fail({ code: 'NOT_FOUND', message: 'no asset waits to be minted', hint: '`lnkit asset mint --name NAME --supply N` adds one' });
}

export function fundedBatch(state: AssetState): Result<{ readonly batch: MintBatch; readonly funding: BatchFunding }, NodeFailure> {
  const open = openBatch(state);
  if (!open.ok) return open;
  const { funding } = open.value;
  return funding === null ? policy('the batch is not funded', '`lnkit asset mint fund` does that') : ok({ batch: open.value, funding });
}

/** The coins of a funded batch as they are now. Fails with POLICY where another transaction has taken one. */
export function fundingOf(wallet: Wallet, stored: BatchFunding, env: NodeEnv): Result<Funding, NodeFailure> {
  const coins = stored.coins.map((outpoint) => wallet.coins.get(outPointKey(outpoint)));
  for (const [i, coin] of coins.entries())
    if (coin === undefined || coin.spentBy !== null)
      return policy(
        `the coin ${formatOutPoint(stored.coins[i] as OutPoint)} of the batch is spent`,
        '`lnkit asset mint cancel`, and begin again',
      );
  const { change } = stored;
  const keys = env.walletKeys;
  return ok({
    assetInputs: [],
    leading: [],
    coins: coins.map((coin) => must(coin, 'looked up above')),
    firstPrevOut: must(stored.coins[0], 'a minting spends a coin'),
    outputs: 1,
    change: change === null ? null : { ...change, script: keys.script(change.path), internalKey: keys.publicKey(change.path) },
    feeSat: stored.feeSat,
    weight: stored.weight,
  });
}

/** Stands in the wallet's reservations for the coins of a funded batch. It is never signed. */
const heldBy = ({ coins }: BatchFunding): Tx => ({
  version: 2,
  inputs: coins.map((outpoint) => txInput(outpoint, 0)),
  outputs: [],
  locktime: 0,
});

/** The wallet with the coins of a stored batch kept for it: reservations are not stored. */
export const keepForBatch = (wallet: Wallet, { batch }: Pick<AssetState, 'batch'>): Wallet =>
  batch === null || batch.funding === null ? wallet : reserve(wallet, heldBy(batch.funding));

export const freeAfterBatch = (wallet: Wallet, funding: BatchFunding): Wallet => release(wallet, heldBy(funding));
