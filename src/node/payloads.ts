// What each node of a route is told in the onion (BOLT 4, "payload format"), and how much of the onion that takes.
import { must } from '../base/assert.ts';
import type { Bytes } from '../base/bytes.ts';
import type { NodeId, Preimage } from '../base/ids.ts';
import type { Height, Msat } from '../base/units.ts';
import type { BlindedPath } from '../bolt/onion/blinding.ts';
import { frameLength, type OnionHop } from '../bolt/onion/packet.ts';
import { encodePayload } from '../bolt/onion/payload.ts';
import { type BlindedTail, type Route, type RouteHop, tailIndex } from '../bolt/route/query.ts';
import type { TlvRecord } from '../codec/tlv.ts';

/** What the destination is told besides amount and expiry. */
export interface FinalContent {
  /** Of all parts together. */
  readonly totalMsat: Msat;
  readonly paymentSecret: Bytes | null;
  readonly paymentMetadata: Bytes | null;
  readonly keysendPreimage: Preimage | null;
  /** Custom records (types from 65536 on), ascending. */
  readonly customRecords?: readonly TlvRecord[];
}

/** A blinded path to the destination, and its introduction point where the path only names a channel. */
export interface BlindedWay {
  readonly path: BlindedPath;
  readonly introduction: NodeId;
}

type Arrival = Pick<RouteHop, 'amountMsat' | 'cltvExpiry'>;

/** The hops of a route's onion. `ways` are the blinded paths of the question, by whose index the route names one. */
export function onionHops(route: Route, content: FinalContent, ways: readonly BlindedWay[] = []): readonly OnionHop[] {
  return route.hops.flatMap((hop, i): readonly OnionHop[] => {
    const next = route.hops[i + 1];
    const index = next === undefined ? null : tailIndex(next.scid);
    if (next !== undefined && index !== null) return blindedHops(must(ways[index], 'a blinded path'), next, content);
    if (next === undefined) return tailIndex(hop.scid) === null ? [{ nodeId: hop.nodeId, payload: finalPayload(hop, content) }] : [];
    const payload = encodePayload({ amtToForward: next.amountMsat, outgoingCltvValue: next.cltvExpiry, shortChannelId: next.scid });
    return [{ nodeId: hop.nodeId, payload }];
  });
}

function finalPayload({ amountMsat, cltvExpiry }: Arrival, content: FinalContent): Bytes {
  const { totalMsat, paymentSecret, paymentMetadata, keysendPreimage, customRecords = [] } = content;
  return encodePayload({
    amtToForward: amountMsat,
    outgoingCltvValue: cltvExpiry,
    ...(paymentSecret === null ? {} : { paymentData: { paymentSecret, totalMsat } }),
    ...(paymentMetadata === null ? {} : { paymentMetadata }),
    ...(keysendPreimage === null ? {} : { keysendPreimage }),
    ...(customRecords.length === 0 ? {} : { unknown: customRecords }),
  });
}

/** The onion's hops from the introduction point on, which goes by its own id (BOLT 4: `current_path_key` is for it alone). */
function blindedHops(
  { path, introduction }: BlindedWay,
  arrives: Arrival,
  { totalMsat }: Pick<FinalContent, 'totalMsat'>,
): readonly OnionHop[] {
  return path.path.map(({ blindedNodeId, encryptedRecipientData }, i) => ({
    nodeId: i === 0 ? introduction : blindedNodeId,
    payload: encodePayload({
      encryptedRecipientData,
      ...(i === 0 ? { currentPathKey: path.firstPathKey } : {}),
      ...(i < path.path.length - 1
        ? {}
        : { amtToForward: arrives.amountMsat, outgoingCltvValue: arrives.cltvExpiry, totalAmountMsat: totalMsat }),
    }),
  }));
}

const bytesOf = (hops: readonly OnionHop[]): number => hops.reduce((sum, { payload }) => sum + frameLength(payload), 0);

/** What the destination's payload takes in the onion where one part carries the whole, which is the most that it can take. */
export const finalBytes = (content: FinalContent, maxCltvExpiry: Height): number =>
  frameLength(finalPayload({ amountMsat: content.totalMsat, cltvExpiry: maxCltvExpiry }, content));

/** The planner's view of a blinded path; `payinfo` is what its invoice says of it. */
export function tailOf(
  way: BlindedWay,
  payinfo: Pick<
    BlindedTail,
    'feeBaseMsat' | 'feeProportionalMillionths' | 'cltvExpiryDelta' | 'htlcMinimumMsat' | 'htlcMaximumMsat' | 'features'
  >,
  most: { readonly totalMsat: Msat; readonly maxCltvExpiry: Height },
): BlindedTail {
  const { totalMsat, maxCltvExpiry } = most;
  const onionBytes = bytesOf(blindedHops(way, { amountMsat: totalMsat, cltvExpiry: maxCltvExpiry }, { totalMsat }));
  return { ...payinfo, nodeId: way.introduction, hops: way.path.path.length - 1, onionBytes };
}
