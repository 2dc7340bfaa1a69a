// Contract: what a universe is to those who ask one, whether it is our own store or a server far away.
import type { UniverseLeaf } from '../../asset/courier.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import type { LeafKey, UniverseId } from '../../asset/universe/id.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';

export type { LeafKey, ProofType, UniverseId } from '../../asset/universe/id.ts';

export interface UniverseRoot {
  readonly id: UniverseId;
  readonly root: NodeRef;
  readonly assetName: string;
}

/** A leaf with all that proves that the universe has it. */
export interface UniverseProof {
  readonly root: UniverseRoot;
  readonly key: LeafKey;
  /** One raw transition proof. */
  readonly proof: Bytes;
  readonly assetId: Bytes;
  readonly amount: bigint;
  /** Compressed MS-SMT proofs: the leaf in its tree, the tree's root in the multiverse. */
  readonly inclusionProof: Bytes;
  readonly multiverseRoot: NodeRef | null;
  readonly multiverseInclusionProof: Bytes | null;
}

/** From `offset` on, at most `limit` (1 to 512). */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}

/**
 * UNREACHABLE: nobody answered. PROTOCOL: the answer is not one. REFUSED: the universe says no. INVALID: the proof does not hold.
 * UNKNOWN_PREDECESSOR: what it builds on is not there yet (the transition before it, the first asset of its group, its block). TOO_LARGE: past a limit that is stated in the message.
 */
export interface UniverseFailure {
  readonly code: 'UNREACHABLE' | 'PROTOCOL' | 'REFUSED' | 'INVALID' | 'UNKNOWN_PREDECESSOR' | 'TOO_LARGE' | 'TIMEOUT';
  readonly message: string;
}

/** What every universe answers, ours (`local.ts`) and others' (`remote.ts`). */
export interface Universe {
  /** In a stable order. */
  roots(page: Page): Promise<Result<readonly UniverseRoot[], UniverseFailure>>;
  root(id: UniverseId): Promise<Result<UniverseRoot | null, UniverseFailure>>;
  leafKeys(id: UniverseId, page: Page): Promise<Result<readonly LeafKey[], UniverseFailure>>;
  query(id: UniverseId, key: LeafKey): Promise<Result<UniverseProof | null, UniverseFailure>>;
  /** Verifies before it stores anything. A leaf that is there already is answered with what is there. */
  insert(leaf: UniverseLeaf): Promise<Result<UniverseProof, UniverseFailure>>;
}
