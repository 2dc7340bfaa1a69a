import { base64 } from '@scure/base';
import { txMerkleProofCodec } from '../../asset/proof/tx-merkle.ts';
import type { SupplyCommitment } from '../../asset/supply/commitment.ts';
import { decodeSupplyLeaf, type SupplyKind, type SupplyLeaf } from '../../asset/supply/leaf.ts';
import { type Bytes, tryHex } from '../../base/bytes.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import { blockHeaderCodec } from '../../bitcoin/block.ts';
import { txCodec } from '../../bitcoin/tx.ts';
import { type Codec, decodeWith } from '../../codec/codec.ts';
import { AppError } from '../error.ts';

/** A commitment to a group's supply with the leaves that it adds, as `tapcli universe supplycommit fetch` prints it, or its REST call answers. */
export interface GivenCommitment {
  readonly commitment: SupplyCommitment;
  readonly leaves: readonly SupplyLeaf[];
}

/** No issuer adds more at once; each takes a proof. */
const MAX_LEAVES = 100_000;

/** Reads the JSON text of one commitment. Throws MALFORMED. */
export function commitmentOf(text: string): GivenCommitment {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw malformed(`no JSON: ${(error as Error).message}`);
  }
  return commitmentOfJson(json);
}

/** The same as an object; bytes may stand in it as they are, as gRPC gives them. Throws MALFORMED. */
export function commitmentOfJson(json: unknown): GivenCommitment {
  const all = member(json, 'commitment');
  const chain = member(all['chain_data'], 'chain_data');
  const commitment: SupplyCommitment = {
    tx: decoded('txn', txCodec, chain['txn']),
    outputIndex: number('tx_out_idx', chain['tx_out_idx'] ?? 0),
    internalKey: sized('internal_key', chain['internal_key'], 33),
    root: { hash: sized('supply_root_hash', chain['supply_root_hash'], 32), sum: units(chain['supply_root_sum'] ?? '0') },
    header: decoded('block_header', blockHeaderCodec, chain['block_header']),
    height: number('block_height', chain['block_height'] ?? 0),
    txMerkleProof: decoded('tx_block_merkle_proof', txMerkleProofCodec, chain['tx_block_merkle_proof']),
    spent: outPointOf(all['spent_commitment_outpoint']),
  };
  const leaves = [
    ...leavesOf('mint', all['issuance_leaves']),
    ...leavesOf('burn', all['burn_leaves']),
    ...leavesOf('ignore', all['ignore_leaves']),
  ];
  return { commitment, leaves };
}

function leavesOf(kind: SupplyKind, given: unknown): readonly SupplyLeaf[] {
  const entries = given ?? [];
  if (!Array.isArray(entries) || entries.length > MAX_LEAVES) throw malformed(`the ${kind} leaves are no list of at most ${MAX_LEAVES}`);
  return entries.map((entry: unknown, i) => {
    const name = `${kind} leaf ${i}`;
    const leaf = decodeSupplyLeaf(kind, bytes(name, member(entry, name)['raw_leaf']));
    if (!leaf.ok) throw malformed(`${name}: ${leaf.failure.message}`);
    return leaf.value;
  });
}

function outPointOf(given: unknown): OutPoint | null {
  if (given === undefined || given === null) return null;
  const { txid, output_index: vout } = member(given, 'spent_commitment_outpoint');
  return { txid: sized('spent_commitment_outpoint', txid, 32) as TxId, vout: number('output_index', vout ?? 0) };
}

function member(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${name} is missing`);
  return value as Readonly<Record<string, unknown>>;
}

/** Hexadecimal or base64, as the two ways to ask tapd answer. */
function bytes(name: string, value: unknown): Bytes {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (typeof value !== 'string') throw malformed(`${name} is missing`);
  const hex = tryHex(value);
  if (hex !== null) return hex;
  try {
    return base64.decode(value);
  } catch {
    throw malformed(`${name} is neither base64 nor hexadecimal`);
  }
}

function sized(name: string, value: unknown, length: number): Bytes {
  const read = bytes(name, value);
  if (read.length !== length) throw malformed(`${name} has ${read.length} bytes where ${length} belong`);
  return read;
}

function decoded<T>(name: string, codec: Codec<T>, value: unknown): T {
  const read = decodeWith(codec, bytes(name, value));
  if (!read.ok) throw malformed(`${name}: ${read.failure.message}`);
  return read.value;
}

function number(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff) throw malformed(`${name} is no number`);
  return value;
}

function units(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value) || BigInt(value) > 0xffffffffffffffffn)
    throw malformed('supply_root_sum is no number');
  return BigInt(value);
}

const malformed = (message: string): AppError => new AppError({ code: 'MALFORMED', message: `not a commitment to a supply: ${message}` });
