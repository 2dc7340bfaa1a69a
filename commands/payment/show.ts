import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { paymentView } from '../../src/app/view/payment.ts';

export default operationCommand({
  operation: 'payment.show',
  summary: 'one payment with all its parts',
  args: { hash: arg.hex('payment hash', 32, { completes: 'payments' }) },
  params: ({ args }) => ({ payment_hash: args.hash }),
  view: paymentView,
});
