import { fromHex } from '../../../src/base/bytes.ts';
import { DEFAULT_COSTS } from '../../../src/bolt/route/cost.ts';
import { policyOf } from '../../../src/bolt/route/exact.ts';
import { FlowSearcher } from '../../../src/bolt/route/flow.ts';
import type { Graph } from '../../../src/bolt/route/graph.ts';
import { MAX_HOPS, ONION_BYTES, USUAL_FINAL_BYTES } from '../../../src/bolt/route/onion-room.ts';
import { type Problem, ProblemBuilder, scidOf } from '../../../src/bolt/route/problem.ts';
import { Searcher } from '../../../src/bolt/route/search.ts';
import { type PlannedPart as Part, type Strategy, split } from '../../../src/bolt/route/split.ts';
import { type BenchContext, median, quantile } from '../harness.ts';
import { readQuestions, topologyGraph } from './graph.ts';
import { type Asked, faultOf, feesOf, type PlannedPart, priceOf } from './plans.ts';
import { type Answer, answerOf, type TheirMode, theirRows } from './yardstick.ts';

/** The payee asks for 40 blocks; routes of more than 2016 are refused by others. */
const MAX_CLTV_DELTA = 2016 - 40;
const ONION = { bytes: ONION_BYTES, finalBytes: USUAL_FINAL_BYTES, maxCltvExpiry: 900_000 };

export interface AskOptions {
  readonly maxParts: number;
  readonly strategy: Strategy;
  readonly amountsSat: readonly number[];
  /** Which of LDK's modes to measure beside ours; null: none. */
  readonly theirMode: TheirMode | null;
}

/** Asks every pair for every amount, checks each plan and prices it; what LDK answers, where it is there, goes through the same. */
export async function askAll(context: BenchContext, options: AskOptions): Promise<void> {
  const graph = topologyGraph();
  const all = readQuestions(context.only('pairs'));
  const amounts = all.amounts.filter(({ sat }) => options.amountsSat.includes(sat));
  const pairs = all.pairs.slice(0, context.runs(all.pairs.length));
  const theirs = options.theirMode === null ? null : theirRows(context, { amounts, pairs });
  const tools = { searcher: new Searcher(), flows: new FlowSearcher() };
  for (const { sat, fee_limit_msat } of amounts) {
    const asked = pairs.map(({ src, dst }) => ({
      source: graph.findNode(fromHex(src)),
      target: graph.findNode(fromHex(dst)),
      amountMsat: sat * 1000,
      maxFeeMsat: fee_limit_msat,
      maxParts: options.maxParts,
      maxCltvDelta: MAX_CLTV_DELTA,
    }));
    const ours = asked.map((one, pair) => ask(graph, one, pair, options, tools));
    const parameters = { amount_sat: sat, max_parts: options.maxParts };
    tell(context, graph, asked, ours, { ...parameters, strategy: options.strategy, who: 'lnkit' });
    const found = theirs?.filter((row) => row.sat === sat && row.mode === options.theirMode && row.pair < pairs.length).map(answerOf);
    if (found === undefined) continue;
    tell(context, graph, asked, found, { ...parameters, strategy: `${options.theirMode}`, who: 'ldk' });
    compare(context, graph, ours, found, { ...parameters, strategy: options.strategy, who: 'lnkit/ldk' });
  }
}

/** Ours in shares of theirs: below 1 is faster, or cheaper. Fees and costs over the pairs for which both found a way. */
function compare(context: BenchContext, graph: Graph, ours: readonly Answer[], theirs: readonly Answer[], parameters: Parameters): void {
  const both = ours.flatMap(({ pair, parts }) => {
    const other = theirs.find((answer) => answer.pair === pair)?.parts ?? null;
    return parts === null || other === null ? [] : [{ mine: parts, other }];
  });
  const total = (of: (parts: readonly PlannedPart[]) => number, whose: 'mine' | 'other'): number =>
    both.reduce((sum, one) => sum + of(one[whose]), 0);
  const cost = (parts: readonly PlannedPart[]): number => priceOf(graph, parts);
  const times = (answers: readonly Answer[], q: number): number =>
    quantile(
      answers.map(({ ms }) => ms),
      q,
    );
  const say = (metric: string, value: number, n: number): void => context.report({ metric, value, unit: 'x', n, ...parameters });
  say('p50_ratio', times(ours, 0.5) / times(theirs, 0.5), ours.length);
  say('p95_ratio', times(ours, 0.95) / times(theirs, 0.95), ours.length);
  if (both.length === 0) return;
  say('fees_ratio', total(feesOf, 'mine') / total(feesOf, 'other'), both.length);
  say('cost_ratio', total(cost, 'mine') / total(cost, 'other'), both.length);
}

function ask(graph: Graph, asked: Asked, pair: number, options: AskOptions, tools: { searcher: Searcher; flows: FlowSearcher }): Answer {
  const started = performance.now();
  const builder = new ProblemBuilder(graph);
  const problem = builder.build(asked.source, asked.target);
  const parts = split(
    { ...asked, maxHops: MAX_HOPS, onion: ONION },
    { problem, builder, model: DEFAULT_COSTS, ...tools },
    options.strategy,
  );
  const ms = performance.now() - started;
  return { pair, ms, parts: parts?.map((part) => hopsOf(problem, part)) ?? null };
}

const hopsOf = (problem: Problem, { path }: Part): PlannedPart =>
  path.edges.map((edge, i) => {
    const next = path.edges[i + 1];
    return {
      scid: scidOf(problem, edge),
      amountMsat: path.amountsMsat[i] as number,
      cltvDelta: next === undefined ? 0 : policyOf(problem, next).cltvExpiryDelta,
    };
  });

type Parameters = Readonly<Record<string, string | number>>;

function tell(context: BenchContext, graph: Graph, asked: readonly Asked[], answers: readonly Answer[], parameters: Parameters): void {
  const found = answers.filter(({ parts }) => parts !== null);
  const faults = found.flatMap(({ pair, parts }) => faultOf(graph, asked[pair] as Asked, parts ?? []) ?? []);
  if (faults.length > 0) context.note(`${parameters['who']}: ${faults.length} plans break a rule, the first: ${faults[0]}`);
  const times = answers.map(({ ms }) => ms);
  const each = { ...parameters, n: answers.length };
  context.report({ metric: 'p50_ms', value: median(times), unit: 'ms', ...each });
  context.report({ metric: 'p95_ms', value: quantile(times, 0.95), unit: 'ms', ...each });
  context.report({ metric: 'found', value: found.length, unit: 'count', ...each });
  context.report({ metric: 'faults', value: faults.length, unit: 'count', ...each });
  if (found.length === 0) return;
  const fees = found.reduce((sum, { parts }) => sum + feesOf(parts ?? []), 0);
  const price = found.reduce((sum, { parts }) => sum + priceOf(graph, parts ?? []), 0);
  const parts = found.reduce((sum, answer) => sum + (answer.parts?.length ?? 0), 0);
  context.report({ metric: 'fees_sat', value: fees / 1000, unit: 'sat', ...each });
  context.report({ metric: 'cost_msat', value: price / found.length, unit: 'msat', ...each });
  context.report({ metric: 'parts', value: parts / found.length, unit: 'count', ...each });
}
