import { describe, expect, it } from 'vitest';
import type { ChannelId, ShortChannelId } from '../../../../src/base/ids.ts';
import { height, msat } from '../../../../src/base/units.ts';
import { DEFAULT_COSTS } from '../../../../src/bolt/route/cost.ts';
import { FlowSearcher } from '../../../../src/bolt/route/flow.ts';
import { Knowledge } from '../../../../src/bolt/route/knowledge.ts';
import { USUAL_FINAL_BYTES } from '../../../../src/bolt/route/onion-room.ts';
import { explainRoutes, type PlanOptions, planRoutes } from '../../../../src/bolt/route/plan.ts';
import type { RouteQuery } from '../../../../src/bolt/route/query.ts';
import { decodeRecorded, encodeRecorded } from '../../../../src/bolt/route/replay.ts';
import { Searcher } from '../../../../src/bolt/route/search.ts';
import { type Channel, graphOf, idOf, scidOf } from './networks.ts';

const self = idOf(50);
const open = {
  disabled: false,
  htlcMinimumMsat: 1,
  htlcMaximumMsat: 5e6,
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 10,
};
const between = (a: number, b: number, part: Partial<Channel['forth']> = {}): Channel => ({
  a,
  b,
  capacitySat: 6000,
  forth: { ...open, ...part },
  back: open,
});
// 0 and 2 are our peers; 1 is who is paid; the way over 2 and 3 is dearer.
const channels = [between(0, 1), between(2, 3, { feeBaseMsat: 5000 }), between(3, 1, { feeBaseMsat: 5000 })];
const graph = graphOf(channels);

const hop = (n: number, sendable: number) => ({
  channelId: new Uint8Array(32).fill(n) as ChannelId,
  scid: BigInt(1000 + n) as ShortChannelId,
  peer: idOf(n),
  sendableMsat: msat(sendable),
  htlcMinimumMsat: msat(1),
});
const query = (part: Partial<RouteQuery> = {}): RouteQuery => ({
  destination: idOf(1),
  amountMsat: msat(1_000_000),
  maxFeeMsat: msat(100_000),
  maxParts: 4,
  finalCltvExpiry: height(500),
  maxCltvExpiry: height(2500),
  kind: 'invoice',
  hints: [],
  tails: [],
  finalBytes: USUAL_FINAL_BYTES,
  firstHops: [hop(0, 3e6), hop(2, 3e6)],
  lessons: [],
  inFlight: [],
  excludedNodes: [],
  excludedChannels: [],
  ...part,
});
const options: PlanOptions = { graph, self, model: DEFAULT_COSTS, searcher: new Searcher(), flows: new FlowSearcher() };
const ways = (part: Partial<RouteQuery> = {}, more: Partial<PlanOptions> = {}): string[] | string => {
  const planned = planRoutes(query(part), { ...options, ...more });
  return planned.ok
    ? planned.value.map((route) => route.hops.map(({ scid }) => `${scid >> 40n || scid}`).join('-'))
    : planned.failure.message;
};
const scid = (i: number) => scidOf(i) as ShortChannelId;
const SHORT = ['1000-1'];
const LONG = ['1002-2-3'];

describe('planning from our own channels', () => {
  it('takes the cheaper way', () => expect(ways()).toEqual(SHORT));
  it('leaves out excluded channels', () => expect(ways({ excludedChannels: [scid(0)] })).toEqual(LONG));
  it('leaves out excluded nodes', () => expect(ways({ excludedNodes: [idOf(0)] })).toEqual(LONG));
  it('does not send what a lesson says fails', () => {
    const lesson = { scid: scid(0), to: idOf(1), policy: null };
    expect(ways({ lessons: [{ ...lesson, failsFromMsat: msat(1_000_000) }], maxParts: 1 })).toEqual(LONG);
    expect(ways({ lessons: [{ ...lesson, failsFromMsat: msat(0) }] })).toEqual(LONG);
    expect(ways({ lessons: [{ ...lesson, failsFromMsat: msat(5_000_000) }] })).toEqual(SHORT);
    expect(ways({ lessons: [{ ...lesson, to: idOf(0), failsFromMsat: msat(0) }] })).toEqual(SHORT);
  });
  it('pays what a lesson says a node newly asks', () => {
    const policy = { feeBaseMsat: 7, feeProportionalMillionths: 0, cltvExpiryDelta: 33 };
    const planned = planRoutes(query({ lessons: [{ scid: scid(0), to: idOf(1), failsFromMsat: null, policy }] }), options);
    expect(planned.ok && planned.value[0]?.hops.map(({ amountMsat, cltvExpiry }) => [amountMsat, cltvExpiry])).toEqual([
      [1_000_007n, 533],
      [1_000_000n, 500],
    ]);
  });
  it('counts what parts in flight occupy', () => {
    const inFlight = [{ scid: scid(0), to: idOf(1), amountMsat: msat(5_500_000) }];
    expect(ways({ inFlight, maxParts: 1 })).toEqual(LONG);
  });
  it('never passes our own node in the graph', () => {
    const through = graphOf([...channels, between(0, 5), between(5, 1)]);
    expect(ways({ excludedChannels: [scid(0)] }, { graph: through, self: idOf(5) })).toEqual(LONG);
  });
  it('follows hints of several hops to a node that the graph does not know', () => {
    const hint = { feeBaseMsat: 10, feeProportionalMillionths: 0, cltvExpiryDelta: 5 };
    const hints = [
      [
        { ...hint, nodeId: idOf(1), scid: 77n as ShortChannelId },
        { ...hint, nodeId: idOf(60), scid: 78n as ShortChannelId },
      ],
    ];
    const planned = planRoutes(query({ destination: idOf(61), hints }), options);
    expect(planned.ok && planned.value[0]?.hops.map(({ scid: of, amountMsat, cltvExpiry }) => [of, amountMsat, cltvExpiry])).toEqual([
      [1000n, 1_001_120n, 520],
      [scid(0), 1_000_020n, 510],
      [77n, 1_000_010n, 505],
      [78n, 1_000_000n, 500],
    ]);
  });
  it('pays a peer directly', () => expect(ways({ destination: idOf(0) })).toEqual(['1000']));
  it('uses what was learned, and hides the distance in the expiries', () => {
    const learned = new Knowledge();
    const hops = [
      { scid: 1000n as ShortChannelId, nodeId: idOf(0), amountMsat: 900_000n },
      { scid: scid(0), nodeId: idOf(1), amountMsat: 900_000n },
    ];
    learned.learn(self, hops, { kind: 'failed', hop: 1 }, 0);
    expect(ways({ maxParts: 1 }, { knowledge: { learned, now: 0 } })).toEqual(LONG);
    const shadowed = planRoutes(query(), { ...options, shadowBlocks: 80 });
    expect(shadowed.ok && shadowed.value[0]?.hops.map(({ cltvExpiry }) => cltvExpiry)).toEqual([590, 580]);
    const tight = planRoutes(query({ maxCltvExpiry: height(515) }), { ...options, shadowBlocks: 80 });
    expect(tight.ok && tight.value[0]?.hops.map(({ cltvExpiry }) => cltvExpiry)).toEqual([515, 505]);
  });
});

describe('no route', () => {
  const hintFor = (part: Partial<RouteQuery>): string => {
    const planned = planRoutes(query(part), options);
    return planned.ok ? 'found' : `${planned.failure.message}: ${planned.failure.hint}`;
  };
  it('names the fee that would be enough', () => {
    expect(hintFor({ maxFeeMsat: msat(500) })).toContain('raise --max-fee to 2sat');
    expect(hintFor({ maxFeeMsat: msat(2000) })).toBe('found');
  });
  it('names the parts that would be enough', () =>
    expect(hintFor({ amountMsat: msat(5_500_000), maxParts: 1 })).toMatch(/raise --max-parts to \d/));
  it('names the fee that would be enough for the parts that are allowed, where no single path is', () => {
    const part = { amountMsat: msat(4_500_000) };
    expect(hintFor({ ...part, maxParts: 1 })).not.toContain('--max-fee');
    expect(hintFor({ ...part, maxFeeMsat: msat(100) })).toContain('in at most 4 parts within a fee of 100 msat');
    const least = Number(/raise --max-fee to (\d+)sat/.exec(hintFor({ ...part, maxFeeMsat: msat(100) }))?.[1]);
    expect(least).toBeGreaterThan(0);
    expect(hintFor({ ...part, maxFeeMsat: msat(1000n * BigInt(least)) })).toBe('found');
  });
  it('counts the edges around the destination that each rule closed', () => {
    const shut = graphOf([between(0, 1, { disabled: true }), between(3, 1, { htlcMaximumMsat: 100_000 }), between(2, 3)]);
    const explained = explainRoutes(query({ maxParts: 1 }), { ...options, graph: shut });
    expect(explained).toMatchObject({ reach: 1, reachesUs: false, closed: { disabled: 1, above_maximum: 1 } });
    expect(explained.relaxation).toMatchObject({ kind: 'max_parts' });
  });
  it('says that exclusions are in the way', () => {
    expect(explainRoutes(query({ excludedNodes: [idOf(0), idOf(2)] }), options).relaxation).toEqual({ kind: 'exclusions' });
  });
});

describe('an exported question', () => {
  it('is answered elsewhere as it was here', () => {
    const learned = new Knowledge();
    learned.learn(self, [{ scid: 1000n as ShortChannelId, nodeId: idOf(0), amountMsat: 900_000n }], { kind: 'carried' }, 5);
    const part = { excludedChannels: [scid(0)] };
    const file = encodeRecorded({ query: query(part), self, model: DEFAULT_COSTS, strategy: 'flow', now: 10, graph, knowledge: learned });
    const read = decodeRecorded(file);
    if (!read.ok) throw new Error(read.failure);
    const again = planRoutes(read.value.query, {
      ...options,
      graph: read.value.graph,
      knowledge: { learned: read.value.knowledge, now: 10 },
    });
    expect(again).toEqual(planRoutes(query(part), { ...options, knowledge: { learned, now: 10 } }));
    expect(encodeRecorded({ ...read.value })).toEqual(file);
    for (const cut of [0, 7, 20, 200, file.length - 9]) expect(decodeRecorded(file.slice(0, cut)).ok).toBe(false);
  });
});
