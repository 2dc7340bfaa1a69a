import { toHex } from '../../base/bytes.ts';
import { encodeTx, formatTxId, txId, txVsize } from '../../bitcoin/tx.ts';
import type { NodeReply } from '../../node/types.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, decimal, flag, hex, object, type TypeOf } from '../schema.ts';

/** A transaction of the wallet, sent or (dry run) only made: its exact costs. */
export const spendSchema = object({
  txid: hex(32),
  fee_sat: amount(),
  fee_rate_sat_per_vbyte: decimal(),
  vsize: count(),
  amount_sat: amount({ description: 'of all outputs, change too' }),
  published: flag(),
  dry_run: flag(),
  tx: hex(),
});
export type SpendJson = TypeOf<typeof spendSchema>;

export function spendJson(reply: Extract<NodeReply, { readonly kind: 'transaction' }>, dryRun: boolean): SpendJson {
  const { tx, feeSat, published } = reply;
  const vsize = txVsize(tx);
  return {
    txid: formatTxId(txId(tx)),
    fee_sat: jsonInteger(feeSat),
    fee_rate_sat_per_vbyte: Math.round((Number(feeSat) / vsize) * 1000) / 1000,
    vsize,
    amount_sat: jsonInteger(tx.outputs.reduce((sum, output) => sum + output.amount, 0n)),
    published,
    dry_run: dryRun,
    tx: toHex(encodeTx(tx)),
  };
}
