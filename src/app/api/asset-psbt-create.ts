import { addressPrefix } from '../../asset/address/network.ts';
import { ZERO_PREV_ID } from '../../asset/asset.ts';
import { EMPTY_ANCHOR, type VirtualOutput } from '../../asset/packet/virtual-packet.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { assetOf, units, unitsOf } from '../forms/asset.ts';
import { packetJson, packetSchema } from '../forms/asset-packet.ts';
import { object, text } from '../schema.ts';

export const assetPsbtCreate = defineOperation({
  name: 'asset.psbt.create',
  needs: 'chain',
  params: object({ asset: text(), amount: units() }),
  result: packetSchema,
  async run(context, { asset, amount: given }) {
    const { id } = assetOf(context.runtime.state.assets, asset);
    const amount = unitsOf(given);
    if (amount === 0n || amount >= 2n ** 63n) throw usage('a packet asks for at least one unit, and for less than 2^63');
    const { keys } = await commanded(context, { kind: 'asset', what: { kind: 'new_keys' } }, 'asset_keys');
    const output: VirtualOutput = {
      amount,
      scriptKey: keys.scriptKey,
      type: 0,
      interactive: true,
      assetVersion: 0,
      anchorOutputIndex: 0n,
      anchorInternalKey: keys.internalKey,
      anchorBip32Derivation: [],
      anchorTaprootDerivation: [],
      anchorTapscriptSibling: null,
      asset: null,
      splitAsset: null,
      proofDeliveryAddress: null,
      proofSuffix: null,
      lockTime: 0n,
      relativeLockTime: 0n,
      altLeaves: [],
      address: null,
      standard: [],
    };
    const input = { prevId: { ...ZERO_PREV_ID, id }, anchor: EMPTY_ANCHOR, asset: null, proof: null, standard: [] };
    return packetJson({ version: 1, prefix: addressPrefix(context.network), inputs: [input], outputs: [output] });
  },
});
