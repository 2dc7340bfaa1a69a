import { combinePackets } from '../../asset/packet/transition.ts';
import { defineOperation, usage } from '../define.ts';
import { packetJson, packetOf, packetSchema } from '../forms/asset-packet.ts';
import { list, object, text } from '../schema.ts';

export const assetPsbtCombine = defineOperation({
  name: 'asset.psbt.combine',
  needs: 'chain',
  params: object({ psbts: list(text()) }),
  result: packetSchema,
  async run({ network }, { psbts }) {
    const [first, ...others] = psbts.map((each) => packetOf(each, network));
    if (first === undefined) throw usage('give the copies that were signed');
    const combined = combinePackets([first, ...others]);
    if (!combined.ok) throw usage(combined.failure.message);
    return packetJson(combined.value);
  },
});
