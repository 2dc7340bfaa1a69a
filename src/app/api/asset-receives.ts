import { decodeTapAddress } from '../../asset/address/address.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { arrivalStatus, partsOf } from '../../node/asset/arrivals.ts';
import { paidIn } from '../../node/asset/chain.ts';
import { type Arrival, type AssetState, UNTRIED } from '../../node/asset/types.ts';
import { askCouriers, whileCarrying } from '../asset/couriers.ts';
import { defineOperation, notFound } from '../define.ts';
import { arrivalJson, arrivalSchema, arrivalsJson } from '../forms/asset-custody.ts';
import { flag, list, object, type TypeOf, text } from '../schema.ts';

/** A mempool larger than this is not searched. */
const SEARCHED = 500;

export const assetReceives = defineOperation({
  name: 'asset.receives',
  needs: 'chain',
  params: object({}, { address: text(), wait: flag({ description: 'until all that arrived is proved' }) }),
  result: object({ receives: list(arrivalSchema) }),
  async run(context, { address, wait }) {
    const { runtime } = context;
    const known = [...runtime.state.assets.addresses.values()].some((each) => each.text === address);
    if (address !== undefined && !known) throw notFound('the address is not of this wallet', '`lnkit asset address` makes one');
    if (wait === true)
      await whileCarrying(context, (assets) => (isDone(assets, address) ? true : null), {
        message: address === undefined ? 'not all that arrived is proved yet' : 'nothing that came to the address is proved yet',
      });
    else await askCouriers(context, 'skipped');
    const { assets } = runtime.state;
    const seen = runtime.chain === null ? [] : await inMempool(assets, runtime.chain);
    const all = [...seen, ...arrivalsJson(assets)];
    return { receives: address === undefined ? all : all.filter((each) => each.address === address) };
  },
});

/** Everything that arrived is proved; at one address, something is. */
function isDone(assets: AssetState, address: string | undefined): boolean {
  const wanted = [...assets.addresses.values()].filter(({ text: each }) => address === undefined || each === address);
  const arrivals = wanted.flatMap((each) => each.arrivals);
  if (address !== undefined && arrivals.length === 0) return false;
  return arrivals.every((arrival) => arrivalStatus(assets, arrival) === 'completed');
}

/** What is on its way to addresses whose outputs are known before. */
async function inMempool(assets: AssetState, chain: ChainSource): Promise<readonly TypeOf<typeof arrivalSchema>[]> {
  if (assets.addresses.size === 0) return [];
  const ids = await chain.mempool();
  if (!ids.ok || ids.value.length > SEARCHED) return [];
  const txs: Tx[] = [];
  for (const id of ids.value) {
    const found = await chain.transaction(id);
    if (found.ok && found.value !== null && found.value.confirmed === null) txs.push(found.value.tx);
  }
  return [...paidIn(assets, txs)].map(({ address, outPoint }) => {
    const decoded = decodeTapAddress(address.text);
    const parts = decoded.ok ? partsOf(decoded.value.address) : [];
    const arrival: Arrival = { outPoint, height: null, parts, provedAt: null, ...UNTRIED };
    return arrivalJson(assets, address, arrival);
  });
}
