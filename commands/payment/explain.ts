import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { explainedView } from '../../src/app/view/payment.ts';

export default operationCommand({
  operation: 'payment.explain',
  summary: 'per attempt what failed where, and what would help',
  args: { hash: arg.hex('payment hash', 32, { completes: 'payments' }) },
  params: ({ args }) => ({ payment_hash: args.hash }),
  view: explainedView,
});
