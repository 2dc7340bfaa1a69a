import { flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { paymentsView } from '../../src/app/view/payment.ts';

export default operationCommand({
  operation: 'payment.list',
  summary: 'the payments of this node, newest first',
  flags: {
    limit: flag.integer('so many (default: 100)'),
    offset: flag.integer('leave out so many of the newest'),
    status: flag.choice('only these', ['settled', 'failed', 'pending']),
  },
  params: ({ flags }) => given({ limit: flags.limit, offset: flags.offset, status: flags.status }),
  view: paymentsView,
});
