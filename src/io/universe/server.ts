import { randomBytes } from 'node:crypto';
import { type UniverseLeaf, universeLeaves } from '../../asset/courier.ts';
import { assetName } from '../../asset/genesis.ts';
import { emptyTree, insertMany, treeRoot } from '../../asset/mssmt/tree.ts';
import { decodeProof } from '../../asset/proof/proof.ts';
import { sameUniverse, universeKey, universeName } from '../../asset/universe/id.ts';
import { multiverseLeaf } from '../../asset/universe/tree.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { equalOutPoint, formatOutPoint } from '../../bitcoin/tx.ts';
import { type GrpcFailure, STATUS } from '../grpc/client.ts';
import type { Service, Unary } from '../grpc/server.ts';
import type { LeafKey, ProofType, Universe, UniverseFailure, UniverseId, UniverseProof, UniverseRoot } from './contract.ts';
import { UNIVERSE_LIMITS } from './local.ts';
import { treeOf } from './remote.ts';
import type { ServedUniverse } from './served.ts';
import {
  bytes,
  MAX_PAGE,
  type RpcId,
  type RpcUniverseKey,
  readId,
  readLeafKey,
  readProofType,
  rpcId,
  rpcListedKey,
  rpcNode,
} from './wire.ts';

type Answer = Promise<Result<object, GrpcFailure>>;

/** A page of leaves ends when its proofs have so many bytes together. */
const MAX_LEAVES_BYTES = 8 * 1024 * 1024;
const MAX_IDS = 1_000;
/** The largest leaf that our universe takes, and its key. */
const MAX_INSERT = UNIVERSE_LIMITS.leafBytes + 64 * 1024;
const TYPES: readonly ProofType[] = ['issuance', 'transfer'];

const refuse = (status: number, message: string): { readonly ok: false; readonly failure: GrpcFailure } => fail({ status, message });
const invalid = (message: string) => refuse(STATUS.INVALID_ARGUMENT, message);

/**
 * `universerpc.Universe` for whoever comes: all that tapd asks a universe or a courier for without a macaroon. Reads cost little, inserts are verified.
 * The runtime id tells a tapd that two addresses are one server, and that it talks to itself.
 */
export function universeService(served: ServedUniverse): Service {
  const { universe } = served;
  const runtimeId = BigInt.asUintN(62, randomBytes(8).readBigUInt64BE()).toString();
  return {
    name: 'universe',
    maxBytes: { InsertProof: MAX_INSERT },
    unary: {
      Info: async () => ok({ runtime_id: runtimeId }),
      UniverseStats: async () => {
        const { assets, groups, syncs, proofs } = served.stats();
        return ok({ num_total_assets: assets, num_total_groups: groups, num_total_syncs: syncs, num_total_proofs: proofs });
      },
      MultiverseRoot: ((request: MultiverseRequest) => multiverse(served, request)) as Unary,
      AssetRoots: ((request: PageRequest) => roots(universe, request)) as Unary,
      QueryAssetRoots: (({ id }: { readonly id: RpcId | null }) => queryRoots(served, id)) as Unary,
      AssetLeafKeys: ((request: TreePageRequest) => leafKeys(universe, request)) as Unary,
      AssetLeaves: ((request: TreePageRequest) => leaves(universe, request)) as Unary,
      QueryProof: ((request: RpcUniverseKey) => queryProof(served, request)) as Unary,
      InsertProof: ((request: InsertRequest) => insertProof(universe, request)) as Unary,
    },
  };
}

interface MultiverseRequest {
  readonly proof_type: number | string;
  readonly specific_ids: readonly RpcId[];
}
interface PageRequest {
  readonly offset: number;
  readonly limit: number;
}
interface TreePageRequest extends PageRequest {
  readonly id: RpcId | null;
}
interface InsertRequest {
  readonly key: RpcUniverseKey | null;
  readonly asset_leaf: { readonly proof: Bytes } | null;
}

async function multiverse({ universe, multiverseRoot }: ServedUniverse, request: MultiverseRequest): Answer {
  const type = readProofType(request.proof_type);
  if (type === null || type === 'any') return invalid('proof_type must be given');
  if (request.specific_ids.length === 0) {
    const root = multiverseRoot(type);
    return ok(root === null ? {} : { multiverse_root: rpcNode(root) });
  }
  if (request.specific_ids.length > MAX_IDS) return invalid(`${request.specific_ids.length} ids, at most ${MAX_IDS}`);
  const found = new Map<string, UniverseRoot>();
  for (const each of request.specific_ids) {
    const id = readId(each);
    if (id === null || (id.type !== 'any' && id.type !== type)) return invalid('an id is not one of this proof_type');
    const root = await universe.root({ proofType: type, of: id.of });
    if (!root.ok) return fail(statusOf(root.failure));
    if (root.value !== null) found.set(universeName(root.value.id), root.value);
  }
  const entries = [...found.values()].map(({ id, root }) => [universeKey(id), multiverseLeaf(type, root)] as const);
  const tree = insertMany(emptyTree(), entries);
  return tree.ok ? ok({ multiverse_root: rpcNode(treeRoot(tree.value)) }) : refuse(STATUS.OUT_OF_RANGE, tree.failure.message);
}

/** One page, and whether more come after it. Where no limit is given it is the largest, as with tapd. */
function pageOf({ offset, limit }: PageRequest) {
  if (offset < 0 || limit < 0) return null;
  const most = Math.min(limit === 0 ? MAX_PAGE : limit, MAX_PAGE);
  return { page: { offset, limit: most }, next: { offset: offset + most, limit: 1 } };
}

async function roots(universe: Universe, request: PageRequest): Answer {
  const asked = pageOf(request);
  if (asked === null) return invalid('invalid page');
  const [found, next] = [await universe.roots(asked.page), await universe.roots(asked.next)];
  if (!found.ok) return fail(statusOf(found.failure));
  const all = Object.fromEntries(found.value.map((root) => [universeName(root.id), rpcRoot(root)]));
  return ok({ universe_roots: all, has_more: next.ok && next.value.length > 0 });
}

async function queryRoots({ universe, groupOf }: ServedUniverse, rpc: RpcId | null): Answer {
  const id = readId(rpc);
  if (id === null) return invalid('id must be an asset id or a group key');
  const ofBoth = async (of: UniverseId['of']): Promise<Result<readonly (UniverseRoot | null)[], UniverseFailure>> => {
    const both: (UniverseRoot | null)[] = [];
    for (const proofType of TYPES) {
      const root = await universe.root({ proofType, of });
      if (!root.ok) return root;
      both.push(root.value);
    }
    return ok(both);
  };
  let both = await ofBoth(id.of);
  // An asset of a group stands in the trees of its group.
  const groupKey = both.ok && both.value.every((root) => root === null) && id.of.kind === 'asset' ? groupOf(id.of.assetId) : null;
  if (groupKey !== null) both = await ofBoth({ kind: 'group', groupKey });
  if (!both.ok) return fail(statusOf(both.failure));
  const [issuance, transfer] = both.value.map((root) => (root === null ? {} : rpcRoot(root)));
  // tapd looks into both without asking whether they are there.
  return ok({ issuance_root: issuance, transfer_root: transfer });
}

function treeOfRequest(rpc: RpcId | null): UniverseId | null {
  const id = readId(rpc);
  return id === null || id.type === 'any' ? null : { proofType: id.type, of: id.of };
}

async function leafKeys(universe: Universe, request: TreePageRequest): Answer {
  const [id, asked] = [treeOfRequest(request.id), pageOf(request)];
  if (id === null) return invalid('id with proof_type must be given');
  if (asked === null) return invalid('invalid page');
  const [found, next] = [await universe.leafKeys(id, asked.page), await universe.leafKeys(id, asked.next)];
  if (!found.ok) return fail(statusOf(found.failure));
  return ok({ asset_keys: found.value.map(rpcListedKey), has_more: next.ok && next.value.length > 0 });
}

async function leaves(universe: Universe, request: TreePageRequest): Answer {
  const [id, asked] = [readId(request.id), pageOf(request)];
  if (id === null) return invalid('id must be an asset id or a group key');
  if (asked === null) return invalid('invalid page');
  // Without a type tapd answers with mintings.
  const tree: UniverseId = { proofType: id.type === 'any' ? 'issuance' : id.type, of: id.of };
  const keys = await universe.leafKeys(tree, asked.page);
  if (!keys.ok) return fail(statusOf(keys.failure));
  const found: object[] = [];
  let size = 0;
  for (const key of keys.value) {
    const leaf = await universe.query(tree, key);
    if (!leaf.ok) return fail(statusOf(leaf.failure));
    if (leaf.value === null) continue;
    size += leaf.value.proof.length;
    if (size > MAX_LEAVES_BYTES && found.length > 0) return ok({ leaves: found, has_more: true });
    found.push(rpcLeaf(leaf.value));
  }
  const next = await universe.leafKeys(tree, asked.next);
  return ok({ leaves: found, has_more: next.ok && next.value.length > 0 });
}

async function queryProof({ universe, handedOut }: ServedUniverse, request: RpcUniverseKey): Answer {
  const [id, key] = [readId(request.id), readLeafKey(request.leaf_key)];
  if (id === null || key === null) return invalid('universe_key must name an asset or group, an outpoint and a script key');
  for (const proofType of id.type === 'any' ? TYPES : [id.type]) {
    const found = await universe.query({ proofType, of: id.of }, key);
    if (!found.ok) return fail(statusOf(found.failure));
    if (found.value === null) continue;
    handedOut(found.value.assetId);
    return ok(rpcProof(found.value, request));
  }
  return refuse(STATUS.NOT_FOUND, `no universe proof found (${formatOutPoint(key.outPoint)})`);
}

async function insertProof(universe: Universe, request: InsertRequest): Answer {
  const [id, key] = [readId(request.key?.id ?? null), readLeafKey(request.key?.leaf_key ?? null)];
  if (id === null || key === null) return invalid('universe_key must name an asset or group, an outpoint and a script key');
  const raw = bytes(request.asset_leaf?.proof);
  if (raw === null || raw.length === 0) return invalid('asset_leaf must hold a proof');
  const read = universeLeaves([raw]);
  if (!read.ok)
    return read.failure.code === 'TOO_LARGE' ? refuse(STATUS.OUT_OF_RANGE, read.failure.message) : invalid(read.failure.message);
  const [leaf] = read.value as readonly [UniverseLeaf];
  if (!isAt(leaf, { proofType: id.type === 'any' ? leaf.kind : id.type, of: id.of }, key))
    return invalid('proof type mismatch, or the proof is of another asset or output than its key says');
  const inserted = await universe.insert(leaf);
  if (!inserted.ok) return fail(statusOf(inserted.failure));
  return ok(rpcProof(inserted.value, request.key as RpcUniverseKey));
}

const isAt = (leaf: UniverseLeaf, id: UniverseId, key: LeafKey): boolean =>
  sameUniverse(treeOf(leaf), id) && equalOutPoint(leaf.outPoint, key.outPoint) && equal(leaf.scriptKey.slice(1), key.scriptKey.slice(1));

const rpcRoot = ({ id, root, assetName }: UniverseRoot): object => ({
  id: rpcListedId(id),
  mssmt_root: rpcNode(root),
  asset_name: assetName,
});
/** As tapd lists them: of a group key its x coordinate. */
const rpcListedId = (id: UniverseId): object =>
  id.of.kind === 'asset' ? rpcId(id) : rpcId({ ...id, of: { kind: 'group', groupKey: id.of.groupKey.slice(1) } });

function rpcProof(proof: UniverseProof, request: RpcUniverseKey): object {
  const { root, inclusionProof, multiverseRoot, multiverseInclusionProof } = proof;
  return {
    req: request,
    universe_root: rpcRoot(root),
    universe_inclusion_proof: inclusionProof,
    asset_leaf: rpcLeaf(proof),
    ...(multiverseRoot === null ? {} : { multiverse_root: rpcNode(multiverseRoot) }),
    ...(multiverseInclusionProof === null ? {} : { multiverse_inclusion_proof: multiverseInclusionProof }),
  };
}

function rpcLeaf({ proof, amount, assetId, key }: UniverseProof): object {
  const decoded = decodeProof(proof);
  if (!decoded.ok) throw new Error(`a stored proof of ${toHex(assetId)} is none`);
  const { genesis, version, groupKey } = decoded.value.asset;
  const asset = {
    version,
    asset_genesis: {
      genesis_point: formatOutPoint(genesis.firstPrevOut),
      name: assetName(genesis) ?? '',
      meta_hash: genesis.metaHash,
      asset_id: assetId,
      asset_type: genesis.type,
      output_index: genesis.outputIndex,
    },
    amount: amount.toString(),
    script_key: key.scriptKey,
    ...(groupKey === null ? {} : { asset_group: { tweaked_group_key: groupKey } }),
  };
  return { asset, proof };
}

/** A block that our chain does not have yet is a matter of moments: the sender is to try again. */
const NOT_YET = /NOT_IN_CHAIN|try again/;

export function statusOf({ code, message }: UniverseFailure): GrpcFailure {
  switch (code) {
    case 'INVALID':
      return {
        status: NOT_YET.test(message) ? STATUS.UNAVAILABLE : STATUS.INVALID_ARGUMENT,
        message: `unable to verify proof: ${message}`,
      };
    case 'UNKNOWN_PREDECESSOR':
      return { status: STATUS.FAILED_PRECONDITION, message: `unable to fetch previous asset: ${message}` };
    case 'TOO_LARGE':
      return { status: STATUS.OUT_OF_RANGE, message };
    case 'REFUSED':
      return { status: NOT_YET.test(message) ? STATUS.UNAVAILABLE : STATUS.PERMISSION_DENIED, message };
    case 'PROTOCOL':
      return { status: STATUS.DATA_LOSS, message };
    case 'UNREACHABLE':
    case 'TIMEOUT':
      return { status: STATUS.UNAVAILABLE, message };
  }
}
