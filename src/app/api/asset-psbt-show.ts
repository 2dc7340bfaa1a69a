import { defineOperation } from '../define.ts';
import { packetJson, packetOf, packetSchema } from '../forms/asset-packet.ts';
import { object, text } from '../schema.ts';

export const assetPsbtShow = defineOperation({
  name: 'asset.psbt.show',
  needs: 'chain',
  params: object({ psbt: text() }),
  result: packetSchema,
  async run({ network }, { psbt }) {
    return packetJson(packetOf(psbt, network));
  },
});
