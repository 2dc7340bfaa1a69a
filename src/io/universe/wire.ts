// The messages of universerpc and what they stand for. Everything that comes in is read with suspicion: null where it is not what it should be.
import type { NodeRef } from '../../asset/mssmt/node.ts';
import { type Bytes, concat, tryHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { formatOutPoint, formatTxId, parseTxId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import type { LeafKey, ProofType, UniverseId } from './contract.ts';

export interface RpcId {
  readonly id?: string;
  readonly asset_id?: Bytes;
  readonly asset_id_str?: string;
  readonly group_key?: Bytes;
  readonly group_key_str?: string;
  readonly proof_type: number | string;
}
export interface RpcNode {
  readonly root_hash: Bytes;
  readonly root_sum: string;
}
export interface RpcRoot {
  readonly id: RpcId | null;
  readonly mssmt_root: RpcNode | null;
  readonly asset_name: string;
}
export interface RpcAssetKey {
  readonly outpoint?: string;
  readonly op_str?: string;
  readonly op?: { readonly hash_str: string; readonly index: number };
  readonly script_key?: string;
  readonly script_key_bytes?: Bytes;
  readonly script_key_str?: string;
}
export interface RpcUniverseKey {
  readonly id: RpcId | null;
  readonly leaf_key: RpcAssetKey | null;
}
export interface RpcLeaf {
  readonly asset: object | null;
  readonly proof: Bytes;
}
export interface RpcProof {
  readonly req: RpcUniverseKey | null;
  readonly universe_root: RpcRoot | null;
  readonly universe_inclusion_proof: Bytes;
  readonly asset_leaf: RpcLeaf | null;
  readonly multiverse_root: RpcNode | null;
  readonly multiverse_inclusion_proof: Bytes;
}
export interface RpcRoots {
  readonly universe_roots: { readonly [key: string]: RpcRoot };
  readonly has_more: boolean;
}
export interface RpcLeafKeys {
  readonly asset_keys: readonly RpcAssetKey[];
  readonly entries: readonly { readonly asset_key: RpcAssetKey | null; readonly leaf_node_hash: Bytes }[];
  readonly has_more: boolean;
}

/** tapd allows no larger page, and takes this much where none is asked for. */
export const MAX_PAGE = 512;

const TYPES = { issuance: 1, transfer: 2 } as const;

export const rpcProofType = (type: ProofType): number => TYPES[type];

/** `any` where the message leaves it open. */
export function readProofType(value: number | string): ProofType | 'any' | null {
  switch (value) {
    case 0:
    case 'PROOF_TYPE_UNSPECIFIED':
      return 'any';
    case 1:
    case 'PROOF_TYPE_ISSUANCE':
      return 'issuance';
    case 2:
    case 'PROOF_TYPE_TRANSFER':
      return 'transfer';
    default:
      return null;
  }
}

export const rpcId = ({ proofType, of }: UniverseId): object => ({
  ...(of.kind === 'asset' ? { asset_id: of.assetId } : { group_key: of.groupKey }),
  proof_type: rpcProofType(proofType),
});

/** The tree that an id names, and of which type, where it says so. */
export function readId(rpc: RpcId | null): { readonly of: UniverseId['of']; readonly type: ProofType | 'any' } | null {
  if (rpc === null) return null;
  const type = readProofType(rpc.proof_type);
  const of = readOf(rpc);
  return type === null || of === null ? null : { of, type };
}

function readOf(rpc: RpcId): UniverseId['of'] | null {
  switch (rpc.id) {
    case 'asset_id':
    case 'asset_id_str': {
      const assetId = rpc.id === 'asset_id' ? bytes(rpc.asset_id) : hex(rpc.asset_id_str);
      return assetId?.length === 32 ? { kind: 'asset', assetId } : null;
    }
    case 'group_key':
    case 'group_key_str': {
      const groupKey = readKey(rpc.id === 'group_key' ? bytes(rpc.group_key) : hex(rpc.group_key_str));
      return groupKey === null ? null : { kind: 'group', groupKey };
    }
    default:
      return null;
  }
}

/** A public key of 33 bytes, or its x coordinate, which stands for the even one. */
export function readKey(key: Bytes | null): Bytes | null {
  const whole = key?.length === 32 ? concat(Uint8Array.of(2), key) : key;
  return whole !== null && secp.isPublicKey(whole) ? whole : null;
}

export const rpcNode = ({ hash, sum }: NodeRef): object => ({ root_hash: hash, root_sum: BigInt.asIntN(64, sum).toString() });

export function readNode(rpc: RpcNode | null): NodeRef | null {
  const hash = rpc === null ? null : bytes(rpc.root_hash);
  return rpc === null || hash?.length !== 32 ? null : { hash, sum: BigInt.asUintN(64, BigInt(rpc.root_sum)) };
}

export const rpcLeafKey = ({ outPoint, scriptKey }: LeafKey): object => ({
  op: { hash_str: formatTxId(outPoint.txid), index: outPoint.vout | 0 },
  script_key_bytes: scriptKey,
});

/** As tapd lists them: the output as text, of the key its x coordinate. */
export const rpcListedKey = ({ outPoint, scriptKey }: LeafKey): object => ({
  op_str: formatOutPoint(outPoint),
  script_key_bytes: scriptKey.slice(1),
});

export function readLeafKey(rpc: RpcAssetKey | null): LeafKey | null {
  if (rpc === null) return null;
  const outPoint = rpc.outpoint === 'op_str' ? parseOutPoint(rpc.op_str ?? '') : readOutPoint(rpc.op);
  const scriptKey = readKey(rpc.script_key === 'script_key_bytes' ? bytes(rpc.script_key_bytes) : hex(rpc.script_key_str));
  return outPoint === null || scriptKey === null ? null : { outPoint, scriptKey };
}

function readOutPoint(rpc: RpcAssetKey['op']): OutPoint | null {
  const txid = parseTxId(rpc?.hash_str ?? '');
  return rpc === undefined || txid === null ? null : { txid, vout: rpc.index >>> 0 };
}

function parseOutPoint(text: string): OutPoint | null {
  const [, hash = '', index = ''] = /^([0-9a-f]{64}):(\d{1,10})$/i.exec(text) ?? [];
  const txid = parseTxId(hash);
  return txid === null || Number(index) > 0xffffffff ? null : { txid, vout: Number(index) };
}

/** proto-loader hands Buffers over, which compare unequal to plain bytes in tests and print as something else. */
export const bytes = (value: Bytes | undefined): Bytes | null => (value === undefined ? null : Uint8Array.from(value));
const hex = (value: string | undefined): Bytes | null => tryHex(value ?? '');
