/** A heap of node numbers by key with decrease-key: 4 children a node, because sifting down then touches fewer cache lines. */
export class NodeHeap {
  #items: Int32Array = new Int32Array(0);
  #keys: Float64Array = new Float64Array(0);
  /** Where a node stands in the heap; meaningful for nodes in it only. */
  #place: Int32Array = new Int32Array(0);
  size = 0;

  /** Room for nodes 0 to `nodes - 1`. Empties the heap. */
  reset(nodes: number): void {
    this.size = 0;
    if (this.#items.length >= nodes) return;
    this.#items = new Int32Array(nodes);
    this.#keys = new Float64Array(nodes);
    this.#place = new Int32Array(nodes);
  }

  get firstKey(): number {
    return this.#keys[0] as number;
  }

  push(node: number, key: number): void {
    this.#up(this.size++, node, key);
  }

  /** For a node in the heap: its key became smaller. */
  decrease(node: number, key: number): void {
    this.#up(this.#place[node] as number, node, key);
  }

  pop(): number {
    const items = this.#items;
    const keys = this.#keys;
    const first = items[0] as number;
    const size = --this.size;
    if (size > 0) {
      const node = items[size] as number;
      const key = keys[size] as number;
      let at = 0;
      for (;;) {
        let child = 4 * at + 1;
        if (child >= size) break;
        const last = Math.min(child + 4, size);
        let least = keys[child] as number;
        for (let i = child + 1; i < last; i++) {
          const other = keys[i] as number;
          if (other < least) {
            least = other;
            child = i;
          }
        }
        if (least >= key) break;
        const moved = items[child] as number;
        items[at] = moved;
        keys[at] = least;
        this.#place[moved] = at;
        at = child;
      }
      items[at] = node;
      keys[at] = key;
      this.#place[node] = at;
    }
    return first;
  }

  #up(from: number, node: number, key: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const above = this.#keys[parent] as number;
      if (above <= key) break;
      const moved = this.#items[parent] as number;
      this.#items[at] = moved;
      this.#keys[at] = above;
      this.#place[moved] = at;
      at = parent;
    }
    this.#items[at] = node;
    this.#keys[at] = key;
    this.#place[node] = at;
  }
}
