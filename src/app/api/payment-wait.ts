import { defineOperation } from '../define.ts';
import { hashOf } from '../forms/parse.ts';
import { awaitPayment, needPayment, paymentJson, paymentSchema } from '../forms/payment.ts';
import { hex, object } from '../schema.ts';

/** Until the payment is settled or failed; what is still pending when the time is over is told as pending. */
export const paymentWait = defineOperation({
  name: 'payment.wait',
  needs: 'peers',
  params: object({ payment_hash: hex(32) }),
  result: paymentSchema,
  async run({ runtime, signal, progress }, params) {
    const hash = hashOf(params.payment_hash);
    needPayment(runtime, hash);
    progress('waiting for the payment');
    return paymentJson(await awaitPayment(runtime, hash, signal));
  },
});
