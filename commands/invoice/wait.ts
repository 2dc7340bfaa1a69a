import { arg, flag } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { invoiceView } from '../../src/app/view/invoice.ts';

export default operationCommand({
  operation: 'invoice.wait',
  summary: 'wait until an invoice is paid',
  args: { hash: arg.hex('payment hash', 32, { completes: 'invoices' }) },
  flags: { accepted: flag.boolean('of a hold invoice: until its payment is held') },
  params: ({ args, flags }) => ({ payment_hash: args.hash, ...(flags.accepted ? { until: 'accepted' as const } : {}) }),
  unwrap: 'invoice',
  view: invoiceView,
});
