import { defineOperation } from '../define.ts';
import { findInvoice, invoiceJson, invoiceSchema } from '../forms/invoice.ts';
import { hashOf } from '../forms/parse.ts';
import { choice, hex, object } from '../schema.ts';

/** Until the invoice is paid or cannot be paid any more; a hold invoice also counts as `accepted` where that is asked for. */
export const invoiceWait = defineOperation({
  name: 'invoice.wait',
  needs: 'peers',
  params: object({ payment_hash: hex(32) }, { until: choice(['accepted', 'settled']) }),
  result: object({ invoice: invoiceSchema }),
  async run({ runtime, signal, progress }, params) {
    const hash = hashOf(params.payment_hash);
    findInvoice(runtime, hash);
    progress('waiting for the payment');
    await runtime.until((state) => {
      const waiting = state.invoices.get(hash)?.state;
      return waiting === 'open' || (waiting === 'accepted' && params.until !== 'accepted') ? null : true;
    }, signal);
    return { invoice: invoiceJson(findInvoice(runtime, hash)) };
  },
});
