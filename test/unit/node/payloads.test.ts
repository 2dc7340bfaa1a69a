import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY, equal } from '../../../src/base/bytes.ts';
import type { ChannelId, NodeId, ShortChannelId } from '../../../src/base/ids.ts';
import { type Height, height, type Msat, msat } from '../../../src/base/units.ts';
import { resolveBlinded } from '../../../src/bolt/onion/blinded-payment.ts';
import { buildBlindedPath } from '../../../src/bolt/onion/blinding.ts';
import { buildOnion, ecdhWith, peelOnion } from '../../../src/bolt/onion/packet.ts';
import { parsePayload } from '../../../src/bolt/onion/payload.ts';
import { DEFAULT_COSTS } from '../../../src/bolt/route/cost.ts';
import { FlowSearcher } from '../../../src/bolt/route/flow.ts';
import { Graph } from '../../../src/bolt/route/graph.ts';
import { planRoutes } from '../../../src/bolt/route/plan.ts';
import type { Route, RouteQuery } from '../../../src/bolt/route/query.ts';
import { Searcher } from '../../../src/bolt/route/search.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { type FinalContent, finalBytes, onionHops, tailOf } from '../../../src/node/payloads.ts';

const secret = (n: number): Uint8Array => new Uint8Array(32).fill(n + 1);
const id = (n: number): NodeId => secp.publicKey(secret(n)) as NodeId;
const SESSION = new Uint8Array(32).fill(0x77);
const HASH = new Uint8Array(32).fill(0x66);
const MOST = height(802_016);

/** A line of channels: 0 is our peer, each node leads to the next only. */
function line(nodes: number): Graph {
  const graph = new Graph();
  for (let n = 1; n < nodes; n++) {
    const channel = graph.addChannel({ scid: (BigInt(700_000 + n) << 40n) | 1n, a: id(n - 1), b: id(n), capacityMsat: 1e12, flags: 0 });
    graph.setPolicy(graph.edgeTo(channel, graph.findNode(id(n))), {
      ...{ disabled: false, htlcMinimumMsat: 1, htlcMaximumMsat: 1e12, feeBaseMsat: 0, feeProportionalMillionths: 0 },
      ...{ cltvExpiryDelta: 1, timestamp: 1, checksum: 0 },
    });
  }
  return graph;
}

const content = (part: Partial<FinalContent> = {}): FinalContent => ({
  totalMsat: msat(300_000_000),
  paymentSecret: new Uint8Array(32).fill(9),
  paymentMetadata: null,
  keysendPreimage: null,
  ...part,
});
const query = (destination: NodeId, told: FinalContent, part: Partial<RouteQuery> = {}): RouteQuery => ({
  destination,
  amountMsat: told.totalMsat,
  maxFeeMsat: msat(1_000_000),
  maxParts: 1,
  kind: 'invoice',
  finalCltvExpiry: height(800_000),
  maxCltvExpiry: MOST,
  hints: [],
  tails: [],
  finalBytes: finalBytes(told, MOST),
  firstHops: [
    {
      channelId: new Uint8Array(32) as ChannelId,
      scid: (699_999n << 40n) as ShortChannelId,
      peer: id(0),
      sendableMsat: msat(1e12),
      htlcMinimumMsat: msat(1),
    },
  ],
  lessons: [],
  inFlight: [],
  excludedNodes: [],
  excludedChannels: [],
  ...part,
});
const tools = { self: id(100), model: DEFAULT_COSTS, searcher: new Searcher(), flows: new FlowSearcher() };
const plan = (graph: Graph, asked: RouteQuery): Route | null => {
  const planned = planRoutes(asked, { ...tools, graph });
  return planned.ok ? (planned.value[0] ?? null) : null;
};
const build = (hops: Parameters<typeof buildOnion>[0]['hops']) => buildOnion({ sessionKey: SESSION, hops, associatedData: HASH });

/** A route by hand, as the planner would make it if it did not count. */
const straight = (hops: number, { totalMsat }: FinalContent): Route => ({
  channelId: new Uint8Array(32) as ChannelId,
  hops: Array.from({ length: hops }, (_, n) => ({
    nodeId: id(n),
    scid: (BigInt(700_000 + n) << 40n) as ShortChannelId,
    amountMsat: totalMsat,
    cltvExpiry: height(800_000 + hops - 1 - n),
  })) as unknown as Route['hops'],
});

describe('the onion’s size', () => {
  test('a route is planned exactly where the builder can build it: up to the last byte, and no more than 20 hops', () => {
    const graphs = new Map<number, Graph>();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 22 }), fc.integer({ min: -3, max: 3 }), fc.bigInt(1n, 10n ** 11n), (hops, off, amount) => {
        const graph = graphs.get(hops) ?? line(hops);
        graphs.set(hops, graph);
        // Metadata that fills the onion but for `off` bytes.
        const bare = content({ totalMsat: msat(amount) });
        const taken = onionHops(straight(hops, bare), bare).reduce(
          (sum, { payload }) => sum + payload.length + (payload.length < 253 ? 33 : 35),
          0,
        );
        const length = Math.max(1, 1300 - taken - 2 - (1300 - taken > 250 ? 4 : 0) - off);
        const told = content({ totalMsat: msat(amount), paymentMetadata: new Uint8Array(length) });
        const built = build(onionHops(straight(hops, told), told));
        const planned = plan(graph, query(id(hops - 1), told));
        expect(planned !== null).toBe(built.ok && hops <= 20);
        if (planned !== null) expect(build(onionHops(planned, told)).ok).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
  test('the largest metadata that fits is found at each length, one byte more is refused', () => {
    for (const hops of [1, 4, 12]) {
      const graph = line(hops);
      const told = (length: number) => content({ paymentMetadata: new Uint8Array(length) });
      const fits = (length: number): boolean => build(onionHops(straight(hops, told(length)), told(length))).ok;
      let [most, tooMuch] = [1, 1300];
      while (tooMuch - most > 1) {
        const middle = (most + tooMuch) >> 1;
        if (fits(middle)) most = middle;
        else tooMuch = middle;
      }
      expect(plan(graph, query(id(hops - 1), told(most)))).not.toBeNull();
      expect(plan(graph, query(id(hops - 1), told(most + 1)))).toBeNull();
    }
  });
  test('custom records and a keysend preimage are counted', () => {
    const told = content({ keysendPreimage: new Uint8Array(32) as never, customRecords: [{ type: 65537n, value: new Uint8Array(900) }] });
    const [only] = onionHops(straight(1, told), told);
    expect(finalBytes(told, height(800_000))).toBe((only?.payload.length ?? 0) + 3 + 32);
    expect(plan(line(8), query(id(7), told))).toBeNull();
    expect(plan(line(2), query(id(1), told))).not.toBeNull();
  });
});

describe('an onion over a blinded path', () => {
  const BLINDED = [30, 31, 32];
  const relay = { cltvExpiryDelta: 20, feeProportionalMillionths: 100, feeBaseMsat: 10 };
  const made = buildBlindedPath({
    sessionKey: secret(90),
    hops: BLINDED.map((n, i) => ({
      nodeId: i === 0 ? id(2) : id(n),
      data:
        i === BLINDED.length - 1
          ? { pathId: new Uint8Array(16).fill(5) }
          : {
              shortChannelId: BigInt(n) as ShortChannelId,
              paymentRelay: relay,
              paymentConstraints: { maxCltvExpiry: height(900_000), htlcMinimumMsat: msat(1) },
            },
    })),
  });
  if (made === null) throw new Error('the ids are points');
  const way = { path: made.path, introduction: id(2) };
  const told = content({ totalMsat: msat(2_000_000), paymentSecret: null });
  // What both relays ask together, rounded up as the recipient must.
  const payinfo = {
    ...{ feeBaseMsat: 21, feeProportionalMillionths: 201, cltvExpiryDelta: 40, features: EMPTY },
    ...{ htlcMinimumMsat: msat(1), htlcMaximumMsat: msat(1e10) },
  };
  const tail = tailOf(way, payinfo, { totalMsat: told.totalMsat, maxCltvExpiry: MOST });

  test('every hop opens its layer and finds what it needs; the recipient gets the amount', () => {
    const route = plan(line(3), query(id(60), told, { tails: [tail] }));
    if (route === null) throw new Error('no route');
    const built = build(onionHops(route, told, [way]));
    if (!built.ok) throw new Error(built.failure.kind);
    expect(built.value.sharedSecrets).toHaveLength(5);
    let packet: Uint8Array | null = built.value.packet;
    let pathKey: NodeId | null = null;
    let htlc: { amountMsat: Msat; cltvExpiry: Height } = route.hops[0];
    const seen: string[] = [];
    for (const n of [0, 1, 2, 31, 32]) {
      const ecdh = ecdhWith(secret(n));
      const peeled = peelOnion({ packet: packet as Uint8Array, ecdh, associatedData: HASH, pathKey });
      if (!peeled.ok) throw new Error(peeled.failure.code);
      const read = parsePayload(peeled.value.payload, { isFinal: peeled.value.nextPacket === null, pathKey });
      if (!read.ok) throw new Error(read.failure.message);
      seen.push(read.value.kind);
      packet = peeled.value.nextPacket;
      if (read.value.kind === 'forward') htlc = { amountMsat: read.value.amtToForward, cltvExpiry: read.value.outgoingCltvValue };
      if (read.value.kind !== 'blinded_forward' && read.value.kind !== 'blinded_final') continue;
      const step = resolveBlinded({ payload: read.value, htlc, ecdh, blindingSecret: peeled.value.blindingSecret });
      if (!step.ok) throw new Error(step.failure);
      if (step.value.kind === 'forward') {
        htlc = { amountMsat: step.value.amtToForward, cltvExpiry: step.value.outgoingCltvValue };
        pathKey = step.value.nextPathKey;
        continue;
      }
      expect(step.value.totalMsat).toBe(told.totalMsat);
      expect(equal(step.value.pathId ?? EMPTY, new Uint8Array(16).fill(5))).toBe(true);
      expect(htlc.amountMsat >= told.totalMsat).toBe(true);
      expect(htlc.cltvExpiry >= 800_000).toBe(true);
    }
    expect(seen).toEqual(['forward', 'forward', 'blinded_forward', 'blinded_forward', 'blinded_final']);
  });

  test('is planned where it fits and not where it does not', () => {
    const long = (n: number): boolean => {
      const hops = [...straight(n, told).hops.map(({ nodeId }) => nodeId)];
      const end = { ...way, introduction: hops.at(-1) as NodeId };
      const planned = plan(line(n), query(id(60), told, { tails: [{ ...tail, nodeId: id(n - 1) }] }));
      if (planned !== null) expect(build(onionHops(planned, told, [end])).ok).toBe(true);
      return planned !== null;
    };
    expect([...Array(22).keys()].slice(1).map(long)).toEqual([...Array(22).keys()].slice(1).map((n) => n + 2 <= 20 && fitsWith(n)));
  });

  /** Counted by the builder: `n - 1` plain payloads before the path. */
  function fitsWith(n: number): boolean {
    const plain = straight(n, told);
    const before = onionHops(plain, told).slice(0, n - 1);
    const route = plan(line(3), query(id(60), told, { tails: [tail] }));
    const after = route === null ? [] : onionHops(route, told, [way]).slice(2);
    return build([...before, ...after]).ok;
  }
});
