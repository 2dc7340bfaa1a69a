import { ZERO_PREV_ID } from '../../asset/asset.ts';
import { confirmProof } from '../../asset/proof/create.ts';
import { ownershipTransition } from '../../asset/proof/ownership.ts';
import { encodeProof } from '../../asset/proof/proof.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { CommandId } from '../../base/ids.ts';
import { type Draft, refuse, reply } from '../draft.ts';
import { anchorOf } from './files.ts';
import { signTransition } from './sign.ts';

export interface OwnershipAction {
  readonly kind: 'prove_ownership';
  /** Of the holding. */
  readonly key: Bytes;
  /** 32 bytes of whoever asks; null for none. */
  readonly challenge: Bytes | null;
}
export interface OwnershipReply {
  readonly kind: 'asset_ownership';
  readonly proof: Bytes;
}

/** Signs that we can spend a holding. What is signed spends from an outpoint that does not exist: it is of no use for anything else. Changes nothing. */
export function proveOwnership(draft: Draft, id: CommandId, { key, challenge }: OwnershipAction): void {
  const { assets } = draft.state;
  const holding = assets.holdings.get(key);
  if (holding === undefined || holding.scriptKeyIndex === null || holding.facts.fate !== 'live') {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'this asset is not ours' });
    return;
  }
  const { block } = anchorOf(assets, holding);
  if (holding.spentBy !== null || block === null) {
    refuse(draft, id, { code: 'POLICY', message: holding.spentBy === null ? 'the asset is in no block yet' : 'the asset is spent' });
    return;
  }
  const { proof, scriptKeyIndex, scriptKeyTweak } = holding;
  const { asset } = ownershipTransition(proof.asset, challenge);
  const spent = { asset: proof.asset, outPoint: ZERO_PREV_ID.outPoint, scriptKeyIndex, scriptKeyTweak };
  const [witness] = signTransition(asset, [spent], draft.env.walletKeys).prevWitnesses;
  const signed = { ...confirmProof(proof, block), additionalInputs: [], challengeWitness: witness?.txWitness ?? [] };
  reply(draft, id, { kind: 'asset_ownership', proof: encodeProof(signed) });
}
