import { assetName } from '../../asset/genesis.ts';
import { bip86ScriptKey } from '../../asset/keys.ts';
import { bytesSource } from '../../asset/proof/file.ts';
import { verifyFile } from '../../asset/proof/verify-file.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import type { Network } from '../../bitcoin/network.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { fileOf } from '../../node/asset/files.ts';
import type { History } from '../../node/asset/history.ts';
import { holdingState, isHeld } from '../../node/asset/select.ts';
import type { AssetState, Holding } from '../../node/asset/types.ts';
import { type BackedUpAssets, isAssetSection, readAssetSection } from '../../node/backup/assets.ts';
import { type BackupHead, openBackup, type Section } from '../../node/backup/format.ts';
import type { WalletKeys } from '../../node/wallet/types.ts';
import { holdingJson, holdingSchema } from '../forms/asset.ts';
import { count, flag, hex, list, nullable, object, type TypeOf, text, time } from '../schema.ts';
import { backupError } from './file.ts';

export interface BackupOwner {
  readonly nodeId: NodeId;
  readonly network: Network;
  readonly keys: WalletKeys;
}

/** A backup that its owner has opened. */
export interface OpenedBackup extends BackedUpAssets {
  readonly head: BackupHead;
  readonly sections: readonly Section[];
  readonly history: History;
  /** What stands in the way of restoring all of it. */
  readonly problems: readonly string[];
}

/** Opens a backup with the keys of its owner. Throws AppError. */
export function openOwn(file: Bytes, { nodeId, network, keys }: BackupOwner): OpenedBackup {
  const opened = openBackup(file, { key: keys.backupKey(), nodeId, network });
  if (!opened.ok) throw backupError(opened.failure);
  const { head, sections } = opened.value;
  const section = sections.find(isAssetSection);
  const strange = sections.filter((each) => each !== section);
  const problems = strange.map(
    ({ kind, version }) => `section ${kind} of version ${version} is not known to this lnkit: a newer one restores it`,
  );
  if (section === undefined)
    throw backupError({ code: 'STORE_VERSION', message: 'this lnkit knows no section of the backup', hint: 'update lnkit' });
  const read = readAssetSection(section);
  if (!read.ok) throw backupError(read.failure);
  for (const table of read.value.unknown) problems.push(`records of ${table} are not known to this lnkit: a newer one restores them`);
  const links = new Map(read.value.links.map((row) => [toHex(row.key), row.blob]));
  return { ...read.value, head, sections, problems, history: (link) => links.get(toHex(link)) ?? null };
}

export const backupSchema = object(
  {
    network: text(),
    node_fingerprint: hex(8),
    created_at: time(),
    height: count({ description: 'of the block up to which the node had followed the chain' }),
    channels: count(),
    assets: count({ description: 'holdings that can be spent, or are on their way' }),
    swaps: count(),
    restorable: flag({ description: 'everything in it can be had back' }),
    problems: list(text()),
    sections: list(object({ kind: text(), version: count(), bytes: count() })),
  },
  {
    holdings: list(object({ holding: holdingSchema, valid: flag(), unspent: nullable(flag()) })),
  },
);
export type BackupJson = TypeOf<typeof backupSchema>;

/** `problems` are what cannot be had back; beside them stands what its owner should know. */
export function backupJson(backup: Pick<OpenedBackup, 'head' | 'sections' | 'assets'>, problems: readonly string[]): BackupJson {
  const { head, sections, assets } = backup;
  return {
    network: head.network,
    node_fingerprint: toHex(head.fingerprint),
    created_at: head.createdAt,
    height: head.height,
    channels: 0,
    assets: heldIn(assets).length,
    swaps: 0,
    restorable: problems.length === 0,
    problems: [...problems, ...openBatch(assets)],
    sections: sections.map(({ kind, version, body }) => ({ kind, version, bytes: body.length })),
  };
}

function openBatch({ batch }: AssetState): readonly string[] {
  if (batch === null) return [];
  return [`a batch of ${batch.seedlings.length} assets was open: look whether it was minted since, before you finalize it after a restore`];
}

export const heldIn = (assets: AssetState): readonly Holding[] =>
  [...assets.holdings.values()].filter((holding) => isHeld(assets, holding));

/** How a holding is called in a problem. */
export const nameOf = ({ proof, facts }: Holding): string =>
  `${facts.amount} units of ${assetName(proof.asset.genesis) ?? toHex(facts.assetId)} in ${formatOutPoint(facts.outPoint)}`;

/** What is wrong with a holding of a backup as far as can be told without the chain; null where nothing is. */
export function problemOf(backup: Pick<OpenedBackup, 'assets' | 'history'>, holding: Holding, keys: WalletKeys): string | null {
  const { assets, history } = backup;
  const problem = keyProblem(holding, keys);
  if (problem !== null) return problem;
  // As long as no block has its anchor there is no proof; the transaction is in the backup.
  const is = holdingState(assets, holding);
  const file = fileOf(assets, holding, history);
  if (!file.ok) return is === 'pending' || is === 'leased' ? null : file.failure.message;
  const isKnownGroup = (key: Bytes): boolean => assets.groups.has(key);
  const verified = verifyFile(bytesSource(file.value), { interpreter: checkScripts, chain: null, isInChain: () => true, isKnownGroup });
  if (!verified.ok) return verified.failure.message;
  return equal(verified.value.asset.scriptKey, holding.proof.asset.scriptKey) ? null : 'its file proves another asset';
}

/** The keys of a holding are those of the words: a BIP 86 script key, and the internal key of its output. */
function keyProblem({ proof, scriptKeyIndex, scriptKeyTweak, internalKeyIndex }: Holding, keys: WalletKeys): string | null {
  if (scriptKeyIndex === null || internalKeyIndex === null) return 'its keys are not ours';
  const internal = keys.assetKey(internalKeyIndex).publicKey;
  if (!equal(xOnly(internal), xOnly(proof.inclusionProof.internalKey))) return 'the key of its output does not come from the words';
  const script = bip86ScriptKey(keys.assetKey(scriptKeyIndex).publicKey).publicKey;
  // A key derived for the address of a group commits to a script besides.
  if (scriptKeyTweak === null && !equal(xOnly(script), xOnly(proof.asset.scriptKey))) return 'its script key does not come from the words';
  return null;
}

export const holdingReport = (
  backup: OpenedBackup,
  holding: Holding,
  found: { readonly valid: boolean; readonly unspent: boolean | null },
) => ({
  holding: holdingJson(backup.assets, holding),
  ...found,
});
