import { fromHex, toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { UniverseProof } from '../../io/universe/contract.ts';
import { proveLeaf } from '../../io/universe/leaves.ts';
import { defineOperation, notFound } from '../define.ts';
import { namedUniverses, outPointOf, proofType, refJson, refSchema, rootJson, rootSchema, sum } from '../forms/universe.ts';
import { hex, nullable, object, outpoint, text, withProperties } from '../schema.ts';
import { readUniverse } from '../universe/own.ts';

export const universeProof = defineOperation({
  name: 'universe.proof',
  needs: 'nothing',
  params: object(
    {
      asset: text({ description: 'an asset id or name, or the key of a group' }),
      outpoint: outpoint({ description: 'where the asset stands, TXID:VOUT' }),
      script_key: hex(33, { description: 'whose it is' }),
    },
    { proof_type: proofType() },
  ),
  result: withProperties(rootSchema, {
    outpoint: outpoint(),
    script_key: hex(33),
    leaf_asset_id: hex(32),
    amount: sum(),
    proof: hex(),
    inclusion_proof: hex(undefined, { description: 'of the leaf in its tree, compressed' }),
    multiverse_root: nullable(refSchema),
    multiverse_inclusion_proof: nullable(hex()),
  }),
  async run(place, { asset, outpoint: at, script_key: scriptKey, proof_type: type }) {
    const key = { outPoint: outPointOf(at), scriptKey: fromHex(scriptKey) };
    return readUniverse(place, (universe) => {
      const ids = namedUniverses(universe, asset, type === undefined ? ['transfer', 'issuance'] : [type]);
      for (const id of ids) {
        const found = proveLeaf(universe.database, id, key);
        if (found !== null) return proofJson(found);
      }
      throw notFound(`this universe has no leaf at ${at} under that key`, '`lnkit universe leaves` shows those that it has');
    });
  },
});

const proofJson = (found: UniverseProof) => ({
  ...rootJson(found.root),
  outpoint: formatOutPoint(found.key.outPoint),
  script_key: toHex(found.key.scriptKey),
  leaf_asset_id: toHex(found.assetId),
  amount: `${found.amount}`,
  proof: toHex(found.proof),
  inclusion_proof: toHex(found.inclusionProof),
  multiverse_root: found.multiverseRoot === null ? null : refJson(found.multiverseRoot),
  multiverse_inclusion_proof: found.multiverseInclusionProof === null ? null : toHex(found.multiverseInclusionProof),
});
