import { formatScid } from '../../base/ids.ts';
import type { Probe, ProbeCommand, ProbePart, ProbeTrial } from '../../node/types.ts';
import { commanded } from '../define.ts';
import type { OperationContext } from '../operation.ts';

export interface ProbeRun {
  readonly probe: Probe;
  /** How long each part was on its way, ms, by its id. */
  readonly latencies: ReadonlyMap<number, number>;
}

/** Runs a probe to its end. `tell` hears of each amount that has its answer. An abort ends the waiting; what is on its way comes back by itself. */
export async function runProbe(
  context: OperationContext,
  wanted: ProbeCommand['probe'],
  tell: (trial: ProbeTrial, probe: Probe) => void = () => {},
): Promise<ProbeRun> {
  const { runtime, signal } = context;
  const sentAt = new Map<number, number>();
  const latencies = new Map<number, number>();
  let told = 0;
  const look = (probe: Probe): void => {
    const now = performance.now();
    for (const { id, status } of probe.parts) {
      if (!sentAt.has(id)) sentAt.set(id, now);
      if (status !== 'in_flight' && !latencies.has(id)) latencies.set(id, now - (sentAt.get(id) ?? now));
    }
    for (; told < probe.trials.length && probe.trials[told]?.outcome !== 'open'; told++) tell(probe.trials[told] as ProbeTrial, probe);
    context.progress(`probing: ${probe.parts.length} parts sent, ${probe.trials.length} amounts tried`);
  };
  const begun = (await commanded(context, { kind: 'probe', probe: wanted }, 'probe')).probe;
  look(begun);
  let latest = begun;
  const ended = runtime.until((state) => {
    const probe = state.probes.get(begun.paymentHash);
    if (probe === undefined) return latest;
    latest = probe;
    look(probe);
    return probe.status === 'done' ? probe : null;
  }, signal);
  await ended.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return { probe: latest, latencies };
}

/** The part that ended nearest to the destination: what is behind it was not reached. */
export function furthest(probe: Probe): ProbePart | null {
  let found: ProbePart | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const part of probe.parts) {
    if (part.trial === null || part.status !== 'failed' || part.failure === null) continue;
    const left = part.route.hops.length - (part.failure.hop ?? -1);
    if (left > least) continue;
    least = left;
    found = part;
  }
  return found;
}

export function reasonOf(probe: Probe): string {
  const trial = probe.trials.at(-1);
  const part = furthest(probe);
  const hop = part?.failure?.hop ?? null;
  const edge = hop === null ? undefined : part?.route.hops[hop + 1];
  const where = edge === undefined ? '' : ` (it came as far as channel ${formatScid(edge.scid)}: ${part?.failure?.reason})`;
  switch (trial?.outcome) {
    case 'no_route':
      return `${trial.why?.message ?? 'there is no route'}${where}`;
    case 'timed_out':
    case 'open':
      return `the time is over, ${probe.parts.filter(({ status }) => status === 'in_flight').length} parts have not come back`;
    default:
      return `${trial?.rounds ?? 0} plans failed${where}`;
  }
}
