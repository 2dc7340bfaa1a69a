// Our own channels as they were stored last, read beside whoever runs: a route can be planned from them without starting a node.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { type Height, height } from '../../base/units.ts';
import { channelCodec } from '../../bolt/channel/codec.ts';
import { view } from '../../bolt/channel/view.ts';
import type { Graph } from '../../bolt/route/graph.ts';
import type { FirstHop } from '../../bolt/route/query.ts';
import { decodeWith } from '../../codec/codec.ts';
import { cursorCodec } from '../../node/codec.ts';

export interface OwnChannels {
  readonly self: NodeId;
  readonly height: Height;
  readonly firstHops: readonly FirstHop[];
}

/** Nobody's id: it stands for a node of ours that the graph does not know. */
export const UNKNOWN_SELF = new Uint8Array(33) as NodeId;

/** What the store says of our channels, as if every peer were connected; null where there is no wallet. */
export function storedChannels(directory: string, graph: Graph): OwnChannels | null {
  const path = join(directory, 'node.db');
  if (!existsSync(path)) return null;
  const database = new Database(path, { readonly: true });
  try {
    const blobs = database.prepare('SELECT blob FROM channel WHERE closed = 0').pluck().all() as Bytes[];
    const cursorBlob = database.prepare(`SELECT blob FROM meta WHERE key = 'cursor'`).pluck().get() as Bytes | undefined;
    const cursor = cursorBlob === undefined ? null : decodeWith(cursorCodec, cursorBlob);
    const firstHops: FirstHop[] = [];
    let self = UNKNOWN_SELF;
    for (const blob of blobs) {
      const decoded = decodeWith(channelCodec, blob);
      if (!decoded.ok) continue;
      const channel = decoded.value;
      const seen = view({ ...channel, session: { ...channel.session, link: 'established' } });
      const scid = seen.scid ?? seen.remoteAlias ?? seen.localAlias;
      if (!seen.usable || scid === null) continue;
      const { channelId, peer, sendableMsat, htlcMinimumMsat } = seen;
      firstHops.push({ channelId, scid, peer, sendableMsat, htlcMinimumMsat });
      self = otherEnd(graph, scid, peer) ?? self;
    }
    return { self, height: cursor?.ok === true ? (cursor.value.at(-1)?.height ?? height(0)) : height(0), firstHops };
  } finally {
    database.close();
  }
}

/** Whose channel with `peer` the graph says it is: ourselves. */
function otherEnd(graph: Graph, scid: bigint, peer: NodeId): NodeId | null {
  const channel = graph.findChannel(scid);
  if (channel === -1) return null;
  const ends = [graph.nodeIdOf(graph.node1[channel] as number), graph.nodeIdOf(graph.node2[channel] as number)];
  return ends.find((end) => !equal(end, peer)) ?? null;
}
