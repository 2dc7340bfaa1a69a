import { commanded, defineOperation } from '../define.ts';
import { feerateOf, satOfJson, scriptOf } from '../forms/parse.ts';
import { spendJson, spendSchema } from '../forms/spend.ts';
import { amount, decimal, flag, object, text } from '../schema.ts';

export const walletSend = defineOperation({
  name: 'wallet.send',
  needs: 'chain',
  params: object(
    { address: text(), dry_run: flag() },
    { amount_sat: amount({ description: 'absent: everything' }), fee_rate_sat_per_vbyte: decimal() },
  ),
  result: spendSchema,
  async run(context, params) {
    const script = scriptOf(params.address, context.network);
    const amount = params.amount_sat === undefined ? null : satOfJson(params.amount_sat);
    const feerate = feerateOf(params.fee_rate_sat_per_vbyte);
    const command = { kind: 'send_coins', outputs: [{ script, amount }], feerate, dryRun: params.dry_run } as const;
    return spendJson(await commanded(context, command, 'transaction'), params.dry_run);
  },
});
