import { equal, toHex } from '../../src/base/bytes.ts';
import type { NodeId, ShortChannelId } from '../../src/base/ids.ts';
import { fail, ok } from '../../src/base/result.ts';
import { height, type Msat, msat } from '../../src/base/units.ts';
import type { FirstHop, Planner, Policy, Route, RouteHop, RouteQuery } from '../../src/node/types.ts';

/** A channel in one direction, as far as everybody may know it. */
export interface Edge {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The name under which `from` takes it in an onion. */
  readonly scid: ShortChannelId;
  readonly capacityMsat: Msat;
  readonly policy: Policy;
}

const MAX_HOPS = 3;

interface Path {
  readonly first: FirstHop;
  readonly edges: readonly Edge[];
}

/**
 * Routes over all channels of the simulation, shortest first, by a search in breadth; what no path carries alone goes over several, each
 * filled as far as is known. It knows capacities and not balances, so payments fail, learn and try again.
 */
export function planner(edges: () => readonly Edge[]): Planner {
  return (query) => {
    const used = new Map<string, bigint>();
    const paths = search(query, edges());
    const routes: Route[] = [];
    let left: bigint = query.amountMsat;
    let fees = 0n;
    for (const path of paths) {
      if (left === 0n) break;
      const amount = least(left, most(query, path, used));
      if (amount < left && routes.length + 1 >= query.maxParts) continue;
      if (amount <= 0n || (amount < left && amount < 1000n)) continue;
      const route = build(query, path, amount as Msat);
      if (route === null || fees + (route.hops[0].amountMsat - amount) > query.maxFeeMsat) continue;
      fees += route.hops[0].amountMsat - amount;
      left -= amount;
      routes.push(route);
      for (const [key, value] of occupied(route)) used.set(key, (used.get(key) ?? 0n) + value);
    }
    if (left > 0n) return fail({ code: 'NO_ROUTE', message: 'no path carries the amount', hint: '' });
    return ok(routes);
  };
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const nameOf = (hop: { readonly scid: ShortChannelId; readonly nodeId: NodeId }): string => `${hop.scid} ${toHex(hop.nodeId)}`;
const occupied = (route: Route): [string, bigint][] => route.hops.map((hop) => [nameOf(hop), hop.amountMsat]);

function search(query: RouteQuery, edges: readonly Edge[]): readonly Path[] {
  const found: Path[] = [];
  let paths: Path[] = query.firstHops.map((first) => ({ first, edges: [] }));
  for (let length = 1; length <= MAX_HOPS; length++) {
    const longer: Path[] = [];
    for (const path of paths) {
      const end = path.edges.at(-1)?.to ?? path.first.peer;
      if (equal(end, query.destination)) found.push(path);
      else
        for (const edge of edges) {
          const visited = equal(edge.to, path.first.peer) || path.edges.some((each) => equal(each.to, edge.to));
          if (equal(edge.from, end) && !visited && !isExcluded(query, edge)) longer.push({ ...path, edges: [...path.edges, edge] });
        }
    }
    paths = longer;
  }
  // The first that has room for everything comes first: a part is what nobody wants.
  return found.toSorted((a, b) => a.edges.length - b.edges.length || (a.first.sendableMsat > b.first.sendableMsat ? -1 : 1));
}

const isExcluded = (query: RouteQuery, edge: Edge): boolean =>
  query.excludedNodes.some((node) => equal(node, edge.to)) || query.excludedChannels.includes(edge.scid);

/** What a path can carry at most by what is known, fees left aside with some room. */
function most(query: RouteQuery, path: Path, used: ReadonlyMap<string, bigint>): bigint {
  const limit = (known: bigint, scid: ShortChannelId, to: NodeId): bigint => {
    let room = known;
    for (const lesson of query.lessons)
      if (lesson.scid === scid && equal(lesson.to, to) && lesson.failsFromMsat !== null) room = least(room, lesson.failsFromMsat - 1n);
    return room - (used.get(nameOf({ scid, nodeId: to })) ?? 0n);
  };
  let room = limit(path.first.sendableMsat, path.first.scid, path.first.peer);
  for (const edge of path.edges) {
    const busy = query.inFlight.filter((each) => each.scid === edge.scid && equal(each.to, edge.to));
    const known = edge.capacityMsat - busy.reduce((sum, each) => sum + each.amountMsat, 0n);
    room = least(room - room / 200n - 2_000n, limit(known, edge.scid, edge.to));
  }
  return room;
}

function build(query: RouteQuery, path: Path, amount: Msat): Route | null {
  const hops: RouteHop[] = [];
  let [carried, expiry] = [amount as bigint, query.finalCltvExpiry as number];
  for (const edge of path.edges.toReversed()) {
    hops.unshift({ nodeId: edge.to, scid: edge.scid, amountMsat: msat(carried), cltvExpiry: height(expiry) });
    const learned = query.lessons.findLast((lesson) => lesson.scid === edge.scid && equal(lesson.to, edge.to) && lesson.policy !== null);
    const policy = learned?.policy ?? edge.policy;
    carried += BigInt(policy.feeBaseMsat) + (carried * BigInt(policy.feeProportionalMillionths)) / 1_000_000n;
    expiry += policy.cltvExpiryDelta;
  }
  const { first } = path;
  if (carried > first.sendableMsat || carried < first.htlcMinimumMsat) return null;
  return {
    channelId: first.channelId,
    hops: [{ nodeId: first.peer, scid: first.scid, amountMsat: msat(carried), cltvExpiry: height(expiry) }, ...hops],
  };
}
