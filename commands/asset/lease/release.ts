import { arg } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';

export default operationCommand({
  operation: 'asset.lease.release',
  summary: 'let an output be spent again that a packet or an offer holds back',
  description: 'What was signed stays signed: an offer can be accepted until its asset is spent (`asset swap cancel`).',
  args: { outpoint: arg.text('TXID:INDEX') },
  params: ({ args }) => args,
  view: ({ released }) => `${released} may be spent again`,
});
