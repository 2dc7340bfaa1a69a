// A digest that nobody signed (Rapid Gossip Sync) into the graph: what is not known yet, and policies that are newer. Of these nothing is told
// to peers, and signed gossip takes their place.
import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash } from '../../base/ids.ts';
import type { RapidChannel, RapidNode, RapidSnapshot, RapidUpdate } from '../../bolt/gossip/rapid.ts';
import { policyOfUpdate, readGossip } from '../../bolt/gossip/raw.ts';
import { isUnsigned, unsignedAnnouncement, unsignedNodeAnnouncement, unsignedUpdate } from '../../bolt/gossip/synthetic.ts';
import { CHANNEL_UNROUTABLE, CHANNEL_UNSIGNED, EDGE_KNOWN, type Graph, nodeFlagsOf } from '../../bolt/route/graph.ts';
import { decodeAddresses } from '../../bolt/wire/address.ts';
import { unassignedRequired } from '../../bolt/wire/features.ts';
import type { GraphDatabase } from './database.ts';

export interface DigestTarget {
  readonly chainHash: Bytes;
  readonly graph: Graph;
  readonly database: GraphDatabase;
  /** More channels than this are not kept. */
  readonly maxChannels: number;
  /** Nodes of which nothing is believed any more. */
  isBlacklisted(nodeId: Bytes): boolean;
}

const BACKDATED_SECONDS = 7 * 86_400;
/** So many take some milliseconds: others run in between. */
const SLICE = 256;

/** Takes in all of a digest, in slices of the event loop. */
export async function takeDigest(digest: RapidSnapshot, target: DigestTarget): Promise<void> {
  // As LDK does: the digest's own timestamps are backdated, so that any update heard of later is newer.
  const timestamp = Math.max(0, digest.timestamp - BACKDATED_SECONDS);
  await inSlices(digest.channels, target, (channel) => takeChannel(channel, target));
  await inSlices(digest.nodes, target, (node) => takeNode(node, target));
  await inSlices(digest.updates, target, (update) => takeUpdate(update, timestamp, target));
}

async function inSlices<T>(all: readonly T[], { database }: DigestTarget, take: (one: T) => void): Promise<void> {
  for (let at = 0; at < all.length; at += SLICE) {
    for (const one of all.slice(at, at + SLICE)) take(one);
    database.flush();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function takeChannel(channel: RapidChannel, { graph, database, chainHash, maxChannels, isBlacklisted }: DigestTarget): void {
  if (graph.findChannel(channel.scid) !== -1 || graph.liveChannels >= maxChannels) return;
  if (isBlacklisted(channel.nodeId1) || isBlacklisted(channel.nodeId2)) return;
  const flags = CHANNEL_UNSIGNED | (unassignedRequired(channel.features).length > 0 ? CHANNEL_UNROUTABLE : 0);
  const capacitySat = channel.capacitySat ?? 0;
  graph.addChannel({ scid: channel.scid, a: channel.nodeId1, b: channel.nodeId2, capacityMsat: 1000 * capacitySat, flags });
  const message = unsignedAnnouncement(chainHash as BlockHash, channel);
  database.write({ kind: 'channel', scid: channel.scid, message, capacitySat, txid: null });
}

/** Features and addresses of a node that has not told them itself, signed. */
function takeNode(told: RapidNode, { graph, database }: DigestTarget): void {
  const node = graph.findNode(told.nodeId);
  if (node === -1) return;
  const stored = database.node(told.nodeId);
  if (stored !== null && !isUnsigned(stored)) return;
  const before = stored === null ? null : readGossip(stored);
  const known = before?.kind === 'node_announcement' ? before : null;
  const features = told.features ?? known?.features ?? new Uint8Array(0);
  const addresses = told.addresses ?? (known === null ? [] : decodeAddresses(known.addresses));
  graph.setNode(node, { timestamp: 0, flags: nodeFlagsOf(features) });
  database.write({ kind: 'node', id: told.nodeId, message: unsignedNodeAnnouncement({ nodeId: told.nodeId, features, addresses }) });
}

function takeUpdate(update: RapidUpdate, timestamp: number, { graph, database, chainHash }: DigestTarget): void {
  const channel = graph.findChannel(update.scid);
  const edge = 2 * channel + update.direction;
  if (channel === -1 || (graph.timestamp[edge] as number) > timestamp) return;
  const isKnown = ((graph.edgeFlags[edge] as number) & EDGE_KNOWN) !== 0;
  const field = (told: number | null, table: { readonly [edge: number]: number | undefined }): number | null =>
    told ?? (isKnown ? (table[edge] ?? null) : null);
  const cltvExpiryDelta = field(update.cltvExpiryDelta, graph.cltvExpiryDelta);
  const htlcMinimumMsat = field(update.htlcMinimumMsat, graph.htlcMinimumMsat);
  const feeBaseMsat = field(update.feeBaseMsat, graph.feeBaseMsat);
  const feeProportionalMillionths = field(update.feeProportionalMillionths, graph.feeProportionalMillionths);
  const htlcMaximumMsat = field(update.htlcMaximumMsat, graph.htlcMaximumMsat);
  // An incremental update of a direction that is not known says nothing.
  if (cltvExpiryDelta === null || htlcMinimumMsat === null || feeBaseMsat === null) return;
  if (feeProportionalMillionths === null || htlcMaximumMsat === null) return;
  const policy = { cltvExpiryDelta, htlcMinimumMsat, feeBaseMsat, feeProportionalMillionths, htlcMaximumMsat };
  const { scid, direction, disabled } = update;
  const message = unsignedUpdate({ chainHash: chainHash as BlockHash, scid, direction, disabled, timestamp, ...policy });
  graph.setPolicy(edge, policyOfUpdate(message));
  database.write({ kind: 'update', scid, direction, message });
}
