import type { TapAddress } from '../../asset/address/address.ts';
import { prevIdHash } from '../../asset/asset.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { anchorOf } from './files.ts';
import type { Arrival, ArrivalPart, AssetState } from './types.ts';

/** What an address of version 0 or 1 asks for; nothing where only the sender can say it. */
export const partsOf = ({ assetId, amount, scriptKey, version }: TapAddress): readonly ArrivalPart[] =>
  assetId === null || version > 1 ? [] : [{ assetId, amount, scriptKey }];

/** The key of the holding that an arrival becomes. */
export const holdingKeyOf = ({ outPoint }: Arrival, { assetId, scriptKey }: ArrivalPart): Bytes =>
  prevIdHash({ outPoint, id: assetId, scriptKey });

export const sameOutPoint = (a: OutPoint, b: OutPoint): boolean => a.vout === b.vout && equal(a.txid, b.txid);

/**
 * `detected`: its transaction is in no block (any more). `confirmed`: it is, and the courier has to tell the rest. `proof_received`: some of its
 * assets are here, or what is here was proved before a reorganisation. `completed`: all is proved, and can be spent.
 */
export type ArrivalStatus = 'detected' | 'confirmed' | 'proof_received' | 'completed';

export function arrivalStatus(state: AssetState, arrival: Arrival): ArrivalStatus {
  if (arrival.height === null) return 'detected';
  if (arrival.provedAt !== null) return 'completed';
  const here = arrival.parts.filter((part) => isHere(state, arrival, part));
  if (here.length === 0) return 'confirmed';
  return isAllProved(state, arrival) ? 'completed' : 'proof_received';
}

/** Whether everything of it is here, with proofs of the blocks that have it now. */
export const isAllProved = (state: AssetState, arrival: Arrival): boolean =>
  arrival.parts.every((part) => isHere(state, arrival, part) && isCurrent(state, arrival, part));

/** Whether the asset is here and ours. */
export function isHere(state: AssetState, arrival: Arrival, part: ArrivalPart): boolean {
  const holding = state.holdings.get(holdingKeyOf(arrival, part));
  return holding !== undefined && holding.scriptKeyIndex !== null;
}

/** Whether its proof is of the block that has it now: after a reorganisation, what came before it may stand elsewhere as well. */
function isCurrent(state: AssetState, arrival: Arrival, part: ArrivalPart): boolean {
  const holding = state.holdings.get(holdingKeyOf(arrival, part));
  if (holding === undefined) return false;
  // Sent by ourselves: its proof is made anew whenever it is asked for.
  if (holding.inputs.length > 0) return true;
  const { block } = anchorOf(state, holding);
  return block !== null && equal(blockHash(block.header), blockHash(holding.proof.blockHeader));
}
