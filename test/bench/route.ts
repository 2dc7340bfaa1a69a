import type { Bench } from './harness.ts';
import { askAll } from './topology/ask.ts';

/** One path, over the topology of the main network, for pairs of well-connected nodes. */
export const bench: Bench = {
  summary: 'one path on the main network’s topology, by amount_sat (pairs=FILE, ldk=FILE: the yardstick’s; LNKIT_YARDSTICK: LDK beside it)',
  parameters: ['pairs', 'ldk'],
  run: (context) => askAll(context, { maxParts: 1, strategy: 'single', amountsSat: [1_000, 100_000, 1_000_000], theirMode: 'single' }),
};
