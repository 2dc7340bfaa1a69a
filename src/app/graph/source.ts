// The stored graph without a node: the snapshot where it matches `graph.db`, else the database, and what payments and probes taught.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bytes } from '../../base/bytes.ts';
import type { Graph } from '../../bolt/route/graph.ts';
import { Knowledge } from '../../bolt/route/knowledge.ts';
import { GraphDatabase } from '../../io/gossip/database.ts';
import type { GossipService } from '../../io/gossip/service.ts';
import { loadSnapshot, readSnapshot, saveSnapshot } from '../../io/gossip/snapshot-file.ts';
import { AppError } from '../error.ts';

export interface GraphSource {
  readonly graph: Graph;
  readonly knowledge: Knowledge;
  /** The node_announcement of a node, type included, or null. */
  announcement(nodeId: Bytes): Bytes | null;
}

const DATABASE = 'graph.db';
const SNAPSHOT = 'graph.snapshot';

/** The graph of a folder. Throws NOT_FOUND where there is none. */
export function openStoredGraph(directory: string): GraphSource {
  const path = join(directory, DATABASE);
  if (!existsSync(path))
    throw new AppError({
      code: 'NOT_FOUND',
      message: `there is no graph in ${directory}`,
      hint: 'learn one with `lnkit gossip sync`, or from a file with `lnkit gossip import`',
    });
  const database = new GraphDatabase(path);
  const { generation } = database;
  const snapshot = join(directory, SNAPSHOT);
  let graph = loadSnapshot(snapshot, generation);
  if (graph === null) {
    graph = database.loadGraph();
    // The next one finds it, unless somebody wrote in the meantime: then it may hold more than its generation says.
    if (database.generation === generation) saveSnapshot(snapshot, graph, generation);
  }
  const knowledge = new Knowledge();
  for (const edge of database.knowledge()) knowledge.restore(edge);
  return { graph, knowledge, announcement: (nodeId) => database.node(nodeId) };
}

/** The graph of a running node. Aliases are rows of the database, which any number of processes may read. */
export function liveGraph(gossip: GossipService, directory: string): GraphSource {
  const graph = gossip.graph();
  let database: GraphDatabase | null = null;
  const announcement = (nodeId: Bytes): Bytes | null => {
    database ??= new GraphDatabase(join(directory, DATABASE));
    return database.node(nodeId);
  };
  return { graph, knowledge: gossip.knowledge(), announcement };
}

/** A graph that a person names: a folder with `graph.db`, that file, or a snapshot by itself. Throws NOT_FOUND or MALFORMED. */
export function openNamedGraph(path: string): GraphSource {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new AppError({ code: 'NOT_FOUND', message: `there is no ${path}` });
  if (found.isDirectory()) return openStoredGraph(path);
  if (path.endsWith('.db')) return openStoredGraph(join(path, '..'));
  const graph = readSnapshot(path);
  if (graph === null)
    throw new AppError({
      code: 'MALFORMED',
      message: `${path} is not a graph of lnkit, or a damaged one`,
      hint: 'give a folder with graph.db, or a graph.snapshot',
    });
  return { graph, knowledge: new Knowledge(), announcement: () => null };
}
