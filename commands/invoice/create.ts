import { msatOf } from '../../src/app/amount.ts';
import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { writeErr } from '../../src/app/output.ts';
import { createdView } from '../../src/app/view/invoice.ts';

export default operationCommand({
  operation: 'invoice.create',
  summary: 'make an invoice (BOLT 11)',
  examples: ['invoice create 1000sat --description coffee', 'invoice create any --qr'],
  args: { amount: arg.text('an amount with its unit, or any') },
  flags: {
    description: flag.text('what it is for'),
    expiry: flag.duration('how long it can be paid (default: 24h)'),
    cltv: flag.integer('blocks that the last HTLC must have left'),
    'private-hints': flag.boolean('name private channels even where public ones exist'),
    hold: flag.hex('a hold invoice for this payment hash', 32),
    preimage: flag.hex('use this preimage', 32),
    qr: flag.boolean('draw a QR code on stderr'),
  },
  params: ({ args, flags }) => ({
    amount_msat: args.amount === 'any' ? null : msatOf(args.amount),
    ...given({
      description: flags.description,
      expiry_seconds: flags.expiry === undefined ? undefined : Math.ceil(flags.expiry / 1000),
      cltv: flags.cltv,
      private_hints: flags['private-hints'],
      hold: flags.hold,
      preimage: flags.preimage,
    }),
  }),
  view: createdView,
  after: async ({ bolt11 }, { flags }) => {
    if (flags.qr) writeErr(`${(await import('../../src/app/view/qr.ts')).qrText(bolt11.toUpperCase())}\n`);
  },
});
