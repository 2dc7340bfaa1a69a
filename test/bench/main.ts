// npm run bench -- NAME[:KEY=VALUE,...]... [--runs N] [--pairs FILE] [--list]: measurements as JSON lines on stdout, circumstances on stderr.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { BENCHES } from './benches.ts';
import { type BenchContext, type Measurement, rounded } from './harness.ts';

const USAGE = 'usage: npm run bench -- NAME[:KEY=VALUE,...]... [--runs N] [--pairs FILE]\n       npm run bench -- --list\n';

interface Asked {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { list: { type: 'boolean', default: false }, runs: { type: 'string' }, pairs: { type: 'string' } },
  });
  if (values.list) return await list();
  const runs = values.runs === undefined ? null : Number(values.runs);
  if (positionals.length === 0 || (runs !== null && !(Number.isInteger(runs) && runs > 0))) return refuse(USAGE);
  const asked: Asked[] = [];
  for (const word of positionals) {
    const one = parseName(word);
    if (one === null || !Object.hasOwn(BENCHES, one.name))
      return refuse(`there is no bench "${word}"; there are ${Object.keys(BENCHES).join(', ')}\n`);
    asked.push(values.pairs === undefined ? one : { ...one, parameters: new Map([...one.parameters, ['pairs', values.pairs]]) });
  }
  note(circumstances());
  for (const one of asked) {
    const wrong = await runBench(one, runs);
    if (wrong !== null) return refuse(`${wrong}\n`);
  }
  return 0;
}

async function runBench({ name, parameters }: Asked, runs: number | null): Promise<string | null> {
  const { bench } = await (BENCHES[name] as (typeof BENCHES)[string])();
  const known = bench.parameters ?? [];
  const unknown = [...parameters.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) return `${name} has no parameter "${unknown}"; it has ${known.join(', ') || 'none'}`;
  const context: BenchContext = {
    report: (measurement) => report(name, measurement),
    note: (text) => note(`${name}: ${text}`),
    runs: (otherwise) => runs ?? otherwise,
    only: (key) => parameters.get(key) ?? null,
  };
  await bench.run(context);
  return null;
}

/** NAME:key=value,key=value */
function parseName(word: string): Asked | null {
  const colon = word.indexOf(':');
  if (colon < 0) return { name: word, parameters: new Map() };
  // A value may have colons of its own, as addresses do.
  const [name, rest] = [word.slice(0, colon), word.slice(colon + 1)];
  const pairs = rest.split(',').map((pair) => pair.split('='));
  if (pairs.some((pair) => pair.length !== 2)) return null;
  return { name, parameters: new Map(pairs as [string, string][]) };
}

async function list(): Promise<number> {
  for (const [name, load] of Object.entries(BENCHES)) {
    const { bench } = await load();
    const parameters = bench.parameters === undefined ? '' : ` [${bench.parameters.join(', ')}]`;
    process.stdout.write(`${name.padEnd(10)} ${bench.summary}${parameters}\n`);
  }
  return 0;
}

function report(bench: string, { metric, value, unit, n, ...parameters }: Measurement): void {
  process.stdout.write(`${JSON.stringify({ bench, metric, value: value === null ? null : rounded(value), unit, n, ...parameters })}\n`);
}

function circumstances(): string {
  const all = cpus();
  const load = (loadavg()[0] as number).toFixed(1);
  return `node ${process.version}, ${process.platform} ${process.arch}, ${all.length} x ${all[0]?.model.trim() ?? 'unknown'}, load ${load}`;
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function refuse(text: string): number {
  process.stderr.write(text);
  return 2;
}

try {
  process.exitCode = await main();
} catch (error) {
  // A case that did not do what it claims has no measurement.
  note((error as Error).stack ?? `${error}`);
  process.exitCode = 1;
}
