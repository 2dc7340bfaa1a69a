import { NodeHeap } from './heap.ts';

/** One of the two searches that meet: labels by reduced distance from the source, or to the target. */
export class FlowSide {
  readonly heap = new NodeHeap();
  distance: Float64Array = new Float64Array(0);
  /** The arc by which the search came to a node: an edge, or `~edge` where flow of that edge is taken back. */
  arc: Int32Array = new Int32Array(0);
  /** Nodes that are settled, in their order. */
  settled: Int32Array = new Int32Array(0);
  count = 0;
  /** Edges that were looked at: the side that has done less goes on. */
  work = 0;
  #stamp = new Uint32Array(0);
  #isSettled = new Uint8Array(0);
  #round = 0;

  begin(nodes: number, node: number): void {
    if (this.distance.length < nodes) {
      const size = nodes + 1024;
      this.distance = new Float64Array(size);
      this.arc = new Int32Array(size);
      this.settled = new Int32Array(size);
      this.#stamp = new Uint32Array(size);
      this.#isSettled = new Uint8Array(size);
    }
    this.heap.reset(nodes);
    this.#round++;
    this.count = 0;
    this.work = 0;
    this.offer(node, 0, 0);
  }

  isSettled(node: number): boolean {
    return this.#stamp[node] === this.#round && this.#isSettled[node] === 1;
  }

  distanceOf(node: number): number {
    return this.#stamp[node] === this.#round ? (this.distance[node] as number) : Number.POSITIVE_INFINITY;
  }

  settle(): number {
    const node = this.heap.pop();
    this.#isSettled[node] = 1;
    this.settled[this.count++] = node;
    return node;
  }

  /** Whether the label is better than what the node had. */
  offer(node: number, distance: number, arc: number): boolean {
    const isNew = this.#stamp[node] !== this.#round;
    if (!isNew && distance >= (this.distance[node] as number)) return false;
    this.#stamp[node] = this.#round;
    this.distance[node] = distance;
    this.arc[node] = arc;
    if (isNew) {
      this.#isSettled[node] = 0;
      this.heap.push(node, distance);
    } else this.heap.decrease(node, distance);
    return true;
  }
}
