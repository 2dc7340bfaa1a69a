import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { claim, type Told } from './teller.ts';
import type { DemoNode, World } from './world.ts';

const SUPPLY = '1000000';
const SENT = '250000';
const KEPT = '750000';
/** Addresses name where proofs are left; here they go from hand to hand, as files. */
const COURIER = 'universerpc://127.0.0.1:10029';

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

/** alice sends some of it to an address of bob, who verifies its history from the minting on before he counts it as his. */
export async function sendAsset(world: World, { alice, bob }: Pair): Promise<Told> {
  // What the asset is, bob learns from the proof of its minting.
  const known = await handOver(world, { from: alice, to: bob, what: 'beans' });
  claim(!known.owned, 'the minting is not his', known);
  const { address } = await bob.call('asset.address', { asset: 'beans', amount: SENT, courier: COURIER });
  const sent = await alice.call('asset.send', { addresses: [address], dry_run: false });
  await confirm(world, sent.txid);
  const seen = await bob.eventually(
    'asset.transfers',
    {},
    ({ arrivals }) => arrivals.find(({ assets }) => assets[0]?.amount === SENT) ?? null,
  );
  claim(!seen.proved && seen.outpoint.startsWith(sent.txid), 'bob sees the output, and waits for its proof', seen);
  const received = await handOver(world, { from: alice, to: bob, what: address });
  claim(received.owned && received.amount === SENT && received.transitions === 2, 'bob has verified both transitions', received);
  const [left, got] = await Promise.all([balanceOf(alice), balanceOf(bob)]);
  claim(left === KEPT && got === SENT, 'nothing was lost and nothing was made', { left, got });
  return {
    text: `bob has ${SENT} beans, proved from the minting on; alice has ${KEPT} left`,
    facts: { txid: sent.txid, address, outpoint: seen.outpoint, transitions: received.transitions },
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

/** A proof goes from one to the other as a file. */
async function handOver(world: World, part: { readonly from: DemoNode; readonly to: DemoNode; readonly what: string }) {
  const path = join(world.directory, `${part.from.name}.proof`);
  const exported = await part.from.cli('proof', 'export', part.what, '--out', path);
  claim(exported.exitCode === 0, 'the proof is exported', exported.json);
  const imported = await part.to.cli('proof', 'import', path);
  claim(imported.exitCode === 0, 'the proof is taken in', imported.json);
  rmSync(path);
  const { owned, amount, transitions } = imported.json;
  return { owned: owned === true, amount: `${amount}`, transitions: Number(transitions) };
}

async function confirm(world: World, txid: string): Promise<void> {
  await world.awaitMempool(txid);
  await world.mine(1);
}

async function balanceOf(node: DemoNode): Promise<string> {
  const { assets } = await node.call('asset.balance', {});
  return assets[0]?.confirmed ?? '0';
}
