import { claim, type Told } from './teller.ts';
import type { DemoNode, World } from './world.ts';

const SUPPLY = '1000000';
const SENT = '250000';
const KEPT = '750000';

interface Pair {
  readonly alice: DemoNode;
  readonly bob: DemoNode;
}

/** alice mints an asset on the chain, with no other program. */
export async function mintAsset(world: World, { alice }: Pair): Promise<Told> {
  await alice.call('asset.mint', { name: 'beans', supply: SUPPLY, grouped: true, dry_run: false });
  const planned = await alice.call('asset.mint.finalize', { dry_run: true });
  const minted = await alice.call('asset.mint.finalize', { dry_run: false });
  claim(minted.txid === planned.txid && minted.cost.fee_sat === planned.cost.fee_sat, 'it costs what the dry run said', minted.cost);
  await confirm(world, minted.txid);
  const { assets } = await alice.call('asset.list', {});
  const [asset] = assets;
  claim(assets.length === 1 && asset?.state === 'confirmed' && asset.amount === SUPPLY, 'alice has what she minted', assets);
  return {
    text: `${SUPPLY} beans in block ${asset.height}, fee ${minted.cost.fee_sat} sat; asset ${asset.asset_id.slice(0, 16)}...`,
    facts: { txid: minted.txid, asset_id: asset.asset_id, group_key: asset.group_key, fee_sat: Number(minted.cost.fee_sat) },
  };
}

/**
 * alice serves her universe, from which bob learns what beans are. She sends some to his address; the proof goes to her universe by itself, and bob
 * finds it there, and verifies all of it before he counts it as his.
 */
export async function sendAsset(world: World, { alice, bob }: Pair): Promise<Told> {
  const universe = await world.serveUniverse(alice);
  const synced = await bob.eventually('universe.sync', { universe }, (report) => (report.universes.length > 0 ? report : null));
  claim(synced.universes.length === 1, 'bob has heard of one asset', synced);
  const { address } = await bob.call('asset.address', { asset: 'beans', amount: SENT, courier: `universerpc://${universe}` });
  const sent = await alice.call('asset.send', { addresses: [address], dry_run: false });
  await confirm(world, sent.txid);
  const [seen] = await bob.eventually('asset.receives', { address }, ({ receives }) =>
    receives[0]?.status === 'completed' ? receives : null,
  );
  claim(seen?.outpoint.startsWith(sent.txid) === true, 'it is what alice sent', seen);
  const { transfers } = await alice.call('asset.transfers', {});
  const delivery = transfers.find(({ txid }) => txid === sent.txid)?.deliveries[0];
  claim(delivery?.state === 'delivered', 'alice knows that the proof has arrived', delivery);
  const [left, got] = await Promise.all([balanceOf(alice), balanceOf(bob)]);
  claim(left === KEPT && got === SENT, 'nothing was lost and nothing was made', { left, got });
  return {
    text: `bob has ${SENT} beans, fetched from alice's universe and proved from the minting on; alice has ${KEPT} left`,
    facts: { txid: sent.txid, address, outpoint: seen?.outpoint ?? '', courier: delivery?.courier ?? '' },
  };
}

/** Both ask the chain whether all of it is so. */
export async function verifyAssets({ alice, bob }: Pair): Promise<Told> {
  const [hers, his] = await Promise.all([alice.call('asset.verify', {}), bob.call('asset.verify', {})]);
  claim(hers.valid && his.valid && hers.assets.length === 1 && his.assets.length === 1, 'every proof is valid', { hers, his });
  return {
    text: 'every transition and signature, and every block that holds one, verified by both',
    facts: { alice: hers.assets.length, bob: his.assets.length },
  };
}

async function confirm(world: World, txid: string): Promise<void> {
  await world.awaitMempool(txid);
  await world.mine(1);
}

async function balanceOf(node: DemoNode): Promise<string> {
  const { assets } = await node.call('asset.balance', {});
  return assets[0]?.confirmed ?? '0';
}
