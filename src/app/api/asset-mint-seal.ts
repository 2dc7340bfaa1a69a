import { tryHex } from '../../base/bytes.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { batchDetailJson, batchDetailSchema, psbtOf, witnessItems } from '../forms/asset-batch.ts';
import { list, object, text } from '../schema.ts';

export const assetMintSeal = defineOperation({
  name: 'asset.mint.seal',
  needs: 'chain',
  params: object({
    witnesses: list(text({ description: 'ASSET_ID:ITEM,ITEM,... in hexadecimal' })),
    psbts: list(text({ description: 'signed, base64 or hexadecimal' })),
  }),
  result: batchDetailSchema,
  async run(context, { witnesses, psbts }) {
    const action = { kind: 'seal_batch', witnesses: witnesses.map(witnessOf), psbts: psbts.map(psbtOf) } as const;
    return batchDetailJson(await commanded(context, { kind: 'asset', what: action }, 'asset_batch'));
  },
});

function witnessOf(given: string): { readonly assetId: Uint8Array; readonly witness: readonly Uint8Array[] } {
  const [id, items, ...others] = given.split(':');
  const assetId = tryHex(id ?? '');
  if (assetId?.length !== 32 || items === undefined || others.length > 0)
    throw usage(`"${given}" is no witness of an asset`, 'it is ASSET_ID:ITEM,ITEM,... in hexadecimal');
  return { assetId, witness: witnessItems(items) };
}
