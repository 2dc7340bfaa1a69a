import { arg, flag } from '../../../src/app/command.ts';
import { usage } from '../../../src/app/define.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { packetView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.psbt.fund',
  summary: 'a virtual PSBT (tappsbt) that sends units to keys, unsigned, its inputs held back',
  examples: ['asset psbt fund beans 40 --script-key 02... --internal-key 03...'],
  args: { asset: arg.text('an asset id, or a name that only one asset has'), amount: arg.text('units') },
  flags: {
    'script-key': flag.text('what the asset is locked to', { helpValue: 'KEY' }),
    'internal-key': flag.text('the key of the output', { helpValue: 'KEY' }),
    lease: flag.duration('how long its inputs are held back (default: 1h)'),
  },
  params: ({ args, flags }) => {
    const [script, internal] = [flags['script-key'], flags['internal-key']];
    if (script === undefined || internal === undefined) throw usage('give --script-key and --internal-key');
    const seconds = flags.lease === undefined ? undefined : Math.ceil(flags.lease / 1000);
    return { to: { ...args, script_key: script, internal_key: internal }, ...given({ lease_seconds: seconds }) };
  },
  view: packetView,
});
