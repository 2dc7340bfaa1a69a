import { equal } from '../../base/bytes.ts';
import type { BlockHash } from '../../base/ids.ts';
import { blockHash } from '../../bitcoin/block.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import { txId } from '../../bitcoin/tx.ts';
import { proveTx } from '../proof/tx-merkle.ts';
import type { SupplyLeaf } from './leaf.ts';

/** The block that has to be looked up for a leaf: tapd 0.8 commits to burns by proofs that do not show yet where in its block the transaction is. */
export const unplacedBlock = (leaf: SupplyLeaf): BlockHash | null =>
  leaf.kind === 'burn' && leaf.proof.txMerkleProof.nodes.length === 0 ? blockHash(leaf.proof.blockHeader) : null;

/** The leaf with the place of its transaction among those of the block; as it is where it is not there. What was committed to stays what it is. */
export function placed(leaf: SupplyLeaf, txs: readonly Tx[]): SupplyLeaf {
  if (leaf.kind !== 'burn') return leaf;
  const ids = txs.map(txId);
  const own = txId(leaf.proof.anchorTx);
  const index = ids.findIndex((id) => equal(id, own));
  return index < 0 ? leaf : { ...leaf, proof: { ...leaf.proof, txMerkleProof: proveTx(ids, index) } };
}
