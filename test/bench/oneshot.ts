import { createHash } from 'node:crypto';
import { type Bench, quantile } from './harness.ts';
import { withPair } from './pair.ts';

const CAPACITY_SAT = 1_000_000;
const AMOUNT_SAT = 1_000;
const WARM_UP = 2;

/** `lnkit pay INVOICE` as a whole process: the daemon of the payer does not run, that of the payee does. */
export const bench: Bench = {
  summary: 'a whole `lnkit pay` over an existing channel, from cold start to exit with the preimage',
  async run({ report, runs }) {
    const rounds = runs(15);
    await withPair({ capacitySat: CAPACITY_SAT }, async ({ payer, payee }) => {
      await payer.end();
      const samples: number[] = [];
      for (let i = 0; i < WARM_UP + rounds; i++) {
        const invoice = await payee.call('invoice.create', { amount_msat: AMOUNT_SAT * 1000, description: 'bench' });
        const { exitCode, json, durationMs } = await payer.cli('pay', invoice.bolt11);
        if (exitCode !== 0 || json['status'] !== 'settled') throw new Error(`lnkit pay ended with ${exitCode}: ${JSON.stringify(json)}`);
        const hash = createHash('sha256')
          .update(Buffer.from(`${json['preimage']}`, 'hex'))
          .digest('hex');
        if (hash !== invoice.payment_hash) throw new Error(`${json['preimage']} is not the preimage of ${invoice.payment_hash}`);
        if (i >= WARM_UP) samples.push(durationMs);
      }
      report({ metric: 'p50_ms', value: quantile(samples, 0.5), unit: 'ms', n: rounds, amount_sat: AMOUNT_SAT });
      report({ metric: 'p95_ms', value: quantile(samples, 0.95), unit: 'ms', n: rounds, amount_sat: AMOUNT_SAT });
    });
  },
};
