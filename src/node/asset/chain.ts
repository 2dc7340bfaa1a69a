import { decodeTapAddress } from '../../asset/address/address.ts';
import { proveTx } from '../../asset/proof/tx-merkle.ts';
import { equal } from '../../base/bytes.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import type { Height } from '../../base/units.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import { type Draft, log, update } from '../draft.ts';
import type { BlockInput } from '../types.ts';
import { partsOf, sameOutPoint } from './arrivals.ts';
import { settleSpends } from './fate.ts';
import { connectSpends } from './spends.ts';
import { type Anchor, type Arrival, type AssetAddress, type AssetState, UNTRIED } from './types.ts';

/** Notes where anchors stand in the chain, and what the outputs of our addresses received. */
export function connectAssets(draft: Draft, block: BlockInput): void {
  const { assets } = draft.state;
  if (assets.anchors.size === 0 && assets.addresses.size === 0) return;
  const next = connectSpends(returned(arrived(confirmed(draft, assets, block), block), block), block);
  if (next !== assets) update(draft, { assets: next });
}

/** Anchors of a block that left are in no block: their proofs wait for the next one that has them. */
export function disconnectAssets(draft: Draft, height: Height): void {
  const { assets } = draft.state;
  let { anchors, addresses } = assets;
  for (const [key, anchor] of assets.anchors.entries())
    if (anchor.block?.height === height) anchors = anchors.set(key, unconfirmed(anchor));
  for (const [key, address] of assets.addresses.entries()) {
    if (!address.arrivals.some((arrival) => arrival.height === height)) continue;
    addresses = addresses.set(key, { ...address, arrivals: without(address, height) });
  }
  if (anchors === assets.anchors && addresses === assets.addresses) return;
  update(draft, { assets: settleSpends({ ...assets, anchors, addresses }) });
}

/** What was delivered of it proves nothing any more. */
const unconfirmed = (anchor: Anchor): Anchor => ({
  ...anchor,
  block: null,
  deliveries: anchor.deliveries.map((delivery) => ({ ...delivery, deliveredAt: null, ...UNTRIED })),
});

/** An output that pays to a known script is found again; of version 2, only the sender's message told of it. */
function without({ version, arrivals }: AssetAddress, height: Height): readonly Arrival[] {
  if (version < 2) return arrivals.filter((arrival) => arrival.height !== height);
  return arrivals.map((arrival) => (arrival.height === height ? { ...arrival, height: null, provedAt: null, ...UNTRIED } : arrival));
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
  for (const { address, outPoint } of paidIn(assets, block.txs)) {
    const known = addresses.get(address.script) ?? address;
    const decoded = decodeTapAddress(address.text);
    const parts = decoded.ok ? partsOf(decoded.value.address) : [];
    addresses = addresses.set(address.script, {
      ...known,
      arrivals: [
        ...known.arrivals.filter((each) => !sameOutPoint(each.outPoint, outPoint)),
        { outPoint, height: block.height, parts, provedAt: null, ...UNTRIED },
      ],
    });
  }
  return addresses === assets.addresses ? assets : { ...assets, addresses };
}

/** The outputs of transactions that pay to addresses of version 0 or 1. */
export function* paidIn(
  { addresses }: AssetState,
  txs: readonly Tx[],
): IterableIterator<{ readonly address: AssetAddress; readonly outPoint: OutPoint }> {
  for (const tx of txs)
    for (const [vout, { script }] of tx.outputs.entries()) {
      const address = addresses.get(script);
      if (address !== undefined && address.version < 2) yield { address, outPoint: { txid: txId(tx), vout } };
    }
}

/** Transfers to addresses of version 2 whose block left are in a block again. */
function returned(assets: AssetState, block: BlockInput): AssetState {
  let { addresses } = assets;
  for (const [key, address] of assets.addresses.entries()) {
    if (address.version < 2 || !address.arrivals.some(({ height }) => height === null)) continue;
    const here = block.txs.map(txId);
    const arrivals = address.arrivals.map((arrival) =>
      arrival.height === null && here.some((id) => equal(id, arrival.outPoint.txid)) ? { ...arrival, height: block.height } : arrival,
    );
    addresses = addresses.set(key, { ...address, arrivals });
  }
  return addresses === assets.addresses ? assets : { ...assets, addresses };
}
