import { type Asset, prevIdHash, prevIdOf } from '../../asset/asset.ts';
import { assetId } from '../../asset/genesis.ts';
import { isBurn, isTombstone } from '../../asset/keys.ts';
import { decodeProof, encodeProof, outPointOf, type Proof } from '../../asset/proof/proof.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { AssetFate, Holding, HoldingBase, HoldingFacts } from './types.ts';

/** Nothing came before, or the holdings that were spent have it. */
export const NO_BASE: HoldingBase = { head: null, additionalHeads: [], before: [], additionalInputs: [] };

/** A holding that is nobody's yet. */
export function holdingOf(proof: Proof): Holding {
  const facts = factsOf(proof);
  return {
    key: prevIdHash(prevIdOf(proof.asset, facts.outPoint)),
    facts,
    proof,
    inputs: [],
    base: NO_BASE,
    scriptKeyIndex: null,
    scriptKeyTweak: null,
    internalKeyIndex: null,
    spentBy: null,
  };
}

export function factsOf(proof: Proof): HoldingFacts {
  const { asset } = proof;
  return {
    assetId: assetId(asset.genesis),
    groupKey: asset.groupKey,
    amount: asset.amount,
    outPoint: outPointOf(proof),
    fate: fateOf(asset),
  };
}

const fateOf = (asset: Asset): AssetFate => (isTombstone(asset) ? 'tombstone' : isBurn(asset) ? 'burnt' : 'live');

/** The same holding with its proof as bytes: a decoded one takes twenty times the memory. It is decoded each time it is asked for. */
export function atRest(holding: Holding): Holding {
  if (Object.getOwnPropertyDescriptor(holding, 'proof')?.get !== undefined) return holding;
  return restingOn(holding, encodedProof(holding));
}

export function restingOn(parts: Omit<Holding, 'proof'>, encoded: Bytes): Holding {
  // A copy of its own: what was read out of a larger buffer would keep all of that.
  const own = encoded.slice();
  return {
    ...parts,
    get proof() {
      return decoded(own);
    },
  };
}

/** The proof of a holding as it is stored. */
export const encodedProof = ({ proof }: Pick<Holding, 'proof'>): Bytes => encodings.get(proof) ?? encodeProof(proof);

const encodings = new WeakMap<Proof, Bytes>();
/** Whoever asks for a proof mostly asks for it again at once. */
let last: { readonly encoded: Bytes; readonly proof: Proof } | null = null;

function decoded(encoded: Bytes): Proof {
  if (last?.encoded === encoded) return last.proof;
  const read = decodeProof(encoded);
  if (!read.ok) throw new RangeError(`a stored proof is damaged: ${read.failure.message}`);
  encodings.set(read.value, encoded);
  last = { encoded, proof: read.value };
  return read.value;
}
