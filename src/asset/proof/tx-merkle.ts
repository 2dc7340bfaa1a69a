import { type Bytes, concat, equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { merkleBranch } from '../../bitcoin/block.ts';
import { encodeTxWithoutWitness, type Tx } from '../../bitcoin/tx.ts';
import { bigsizeNumber, type Codec } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { sha256d } from '../../crypto/hash.ts';

/** Shows that a transaction is in a block: the siblings from leaf to root, and on which side each stands. */
export interface TxMerkleProof {
  readonly nodes: readonly Bytes[];
  /** True where the sibling is on the right. */
  readonly bits: readonly boolean[];
}

/** 2^15 transactions of the smallest size do not fit into a block. */
const MAX_NODES = 15;

export const txMerkleProofCodec: Codec<TxMerkleProof> = {
  write(to, { nodes, bits }) {
    bigsizeNumber.write(to, nodes.length);
    for (const node of nodes) to.bytes(node);
    const packed = new Uint8Array(Math.ceil(nodes.length / 8));
    for (const [i, bit] of bits.entries()) if (bit) packed[i >> 3] = (packed[i >> 3] as number) | (1 << (i & 7));
    to.bytes(packed);
  },
  read(from) {
    const count = bigsizeNumber.read(from);
    if (count > MAX_NODES) throw new CodecError(`a merkle proof of ${count} nodes, at most ${MAX_NODES} are allowed`);
    const nodes = Array.from({ length: count }, () => from.take(32).slice());
    const packed = from.take(Math.ceil(count / 8));
    return { nodes, bits: nodes.map((_, i) => (((packed[i >> 3] as number) >> (i & 7)) & 1) === 1) };
  },
};

/** The proof of the transaction at `index` among a block's transactions. */
export const proveTx = (txids: readonly TxId[], index: number): TxMerkleProof => {
  const nodes = merkleBranch(txids, index);
  return { nodes, bits: nodes.map((_, level) => ((index >> level) & 1) === 0) };
};

export function verifyTxProof(proof: TxMerkleProof, tx: Tx, merkleRoot: Bytes): boolean {
  // Two inner nodes of the tree have 64 bytes: a transaction of that size could be one that was never sent.
  const bytes = encodeTxWithoutWitness(tx);
  if (bytes.length === 64) return false;
  let hash = sha256d(bytes);
  for (const [i, node] of proof.nodes.entries()) hash = sha256d(proof.bits[i] === true ? concat(hash, node) : concat(node, hash));
  return equal(hash, merkleRoot);
}
