import { type Asset, genesisWitness } from '../../asset/asset.ts';
import { commitForChain, commitmentOutputKey, TAP_VERSION, tapRoot } from '../../asset/commitment/tap-commitment.ts';
import { ASSET_TYPE, assetId, checkName, type Genesis, ZERO32 } from '../../asset/genesis.ts';
import type { GroupKeyReveal } from '../../asset/group-key.ts';
import { bip86ScriptKey } from '../../asset/keys.ts';
import { MAX_SUM } from '../../asset/mssmt/node.ts';
import { type AnchorOutput, BIP86_PROOF, createProof } from '../../asset/proof/create.ts';
import { checkMeta, metaHash } from '../../asset/proof/meta.ts';
import type { Proof } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import { equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { Wallet } from '../wallet/types.ts';
import { type Funding, fundAnchor, signAnchor } from './anchor-tx.ts';
import { holdingOf } from './holding.ts';
import { certain, signIntoGroup } from './sign.ts';
import type { Anchor, AssetGroup, AssetState, Holding, KnownAsset, Seedling } from './types.ts';

/** More would make a batch that one transaction's proofs carry badly. */
const MAX_BATCH = 100;

/** The pending batch with one more asset. Fails with USAGE, POLICY or NOT_FOUND. */
export function addSeedling(state: AssetState, seedling: Seedling): Result<AssetState, NodeFailure> {
  const name = checkName(seedling.tag);
  if (!name.ok) return bad(name.failure.message);
  if (seedling.type === ASSET_TYPE.COLLECTIBLE && seedling.amount !== 1n) return bad('the supply of a collectible is 1');
  if (seedling.amount === 0n || seedling.amount > MAX_SUM) return bad(`a supply is between 1 and ${MAX_SUM}`);
  const meta = seedling.meta === null ? null : checkMeta(seedling.meta);
  if (meta !== null && !meta.ok) return bad(meta.failure.message);
  if (state.seedlings.some(({ tag }) => equal(tag, seedling.tag)))
    return fail({ code: 'POLICY', message: `the pending batch has an asset named ${name.value} already` });
  if (state.seedlings.length >= MAX_BATCH) return fail({ code: 'POLICY', message: `a batch has at most ${MAX_BATCH} assets` });
  const { group } = seedling;
  if (group.kind === 'existing') {
    const known = state.groups.get(group.groupKey);
    if (known === undefined)
      return fail({ code: 'NOT_FOUND', message: 'this group is not known', hint: '`lnkit asset groups` shows them' });
    if (known.rawKeyIndex === null) return fail({ code: 'POLICY', message: 'the key of this group is not ours' });
    const type = state.known.get(known.anchorId)?.genesis.type;
    if (type !== undefined && type !== seedling.type) return bad('the assets of a group are all of one type');
    const inGroup = state.seedlings.flatMap((each) =>
      each.group.kind === 'existing' && equal(each.group.groupKey, group.groupKey) ? [each.amount] : [],
    );
    if (inGroup.reduce((sum, amount) => sum + amount, seedling.amount) > MAX_SUM) return bad('the tranches of the batch pass 64 bits');
  }
  return ok({ ...state, seedlings: [...state.seedlings, seedling] });
}

const bad = (message: string) => fail<NodeFailure>({ code: 'USAGE', message });

/** A minting that is signed and changes nothing until it is taken in. */
export interface Minting {
  /** With the batch minted. */
  readonly state: AssetState;
  readonly anchor: Anchor;
  readonly holdings: readonly Holding[];
  readonly funding: Funding;
}

/** Mints the pending batch: all its assets stand in the first output of one transaction. */
export function buildMinting(
  state: AssetState,
  wallet: Wallet,
  env: NodeEnv,
  part: { readonly feerate: FeeratePerKw },
): Result<Minting, NodeFailure> {
  if (state.seedlings.length === 0)
    return fail({ code: 'NOT_FOUND', message: 'no asset waits to be minted', hint: '`lnkit asset mint --name NAME --supply N` adds one' });
  const keys = env.walletKeys;
  const funded = fundAnchor(wallet, keys, { assetInputs: [], outputs: 1, feerate: part.feerate, height: env.height, leases: state.leases });
  if (!funded.ok) return funded;
  let index = state.nextKeyIndex;
  const draw = (): number => index++;
  const internalKeyIndex = draw();
  const sprouts = state.seedlings.map((seedling) => sprout(seedling, state, funded.value, env, draw));
  const internalKey = keys.assetKey(internalKeyIndex).publicKey;
  const commitment = certain(
    commitForChain(
      TAP_VERSION.V2,
      sprouts.map(({ asset }) => asset),
    ),
  );
  const outputKey = must(commitmentOutputKey(tapRoot(commitment), { internalKey, sibling: null }), 'the internal key is a point');
  const tx = signAnchor(funded.value, keys, { scripts: [p2trScript(outputKey)], locktime: env.height });
  const outputs: AnchorOutput[] = [{ outputIndex: 0, internalKey, content: { kind: 'assets', commitment, sibling: null } }];
  outputs.push(...changeOutput(funded.value));
  const holdings = sprouts.map((each): Holding => {
    const proof = proofOf(each, tx, outputs);
    return {
      ...holdingOf(proof),
      scriptKeyIndex: each.scriptKeyIndex,
      internalKeyIndex,
    };
  });
  const anchor: Anchor = {
    txid: txId(tx),
    tx,
    kind: 'mint',
    block: null,
    feeSat: funded.value.feeSat,
    createdAt: env.now,
    deliveries: [],
    note: null,
    replaces: null,
  };
  return ok({ state: minted(state, { anchor, holdings, sprouts, nextKeyIndex: index }), anchor, holdings, funding: funded.value });
}

interface Sprout {
  readonly seedling: Seedling;
  readonly asset: Asset;
  readonly genesis: Genesis;
  readonly reveal: GroupKeyReveal | null;
  readonly group: AssetGroup | null;
  readonly scriptKeyIndex: number;
}

function sprout(seedling: Seedling, state: AssetState, funding: Funding, env: NodeEnv, draw: () => number): Sprout {
  const { tag, type, meta, group } = seedling;
  const genesis: Genesis = {
    firstPrevOut: funding.firstPrevOut,
    tag,
    metaHash: meta === null ? ZERO32 : metaHash(meta),
    outputIndex: 0,
    type,
  };
  const scriptKeyIndex = draw();
  const bare: Asset = {
    version: seedling.assetVersion,
    genesis,
    amount: seedling.amount,
    lockTime: 0n,
    relativeLockTime: 0n,
    prevWitnesses: [genesisWitness()],
    splitCommitmentRoot: null,
    scriptVersion: 0,
    scriptKey: bip86ScriptKey(env.walletKeys.assetKey(scriptKeyIndex).publicKey).publicKey,
    groupKey: null,
    unknown: [],
  };
  if (group.kind === 'none') return { seedling, asset: bare, genesis, reveal: null, group: null, scriptKeyIndex };
  if (group.kind === 'existing') {
    const known = must(state.groups.get(group.groupKey), 'the group was looked up when the asset was added');
    const rawKeyIndex = must(known.rawKeyIndex ?? undefined, 'the group is ours');
    const { asset } = signIntoGroup(bare, { rawKeyIndex, anchorId: known.anchorId }, env.walletKeys);
    return { seedling, asset, genesis, reveal: null, group: null, scriptKeyIndex };
  }
  const [rawKeyIndex, anchorId] = [draw(), assetId(genesis)];
  const { asset, reveal } = signIntoGroup(bare, { rawKeyIndex, anchorId }, env.walletKeys);
  const made: AssetGroup = { groupKey: must(asset.groupKey ?? undefined, 'a group key'), anchorId, rawKeyIndex };
  return { seedling, asset, genesis, reveal, group: made, scriptKeyIndex };
}

function proofOf({ seedling, asset, genesis, reveal }: Sprout, tx: Tx, outputs: readonly AnchorOutput[]): Proof {
  return createProof({
    prevOut: genesis.firstPrevOut,
    anchorTx: tx,
    outputs,
    asset,
    outputIndex: 0,
    genesis,
    ...(seedling.meta === null ? {} : { metaReveal: seedling.meta }),
    ...(reveal === null ? {} : { groupKeyReveal: reveal }),
  });
}

function minted(
  state: AssetState,
  part: {
    readonly anchor: Anchor;
    readonly holdings: readonly Holding[];
    readonly sprouts: readonly Sprout[];
    readonly nextKeyIndex: number;
  },
): AssetState {
  let { holdings, known, groups } = state;
  for (const holding of part.holdings) holdings = holdings.set(holding.key, holding);
  for (const { seedling, asset, genesis, group } of part.sprouts) {
    const fact: KnownAsset = { genesis, meta: seedling.meta, groupKey: asset.groupKey };
    known = known.set(assetId(genesis), fact);
    if (group !== null) groups = groups.set(group.groupKey, group);
  }
  const anchors = state.anchors.set(part.anchor.txid, part.anchor);
  return { ...state, nextKeyIndex: part.nextKeyIndex, seedlings: [], anchors, holdings, known, groups };
}

/** How the change shows that no asset is in it. */
export const changeOutput = ({ change, leading, outputs }: Pick<Funding, 'change' | 'leading' | 'outputs'>): readonly AnchorOutput[] =>
  change === null
    ? []
    : [{ outputIndex: leading.length + outputs, internalKey: change.internalKey, content: { kind: 'none', tapscriptProof: BIP86_PROOF } }];
