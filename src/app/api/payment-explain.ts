import { defineOperation } from '../define.ts';
import { explainPayment } from '../forms/explain-payment.ts';
import { hashOf } from '../forms/parse.ts';
import { needPayment, paymentJson, paymentSchema } from '../forms/payment.ts';
import { choice, count, hex, list, nullable, object, text } from '../schema.ts';

/** Per attempt what failed where, and what would help. */
export const paymentExplain = defineOperation({
  name: 'payment.explain',
  needs: 'store',
  params: object({ payment_hash: hex(32) }),
  result: object({
    payment: paymentSchema,
    verdict: text(),
    attempts: list(
      object({
        part: count(),
        status: choice(['in_flight', 'settled', 'failed']),
        where: nullable(text()),
        what: text(),
        help: nullable(text()),
      }),
    ),
  }),
  async run({ runtime }, params) {
    const payment = needPayment(runtime, hashOf(params.payment_hash));
    return { payment: paymentJson(payment), ...explainPayment(payment) };
  },
});
