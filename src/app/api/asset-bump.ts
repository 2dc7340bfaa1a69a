import { toHex } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { encodeTx, formatTxId, parseTxId, txId } from '../../bitcoin/tx.ts';
import { commanded, defineOperation, refusal, usage } from '../define.ts';
import { holdingJson, holdingSchema } from '../forms/asset.ts';
import { feerateOf } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import type { OperationContext } from '../operation.ts';
import { amount, choice, decimal, flag, hex, list, object, type TypeOf, text } from '../schema.ts';

const result = object({
  txid: hex(32),
  method: choice(['rbf', 'cpfp'], { description: 'rbf: it takes the place of the old one; cpfp: it spends its change' }),
  published: flag(),
  dry_run: flag(),
  fee_sat: amount(),
  assets: list(holdingSchema),
  tx: hex(),
});
type Bumped = TypeOf<typeof result>;
interface Wanted {
  readonly txid: TxId;
  readonly feerate: FeeratePerKw;
  readonly dryRun: boolean;
}

export const assetBump = defineOperation({
  name: 'asset.bump',
  needs: 'chain',
  params: object({ txid: text(), method: choice(['rbf', 'cpfp', 'auto']), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal() }),
  result,
  async run(context, params) {
    const txid = parseTxId(params.txid);
    if (txid === null) throw usage(`"${params.txid}" is not a transaction id`);
    const feerate = feerateOf(params.fee_rate_sat_per_vbyte) ?? context.runtime.env().feerates.priority;
    const wanted = { txid, feerate, dryRun: params.dry_run };
    if (params.method === 'cpfp') return byChild(context, wanted);
    const action = { kind: 'bump_anchor', ...wanted } as const;
    const answer = await context.runtime.command({ kind: 'asset', what: action });
    // What may not be replaced may still be paid for by a child.
    if (!answer.ok && answer.failure.code === 'POLICY' && params.method === 'auto') return byChild(context, wanted);
    if (!answer.ok) throw refusal(answer.failure);
    if (answer.value.kind !== 'asset_anchor') throw new Error(`a bump was answered with ${answer.value.kind}`);
    const { anchor, holdings, published } = answer.value;
    const { assets } = context.runtime.state;
    const seen = { ...assets, anchors: assets.anchors.set(anchor.txid, anchor) };
    return {
      txid: formatTxId(anchor.txid),
      method: 'rbf',
      published,
      dry_run: !published,
      fee_sat: jsonInteger(answer.value.cost.feeSat),
      assets: holdings.map((holding) => holdingJson(seen, holding)),
      tx: toHex(encodeTx(anchor.tx)),
    };
  },
});

async function byChild(context: OperationContext, wanted: Wanted): Promise<Bumped> {
  const command = { kind: 'bump_fee', ...wanted, method: 'cpfp' } as const;
  const { tx, feeSat, published } = await commanded(context, command, 'transaction');
  const costs = { fee_sat: jsonInteger(feeSat), assets: [], tx: toHex(encodeTx(tx)) };
  return { txid: formatTxId(txId(tx)), method: 'cpfp', published, dry_run: wanted.dryRun, ...costs };
}
