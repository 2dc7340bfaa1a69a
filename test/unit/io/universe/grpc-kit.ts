import type { UniverseLeaf } from '../../../../src/asset/courier.ts';
import { universeLeaves, walkBack } from '../../../../src/asset/courier.ts';
import { universeName } from '../../../../src/asset/universe/id.ts';
import { EMPTY, toHex } from '../../../../src/base/bytes.ts';
import { fail, ok, type Result } from '../../../../src/base/result.ts';
import { formatOutPoint } from '../../../../src/bitcoin/tx.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import type { ServerLimits } from '../../../../src/io/grpc/guard.ts';
import { type GrpcServer, type Service, serveGrpc } from '../../../../src/io/grpc/server.ts';
import { makeCertificate, type ServerCertificate } from '../../../../src/io/universe/certificate.ts';
import type { LeafKey, Universe, UniverseFailure, UniverseId, UniverseProof, UniverseRoot } from '../../../../src/io/universe/contract.ts';
import { mint, newWorld, send, transfer } from '../../asset/asset-life.ts';

let certificate: Promise<ServerCertificate> | undefined;

export interface Served {
  readonly address: { readonly host: string; readonly port: number };
  /** Throws that a handler let out. */
  readonly bugs: readonly unknown[];
  close(): Promise<void>;
}

/** Services on a free port of loopback. */
export async function serve(services: readonly Service[], limits: Partial<ServerLimits> = {}): Promise<Served> {
  certificate ??= makeCertificate({ host: '127.0.0.1', now: Date.now() });
  const bugs: unknown[] = [];
  const onBug = (_method: string, error: unknown) => void bugs.push(error);
  const server: GrpcServer = await serveGrpc({ host: '127.0.0.1', port: 0, ...(await certificate), services, limits, onBug });
  return { address: { host: '127.0.0.1', port: server.port }, bugs, close: () => server.close() };
}

export function valid<T>(result: Result<T, { readonly code: string; readonly message: string }>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}
export function codeOf<T>(result: Result<T, UniverseFailure>): string {
  return result.ok ? 'ok' : result.failure.code;
}

/** The leaves of an asset that was minted, sent in part and merged again. */
export function someLeaves(group = false): readonly UniverseLeaf[] {
  const world = newWorld();
  const minted = mint(world, { amount: 10n, ...(group ? { group: { rawKey: new Uint8Array(32).fill(3) } } : {}) });
  const { sent } = send(world, transfer(world, minted), 4n);
  return valid(universeLeaves(sent.proofs));
}

const idOf = ({ kind, assetId, groupKey }: UniverseLeaf): UniverseId => ({
  proofType: kind,
  of: groupKey === null ? { kind: 'asset', assetId } : { kind: 'group', groupKey },
});
const placeOf = ({ outPoint, scriptKey }: LeafKey): string => `${formatOutPoint(outPoint)} ${toHex(scriptKey.slice(1))}`;

/** A universe in memory that takes a transfer only after what it spends. Its trees are lists, its roots hashes of their lengths. */
export function listUniverse(): Universe & { readonly leaves: readonly UniverseLeaf[] } {
  const leaves: UniverseLeaf[] = [];
  const inTree = (id: UniverseId) => leaves.filter((leaf) => universeName(idOf(leaf)) === universeName(id));
  const rootOf = (id: UniverseId): UniverseRoot => ({
    id,
    root: { hash: sha256(Uint8Array.of(inTree(id).length)), sum: inTree(id).reduce((sum, { amount }) => sum + amount, 0n) },
    assetName: 'listed',
  });
  const proofOf = (leaf: UniverseLeaf): UniverseProof => ({
    root: rootOf(idOf(leaf)),
    key: { outPoint: leaf.outPoint, scriptKey: leaf.scriptKey },
    proof: leaf.proof,
    assetId: leaf.assetId,
    amount: leaf.amount,
    inclusionProof: Uint8Array.of(0, 0),
    multiverseRoot: { hash: sha256(EMPTY), sum: 2n ** 64n - 1n },
    multiverseInclusionProof: Uint8Array.of(0, 0),
  });
  const ids = (): readonly UniverseId[] => [...new Map(leaves.map((leaf) => [universeName(idOf(leaf)), idOf(leaf)])).values()];
  const unknown = { code: 'UNKNOWN_PREDECESSOR', message: 'the transition before it is not here' } as const;
  return {
    leaves,
    roots: async ({ offset, limit }) =>
      ok(
        ids()
          .map(rootOf)
          .slice(offset, offset + limit),
      ),
    root: async (id) => ok(inTree(id).length === 0 ? null : rootOf(id)),
    leafKeys: async (id, { offset, limit }) => ok(inTree(id).slice(offset, offset + limit)),
    async query(id, key) {
      const leaf = inTree(id).find((each) => placeOf(each) === placeOf(key));
      return ok(leaf === undefined ? null : proofOf(leaf));
    },
    async insert(leaf) {
      const step = walkBack([leaf.proof]);
      if (!step.ok) return fail({ code: 'INVALID', message: step.failure.message });
      const { value } = step;
      if (value.kind === 'step' && !leaves.some((each) => placeOf(each) === placeOf(value.locator))) return fail(unknown);
      if (!leaves.some((each) => placeOf(each) === placeOf(leaf))) leaves.push(leaf);
      return ok(proofOf(leaf));
    },
  };
}
