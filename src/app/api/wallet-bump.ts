import { parseTxId } from '../../bitcoin/tx.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { feerateOf } from '../forms/parse.ts';
import { spendJson, spendSchema } from '../forms/spend.ts';
import { choice, decimal, flag, object, text } from '../schema.ts';

export const walletBump = defineOperation({
  name: 'wallet.bump',
  needs: 'chain',
  params: object({ txid: text(), method: choice(['rbf', 'cpfp', 'auto']), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal() }),
  result: spendSchema,
  async run(context, params) {
    const txid = parseTxId(params.txid);
    if (txid === null) throw usage(`"${params.txid}" is not a transaction id`);
    const feerate = feerateOf(params.fee_rate_sat_per_vbyte) ?? context.runtime.env().feerates.priority;
    const command = { kind: 'bump_fee', txid, feerate, method: params.method, dryRun: params.dry_run } as const;
    return spendJson(await commanded(context, command, 'transaction'), params.dry_run);
  },
});
