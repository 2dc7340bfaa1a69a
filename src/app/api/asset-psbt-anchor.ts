import { verifiedPacket } from '../asset/verified-packet.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { packetOf } from '../forms/asset-packet.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, list, object, text } from '../schema.ts';

export const assetPsbtAnchor = defineOperation({
  name: 'asset.psbt.anchor',
  needs: 'chain',
  params: object({ psbts: list(text()), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal(), note: text() }),
  result: assetSentSchema,
  async run(context, { psbts, dry_run: dryRun, fee_rate_sat_per_vbyte: rate, note }) {
    const [first, ...others] = psbts.map((each) => verifiedPacket(packetOf(each, context.network)));
    if (first === undefined) throw usage('there is nothing to anchor');
    const packets = [first, ...others] as const;
    const what = { kind: 'anchor_packets', packets, note: note ?? null, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});
