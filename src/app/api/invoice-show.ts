import { defineOperation } from '../define.ts';
import { findInvoice, invoiceJson, invoiceSchema } from '../forms/invoice.ts';
import { hashOf } from '../forms/parse.ts';
import { hex, object } from '../schema.ts';

export const invoiceShow = defineOperation({
  name: 'invoice.show',
  needs: 'store',
  params: object({ payment_hash: hex(32) }),
  result: object({ invoice: invoiceSchema }),
  async run({ runtime }, params) {
    return { invoice: invoiceJson(findInvoice(runtime, hashOf(params.payment_hash))) };
  },
});
