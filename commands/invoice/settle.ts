import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { invoiceView } from '../../src/app/view/invoice.ts';

export default operationCommand({
  operation: 'invoice.settle',
  summary: 'settle a hold invoice with its preimage',
  args: { preimage: arg.hex('32 bytes', 32) },
  params: ({ args }) => ({ preimage: args.preimage }),
  unwrap: 'invoice',
  view: invoiceView,
});
