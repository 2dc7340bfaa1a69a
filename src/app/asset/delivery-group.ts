import { leafOf, type UniverseLeaf, universeLeaves } from '../../asset/courier.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { decodeProof } from '../../asset/proof/proof.ts';
import { equal } from '../../base/bytes.ts';
import type { UniverseId } from '../../io/universe/contract.ts';
import { transitionsOf } from '../../node/asset/files.ts';
import type { AssetGroup, Holding } from '../../node/asset/types.ts';
import type { CustodyPorts } from './custody-ports.ts';

/** More mintings of a group are not searched for its first. */
const SEARCHED = 256;

/**
 * The minting that began the group of an asset: a courier takes further tranches only when it knows of it. Nothing where the asset has no group or is
 * itself the first, or where we cannot find it: then the courier has to know of it from elsewhere.
 */
export async function firstOfGroup(ports: CustodyPorts, { facts }: Holding): Promise<readonly UniverseLeaf[]> {
  const { assets } = ports.state();
  const group = [...assets.groups.values()].find(({ groupKey }) => sameGroup(groupKey, facts.groupKey));
  if (group === undefined || equal(group.anchorId, facts.assetId)) return [];
  return heldMinting(ports, group) ?? (await keptMinting(ports, group));
}

/** At the beginning of the file of any holding of the first asset. */
function heldMinting(ports: CustodyPorts, { anchorId }: AssetGroup): readonly UniverseLeaf[] | null {
  const { assets } = ports.state();
  for (const holding of assets.holdings.values()) {
    if (!equal(holding.facts.assetId, anchorId)) continue;
    const transitions = transitionsOf(assets, holding, (link) => ports.store.assetHistory(link));
    const leaves = transitions.ok ? universeLeaves(transitions.value.slice(0, 1)) : transitions;
    if (leaves.ok) return leaves.value;
  }
  return null;
}

/** In our own universe. */
async function keptMinting(ports: CustodyPorts, { groupKey, anchorId }: AssetGroup): Promise<readonly UniverseLeaf[]> {
  const universe = await ports.universe();
  const id: UniverseId = { proofType: 'issuance', of: { kind: 'group', groupKey } };
  const keys = await universe?.leafKeys(id, { offset: 0, limit: SEARCHED });
  if (universe === null || keys === undefined || !keys.ok) return [];
  for (const key of keys.value) {
    const found = await universe.query(id, key);
    if (!found.ok || found.value === null || !equal(found.value.assetId, anchorId)) continue;
    const proof = decodeProof(found.value.proof);
    if (proof.ok) return [leafOf(proof.value, found.value.proof)];
  }
  return [];
}
