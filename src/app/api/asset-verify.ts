import { bytesSource } from '../../asset/proof/file.ts';
import { must } from '../../base/assert.ts';
import { equal } from '../../base/bytes.ts';
import { fileOf } from '../../node/asset/files.ts';
import { isHeld } from '../../node/asset/select.ts';
import { checkFile } from '../asset/check.ts';
import { portsOf, reproveHistories } from '../asset/reprove.ts';
import { defineOperation } from '../define.ts';
import { assetOf, holdingJson, holdingSchema } from '../forms/asset.ts';
import { chainError } from '../node/chain-driver.ts';
import { flag, list, nullable, object, text } from '../schema.ts';

export const assetVerify = defineOperation({
  name: 'asset.verify',
  needs: 'chain',
  params: object({}, { asset: text({ description: 'an asset id or name; absent: all' }) }),
  result: object({
    valid: flag(),
    assets: list(object({ holding: holdingSchema, valid: flag(), problem: nullable(text()) })),
  }),
  async run({ runtime, progress }, { asset }) {
    await reproveHistories(portsOf(runtime));
    const { assets } = runtime.state;
    const id = asset === undefined ? null : assetOf(assets, asset).id;
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const verified = [];
    for (const holding of assets.holdings.values()) {
      if (!isHeld(assets, holding) || (id !== null && !equal(holding.facts.assetId, id))) continue;
      progress(`verifying ${verified.length + 1}`);
      verified.push({ holding: holdingJson(assets, holding), ...(await verdict(holding)) });
    }
    return { valid: verified.every(({ valid }) => valid), assets: verified };

    async function verdict(holding: Parameters<typeof fileOf>[1]): Promise<{ readonly valid: boolean; readonly problem: string | null }> {
      const file = fileOf(assets, holding, (link) => runtime.store.assetHistory(link));
      if (!file.ok) return { valid: false, problem: file.failure.message };
      const checked = await checkFile(bytesSource(file.value), { chain, isKnownGroup: (key) => assets.groups.has(key) });
      if (!checked.ok) return { valid: false, problem: checked.failure.message };
      const output = await chain.output(checked.value.snapshot.outPoint);
      if (!output.ok) throw chainError(output.failure);
      const gone = output.value === null && holding.spentBy === null;
      return gone ? { valid: false, problem: 'its output is spent, and not by a transfer of this wallet' } : { valid: true, problem: null };
    }
  },
});
