import { verifyTxProof } from '../../asset/proof/tx-merkle.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { height } from '../../base/units.ts';
import { blockHash, decodeBlockHeader, hasProofOfWork } from '../../bitcoin/block.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { taprootOutputKey } from '../../bitcoin/taproot.ts';
import { decodeTx, txId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import type { ChainFailure, ChainSource } from '../chain/source.ts';
import type { OutPointProof } from './mailbox-contract.ts';
import { bytes } from './wire.ts';

export interface RpcOutPointProof {
  readonly raw_tx_data: Bytes;
  readonly raw_block_header_data: Bytes;
  readonly block_height: number;
  readonly merkle_proof: { readonly sibling_hashes: readonly Bytes[]; readonly bits: readonly boolean[] } | null;
  readonly claimed_outpoint: { readonly txid: Bytes; readonly output_index: number } | null;
  readonly internal_key: Bytes;
  readonly merkle_root: Bytes;
}

/** What nodes relay has at most 100,000 vbytes. */
const MAX_TX_BYTES = 400_000;
/** The smallest transactions of a block fill a tree of this depth. */
const MAX_SIBLINGS = 15;

/** Reads a proof; the failure says what is wrong with its form. */
export function readOutPointProof(rpc: RpcOutPointProof | null): Result<OutPointProof, string> {
  if (rpc === null) return fail('the proof is missing');
  const { merkle_proof: merkle, claimed_outpoint: claimed } = rpc;
  if (rpc.raw_tx_data.length > MAX_TX_BYTES) return fail('the transaction is too large');
  if (merkle === null || claimed === null) return fail('the merkle proof or the outpoint is missing');
  const { sibling_hashes: siblings, bits } = merkle;
  if (siblings.length === 0 || siblings.length > MAX_SIBLINGS || siblings.length !== bits.length)
    return fail('the merkle proof is malformed');
  if (siblings.some((each) => each.length !== 32) || claimed.txid.length !== 32) return fail('a hash does not have 32 bytes');
  if (!secp.isPublicKey(Uint8Array.from(rpc.internal_key))) return fail('the internal key is none');
  if (![0, 32].includes(rpc.merkle_root.length)) return fail('the merkle root does not have 32 bytes');
  if (rpc.block_height === 0) return fail('the block height is missing');
  const [tx, header] = [decodeTx(Uint8Array.from(rpc.raw_tx_data)), decodeBlockHeader(Uint8Array.from(rpc.raw_block_header_data))];
  if (!tx.ok || !header.ok) return fail('the transaction or the block header cannot be read');
  return ok({
    tx: tx.value,
    blockHeader: header.value,
    blockHeight: rpc.block_height,
    txMerkleProof: { nodes: siblings.map((each) => Uint8Array.from(each)), bits },
    outPoint: { txid: bytes(claimed.txid) as TxId, vout: claimed.output_index },
    internalKey: Uint8Array.from(rpc.internal_key),
    merkleRoot: Uint8Array.from(rpc.merkle_root),
  });
}

/** What is wrong with what a proof claims, as far as it can be seen without the chain; null where nothing is. */
export function outPointFault(proof: OutPointProof): string | null {
  const { tx, outPoint, internalKey, merkleRoot, blockHeader, txMerkleProof } = proof;
  if (!equal(txId(tx), outPoint.txid)) return 'the outpoint is of another transaction';
  const output = tx.outputs[outPoint.vout];
  if (output === undefined) return 'the transaction has no such output';
  const key = taprootOutputKey(internalKey.slice(1), merkleRoot.length === 0 ? null : merkleRoot);
  if (key === null || !equal(output.script, p2trScript(key.key))) return 'the output does not pay to the internal key';
  if (!verifyTxProof(txMerkleProof, tx, blockHeader.merkleRoot)) return 'the transaction is not in the block';
  return hasProofOfWork(blockHeader) ? null : 'the block has no proof of work';
}

/** Whether the block of a proof is in the best chain, at the height that it says. */
export async function isInChain(chain: ChainSource, { blockHeader, blockHeight }: OutPointProof): Promise<Result<boolean, ChainFailure>> {
  const hash = await chain.blockHash(height(blockHeight));
  if (!hash.ok) return hash;
  return ok(hash.value !== null && equal(hash.value, blockHash(blockHeader)));
}
