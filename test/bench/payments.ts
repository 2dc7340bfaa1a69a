import { createHash } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { channelCodec } from '../../src/bolt/channel/codec.ts';
import { decodeWith } from '../../src/codec/codec.ts';
import { type Bench, type BenchContext, median, quantile } from './harness.ts';
import { cpuSeconds, fileSystemOf, type Pair, residentMb, withPair } from './pair.ts';

const AMOUNT_SAT = 1_000;
/** Below what needs option_support_large_channel, with room for the fees of a commitment full of HTLCs. */
const CAPACITY_SAT = 16_000_000;
/** How many payments a round has, by how many are in flight. */
const CASES = [
  { inFlight: 1, payments: 300 },
  { inFlight: 10, payments: 300 },
  { inFlight: 50, payments: 900 },
  { inFlight: 483, payments: 1_449 },
] as const;
const WARM_UP = 200;
const INVOICES_AT_ONCE = 50;

/**
 * Payments over one channel between two daemons, asked for over the daemons' sockets by this process: the same code as `lnkit start` and
 * `lnkit pay`. The invoices are there before; a latency is from asking to the preimage. Every preimage and both final balances are checked.
 */
export const bench: Bench = {
  summary: 'payments over one channel between two daemons, by in_flight',
  parameters: ['in_flight', 'profile'],
  async run(context) {
    const profile = context.only('profile');
    const nodeFlags = (name: string): readonly string[] =>
      profile === null || name === 'chain' ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`];
    await withPair({ capacitySat: CAPACITY_SAT, nodeFlags }, (pair) => measure(pair, context));
  },
};

async function measure(pair: Pair, { report, note, runs, only }: BenchContext): Promise<void> {
  const rounds = runs(3);
  const fileSystem = fileSystemOf(pair.directory);
  const { synchronous } = (await pair.payer.call('status', {})).store;
  note(`stores in ${pair.directory} (${fileSystem}), PRAGMA synchronous = ${synchronous} in the payer's connection`);
  for (const node of [pair.payer, pair.payee]) {
    const megabytes = residentMb(node.child?.pid ?? -1);
    if (megabytes !== null) report({ metric: 'idle_rss_mb', value: megabytes, unit: 'MB', n: 1, node: node.name });
  }
  await round(pair, { inFlight: 50, payments: WARM_UP });
  for (const one of CASES.filter(({ inFlight }) => only('in_flight') === null || `${inFlight}` === only('in_flight'))) {
    const results: Round[] = [];
    for (let i = 0; i < rounds; i++) results.push(await round(pair, one));
    const n = rounds * one.payments;
    const facts = { in_flight: one.inFlight, amount_sat: AMOUNT_SAT, rounds, file_system: fileSystem, synchronous };
    const all = results.flatMap(({ latencies }) => latencies);
    const per = (pick: (result: Round) => number): number => results.reduce((sum, result) => sum + pick(result), 0) / n;
    report({ metric: 'per_s', value: median(results.map(({ perSecond }) => perSecond)), unit: '1/s', n, ...facts });
    report({ metric: 'p50_ms', value: quantile(all, 0.5), unit: 'ms', n, ...facts });
    report({ metric: 'p95_ms', value: quantile(all, 0.95), unit: 'ms', n, ...facts });
    report({ metric: 'commits_per_payment', value: per(({ commits }) => commits), unit: 'count', n, ...facts });
    report({ metric: 'signatures_per_payment', value: per(({ signatures }) => signatures), unit: 'count', n, ...facts });
    report({ metric: 'cpu_ms_per_payment', value: 1000 * per(({ cpu }) => cpu), unit: 'ms', n, ...facts });
  }
}

interface Round {
  readonly perSecond: number;
  readonly latencies: readonly number[];
  /** Of both stores. */
  readonly commits: number;
  /** commitment_signed, of both sides. */
  readonly signatures: number;
  /** Seconds, of both daemons. */
  readonly cpu: number;
}

async function round(pair: Pair, part: { readonly inFlight: number; readonly payments: number }): Promise<Round> {
  const invoices = await makeInvoices(pair, part.payments);
  const before = await countersOf(pair);
  const latencies: number[] = [];
  const started = performance.now();
  await inParallel(part.inFlight, invoices, async ({ bolt11, hash }) => {
    const asked = performance.now();
    const paid = await pair.payer.call('pay', { destination: bolt11, dry_run: false });
    latencies.push(performance.now() - asked);
    if (paid.status !== 'settled') throw new Error(`a payment is ${paid.status}: ${JSON.stringify(paid.failures)}`);
    const preimage = Buffer.from(`${paid.preimage}`, 'hex');
    if (createHash('sha256').update(preimage).digest('hex') !== hash) throw new Error(`${paid.preimage} is not the preimage of ${hash}`);
    if (BigInt(paid.fee_msat) !== 0n) throw new Error(`a direct payment cost ${paid.fee_msat} msat`);
  });
  const seconds = (performance.now() - started) / 1000;
  const after = await settled(pair, before.payerMsat - BigInt(part.payments * AMOUNT_SAT) * 1000n);
  const gained = after.payeeMsat - before.payeeMsat;
  if (gained !== before.payerMsat - after.payerMsat) throw new Error(`the payee gained ${gained} msat, which is not what the payer lost`);
  return {
    perSecond: part.payments / seconds,
    latencies,
    commits: after.commits - before.commits,
    signatures: after.signatures - before.signatures,
    cpu: after.cpu - before.cpu,
  };
}

async function makeInvoices({ payee }: Pair, count: number): Promise<{ readonly bolt11: string; readonly hash: string }[]> {
  const invoices: { readonly bolt11: string; readonly hash: string }[] = [];
  await inParallel(INVOICES_AT_ONCE, Array.from({ length: count }), async () => {
    const made = await payee.call('invoice.create', { amount_msat: AMOUNT_SAT * 1000, description: 'bench' });
    invoices.push({ bolt11: made.bolt11, hash: made.payment_hash });
  });
  return invoices;
}

/** Works through `items` with `width` at a time. */
async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}

interface Counters {
  readonly payerMsat: bigint;
  readonly payeeMsat: bigint;
  readonly commits: number;
  readonly signatures: number;
  readonly cpu: number;
}

async function countersOf({ payer, payee }: Pair): Promise<Counters> {
  const [one, other] = await Promise.all([payer, payee].map((node) => node.call('channel.list', {})));
  const statuses = await Promise.all([payer, payee].map((node) => node.call('status', {})));
  const [mine, theirs] = [one?.channels[0], other?.channels[0]];
  if (mine === undefined || theirs === undefined) throw new Error('the channel is gone');
  return {
    payerMsat: BigInt(mine.local_msat),
    payeeMsat: BigInt(theirs.local_msat),
    commits: statuses.reduce((sum, { store }) => sum + store.commits, 0),
    signatures: [payer, payee].reduce((sum, node) => sum + signaturesReceived(node.datadir), 0),
    cpu: [payer, payee].reduce((sum, node) => sum + (cpuSeconds(node.child?.pid ?? -1) ?? 0), 0),
  };
}

/** How many commitment_signed a node has taken, from the channel in its store. */
function signaturesReceived(datadir: string): number {
  const database = new Database(join(datadir, 'regtest', 'node.db'), { readonly: true });
  try {
    const row = database.prepare('SELECT blob FROM channel WHERE closed = 0').get() as { readonly blob: Uint8Array };
    const channel = decodeWith(channelCodec, new Uint8Array(row.blob));
    if (!channel.ok || channel.value.durable.phase.kind !== 'active') throw new Error('the stored channel cannot be read');
    return Number(channel.value.durable.phase.commitments.local.number);
  } finally {
    database.close();
  }
}

/** The preimage is there before the HTLC is gone on both sides: waits until nothing is under way and the payer has what it should have. */
async function settled(pair: Pair, payerMsat: bigint): Promise<Counters> {
  for (const node of [pair.payer, pair.payee])
    await node.eventually('channel.list', {}, ({ channels }) => (channels[0]?.htlcs.length === 0 ? true : null));
  const counters = await countersOf(pair);
  if (counters.payerMsat !== payerMsat) throw new Error(`the payer has ${counters.payerMsat} msat, not ${payerMsat}`);
  return counters;
}
