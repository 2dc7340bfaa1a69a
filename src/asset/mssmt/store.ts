import { type Bytes, toHex } from '../../base/bytes.ts';
import { bytes, type Codec, decodeWith, encodeWith, nullable, restBytes, struct, u16, u64, union } from '../../codec/codec.ts';
import type { Leaf, NodeRef } from './node.ts';

/** A node as it is kept, under its hash. A leaf stands for the subtree at `level`. */
export type StoredNode =
  | { readonly kind: 'branch'; readonly left: NodeRef | null; readonly right: NodeRef | null }
  | { readonly kind: 'leaf'; readonly key: Bytes; readonly level: number; readonly waypoint: Bytes | null; readonly leaf: Leaf };

/**
 * Where nodes are kept by their content address; trees load from it what they touch. Nodes never change, so several trees and several versions
 * of one tree share a store; what no root reaches any more is the store's to collect.
 */
export interface NodeStore {
  load(hash: Bytes): StoredNode | null;
  save(hash: Bytes, node: StoredNode): void;
}

export function memoryStore(): NodeStore & { readonly size: number } {
  const nodes = new Map<string, StoredNode>();
  return {
    load: (hash) => nodes.get(toHex(hash)) ?? null,
    save: (hash, node) => void nodes.set(toHex(hash), node),
    get size() {
      return nodes.size;
    },
  };
}

const ref: Codec<NodeRef> = struct({ hash: bytes(32), sum: u64 });
const codec: Codec<StoredNode> = union('kind', {
  branch: [0, struct({ left: nullable(ref), right: nullable(ref) })],
  leaf: [1, struct({ key: bytes(32), level: u16, waypoint: nullable(bytes(32)), leaf: struct({ sum: u64, value: restBytes }) })],
});

/** For stores that keep bytes. */
export const encodeStoredNode = (node: StoredNode): Bytes => encodeWith(codec, node);
export const decodeStoredNode = (encoded: Bytes): StoredNode | null => {
  const node = decodeWith(codec, encoded);
  return node.ok ? node.value : null;
};
