import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { invoiceView } from '../../src/app/view/invoice.ts';

export default operationCommand({
  operation: 'invoice.show',
  summary: 'one invoice',
  args: { hash: arg.hex('payment hash', 32, { completes: 'invoices' }) },
  params: ({ args }) => ({ payment_hash: args.hash }),
  unwrap: 'invoice',
  view: invoiceView,
});
