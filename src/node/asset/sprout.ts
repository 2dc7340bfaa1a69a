import { type Asset, genesisWitness } from '../../asset/asset.ts';
import { type ExternalKey, resolveExternalKey } from '../../asset/external-key.ts';
import { assetId, type Genesis, ZERO32 } from '../../asset/genesis.ts';
import { type GroupKeyReveal, groupKeyOf, newGroupKeyRevealV1 } from '../../asset/group-key.ts';
import { bip86ScriptKey, NON_SPENDABLE } from '../../asset/keys.ts';
import { metaHash } from '../../asset/proof/meta.ts';
import { groupPrevOutput, inputSet, virtualSighash, virtualTx } from '../../asset/vm/virtual-tx.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { taprootPrivateKey } from '../../bitcoin/taproot.ts';
import type { Tx, TxOutput } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import type { WalletKeys } from '../wallet/types.ts';
import { certain } from './sign.ts';
import type { AssetGroup, AssetState, BatchFunding, MintBatch, Seedling } from './types.ts';

/** An asset of a funded batch: its id is known, and what is still to be signed, if it joins a group. */
export interface Sprout {
  readonly seedling: Seedling;
  readonly genesis: Genesis;
  readonly scriptKeyIndex: number;
  /** Without the group's witness. */
  readonly asset: Asset;
  /** null where it is in no group. */
  readonly joins: AssetGroup | null;
  /** It is the first asset of that group. */
  readonly begins: boolean;
}

/** What the assets of a batch become, by nothing but what is stored of it. */
export function sproutsOf(
  state: AssetState,
  { seedlings }: Pick<MintBatch, 'seedlings'>,
  funding: Pick<BatchFunding, 'coins' | 'keys'>,
  keys: WalletKeys,
): readonly Sprout[] {
  const firstPrevOut = must(funding.coins[0], 'a minting spends a coin');
  const genesisOf = ({ tag, meta, type }: Seedling): Genesis => ({
    firstPrevOut,
    tag,
    metaHash: meta === null ? ZERO32 : metaHash(meta),
    outputIndex: 0,
    type,
  });
  const begun = (seedling: Seedling): AssetGroup => {
    const { groupKeyIndex } = must(funding.keys[seedlings.indexOf(seedling)], 'keys for each asset');
    return newGroup(seedling, assetId(genesisOf(seedling)), groupKeyIndex, keys);
  };
  const joined = (seedling: Seedling): AssetGroup | null => {
    const { group } = seedling;
    if (group.kind === 'none') return null;
    const of = group.kind === 'existing' ? group.groupKey : group.kind === 'external' ? group.groupKey : null;
    if (of !== null) {
      const known = must(state.groups.get(of), 'the group was looked up when the asset was added');
      return group.kind === 'external' ? { ...known, external: group.key } : known;
    }
    if (group.kind !== 'member') return begun(seedling);
    return begun(
      must(
        seedlings.find(({ tag }) => equal(tag, group.anchor)),
        'the first asset of the group was there when this was added',
      ),
    );
  };
  return seedlings.map((seedling, index) => {
    const { scriptKeyIndex } = must(funding.keys[index], 'keys for each asset');
    const joins = joined(seedling);
    const genesis = genesisOf(seedling);
    return {
      seedling,
      genesis,
      scriptKeyIndex,
      joins,
      begins: beginsGroup(seedling),
      asset: bare(seedling, genesis, { scriptKeyIndex, joins, keys }),
    };
  });
}

export const beginsGroup = ({ group }: Seedling): boolean =>
  group.kind === 'new' || group.kind === 'scripted' || (group.kind === 'external' && group.groupKey === null);

const bare = (
  { assetVersion, amount }: Seedling,
  genesis: Genesis,
  part: { readonly scriptKeyIndex: number; readonly joins: AssetGroup | null; readonly keys: WalletKeys },
): Asset => ({
  version: assetVersion,
  genesis,
  amount,
  lockTime: 0n,
  relativeLockTime: 0n,
  prevWitnesses: [genesisWitness()],
  splitCommitmentRoot: null,
  scriptVersion: 0,
  scriptKey: bip86ScriptKey(part.keys.assetKey(part.scriptKeyIndex).publicKey).publicKey,
  groupKey: part.joins?.groupKey ?? null,
  unknown: [],
});

function newGroup({ group }: Seedling, anchorId: Bytes, keyIndex: number | null, keys: WalletKeys): AssetGroup {
  if (group.kind === 'external') {
    const internalKey = certain(resolveExternalKey(group.key)).publicKey;
    const { customRoot: customSubtreeRoot } = group;
    const reveal = newGroupKeyRevealV1({ internalKey, id: anchorId, leafVersion: NON_SPENDABLE.PEDERSEN, customSubtreeRoot });
    return made(reveal, anchorId, { rawKeyIndex: null, external: group.key });
  }
  const rawKeyIndex = must(keyIndex ?? undefined, 'a key for each new group of ours');
  const tapscriptRoot = group.kind === 'scripted' ? group.tapscriptRoot : null;
  return made({ version: 0, rawKey: keys.assetKey(rawKeyIndex).publicKey, tapscriptRoot }, anchorId, { rawKeyIndex, external: null });
}

const made = (
  reveal: GroupKeyReveal,
  anchorId: Bytes,
  part: { readonly rawKeyIndex: number | null; readonly external: ExternalKey | null },
): AssetGroup => ({ groupKey: certain(groupKeyOf(reveal, anchorId)), anchorId, reveal, ...part });

/** What is signed so that an asset joins its group. */
export interface GroupTx {
  readonly tx: Tx;
  readonly prevOut: TxOutput;
}

export function groupTxOf(asset: Asset): GroupTx {
  const { tx } = certain(virtualTx(asset, inputSet([])));
  return { tx, prevOut: groupPrevOutput(asset, must(asset.groupKey ?? undefined, 'a grouped asset')) };
}

const NO_AUX: Bytes = new Uint8Array(32);

/** The witness that our own key gives; null where the group's key signs elsewhere. */
export function ownGroupWitness({ asset, joins }: Pick<Sprout, 'asset' | 'joins'>, keys: WalletKeys): readonly Bytes[] | null {
  if (joins === null || joins.rawKeyIndex === null) return null;
  const { tx, prevOut } = groupTxOf(asset);
  const hash = virtualSighash({ tx, asset, index: 0, prevOut });
  const internal = secp.privateAdd(keys.assetKey(joins.rawKeyIndex).privateKey, joins.anchorId);
  const root = joins.reveal?.version === 0 ? joins.reveal.tapscriptRoot : null;
  return [secp.schnorrSign(hash, taprootPrivateKey(internal, root), NO_AUX)];
}

/** The asset with its group's witness; as it is where it is in none. */
export const withGroupWitness = (asset: Asset, witness: readonly Bytes[]): Asset =>
  asset.groupKey === null ? asset : { ...asset, prevWitnesses: [genesisWitness(witness)] };
