import { assetName } from '../../asset/genesis.ts';
import { toHex } from '../../base/bytes.ts';
import { holdingState } from '../../node/asset/select.ts';
import type { AssetState } from '../../node/asset/types.ts';
import { defineOperation } from '../define.ts';
import { typeName, units } from '../forms/asset.ts';
import { hex, list, nullable, object, text } from '../schema.ts';

const sums = { confirmed: units(), pending: units(), leased: units() };

export const assetBalance = defineOperation({
  name: 'asset.balance',
  needs: 'chain',
  params: object({}),
  result: object({
    assets: list(object({ asset_id: hex(32), group_key: nullable(hex(33)), name: nullable(text()), type: text(), ...sums })),
    groups: list(object({ group_key: hex(33), ...sums })),
  }),
  async run({ runtime }) {
    const { assets } = runtime.state;
    const byAsset = sumsBy(assets, (holding) => toHex(holding.facts.assetId));
    const byGroup = sumsBy(assets, ({ facts }) => (facts.groupKey === null ? null : toHex(facts.groupKey)));
    return {
      assets: [...byAsset].map(([id, { sum, holding }]) => {
        const { genesis, groupKey } = holding.proof.asset;
        const key = groupKey === null ? null : toHex(groupKey);
        return { asset_id: id, group_key: key, name: assetName(genesis), type: typeName(genesis.type), ...shown(sum) };
      }),
      groups: [...byGroup].map(([key, { sum }]) => ({ group_key: key, ...shown(sum) })),
    };
  },
});

interface Sum {
  confirmed: bigint;
  pending: bigint;
  leased: bigint;
}
type Held = AssetState['holdings'] extends { values(): IterableIterator<infer H> } ? H : never;

function sumsBy(state: AssetState, keyOf: (holding: Held) => string | null): Map<string, { readonly sum: Sum; readonly holding: Held }> {
  const found = new Map<string, { readonly sum: Sum; readonly holding: Held }>();
  for (const holding of state.holdings.values()) {
    const is = holdingState(state, holding);
    const key = keyOf(holding);
    if (key === null || (is !== 'confirmed' && is !== 'pending' && is !== 'leased')) continue;
    const entry = found.get(key) ?? { sum: { confirmed: 0n, pending: 0n, leased: 0n }, holding };
    entry.sum[is] += holding.facts.amount;
    found.set(key, entry);
  }
  return found;
}

const shown = ({ confirmed, pending, leased }: Sum) => ({ confirmed: `${confirmed}`, pending: `${pending}`, leased: `${leased}` });
