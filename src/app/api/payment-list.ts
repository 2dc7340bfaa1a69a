import { decodePayment } from '../../node/persist.ts';
import { defineOperation } from '../define.ts';
import { paymentJson, paymentSchema } from '../forms/payment.ts';
import { choice, count, list, object } from '../schema.ts';

const DEFAULT_LIMIT = 100;

export const paymentList = defineOperation({
  name: 'payment.list',
  needs: 'store',
  params: object({}, { limit: count(), offset: count(), status: choice(['settled', 'failed', 'pending']) }),
  result: object({ payments: list(paymentSchema) }),
  async run({ runtime }, { limit, offset, status }) {
    const blobs = runtime.store.payments({ limit: limit ?? DEFAULT_LIMIT, offset: offset ?? 0 });
    const payments = blobs.map((blob) => paymentJson(decodePayment(blob)));
    return { payments: status === undefined ? payments : payments.filter((payment) => payment.status === status) };
  },
});
