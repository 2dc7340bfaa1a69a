import type { UniverseLeaf } from '../../asset/courier.ts';
import { assetId, assetName } from '../../asset/genesis.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import { decodeProof } from '../../asset/proof/proof.ts';
import { leafKeyOf, sameUniverse, universeIdOf, universeName } from '../../asset/universe/id.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { equalOutPoint } from '../../bitcoin/tx.ts';
import { type Address, type Channel, harmless, openChannel } from '../grpc/client.ts';
import type { LeafKey, Page, ProofType, Universe, UniverseFailure, UniverseId, UniverseProof, UniverseRoot } from './contract.ts';
import { failed, orNull, universeFailure } from './failure.ts';
import type { UniverseTotals } from './stats.ts';
import {
  bytes,
  MAX_PAGE,
  type RpcLeafKeys,
  type RpcNode,
  type RpcProof,
  type RpcRoot,
  type RpcRoots,
  readId,
  readLeafKey,
  readNode,
  rpcId,
  rpcLeafKey,
  rpcProofType,
} from './wire.ts';

export interface RemoteUniverse extends Universe {
  /** Whether it answers, and which run of the server this is: two addresses with one id are the same server. */
  info(): Promise<Result<{ readonly runtimeId: bigint }, UniverseFailure>>;
  /** Of all trees of a type, or of those given; null where the universe holds nothing. */
  multiverseRoot(proofType: ProofType, of?: readonly UniverseId[]): Promise<Result<NodeRef | null, UniverseFailure>>;
  stats(): Promise<Result<UniverseTotals, UniverseFailure>>;
  close(): void;
}

/** A transition with the largest metadata and a few inputs; a file of many inputs that is larger must go by hand. */
const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_TREE_PROOF = 64 * 1024;
const MAX_NAME = 256;
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * A universe server far away: tapd's, or another lnkit's. Connects with the first call. The certificate is not verified: tapd's is self-signed,
 * and every proof is verified before anything is done with it.
 */
export const openRemoteUniverse = (address: Address, options: { readonly timeoutMs?: number } = {}): RemoteUniverse =>
  new GrpcUniverse(address, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);

type Answer<T> = Promise<Result<T, UniverseFailure>>;

class GrpcUniverse implements RemoteUniverse {
  readonly #channel: Channel;
  readonly #place: string;

  constructor(address: Address, timeoutMs: number) {
    this.#channel = openChannel('universe', address, { maxReceive: MAX_ANSWER, timeoutMs });
    this.#place = `the universe at ${address.host}:${address.port}`;
  }

  async info(): Answer<{ readonly runtimeId: bigint }> {
    const answer = await this.#ask<{ readonly runtime_id: string }>('Info', {});
    return answer.ok ? ok({ runtimeId: BigInt(answer.value.runtime_id) }) : answer;
  }

  async multiverseRoot(proofType: ProofType, of: readonly UniverseId[] = []): Answer<NodeRef | null> {
    const request = { proof_type: rpcProofType(proofType), specific_ids: of.map(rpcId) };
    const answer = orNull(await this.#channel.call<{ readonly multiverse_root: RpcNode | null }>('MultiverseRoot', request), this.#place);
    if (!answer.ok) return answer;
    const found = answer.value?.multiverse_root ?? null;
    if (found === null) return ok(null);
    const root = readNode(found);
    return root === null ? this.#protocol('a root that is none') : ok(root);
  }

  async stats(): Answer<UniverseTotals> {
    type Stats = { readonly [K in 'num_total_assets' | 'num_total_groups' | 'num_total_syncs' | 'num_total_proofs']: string };
    const answer = await this.#ask<Stats>('UniverseStats', {});
    if (!answer.ok) return answer;
    const { num_total_assets: assets, num_total_groups: groups, num_total_syncs: syncs, num_total_proofs: proofs } = answer.value;
    return ok({ assets: Number(assets), groups: Number(groups), syncs: Number(syncs), proofs: Number(proofs) });
  }

  async roots(page: Page): Answer<readonly UniverseRoot[]> {
    const answer = await this.#ask<RpcRoots>('AssetRoots', rpcPage(page));
    if (!answer.ok) return answer;
    const given = Object.values(answer.value.universe_roots);
    if (given.length > page.limit) return this.#protocol(`${given.length} roots, where ${page.limit} were asked for`);
    const roots: UniverseRoot[] = [];
    for (const each of given) {
      const root = readRoot(each);
      if (root === null) return this.#protocol('a root that is none');
      roots.push(root);
    }
    return ok(roots.sort((a, b) => (universeName(a.id) < universeName(b.id) ? -1 : 1)));
  }

  async root(id: UniverseId): Answer<UniverseRoot | null> {
    type Roots = { readonly [K in 'issuance_root' | 'transfer_root']: RpcRoot | null };
    const answer = orNull(await this.#channel.call<Roots>('QueryAssetRoots', { id: rpcId(id) }), this.#place);
    if (!answer.ok) return answer;
    const found = answer.value?.[`${id.proofType}_root`] ?? null;
    // Where it has none, tapd answers with one that is empty.
    if (found === null || found.mssmt_root === null) return ok(null);
    const root = readRoot(found);
    if (root === null) return this.#protocol('a root that is none');
    // Asked for an asset that is of a group, tapd answers with the group's.
    return ok(sameUniverse(root.id, id) ? root : null);
  }

  async leafKeys(id: UniverseId, page: Page): Answer<readonly LeafKey[]> {
    const answer = await this.#ask<RpcLeafKeys>('AssetLeafKeys', { id: rpcId(id), ...rpcPage(page) });
    if (!answer.ok) return answer;
    const { entries, asset_keys: old } = answer.value;
    const given = entries.length > 0 ? entries.map((entry) => entry.asset_key) : old;
    if (given.length > page.limit) return this.#protocol(`${given.length} keys, where ${page.limit} were asked for`);
    const keys: LeafKey[] = [];
    for (const each of given) {
      const key = readLeafKey(each);
      if (key === null) return this.#protocol('a key that is none');
      keys.push(key);
    }
    return ok(keys);
  }

  async query(id: UniverseId, key: LeafKey): Answer<UniverseProof | null> {
    const answer = orNull(await this.#channel.call<RpcProof>('QueryProof', { id: rpcId(id), leaf_key: rpcLeafKey(key) }), this.#place);
    if (!answer.ok) return answer;
    if (answer.value === null) return ok(null);
    const proof = readProof(answer.value, id, key);
    return typeof proof === 'string' ? this.#protocol(proof) : ok(proof);
  }

  async insert(leaf: UniverseLeaf): Answer<UniverseProof> {
    const id = treeOf(leaf);
    const key = { id: rpcId(id), leaf_key: rpcLeafKey(leaf) };
    const answer = await this.#ask<RpcProof>('InsertProof', { key, asset_leaf: { asset: rpcAsset(leaf), proof: leaf.proof } });
    if (!answer.ok) return answer;
    const proof = readProof(answer.value, id, leaf);
    return typeof proof === 'string' ? this.#protocol(proof) : ok(proof);
  }

  close(): void {
    this.#channel.close();
  }

  async #ask<A>(method: string, request: object): Answer<A> {
    const answer = await this.#channel.call<A>(method, request);
    return answer.ok ? answer : { ok: false, failure: universeFailure(answer.failure, this.#place) };
  }

  #protocol(what: string): ReturnType<typeof failed> {
    return failed('PROTOCOL', `${this.#place} answered with ${what}`);
  }
}

/** The tree in which a leaf stands. */
export const treeOf = ({ kind, assetId, groupKey }: Pick<UniverseLeaf, 'kind' | 'assetId' | 'groupKey'>): UniverseId => ({
  proofType: kind,
  of: groupKey === null ? { kind: 'asset', assetId } : { kind: 'group', groupKey },
});

// tapd reads the asset out of the proof; that there is one it wants to see.
const rpcAsset = ({ amount, scriptKey }: UniverseLeaf): object => ({ amount: amount.toString(), script_key: scriptKey });

const rpcPage = ({ offset, limit }: Page): object => ({ offset, limit: Math.min(limit, MAX_PAGE), direction: 1 });

/** `asked`: of which tree; one without it says itself. */
function readRoot(rpc: RpcRoot, asked: UniverseId | null = null): UniverseRoot | null {
  const [id, root] = [readId(rpc.id), readNode(rpc.mssmt_root)];
  if (root === null) return null;
  if (asked !== null) return { id: asked, root, assetName: harmless(rpc.asset_name).slice(0, MAX_NAME) };
  if (id === null || id.type === 'any') return null;
  return { id: { proofType: id.type, of: id.of }, root, assetName: harmless(rpc.asset_name).slice(0, MAX_NAME) };
}

/** What was asked for, or what is wrong with it. Of the leaf everything is read out of the proof itself. */
function readProof(rpc: RpcProof, id: UniverseId, key: LeafKey): UniverseProof | string {
  const raw = bytes(rpc.asset_leaf?.proof);
  if (raw === null || raw.length === 0) return 'no proof';
  const decoded = decodeProof(raw);
  if (!decoded.ok) return `a proof that is none: ${decoded.failure.message}`;
  const { asset } = decoded.value;
  if (!sameUniverse(universeIdOf(decoded.value), id)) return 'a proof of another asset';
  const place = leafKeyOf(decoded.value);
  if (!equalOutPoint(place.outPoint, key.outPoint) || !sameX(place.scriptKey, key.scriptKey)) return 'a proof of another output';
  const root = rpc.universe_root === null ? null : readRoot(rpc.universe_root, id);
  const [inclusionProof, multiverseInclusionProof] = [bytes(rpc.universe_inclusion_proof), bytes(rpc.multiverse_inclusion_proof)];
  if (root === null || inclusionProof === null || multiverseInclusionProof === null) return 'a proof without its tree';
  if (inclusionProof.length > MAX_TREE_PROOF || multiverseInclusionProof.length > MAX_TREE_PROOF) return 'a tree that is too deep';
  return {
    root: { ...root, assetName: assetName(asset.genesis) ?? '' },
    key: place,
    proof: raw,
    assetId: assetId(asset.genesis),
    amount: asset.amount,
    inclusionProof,
    multiverseRoot: readNode(rpc.multiverse_root),
    multiverseInclusionProof: multiverseInclusionProof.length === 0 ? null : multiverseInclusionProof,
  };
}

/** Keys are compared by their x coordinates: universes know no other. */
const sameX = (a: Bytes, b: Bytes): boolean => equal(a.slice(1), b.slice(1));
