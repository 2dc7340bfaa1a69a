import { isGenesisAsset } from '../../asset/asset.ts';
import { assetId } from '../../asset/genesis.ts';
import { groupKeyOf, sameGroup } from '../../asset/group-key.ts';
import { checkMeta, metaHash } from '../../asset/proof/meta.ts';
import { type Proof, TRANSITION_VERSION } from '../../asset/proof/proof.ts';
import { preCommitmentOf } from '../../asset/supply/commitment.ts';
import { equal } from '../../base/bytes.ts';

/** What is wrong with a transition by itself, whatever the chain and its history say. */
export function problemsOf(proof: Proof): readonly string[] {
  const problems: string[] = [];
  if (proof.version > TRANSITION_VERSION.V1) problems.push(`transition version ${proof.version} is not known`);
  if (proof.challengeWitness !== null) problems.push('it shows who owns the asset, not where it comes from');
  return [...problems, ...metaProblems(proof), ...groupProblems(proof)];
}

function metaProblems({ asset, metaReveal: meta, anchorTx }: Proof): readonly string[] {
  if (meta === null) return [];
  const problems: string[] = [];
  const checked = checkMeta(meta);
  if (!checked.ok) problems.push(checked.failure.message);
  if (!equal(metaHash(meta), asset.genesis.metaHash)) problems.push('the metadata is not that of the asset');
  // The first commitment to the supply could spend nothing.
  if (meta.universeCommitments && meta.delegationKey !== null && preCommitmentOf(anchorTx, meta.delegationKey) === null)
    problems.push('it promises commitments to its supply, and its minting has no output for them to spend');
  return problems;
}

function groupProblems({ asset, groupKeyReveal: reveal }: Proof): readonly string[] {
  if (reveal === null) return [];
  if (!isGenesisAsset(asset)) return ['it shows the origin of a group key, and mints nothing'];
  const key = groupKeyOf(reveal, assetId(asset.genesis));
  if (!key.ok) return [key.failure.message];
  return sameGroup(key.value, asset.groupKey) ? [] : ['the group key is not the one that the proof derives'];
}
