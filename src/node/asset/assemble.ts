import { spentLeavesOf } from '../../asset/alt-leaf.ts';
import type { Asset } from '../../asset/asset.ts';
import { optionalSiblingHash, type TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import { commitForChain, commitmentOutputKey, type TapCommitment, tapRoot, withAltLeaves } from '../../asset/commitment/tap-commitment.ts';
import { MAX_SUM } from '../../asset/mssmt/node.ts';
import { type AnchorOutput, createProof } from '../../asset/proof/create.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, EMPTY, equal } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Sat } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { type Funding, signAnchor } from './anchor-tx.ts';
import { settleSpends } from './fate.ts';
import { holdingOf } from './holding.ts';
import { changeOutput } from './mint.ts';
import { certain } from './sign.ts';
import { type Anchor, type AnchorKind, type AssetState, type Delivery, type Holding, type HoldingBase, UNTRIED } from './types.ts';

/** Keys of ours that a new asset is under. */
export interface OwnKeys {
  readonly scriptKeyIndex: number;
  readonly scriptKeyTweak: Bytes | null;
}

/** A new asset in the transaction, with its witnesses: where it stands, what it spent, and who can spend it. */
export interface Placed {
  readonly asset: Asset;
  readonly outputIndex: number;
  /** Of the first asset that the transition spends. */
  readonly prevOut: OutPoint;
  /** Keys of our holdings that it spends, in the order of its witnesses. Empty where `base` tells what came before. */
  readonly inputs: readonly Bytes[];
  readonly base: HoldingBase;
  /** Of a split output: the output in which the root of the split is. */
  readonly rootOutputIndex: number | null;
  /** null where its key is another's. */
  readonly own: OwnKeys | null;
  /** What else its output is to commit to. */
  readonly altLeaves?: readonly Asset[];
  /** Where its proof is to arrive. */
  readonly delivery: { readonly address: string; readonly courier: string } | null;
}

/** An output of the anchor that holds assets. */
export interface Site {
  readonly internalKey: Bytes;
  /** null where the key is another's. */
  readonly internalKeyIndex: number | null;
  readonly sibling: TapscriptPreimage | null;
  /** What the receiver has predicted the output to be; null where it predicted nothing. */
  readonly script: Bytes | null;
}

/** A transfer that is signed and changes nothing until it is taken in. */
export interface Transfer {
  readonly state: AssetState;
  readonly anchor: Anchor;
  readonly holdings: readonly Holding[];
  readonly funding: Funding;
}

export interface AssemblyParts {
  readonly placed: readonly Placed[];
  /** By output index, from 0; the outputs of `funding` in front of them come before. */
  readonly sites: readonly Site[];
  readonly funding: Funding;
  readonly kind: AnchorKind;
  /** Of the commitments of all outputs; null for that of the assets. */
  readonly commitmentVersion: number | null;
  readonly note: string | null;
  readonly nextKeyIndex: number;
  readonly locktime: number;
  /** Where the transaction has inputs or outputs of others: made and signed already, and how its further taproot outputs show that they hold no asset. */
  readonly signed?: { readonly tx: Tx; readonly others: readonly AnchorOutput[]; readonly feeSat: Sat | null };
}

/** Puts new assets into one signed transaction, with the proof of each, and gives the state that has taken it in. */
export function assemble(state: AssetState, env: NodeEnv, parts: AssemblyParts): Transfer {
  const { placed, sites, funding } = parts;
  const built = anchorSites(placed, sites, { first: funding.leading.length, version: parts.commitmentVersion });
  for (const [i, { script }] of sites.entries())
    if (script !== null && !equal(script, (built[i] as Built).script))
      throw new RangeError('the output is not the one that the address predicts');
  const scripts = built.map(({ script }) => script);
  const tx = parts.signed?.tx ?? signAnchor(funding, env.walletKeys, { scripts, locktime: parts.locktime });
  if (scripts.some((script, i) => !equal(script, tx.outputs[funding.leading.length + i]?.script ?? EMPTY)))
    throw new RangeError('the transaction does not commit to the assets');
  const others = parts.signed?.others ?? changeOutput(funding);
  const outputs: AnchorOutput[] = [...leadingOutputs(funding), ...built.map(({ output }) => output), ...others];
  const made = placed.map((each) => ({ each, holding: holdingFor(each, tx, { outputs, sites, first: funding.leading.length }) }));
  const deliveries = made.flatMap(({ each: { delivery }, holding }): Delivery[] =>
    delivery === null ? [] : [{ key: holding.key, ...delivery, deliveredAt: null, ...UNTRIED }],
  );
  const anchor: Anchor = {
    txid: txId(tx),
    tx,
    kind: parts.kind,
    block: null,
    feeSat: parts.signed === undefined ? funding.feeSat : parts.signed.feeSat,
    createdAt: env.now,
    deliveries,
    note: parts.note,
    replaces: null,
  };
  const holdings = made.map(({ holding }) => holding);
  let all = state.holdings;
  for (const holding of holdings) all = all.set(holding.key, holding);
  const anchors = state.anchors.set(anchor.txid, anchor);
  const next = settleSpends({ ...state, nextKeyIndex: parts.nextKeyIndex, holdings: all, anchors });
  return { state: next, anchor, holdings, funding };
}

/** The tree of one output has one sum, of 64 bits. Two assets whose units pass that cannot share it. */
export function fitSums(placed: readonly Pick<Placed, 'asset' | 'outputIndex'>[]): Result<null, NodeFailure> {
  const sums = new Map<number, bigint>();
  for (const { asset, outputIndex } of placed) sums.set(outputIndex, (sums.get(outputIndex) ?? 0n) + asset.amount);
  if ([...sums.values()].every((sum) => sum <= MAX_SUM)) return ok(null);
  const message = `an output would hold more than ${MAX_SUM} units in all its assets`;
  return fail({ code: 'POLICY', message, hint: 'send the assets one after the other' });
}

interface Built {
  readonly output: AnchorOutput;
  readonly script: Bytes;
}

/** The commitment of every output with assets, from what stands in it and what that has spent. */
export function anchorSites(
  placed: readonly Pick<Placed, 'asset' | 'outputIndex' | 'altLeaves'>[],
  sites: readonly Pick<Site, 'internalKey' | 'sibling'>[],
  part: { readonly first: number; readonly version: number | null },
): readonly Built[] {
  return sites.map(({ internalKey, sibling }, i) => {
    const outputIndex = part.first + i;
    const here = placed.filter((each) => each.outputIndex === outputIndex);
    const assets = here.map(({ asset }) => asset);
    const leaves = here.flatMap(({ asset, altLeaves = [] }) => [...spentLeavesOf(asset), ...altLeaves]);
    const plain: TapCommitment = certain(commitForChain(part.version, assets));
    const commitment = certain(withAltLeaves(plain, leaves));
    const beside = certain(optionalSiblingHash(sibling));
    const key = must(commitmentOutputKey(tapRoot(commitment), { internalKey, sibling: beside }), 'the internal key is a point');
    return { output: { outputIndex, internalKey, content: { kind: 'assets', commitment, sibling } }, script: p2trScript(key) };
  });
}

/** How the outputs in front show that no asset is in them. */
const leadingOutputs = ({ leading }: Funding): readonly AnchorOutput[] =>
  leading.flatMap(({ proof }, outputIndex) => (proof === null ? [] : [{ outputIndex, ...proof }]));

function holdingFor(
  { asset, outputIndex, prevOut, inputs, base, rootOutputIndex, own }: Placed,
  anchorTx: Tx,
  part: { readonly outputs: readonly AnchorOutput[]; readonly sites: readonly Site[]; readonly first: number },
): Holding {
  const parts = { prevOut, anchorTx, outputs: part.outputs, asset, outputIndex };
  const proof = createProof(rootOutputIndex === null ? parts : { ...parts, rootOutputIndex });
  return {
    ...holdingOf(proof),
    inputs,
    base,
    scriptKeyIndex: own?.scriptKeyIndex ?? null,
    scriptKeyTweak: own?.scriptKeyTweak ?? null,
    internalKeyIndex: part.sites[outputIndex - part.first]?.internalKeyIndex ?? null,
  };
}
