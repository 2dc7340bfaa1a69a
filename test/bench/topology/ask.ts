import { readFileSync } from 'node:fs';
import { fromHex } from '../../../src/base/bytes.ts';
import { DEFAULT_COSTS } from '../../../src/bolt/route/cost.ts';
import { policyOf } from '../../../src/bolt/route/exact.ts';
import { FlowSearcher } from '../../../src/bolt/route/flow.ts';
import type { Graph } from '../../../src/bolt/route/graph.ts';
import { type Problem, ProblemBuilder, scidOf } from '../../../src/bolt/route/problem.ts';
import { Searcher } from '../../../src/bolt/route/search.ts';
import { type PlannedPart as Part, type Strategy, split } from '../../../src/bolt/route/split.ts';
import { type BenchContext, median, quantile } from '../harness.ts';
import { readQuestions, topologyGraph } from './graph.ts';
import { type Asked, faultOf, feesOf, type PlannedPart, priceOf } from './plans.ts';

/** The payee asks for 40 blocks; routes of more than 2016 are refused by others. */
const MAX_CLTV_DELTA = 2016 - 40;

export interface AskOptions {
  readonly maxParts: number;
  readonly strategy: Strategy;
  readonly amountsSat: readonly number[];
  /** Of the yardstick's results which mode to price beside ours. */
  readonly theirMode: 'single' | 'mpp';
}

interface Answer {
  readonly pair: number;
  readonly ms: number;
  readonly parts: readonly PlannedPart[] | null;
}

/** Asks every pair for every amount, checks each plan and prices it; with `ldk=FILE` the yardstick's plans go through the same. */
export async function askAll(context: BenchContext, options: AskOptions): Promise<void> {
  const graph = topologyGraph();
  const { amounts, pairs } = readQuestions(context.only('pairs'));
  const theirs = context.only('ldk');
  const theirRows = theirs === null ? null : (JSON.parse(readFileSync(theirs, 'utf8')) as readonly TheirRow[]);
  const tools = { searcher: new Searcher(), flows: new FlowSearcher() };
  for (const { sat, fee_limit_msat } of amounts) {
    if (!options.amountsSat.includes(sat)) continue;
    const asked = pairs.map(({ src, dst }) => ({
      source: graph.findNode(fromHex(src)),
      target: graph.findNode(fromHex(dst)),
      amountMsat: sat * 1000,
      maxFeeMsat: fee_limit_msat,
      maxParts: options.maxParts,
      maxCltvDelta: MAX_CLTV_DELTA,
    }));
    const answers = asked.map((one, pair) => ask(graph, one, pair, options, tools));
    tell(context, 'lnkit', graph, asked, answers, { amount_sat: sat, max_parts: options.maxParts, strategy: options.strategy });
    if (theirRows !== null) {
      const found = theirRows.filter((row) => row.sat === sat && row.mode === options.theirMode).map(answerOf);
      tell(context, 'ldk', graph, asked, found, { amount_sat: sat, max_parts: options.maxParts, strategy: options.theirMode });
    }
  }
}

function ask(graph: Graph, asked: Asked, pair: number, options: AskOptions, tools: { searcher: Searcher; flows: FlowSearcher }): Answer {
  const started = performance.now();
  const builder = new ProblemBuilder(graph);
  const problem = builder.build(asked.source, asked.target);
  const parts = split({ ...asked, maxHops: 20 }, { problem, builder, model: DEFAULT_COSTS, ...tools }, options.strategy);
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

interface TheirRow {
  readonly mode: string;
  readonly sat: number;
  readonly pair: number;
  readonly ms: number;
  readonly parts?: readonly (readonly [string, number, number][])[];
}

const answerOf = (row: TheirRow): Answer => ({
  pair: row.pair,
  ms: row.ms,
  parts: row.parts?.map((part) => part.map(([scid, amountMsat, cltvDelta]) => ({ scid: BigInt(scid), amountMsat, cltvDelta }))) ?? null,
});

function tell(
  context: BenchContext,
  who: string,
  graph: Graph,
  asked: readonly Asked[],
  answers: readonly Answer[],
  parameters: Readonly<Record<string, string | number>>,
): void {
  const found = answers.filter(({ parts }) => parts !== null);
  const faults = found.flatMap(({ pair, parts }) => faultOf(graph, asked[pair] as Asked, parts ?? []) ?? []);
  if (faults.length > 0) context.note(`${who}: ${faults.length} plans break a rule, the first: ${faults[0]}`);
  const times = answers.map(({ ms }) => ms);
  const each = { ...parameters, who, n: answers.length };
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
