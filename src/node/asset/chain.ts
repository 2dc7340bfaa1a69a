import { proveTx } from '../../asset/proof/tx-merkle.ts';
import { equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import type { Height } from '../../base/units.ts';
import { txId } from '../../bitcoin/tx.ts';
import { type Draft, log, update } from '../draft.ts';
import type { BlockInput } from '../types.ts';
import { settleSpends } from './fate.ts';
import { connectSpends } from './spends.ts';
import type { AssetState } from './types.ts';

/** Notes where anchors stand in the chain, and what the outputs of our addresses received. */
export function connectAssets(draft: Draft, block: BlockInput): void {
  const { assets } = draft.state;
  if (assets.anchors.size === 0 && assets.addresses.size === 0) return;
  const next = connectSpends(arrived(confirmed(draft, assets, block), block), block);
  if (next !== assets) update(draft, { assets: next });
}

/** Anchors of a block that left are in no block: their proofs wait for the next one that has them. */
export function disconnectAssets(draft: Draft, height: Height): void {
  const { assets } = draft.state;
  let { anchors, addresses } = assets;
  for (const [key, anchor] of assets.anchors.entries())
    if (anchor.block?.height === height) anchors = anchors.set(key, { ...anchor, block: null });
  for (const [key, address] of assets.addresses.entries()) {
    const arrivals = address.arrivals.filter((arrival) => arrival.height !== height);
    if (arrivals.length !== address.arrivals.length) addresses = addresses.set(key, { ...address, arrivals });
  }
  if (anchors === assets.anchors && addresses === assets.addresses) return;
  update(draft, { assets: settleSpends({ ...assets, anchors, addresses }) });
}

function confirmed(draft: Draft, assets: AssetState, block: BlockInput): AssetState {
  if (assets.anchors.size === 0) return assets;
  let { anchors } = assets;
  let txids: readonly TxId[] | null = null;
  for (const [index, tx] of block.txs.entries()) {
    const id = txId(tx);
    const anchor = anchors.get(id);
    if (anchor === undefined) continue;
    if (block.header === undefined) {
      log(draft, 'warn', `block ${block.height} came without its header: its assets are not proved`);
      continue;
    }
    txids ??= block.txs.map(txId);
    const place = { header: block.header, height: block.height, txMerkleProof: proveTx(txids, index) };
    anchors = anchors.set(id, { ...anchor, block: place });
  }
  return anchors === assets.anchors ? assets : { ...assets, anchors };
}

function arrived(assets: AssetState, block: BlockInput): AssetState {
  if (assets.addresses.size === 0) return assets;
  let { addresses } = assets;
  for (const tx of block.txs)
    for (const [vout, output] of tx.outputs.entries()) {
      const address = addresses.get(output.script);
      if (address === undefined) continue;
      const outPoint = { txid: txId(tx), vout };
      const others = address.arrivals.filter((each) => each.outPoint.vout !== vout || !equal(each.outPoint.txid, outPoint.txid));
      addresses = addresses.set(output.script, { ...address, arrivals: [...others, { outPoint, height: block.height }] });
    }
  return addresses === assets.addresses ? assets : { ...assets, addresses };
}
