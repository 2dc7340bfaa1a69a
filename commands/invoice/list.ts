import { flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { invoicesView } from '../../src/app/view/invoice.ts';

export default operationCommand({
  operation: 'invoice.list',
  summary: 'the invoices of this node, newest first',
  flags: {
    limit: flag.integer('so many (default: 100)'),
    offset: flag.integer('leave out so many of the newest'),
    state: flag.choice('only these', ['open', 'accepted', 'settled', 'cancelled', 'expired']),
  },
  params: ({ flags }) => given({ limit: flags.limit, offset: flags.offset, state: flags.state }),
  view: invoicesView,
});
