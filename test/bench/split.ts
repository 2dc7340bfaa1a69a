import type { Bench } from './harness.ts';
import { askAll } from './topology/ask.ts';

/** Up to ten parts, where one path is often not enough. */
export const bench: Bench = {
  summary:
    'up to ten parts along a minimum-cost flow, by amount_sat and strategy (strategy=flow|halving; pairs, ldk, LNKIT_YARDSTICK as for route)',
  parameters: ['pairs', 'ldk', 'strategy'],
  async run(context) {
    const only = context.only('strategy');
    for (const strategy of ['flow', 'halving'] as const) {
      if (only !== null && only !== strategy) continue;
      // LDK stands beside the flow: once is enough.
      const theirMode = strategy === 'flow' ? 'mpp' : null;
      await askAll(context, { maxParts: 10, strategy, amountsSat: [1_000, 100_000, 1_000_000, 10_000_000], theirMode });
    }
  },
};
