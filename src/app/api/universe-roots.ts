import type { ProofType } from '../../asset/universe/id.ts';
import type { LocalUniverse } from '../../io/universe/local.ts';
import { defineOperation } from '../define.ts';
import { MOST, pageFields, proofType, refJson, refSchema, rootJson, rootSchema, treesOf } from '../forms/universe.ts';
import { list, nullable, object, text } from '../schema.ts';
import { readUniverse } from '../universe/own.ts';

export const universeRoots = defineOperation({
  name: 'universe.roots',
  needs: 'nothing',
  params: object(
    {},
    { asset: text({ description: 'an asset id or name, or the key of a group' }), proof_type: proofType(), ...pageFields },
  ),
  result: object({ roots: list(rootSchema), multiverse: object({ issuance: nullable(refSchema), transfer: nullable(refSchema) }) }),
  async run(place, { offset = 0, limit = MOST, ...which }) {
    return readUniverse(place, (universe) => ({
      roots: treesOf(universe, { ...which, offset, limit }).map(rootJson),
      multiverse: { issuance: multiverse(universe, 'issuance'), transfer: multiverse(universe, 'transfer') },
    }));
  },
});

function multiverse(universe: LocalUniverse, type: ProofType) {
  const root = universe.multiverseRoot(type);
  return root === null ? null : refJson(root);
}
