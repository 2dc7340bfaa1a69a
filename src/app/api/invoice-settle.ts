import { fromHex } from '../../base/bytes.ts';
import type { PaymentHash, Preimage } from '../../base/ids.ts';
import { sha256 } from '../../crypto/hash.ts';
import { commanded, defineOperation } from '../define.ts';
import { findInvoice, invoiceJson, invoiceSchema } from '../forms/invoice.ts';
import { hex, object } from '../schema.ts';

/** Settles a hold invoice with its preimage. */
export const invoiceSettle = defineOperation({
  name: 'invoice.settle',
  needs: 'peers',
  params: object({ preimage: hex(32) }),
  result: object({ invoice: invoiceSchema }),
  async run(context, params) {
    const preimage = fromHex(params.preimage) as Preimage;
    const hash = sha256(preimage) as PaymentHash;
    const known = findInvoice(context.runtime, hash);
    // Settled already: who asks again, after a crash for one, is told the same.
    if (known.state === 'settled') return { invoice: invoiceJson(known) };
    const { invoice } = await commanded(context, { kind: 'settle_invoice', preimage }, 'invoice');
    return { invoice: invoiceJson(invoice) };
  },
});
