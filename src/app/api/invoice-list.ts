import { decodeInvoiceRecord } from '../../node/persist.ts';
import { defineOperation } from '../define.ts';
import { invoiceJson, invoiceSchema } from '../forms/invoice.ts';
import { choice, count, list, object } from '../schema.ts';

const DEFAULT_LIMIT = 100;

export const invoiceList = defineOperation({
  name: 'invoice.list',
  needs: 'store',
  params: object({}, { limit: count(), offset: count(), state: choice(['open', 'accepted', 'settled', 'cancelled', 'expired']) }),
  result: object({ invoices: list(invoiceSchema) }),
  async run({ runtime }, { limit, offset, state }) {
    const blobs = runtime.store.invoices({ limit: limit ?? DEFAULT_LIMIT, offset: offset ?? 0 });
    const invoices = blobs.map((blob) => invoiceJson(decodeInvoiceRecord(blob)));
    return { invoices: state === undefined ? invoices : invoices.filter((invoice) => invoice.state === state) };
  },
});
