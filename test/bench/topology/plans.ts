// One checker and one price for every plan, whoever made it.
import type { Graph } from '../../../src/bolt/route/graph.ts';

/** Hops from the payer's own channel on: what the HTLC on each channel carries. */
export interface PlannedHop {
  readonly scid: bigint;
  readonly amountMsat: number;
  /** Blocks by which the expiry of this HTLC is above that of the next; of the last hop it is not looked at. */
  readonly cltvDelta: number;
}

export type PlannedPart = readonly PlannedHop[];

export interface Asked {
  readonly source: number;
  readonly target: number;
  readonly amountMsat: number;
  readonly maxFeeMsat: number;
  readonly maxParts: number;
  readonly maxCltvDelta: number;
}

/** What a plan breaks, or null: the way, minimum and maximum, fees and expiries of each hop, capacities shared by all parts, the limits. */
export function faultOf(graph: Graph, asked: Asked, parts: readonly PlannedPart[]): string | null {
  if (parts.length === 0 || parts.length > asked.maxParts) return `${parts.length} parts`;
  const used = new Map<number, number>();
  let [arrives, leaves] = [0, 0];
  for (const part of parts) {
    let node = asked.source;
    let blocks = 0;
    for (const [i, hop] of part.entries()) {
      const channel = graph.findChannel(hop.scid);
      if (channel === -1) return `no channel ${hop.scid}`;
      const to = (graph.node1[channel] === node ? graph.node2[channel] : graph.node1[channel]) as number;
      const edge = graph.edgeTo(channel, to);
      if (graph.sourceOf(edge) !== node) return `hop ${i} does not begin where the one before ends`;
      if (graph.edgeFlags[edge] !== 1) return `hop ${i} is not usable`;
      const { amountMsat } = hop;
      if (amountMsat < (graph.htlcMinimumMsat[edge] as number)) return `hop ${i} is below the minimum`;
      if (amountMsat > (graph.htlcMaximumMsat[edge] as number)) return `hop ${i} is above the maximum`;
      used.set(edge, (used.get(edge) ?? 0) + amountMsat);
      if ((used.get(edge) as number) > graph.edgeCapacityMsat(edge)) return `hop ${i}: the parts exceed the capacity together`;
      if (i > 0) {
        const before = part[i - 1] as PlannedHop;
        const fee =
          BigInt(graph.feeBaseMsat[edge] as number) +
          (BigInt(amountMsat) * BigInt(graph.feeProportionalMillionths[edge] as number)) / 1_000_000n;
        if (BigInt(before.amountMsat) - BigInt(amountMsat) < fee) return `hop ${i} is paid less than its fee`;
        if (before.cltvDelta < (graph.cltvExpiryDelta[edge] as number)) return `hop ${i} is given less than its delta`;
        blocks += before.cltvDelta;
      }
      node = to;
    }
    if (node !== asked.target) return 'a part does not reach the destination';
    if (part.length > 20) return `${part.length} hops`;
    if (blocks > asked.maxCltvDelta) return `${blocks} blocks`;
    leaves += (part[0] as PlannedHop).amountMsat;
    arrives += (part.at(-1) as PlannedHop).amountMsat;
  }
  if (arrives < asked.amountMsat) return `${arrives} of ${asked.amountMsat} msat arrive`;
  return leaves - arrives > asked.maxFeeMsat ? `fees of ${leaves - arrives} msat` : null;
}

export const feesOf = (parts: readonly PlannedPart[]): number =>
  parts.reduce((sum, part) => sum + (part[0] as PlannedHop).amountMsat - (part.at(-1) as PlannedHop).amountMsat, 0);

/** Per part: fee + 100 sat for each unit of the sum over hops of -ln((c + 1 - a) / (c + 1)), capacity c and amount a in satoshi. In msat. */
export function priceOf(graph: Graph, parts: readonly PlannedPart[]): number {
  let price = feesOf(parts);
  for (const part of parts) {
    for (const hop of part) {
      const capacity = (graph.capacityMsat[graph.findChannel(hop.scid)] as number) / 1000;
      price += -100_000 * Math.log((capacity + 1 - hop.amountMsat / 1000) / (capacity + 1));
    }
  }
  return price;
}
