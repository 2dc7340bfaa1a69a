import { defineOperation } from '../define.ts';
import { hashOf } from '../forms/parse.ts';
import { needPayment, paymentJson, paymentSchema } from '../forms/payment.ts';
import { hex, object } from '../schema.ts';

export const paymentShow = defineOperation({
  name: 'payment.show',
  needs: 'store',
  params: object({ payment_hash: hex(32) }),
  result: paymentSchema,
  run: async ({ runtime }, params) => paymentJson(needPayment(runtime, hashOf(params.payment_hash))),
});
