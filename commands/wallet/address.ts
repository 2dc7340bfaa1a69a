import { flag } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';

export default operationCommand({
  operation: 'wallet.address',
  summary: 'a new address to receive on chain',
  flags: { type: flag.choice('kind of address (default: p2tr)', ['p2tr', 'p2wpkh']) },
  params: ({ flags }) => ({ type: flags.type ?? 'p2tr' }),
  view: ({ address }) => address,
});
