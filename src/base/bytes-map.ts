import type { Bytes } from './bytes.ts';

/**
 * A persistent map keyed by byte strings (hash array mapped trie, Bagwell 2001; 5 bits a level). `set` and `delete` return a new map that
 * shares what did not change, so that a step costs O(log n) and the old state stays whole.
 */
export interface BytesMap<K extends Bytes, V> {
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): BytesMap<K, V>;
  delete(key: K): BytesMap<K, V>;
  entries(): IterableIterator<readonly [K, V]>;
  values(): IterableIterator<V>;
  keys(): IterableIterator<K>;
  /** What differs from an older version of this map, by identity: undefined for keys that are gone. Costs what changed, not what is there. */
  changesSince(before: BytesMap<K, V>): IterableIterator<readonly [K, V | undefined]>;
}

interface Leaf<K, V> {
  readonly leaf: true;
  readonly hash: number;
  readonly text: string;
  readonly key: K;
  readonly value: V;
}
interface Branch<K, V> {
  readonly leaf: false;
  readonly bitmap: number;
  readonly children: readonly Node<K, V>[];
}
/** All 32 hash bits are equal: a plain list. */
interface Bucket<K, V> {
  readonly leaf: null;
  readonly hash: number;
  readonly items: readonly Leaf<K, V>[];
}
type Node<K, V> = Leaf<K, V> | Branch<K, V> | Bucket<K, V>;

export function bytesMap<K extends Bytes, V>(items: Iterable<readonly [K, V]> = []): BytesMap<K, V> {
  let map: BytesMap<K, V> = new Trie<K, V>(null, 0);
  for (const [key, value] of items) map = map.set(key, value);
  return map;
}

class Trie<K extends Bytes, V> implements BytesMap<K, V> {
  readonly size: number;
  readonly #root: Node<K, V> | null;

  constructor(root: Node<K, V> | null, size: number) {
    this.#root = root;
    this.size = size;
  }

  get(key: K): V | undefined {
    const text = textOf(key);
    const hash = hashOf(text);
    let node = this.#root;
    for (let shift = 0; node !== null; shift += 5) {
      if (node.leaf === true) return node.text === text ? node.value : undefined;
      if (node.leaf === null) return node.items.find((item) => item.text === text)?.value;
      const bit = 1 << ((hash >>> shift) & 31);
      if ((node.bitmap & bit) === 0) return undefined;
      node = node.children[popcount(node.bitmap & (bit - 1))] as Node<K, V>;
    }
    return undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  set(key: K, value: V): BytesMap<K, V> {
    const text = textOf(key);
    const leaf: Leaf<K, V> = { leaf: true, hash: hashOf(text), text, key, value };
    const grew = { by: 0 };
    const root = this.#root === null ? leaf : insert(this.#root, leaf, 0, grew);
    return new Trie(root, this.#root === null ? 1 : this.size + grew.by);
  }

  delete(key: K): BytesMap<K, V> {
    if (this.#root === null) return this;
    const text = textOf(key);
    const root = remove(this.#root, text, hashOf(text), 0);
    return root === this.#root ? this : new Trie(root, this.size - 1);
  }

  *entries(): IterableIterator<readonly [K, V]> {
    for (const leaf of leaves(this.#root)) yield [leaf.key, leaf.value];
  }
  *values(): IterableIterator<V> {
    for (const leaf of leaves(this.#root)) yield leaf.value;
  }
  *keys(): IterableIterator<K> {
    for (const leaf of leaves(this.#root)) yield leaf.key;
  }
  *changesSince(before: BytesMap<K, V>): IterableIterator<readonly [K, V | undefined]> {
    yield* differences((before as Trie<K, V>).#root, this.#root);
  }
}

function* differences<K, V>(a: Node<K, V> | null, b: Node<K, V> | null): IterableIterator<readonly [K, V | undefined]> {
  if (a === b) return;
  if (a !== null && b !== null && a.leaf === false && b.leaf === false) {
    for (let bit = 0, i = 0, j = 0; bit < 32; bit++) {
      const mask = 1 << bit;
      const left = (a.bitmap & mask) === 0 ? null : (a.children[i++] as Node<K, V>);
      const right = (b.bitmap & mask) === 0 ? null : (b.children[j++] as Node<K, V>);
      yield* differences(left, right);
    }
    return;
  }
  const old = new Map([...leaves(a)].map((leaf) => [leaf.text, leaf] as const));
  for (const leaf of leaves(b)) {
    if (old.get(leaf.text)?.value !== leaf.value) yield [leaf.key, leaf.value];
    old.delete(leaf.text);
  }
  for (const leaf of old.values()) yield [leaf.key, undefined];
}

function* leaves<K, V>(node: Node<K, V> | null): IterableIterator<Leaf<K, V>> {
  if (node === null) return;
  if (node.leaf === true) yield node;
  else if (node.leaf === null) yield* node.items;
  else for (const child of node.children) yield* leaves(child);
}

function insert<K, V>(node: Node<K, V>, leaf: Leaf<K, V>, shift: number, grew: { by: number }): Node<K, V> {
  if (node.leaf === true) {
    if (node.text === leaf.text) return leaf;
    grew.by = 1;
    return join(node, leaf, shift);
  }
  if (node.leaf === null) {
    if (node.hash !== leaf.hash) {
      grew.by = 1;
      return join(node, leaf, shift);
    }
    const at = node.items.findIndex((item) => item.text === leaf.text);
    if (at === -1) grew.by = 1;
    return { leaf: null, hash: node.hash, items: at === -1 ? [...node.items, leaf] : node.items.with(at, leaf) };
  }
  const bit = 1 << ((leaf.hash >>> shift) & 31);
  const at = popcount(node.bitmap & (bit - 1));
  if ((node.bitmap & bit) === 0) {
    grew.by = 1;
    return { leaf: false, bitmap: node.bitmap | bit, children: node.children.toSpliced(at, 0, leaf) };
  }
  const child = insert(node.children[at] as Node<K, V>, leaf, shift + 5, grew);
  return { leaf: false, bitmap: node.bitmap, children: node.children.with(at, child) };
}

function join<K, V>(a: Leaf<K, V> | Bucket<K, V>, b: Leaf<K, V>, shift: number): Node<K, V> {
  if (a.hash === b.hash && a.leaf === true) return { leaf: null, hash: a.hash, items: [a, b] };
  const [i, j] = [(a.hash >>> shift) & 31, (b.hash >>> shift) & 31];
  if (i === j) return { leaf: false, bitmap: 1 << i, children: [join(a, b, shift + 5)] };
  return { leaf: false, bitmap: (1 << i) | (1 << j), children: i < j ? [a, b] : [b, a] };
}

function remove<K, V>(node: Node<K, V>, text: string, hash: number, shift: number): Node<K, V> | null {
  if (node.leaf === true) return node.text === text ? null : node;
  if (node.leaf === null) {
    const items = node.items.filter((item) => item.text !== text);
    if (items.length === node.items.length) return node;
    return items.length === 1 ? (items[0] as Leaf<K, V>) : { leaf: null, hash: node.hash, items };
  }
  const bit = 1 << ((hash >>> shift) & 31);
  if ((node.bitmap & bit) === 0) return node;
  const at = popcount(node.bitmap & (bit - 1));
  const child = node.children[at] as Node<K, V>;
  const next = remove(child, text, hash, shift + 5);
  if (next === child) return node;
  if (next !== null) {
    if (node.children.length === 1 && next.leaf !== false) return next;
    return { leaf: false, bitmap: node.bitmap, children: node.children.with(at, next) };
  }
  if (node.children.length === 1) return null;
  const children = node.children.toSpliced(at, 1);
  const only = children[0] as Node<K, V>;
  return children.length === 1 && only.leaf !== false ? only : { leaf: false, bitmap: node.bitmap & ~bit, children };
}

function textOf(key: Bytes): string {
  let text = '';
  for (let i = 0; i < key.length; i++) text += String.fromCharCode(key[i] as number);
  return text;
}

/** FNV-1a with a final mix: keys are hashes mostly, but peers choose some of them. */
function hashOf(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return (h ^ (h >>> 12)) >>> 0;
}

function popcount(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
