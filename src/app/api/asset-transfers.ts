import { decodeTapAddress } from '../../asset/address/address.ts';
import { prevIdHash } from '../../asset/asset.ts';
import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { AssetAddress, AssetState } from '../../node/asset/types.ts';
import { defineOperation } from '../define.ts';
import { anchorJson, anchorSchema, units } from '../forms/asset.ts';
import { count, flag, hex, list, object, outpoint, text } from '../schema.ts';

export const assetTransfers = defineOperation({
  name: 'asset.transfers',
  needs: 'chain',
  params: object({}),
  result: object({
    transfers: list(anchorSchema),
    arrivals: list(object({ address: text(), asset_id: hex(32), amount: units(), outpoint: outpoint(), height: count(), proved: flag() })),
  }),
  async run({ runtime }) {
    const { assets } = runtime.state;
    const anchors = [...assets.anchors.values()].sort((a, b) => b.createdAt - a.createdAt);
    return {
      transfers: anchors.map((anchor) => anchorJson(assets, anchor)),
      arrivals: [...assets.addresses.values()].flatMap((address) => arrivalsOf(assets, address)),
    };
  },
});

/** What an address's output received, and whether the proof of it is here. */
function arrivalsOf(state: AssetState, address: AssetAddress) {
  const decoded = decodeTapAddress(address.text);
  if (!decoded.ok) return [];
  const { amount, scriptKey } = decoded.value.address;
  return address.arrivals.map(({ outPoint, height }) => ({
    address: address.text,
    asset_id: toHex(address.assetId),
    amount: `${amount}`,
    outpoint: formatOutPoint(outPoint),
    height,
    proved: state.holdings.has(prevIdHash({ outPoint, id: address.assetId, scriptKey })),
  }));
}
