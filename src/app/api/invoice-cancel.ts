import { commanded, defineOperation } from '../define.ts';
import { type findInvoice, invoiceJson, invoiceSchema } from '../forms/invoice.ts';
import { hashOf } from '../forms/parse.ts';
import { hex, object } from '../schema.ts';

export const invoiceCancel = defineOperation({
  name: 'invoice.cancel',
  needs: 'peers',
  params: object({ payment_hash: hex(32) }),
  result: object({ invoice: invoiceSchema }),
  async run(context, params) {
    const paymentHash = hashOf(params.payment_hash);
    const { invoice } = await commanded(context, { kind: 'cancel_invoice', paymentHash }, 'invoice');
    return { invoice: invoiceJson(findInvoiceOr(context.runtime, invoice)) };
  },
});

const findInvoiceOr = (runtime: Parameters<typeof findInvoice>[0], invoice: Parameters<typeof invoiceJson>[0]): typeof invoice =>
  runtime.state.invoices.get(invoice.paymentHash) ?? invoice;
