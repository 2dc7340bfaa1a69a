import { spentLeavesOf } from '../../asset/alt-leaf.ts';
import { type Asset, inputWitness, prevIdOf, spendTemplate } from '../../asset/asset.ts';
import { optionalSiblingHash, type TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import { type SplitLocator, splitAssets } from '../../asset/commitment/split.ts';
import {
  commitForChain,
  commitmentOutputKey,
  type TapCommitment,
  tapRoot,
  tapscriptRoot,
  withAltLeaves,
} from '../../asset/commitment/tap-commitment.ts';
import { bip86ScriptKey, burnKey, NUMS_KEY } from '../../asset/keys.ts';
import { type AnchorOutput, createProof } from '../../asset/proof/create.ts';
import { verifyInclusion } from '../../asset/proof/output.ts';
import { outPointOf, type Proof } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { outPointKey, type Wallet } from '../wallet/types.ts';
import { type AssetInput, type Funding, fundAnchor, signAnchor } from './anchor-tx.ts';
import { holdingOf } from './holding.ts';
import { changeOutput } from './mint.ts';
import { companions, isHeld, selectHoldings } from './select.ts';
import { certain, type SpentAsset, signTransition } from './sign.ts';
import type { Anchor, AnchorKind, AssetState, Delivery, Holding } from './types.ts';

/** Units that leave: to an output of their own, or (burnt) to a key that nobody has. */
export type Payout =
  | {
      readonly kind: 'send';
      readonly assetId: Bytes;
      readonly amount: bigint;
      readonly assetVersion: number;
      readonly scriptKey: Bytes;
      readonly internalKey: Bytes;
      readonly sibling: TapscriptPreimage | null;
      /** Of the Bitcoin output that the address predicts. */
      readonly script: Bytes;
      readonly address: string;
      readonly courier: string;
    }
  | { readonly kind: 'burn'; readonly assetId: Bytes; readonly amount: bigint };

export interface TransferRequest {
  readonly kind: Extract<AnchorKind, 'send' | 'burn'>;
  readonly payouts: readonly [Payout, ...Payout[]];
  /** Of the commitments of all outputs; null for that of the assets. */
  readonly commitmentVersion: number | null;
  readonly feerate: FeeratePerKw;
}

/** A transfer that is signed and changes nothing until it is taken in. */
export interface Transfer {
  readonly state: AssetState;
  readonly anchor: Anchor;
  readonly holdings: readonly Holding[];
  readonly funding: Funding;
}

/** A new asset in the transaction: where it stands, what it spent, and who can spend it. */
interface Placed {
  readonly asset: Asset;
  readonly outputIndex: number;
  readonly inputs: readonly Holding[];
  readonly scriptKeyIndex: number | null;
  readonly payout: Payout | null;
}

/**
 * Moves assets: of each, so much to every payout and the rest back to us. The first output holds what stays ours (change, or a tombstone
 * where nothing is left), what is burnt, and what stood beside the inputs; every recipient has an output of its own after it.
 */
export function buildTransfer(state: AssetState, wallet: Wallet, env: NodeEnv, request: TransferRequest): Result<Transfer, NodeFailure> {
  const chosen = choose(state, request.payouts);
  if (!chosen.ok) return chosen;
  const active = chosen.value.flatMap(({ holdings }) => holdings);
  const beside = companions(state, active);
  const sends = request.payouts.filter((payout) => payout.kind === 'send');
  const assetInputs = inputsOf(active);
  const { height } = env;
  const funded = fundAnchor(wallet, env.walletKeys, { assetInputs, outputs: 1 + sends.length, feerate: request.feerate, height });
  if (!funded.ok) return funded;
  let index = state.nextKeyIndex;
  const draw = (): number => index++;
  const internalKeyIndex = draw();
  const placed: Placed[] = [];
  for (const part of chosen.value) {
    const split = divide(part, sends, env, draw);
    if (!split.ok) return split;
    placed.push(...split.value);
  }
  placed.push(...beside.filter((holding) => isHeld(state, holding)).map((holding) => reAnchor(holding, env, draw)));
  const built = anchorOutputs(placed, sends, { env, version: request.commitmentVersion, internalKeyIndex });
  const scripts = built.map(({ script }) => script);
  for (const [i, send] of sends.entries())
    if (!equal(scripts[i + 1] as Bytes, send.script)) throw new RangeError('the output is not the one that the address predicts');
  const tx = signAnchor(funded.value, env.walletKeys, { scripts, height });
  const outputs: AnchorOutput[] = [...built.map(({ output }) => output), ...changeOutput(funded.value)];
  const made = placed.map((each) => ({ each, holding: held(each, tx, { state, outputs, internalKeyIndex }) }));
  const anchor = anchorRecord(tx, { made, request, funding: funded.value, env });
  const next = taken(state, { anchor, holdings: made.map(({ holding }) => holding), spent: [...active, ...beside], nextKeyIndex: index });
  return ok({ state: next, anchor, holdings: made.map(({ holding }) => holding), funding: funded.value });
}

interface Chosen {
  readonly assetId: Bytes;
  readonly holdings: readonly [Holding, ...Holding[]];
  readonly payouts: readonly Payout[];
}

function choose(state: AssetState, payouts: readonly Payout[]): Result<readonly Chosen[], NodeFailure> {
  const byAsset = new Map<string, Payout[]>();
  for (const payout of payouts) byAsset.set(toHex(payout.assetId), [...(byAsset.get(toHex(payout.assetId)) ?? []), payout]);
  const chosen: Chosen[] = [];
  for (const each of byAsset.values()) {
    const { assetId: id } = each[0] as Payout;
    const amount = each.reduce((sum, payout) => sum + payout.amount, 0n);
    const holdings = selectHoldings(state, id, amount);
    if (!holdings.ok) return holdings;
    chosen.push({ assetId: id, holdings: holdings.value, payouts: each });
  }
  return ok(chosen);
}

/** Each output once, with the root of its script tree. */
function inputsOf(holdings: readonly Holding[]): readonly AssetInput[] {
  const inputs = new Map<string, AssetInput>();
  for (const { proof, internalKeyIndex } of holdings) {
    const outPoint = outPointOf(proof);
    const root = certain(verifyInclusion(proof.anchorTx, proof.inclusionProof, proof.asset));
    const sibling = certain(optionalSiblingHash(proof.inclusionProof.commitmentProof?.tapSiblingPreimage ?? null));
    inputs.set(toHex(outPointKey(outPoint)), {
      outPoint,
      output: must(proof.anchorTx.outputs[outPoint.vout], 'the output of the asset'),
      internalKeyIndex: must(internalKeyIndex ?? undefined, 'the output is ours'),
      merkleRoot: tapscriptRoot(root, sibling),
    });
  }
  return [...inputs.values()];
}

const spentOf = (holding: Holding): SpentAsset => ({
  asset: holding.proof.asset,
  outPoint: outPointOf(holding.proof),
  scriptKeyIndex: must(holding.scriptKeyIndex ?? undefined, 'the asset is ours'),
  scriptKeyTweak: holding.scriptKeyTweak,
});

/** One asset between its recipients and us. */
function divide(
  { assetId: id, holdings, payouts }: Chosen,
  sends: readonly Payout[],
  env: NodeEnv,
  draw: () => number,
): Result<readonly Placed[], NodeFailure> {
  const inputs = holdings.map(spentOf) as [SpentAsset, ...SpentAsset[]];
  const [first] = inputs;
  const left = inputs.reduce((sum, { asset }) => sum + asset.amount, 0n) - payouts.reduce((sum, { amount }) => sum + amount, 0n);
  const scriptKeyIndex = left === 0n ? null : draw();
  const changeKey = scriptKeyIndex === null ? NUMS_KEY : bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey;
  const burnt = burnKey(prevIdOf(first.asset, first.outPoint));
  const locators = payouts.map(
    (payout): SplitLocator => ({
      assetId: id,
      amount: payout.amount,
      scriptKey: payout.kind === 'burn' ? burnt : payout.scriptKey,
      assetVersion: payout.kind === 'burn' ? first.asset.version : payout.assetVersion,
      outputIndex: payout.kind === 'burn' ? 0 : 1 + sends.indexOf(payout),
    }),
  );
  const root = { assetId: id, amount: left, scriptKey: changeKey, assetVersion: first.asset.version, outputIndex: 0 };
  const split = splitAssets({ inputs, root, outputs: locators });
  if (!split.ok) return fail({ code: 'USAGE', message: split.failure.message });
  const rootAsset = signTransition(split.value.rootAsset, inputs, env.walletKeys);
  const outputs = split.value.outputs.map(({ asset, locator }, i): Placed => {
    const prevWitnesses = asset.prevWitnesses.map((witness) => ({
      ...witness,
      splitCommitment: witness.splitCommitment && { ...witness.splitCommitment, rootAsset },
    }));
    return {
      asset: { ...asset, prevWitnesses },
      outputIndex: locator.outputIndex,
      inputs: holdings,
      scriptKeyIndex: null,
      payout: payouts[i] as Payout,
    };
  });
  return ok([{ asset: rootAsset, outputIndex: 0, inputs: holdings, scriptKeyIndex, payout: null }, ...outputs]);
}

/** What stood beside an input moves on to us, under a fresh key: two that were under one key would have one place. */
function reAnchor(holding: Holding, env: NodeEnv, draw: () => number): Placed {
  const spent = spentOf(holding);
  const scriptKeyIndex = draw();
  const scriptKey = bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey;
  const unsigned: Asset = {
    ...spendTemplate(spent.asset),
    scriptKey,
    prevWitnesses: [inputWitness(prevIdOf(spent.asset, spent.outPoint))],
  };
  const asset = signTransition(unsigned, [spent], env.walletKeys);
  return { asset, outputIndex: 0, inputs: [holding], scriptKeyIndex, payout: null };
}

function anchorOutputs(
  placed: readonly Placed[],
  sends: readonly Payout[],
  part: { readonly env: NodeEnv; readonly version: number | null; readonly internalKeyIndex: number },
): readonly { readonly output: AnchorOutput; readonly script: Bytes }[] {
  const ours = part.env.walletKeys.assetKey(part.internalKeyIndex).publicKey;
  return [null, ...sends].map((payout, outputIndex) => {
    const assets = placed.filter((each) => each.outputIndex === outputIndex).map(({ asset }) => asset);
    const plain: TapCommitment = certain(commitForChain(part.version, assets));
    const commitment = certain(withAltLeaves(plain, assets.flatMap(spentLeavesOf)));
    const internalKey = payout?.kind === 'send' ? payout.internalKey : ours;
    const sibling = payout?.kind === 'send' ? payout.sibling : null;
    const beside = certain(optionalSiblingHash(sibling));
    const key = must(commitmentOutputKey(tapRoot(commitment), { internalKey, sibling: beside }), 'the internal key is a point');
    return { output: { outputIndex, internalKey, content: { kind: 'assets', commitment, sibling } }, script: p2trScript(key) };
  });
}

function held(
  { asset, outputIndex, inputs, scriptKeyIndex, payout }: Placed,
  anchorTx: Tx,
  part: { readonly state: AssetState; readonly outputs: readonly AnchorOutput[]; readonly internalKeyIndex: number },
): Holding {
  const first = must(inputs[0], 'a transfer spends something');
  const parts = { prevOut: outPointOf(first.proof), anchorTx, outputs: part.outputs, asset, outputIndex, rootOutputIndex: 0 };
  const proof: Proof = createProof(parts);
  // Whoever sends to an address of their own keeps the asset.
  const own = payout?.kind === 'send' ? part.state.addresses.get(payout.script) : undefined;
  return {
    ...holdingOf(proof),
    inputs: inputs.map(({ key }) => key),
    scriptKeyIndex: own?.scriptKeyIndex ?? scriptKeyIndex,
    internalKeyIndex: own?.internalKeyIndex ?? (outputIndex === 0 ? part.internalKeyIndex : null),
  };
}

function anchorRecord(
  tx: Tx,
  part: {
    readonly made: readonly { readonly each: Placed; readonly holding: Holding }[];
    readonly request: TransferRequest;
    readonly funding: Funding;
    readonly env: NodeEnv;
  },
): Anchor {
  const deliveries = part.made.flatMap(({ each: { payout }, holding }): Delivery[] =>
    payout?.kind === 'send' ? [{ key: holding.key, address: payout.address, courier: payout.courier, deliveredAt: null }] : [],
  );
  const { kind } = part.request;
  return { txid: txId(tx), tx, kind, block: null, feeSat: part.funding.feeSat, createdAt: part.env.now, deliveries };
}

function taken(
  state: AssetState,
  part: {
    readonly anchor: Anchor;
    readonly holdings: readonly Holding[];
    readonly spent: readonly Holding[];
    readonly nextKeyIndex: number;
  },
): AssetState {
  let { holdings } = state;
  for (const holding of part.spent) holdings = holdings.set(holding.key, { ...holding, spentBy: part.anchor.txid });
  for (const holding of part.holdings) holdings = holdings.set(holding.key, holding);
  return { ...state, nextKeyIndex: part.nextKeyIndex, holdings, anchors: state.anchors.set(part.anchor.txid, part.anchor) };
}
