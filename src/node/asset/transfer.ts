import { type Asset, inputWitness, prevIdOf, spendTemplate } from '../../asset/asset.ts';
import { optionalSiblingHash, type TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import { type SplitLocator, splitAssets } from '../../asset/commitment/split.ts';
import { tapscriptRoot } from '../../asset/commitment/tap-commitment.ts';
import { bip86ScriptKey, burnKey, NUMS_KEY } from '../../asset/keys.ts';
import { verifyInclusion } from '../../asset/proof/output.ts';
import { outPointOf, type Proof } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { effectiveValue } from '../wallet/select.ts';
import type { Wallet } from '../wallet/types.ts';
import { type AssetInput, coinOf, fundAnchor } from './anchor-tx.ts';
import { assemble, fitSums, type OwnKeys, type Placed, type Site, type Transfer } from './assemble.ts';
import { placeOf } from './fate.ts';
import { NO_BASE } from './holding.ts';
import { companions, emptyOutputs, isHeld, selectHoldings } from './select.ts';
import { certain, type SpentAsset, signTransition } from './sign.ts';
import type { AnchorKind, AssetState, Holding } from './types.ts';

/** Units that leave: to an output of their own, or (burnt) to a key that nobody has. */
export type Payout = SendPayout | { readonly kind: 'burn'; readonly assetId: Bytes; readonly amount: bigint };

export interface SendPayout {
  readonly kind: 'send';
  readonly assetId: Bytes;
  readonly amount: bigint;
  readonly assetVersion: number;
  readonly scriptKey: Bytes;
  /** Which of the recipients' outputs it goes to, from 0 without gaps; payouts of one place share its internal key and sibling. */
  readonly place: number;
  readonly internalKey: Bytes;
  readonly sibling: TapscriptPreimage | null;
  /** Of the Bitcoin output that the address predicts; null where the receiver predicts none. */
  readonly script: Bytes | null;
  /** The receiver looks at the proof, not for an output that it predicted: where nothing is left over, nothing is left behind. */
  readonly interactive: boolean;
  /** Where its proof is to arrive; null where whoever gets it is told otherwise. */
  readonly delivery: { readonly address: string; readonly courier: string } | null;
  /** Where it goes to ourselves: whose keys these are. */
  readonly own: (OwnKeys & { readonly internalKeyIndex: number }) | null;
}

export interface TransferRequest {
  readonly kind: Extract<AnchorKind, 'send' | 'burn'>;
  readonly payouts: readonly [Payout, ...Payout[]];
  /** Of the commitments of all outputs; null for that of the assets. */
  readonly commitmentVersion: number | null;
  readonly feerate: FeeratePerKw;
  /** For ourselves, kept with the transaction. */
  readonly note?: string | null;
  /** These and no others are spent; default: the largest that are free. */
  readonly from?: readonly Holding[];
}

/**
 * Moves assets: of each, so much to every payout and the rest back to us. The first output holds what stays ours (change, or a tombstone
 * where nothing is left), what is burnt, and what stood beside the inputs; every recipient has an output of its own after it. Where nothing
 * stays there is no such output. Outputs of ours that hold nothing any more are spent along with it.
 */
export function buildTransfer(state: AssetState, wallet: Wallet, env: NodeEnv, request: TransferRequest): Result<Transfer, NodeFailure> {
  const chosen = choose(state, request);
  if (!chosen.ok) return chosen;
  const active = chosen.value.flatMap(({ holdings }) => holdings);
  const beside = companions(state, active).filter((holding) => isHeld(state, holding));
  const sends = request.payouts.filter((payout) => payout.kind === 'send');
  const assetInputs = [...inputsOf(active), ...reclaimed(state, request.feerate)];
  const keepsOutput = beside.length > 0 || !chosen.value.every(isWhole);
  const places = new Set(sends.map(({ place }) => place)).size;
  const { height } = env;
  const outputs = places + (keepsOutput ? 1 : 0);
  const funded = fundAnchor(wallet, env.walletKeys, { assetInputs, outputs, feerate: request.feerate, height, leases: state.leases });
  if (!funded.ok) return funded;
  let index = state.nextKeyIndex;
  const draw = (): number => index++;
  const sites = sitesOf(sends, keepsOutput ? draw() : null, env);
  const firstPlace = keepsOutput ? 1 : 0;
  const placed: Placed[] = [];
  for (const part of chosen.value) {
    const moved = isWhole(part) ? ok([moveWhole(part, firstPlace, env)]) : divide(part, { firstPlace, env, draw });
    if (!moved.ok) return moved;
    placed.push(...moved.value);
  }
  placed.push(...beside.map((holding) => reAnchor(holding, env, draw)));
  const fits = fitSums(placed);
  if (!fits.ok) return fits;
  const { kind, commitmentVersion, note = null } = request;
  const parts = { placed, sites, funding: funded.value, kind, commitmentVersion, note, nextKeyIndex: index, locktime: height };
  return ok(assemble(state, env, parts));
}

interface Chosen {
  readonly holdings: readonly [Holding, ...Holding[]];
  readonly payouts: readonly [Payout, ...Payout[]];
}

function choose(state: AssetState, { payouts, from }: TransferRequest): Result<readonly Chosen[], NodeFailure> {
  const byAsset = new Map<string, [Payout, ...Payout[]]>();
  for (const payout of payouts) {
    const there = byAsset.get(toHex(payout.assetId));
    if (there === undefined) byAsset.set(toHex(payout.assetId), [payout]);
    else there.push(payout);
  }
  const chosen: Chosen[] = [];
  for (const each of byAsset.values()) {
    const { assetId: id } = each[0];
    if (shareKey(each)) return fail(SHARED_KEY);
    const amount = each.reduce((sum, payout) => sum + payout.amount, 0n);
    const holdings = from === undefined ? selectHoldings(state, id, amount) : ok(given(from, id));
    if (!holdings.ok) return holdings;
    if (sumOf(holdings.value) < amount) return fail({ code: 'INSUFFICIENT_FUNDS', message: 'the inputs have fewer units than are sent' });
    chosen.push({ holdings: holdings.value as [Holding, ...Holding[]], payouts: each });
  }
  return ok(chosen);
}

/**
 * Whether units of one asset would go to two places under one script key. No proof of either would hold: each has to show that nothing of the asset
 * stands under its key in the other outputs.
 */
export function shareKey(payouts: readonly Payout[]): boolean {
  const keys = payouts.flatMap((payout) => (payout.kind === 'send' ? [toHex(xOnly(payout.scriptKey))] : []));
  return new Set(keys).size !== keys.length;
}
export const SHARED_KEY: NodeFailure = {
  code: 'USAGE',
  message: 'two recipients of one asset have the same script key',
  hint: 'send to them one after the other',
};

const given = (from: readonly Holding[], id: Bytes): readonly Holding[] => from.filter(({ facts }) => equal(facts.assetId, id));
const sumOf = (holdings: readonly Holding[]): bigint => holdings.reduce((sum, { facts }) => sum + facts.amount, 0n);

/** All of it goes to one who looks at the proof: no split, and nothing is left behind. */
function isWhole({ holdings, payouts }: Chosen): boolean {
  const [payout, ...others] = payouts;
  return others.length === 0 && payout.kind === 'send' && payout.interactive && sumOf(holdings) === payout.amount;
}

function sitesOf(sends: readonly SendPayout[], ownKeyIndex: number | null, env: NodeEnv): readonly Site[] {
  const sites: Site[] = [];
  if (ownKeyIndex !== null) {
    const internalKey = env.walletKeys.assetKey(ownKeyIndex).publicKey;
    sites.push({ internalKey, internalKeyIndex: ownKeyIndex, sibling: null, script: null });
  }
  const first = sites.length;
  for (const { place, internalKey, sibling, script, own } of sends) {
    const there = sites[first + place];
    if (there !== undefined && !equal(there.internalKey, internalKey)) throw new RangeError('two internal keys for one output');
    sites[first + place] = there ?? { internalKey, internalKeyIndex: own?.internalKeyIndex ?? null, sibling, script };
  }
  return sites;
}

/** Each output once, with the root of its script tree. */
export function inputsOf(holdings: readonly Holding[]): readonly AssetInput[] {
  const inputs = new Map<string, AssetInput>();
  for (const { facts, proof, internalKeyIndex } of holdings) {
    const place = placeOf(facts.outPoint);
    const index = must(internalKeyIndex ?? undefined, 'the output is ours');
    if (!inputs.has(place)) inputs.set(place, { ...anchorInputOf(proof), internalKeyIndex: index });
  }
  return [...inputs.values()];
}

/** The output in which a verified proof says that its asset stands. */
export function anchorInputOf(proof: Proof): Pick<AssetInput, 'outPoint' | 'output' | 'merkleRoot'> {
  const outPoint = outPointOf(proof);
  const root = certain(verifyInclusion(proof.anchorTx, proof.inclusionProof, proof.asset));
  const sibling = certain(optionalSiblingHash(proof.inclusionProof.commitmentProof?.tapSiblingPreimage ?? null));
  const output = must(proof.anchorTx.outputs[outPoint.vout], 'the output of the asset');
  return { outPoint, output, merkleRoot: tapscriptRoot(root, sibling) };
}

/** Some at a time, so that a payment does not become a clean-up. */
const MAX_RECLAIMED = 20;

/** Our empty outputs, as far as they are worth more than what spending them costs. */
const reclaimed = (state: AssetState, feerate: FeeratePerKw): readonly AssetInput[] =>
  inputsOf(emptyOutputs(state).slice(0, MAX_RECLAIMED)).filter((input) => effectiveValue(coinOf(input), feerate) > 0n);

export const spentOf = (holding: Holding): SpentAsset => ({
  asset: holding.proof.asset,
  outPoint: holding.facts.outPoint,
  scriptKeyIndex: must(holding.scriptKeyIndex ?? undefined, 'the asset is ours'),
  scriptKeyTweak: holding.scriptKeyTweak,
});

/** What every new asset of one transition says of where it comes from. */
const originOf = (holdings: readonly [Holding, ...Holding[]]): Pick<Placed, 'prevOut' | 'inputs' | 'base'> => ({
  prevOut: holdings[0].facts.outPoint,
  inputs: holdings.map(({ key }) => key),
  base: NO_BASE,
});

function moveWhole({ holdings, payouts }: Chosen, firstPlace: number, env: NodeEnv): Placed {
  const payout = payouts[0] as SendPayout;
  const inputs = holdings.map(spentOf) as [SpentAsset, ...SpentAsset[]];
  const unsigned: Asset = {
    ...spendTemplate(inputs[0].asset),
    version: payout.assetVersion,
    amount: payout.amount,
    scriptKey: payout.scriptKey,
    prevWitnesses: inputs.map(({ asset, outPoint }) => inputWitness(prevIdOf(asset, outPoint))),
  };
  const asset = signTransition(unsigned, inputs, env.walletKeys);
  const outputIndex = firstPlace + payout.place;
  return { asset, outputIndex, ...originOf(holdings), rootOutputIndex: null, own: payout.own, delivery: payout.delivery };
}

/** One asset between its recipients and us. */
function divide(
  { holdings, payouts }: Chosen,
  part: { readonly firstPlace: number; readonly env: NodeEnv; readonly draw: () => number },
): Result<readonly Placed[], NodeFailure> {
  const { env, draw, firstPlace } = part;
  const inputs = holdings.map(spentOf) as [SpentAsset, ...SpentAsset[]];
  const [first] = inputs;
  const left = sumOf(holdings) - payouts.reduce((sum, { amount }) => sum + amount, 0n);
  const scriptKeyIndex = left === 0n ? null : draw();
  const changeKey = scriptKeyIndex === null ? NUMS_KEY : bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey;
  const burnt = burnKey(prevIdOf(first.asset, first.outPoint));
  const { assetId: id } = payouts[0];
  const locators = payouts.map((payout): SplitLocator => {
    const { amount } = payout;
    if (payout.kind === 'burn') return { assetId: id, amount, scriptKey: burnt, assetVersion: first.asset.version, outputIndex: 0 };
    const { scriptKey, assetVersion, place } = payout;
    return { assetId: id, amount, scriptKey, assetVersion, outputIndex: firstPlace + place };
  });
  const root = { assetId: id, amount: left, scriptKey: changeKey, assetVersion: first.asset.version, outputIndex: 0 };
  const split = splitAssets({ inputs, root, outputs: locators });
  if (!split.ok) return fail({ code: 'USAGE', message: split.failure.message });
  const rootAsset = signTransition(split.value.rootAsset, inputs, env.walletKeys);
  const origin = originOf(holdings);
  const outputs = split.value.outputs.map(({ asset, locator }, i): Placed => {
    const payout = payouts[i] as Payout;
    const send = payout.kind === 'send' ? payout : null;
    const { outputIndex } = locator;
    const own = send?.own ?? null;
    return { asset: withRoot(asset, rootAsset), outputIndex, ...origin, rootOutputIndex: 0, own, delivery: send?.delivery ?? null };
  });
  const own = scriptKeyIndex === null ? null : { scriptKeyIndex, scriptKeyTweak: null };
  return ok([{ asset: rootAsset, outputIndex: 0, ...origin, rootOutputIndex: null, own, delivery: null }, ...outputs]);
}

/** A split output with the signed root of its split. */
export const withRoot = (asset: Asset, rootAsset: Asset): Asset => ({
  ...asset,
  prevWitnesses: asset.prevWitnesses.map((witness) => ({
    ...witness,
    splitCommitment: witness.splitCommitment && { ...witness.splitCommitment, rootAsset },
  })),
});

/** What stood beside an input moves on to us, under a fresh key: two that were under one key would have one place. */
export function reAnchor(holding: Holding, env: NodeEnv, draw: () => number): Placed {
  const spent = spentOf(holding);
  const scriptKeyIndex = draw();
  const scriptKey = bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey;
  const unsigned: Asset = {
    ...spendTemplate(spent.asset),
    scriptKey,
    prevWitnesses: [inputWitness(prevIdOf(spent.asset, spent.outPoint))],
  };
  const asset = signTransition(unsigned, [spent], env.walletKeys);
  const own = { scriptKeyIndex, scriptKeyTweak: null };
  return { asset, outputIndex: 0, ...originOf([holding]), rootOutputIndex: null, own, delivery: null };
}
