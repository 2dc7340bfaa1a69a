import { readFileSync } from 'node:fs';
import { Graph } from '../../../src/bolt/route/graph.ts';
import { readTopology } from './read.ts';
import { layOut, nodeKeys, type Questions, questions } from './sign.ts';

/** The graph of the signed copy, made without signing: what is left after all gossip was taken in, with every capacity known. */
export function topologyGraph(): Graph {
  const topology = readTopology();
  const keys = nodeKeys(topology.nodes);
  const graph = new Graph();
  const id = (node: number): Uint8Array => (keys[node] as (typeof keys)[number]).id;
  for (const { scid, ends, capacitySat, policies } of layOut(topology, keys)) {
    const channel = graph.addChannel({ scid, a: id(ends[0]), b: id(ends[1]), capacityMsat: capacitySat * 1000, flags: 0 });
    for (const direction of [0, 1] as const)
      graph.setPolicy(2 * channel + direction, { ...policies[direction], timestamp: 1, checksum: 0 });
  }
  graph.adjacency();
  return graph;
}

/** Pairs and amounts: of a file in the yardstick's format, or the same made here. */
export const readQuestions = (path: string | null): Questions =>
  path === null ? questions() : (JSON.parse(readFileSync(path, 'utf8')) as Questions);
