import { arg, defineCommand, flag } from '../src/app/command.ts';
import { runDecode } from '../src/app/decode/run.ts';

export default defineCommand({
  summary: 'decode an invoice, address, transaction, PSBT, message, short channel id, or an asset address, proof or packet, offline',
  description:
    'Backups too, also in a file, as proofs are. With several things, or several lines on stdin, prints one JSON object a line, in order; the exit code is the worst one.',
  examples: ['decode lnbc1...', 'decode --explain 0012...', 'decode - < invoices.txt'],
  light: true,
  flags: { explain: flag.boolean('show it byte by byte') },
  args: { thing: arg.texts('what to decode, - for stdin') },
  output: async () => (await import('../src/app/decode/schema.ts')).decodeSchema,
  run: (context) => runDecode(context.args.thing, context),
});
