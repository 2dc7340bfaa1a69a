// An offer, whoever completes it, and everything that a hostile seller, buyer or bystander could change about it.
import { expect, test } from 'vitest';
import { decodePsbtMaps, encodePsbtMaps, type PsbtMaps } from '../../../src/asset/packet/psbt-map.ts';
import { checkSwapOffer } from '../../../src/asset/packet/swap-offer.ts';
import { decodeVirtualPacket, type VirtualPacket } from '../../../src/asset/packet/virtual-packet.ts';
import { decodeProof } from '../../../src/asset/proof/proof.ts';
import { type Bytes, equal, toHex } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { feeratePerKw, height, sat } from '../../../src/base/units.ts';
import type { Tx } from '../../../src/bitcoin/tx.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import { unconfirmedAnchors } from '../../../src/node/asset/fate.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { SwapOffer } from '../../../src/node/asset/swap.ts';
import { anchorInputOf } from '../../../src/node/asset/transfer.ts';
import type { Holding } from '../../../src/node/asset/types.ts';
import type { NodeReply } from '../../../src/node/types.ts';
import { balance } from '../../../src/node/wallet/coins.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const PRICE = 20_000n;

function market() {
  const chain = new AssetChain();
  const [seller, buyer] = [chain.node('seller'), chain.node('buyer')];
  seller.fund(3);
  buyer.fund(3);
  seller.told({ kind: 'add_seedling', seedling: seedling('coin', 1000n, { group: { kind: 'new' } }), dryRun: false }, 'asset_batch');
  const { holdings } = seller.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  const assetId = (holdings[0] as Holding).facts.assetId;
  const move = { kind: 'move_asset', assetId, amount: 300n, from: null, note: null, feerate: null, dryRun: false } as const;
  seller.told(move, 'asset_anchor');
  chain.mine();
  expect(seller.amounts()).toEqual([300n, 700n]);
  return { chain, seller, buyer, assetId };
}
const offered = (node: AssetNode, assetId: Bytes, amount = 300n): SwapOffer =>
  node.told({ kind: 'offer_swap', request: { assetId, amount, priceSat: sat(PRICE), lifeSeconds: 3600 }, dryRun: false }, 'asset_offer')
    .offer;
interface Legs {
  readonly packet: VirtualPacket;
  readonly anchor: PsbtMaps;
}
function legsOf(offer: SwapOffer): Legs {
  const [packet, anchor] = [decodeVirtualPacket(offer.virtualPsbt), decodePsbtMaps(offer.anchorPsbt)];
  if (!packet.ok || !anchor.ok) throw new Error('an offer that cannot be read');
  return { packet: packet.value, anchor: anchor.value };
}
function accept(buyer: AssetNode, legs: Legs, file: Bytes, change: { maxPriceSat?: bigint; dryRun?: boolean } = {}): NodeReply | string {
  buyer.verified(file);
  const { maxPriceSat, dryRun = false } = change;
  return buyer.ask({
    kind: 'accept_swap',
    ...legs,
    file: buyer.takeApart(file),
    maxPriceSat: maxPriceSat === undefined ? null : sat(maxPriceSat),
    feerate: null,
    dryRun,
  });
}
const anchorOf = (reply: NodeReply | string): Tx => {
  if (typeof reply === 'string' || reply.kind !== 'asset_anchor') throw new Error(typeof reply === 'string' ? reply : reply.kind);
  return reply.anchor.tx;
};
const confirmedSat = (node: AssetNode): bigint => balance(node.state.wallet, height(node.chain.blocks.length)).confirmed;

test('who pays the price has the asset, who sold it has the price, and the file of the new owner verifies from the minting on', () => {
  const { chain, seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  expect(holdingState(seller.assets, offer.holding)).toBe('leased');
  seller.restart();
  expect(seller.amounts()).toEqual([700n]);
  const [before, had] = [confirmedSat(seller), confirmedSat(buyer)];
  const file = seller.file(offer.holding);
  const dry = accept(buyer, legsOf(offer), file, { dryRun: true });
  expect([buyer.assets.anchors.size, typeof dry]).toEqual([0, 'object']);
  const tx = anchorOf(accept(buyer, legsOf(offer), file));
  expect(anchorOf(dry)).toEqual(tx);
  buyer.restart();
  chain.mine();
  expect(buyer.amounts()).toEqual([300n]);
  const [bought] = buyer.free() as [Holding];
  expect(seller.verified(buyer.file(bought)).asset.amount).toBe(300n);
  expect(confirmedSat(seller) - before).toBe(PRICE);
  // The seller's output of 1,000 sat pays for the buyer's.
  const { feeSat } = [...buyer.assets.anchors.values()].find(({ kind }) => kind === 'swap') as { feeSat: bigint };
  expect(had - confirmedSat(buyer)).toBe(PRICE + feeSat);
  expect([seller.amounts(), seller.assets.leases.length]).toEqual([[700n], 0]);
  expect([...seller.assets.anchors.values()].map(({ kind }) => kind)).toContain('swap');
  // And it goes onward.
  expect(typeof buyer.send(seller.address(assetId, 120n))).toBe('object');
  chain.mine();
  expect(buyer.amounts()).toEqual([180n]);
});

test('a reorganisation of the sale, and of what was sold, is followed by both', () => {
  const { chain, seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  accept(buyer, legsOf(offer), seller.file(offer.holding));
  chain.mine();
  chain.unmine();
  expect([buyer.amounts(), holdingState(seller.assets, seller.assets.holdings.get(offer.holding.key) as Holding)]).toEqual([[], 'leased']);
  // Both send it again: where it was lost the seller would have neither the asset nor its price.
  expect([seller, buyer].map(({ assets }) => unconfirmedAnchors(assets).length)).toEqual([1, 1]);
  chain.unmine();
  chain.mine(chain.coinbase());
  chain.mine();
  expect([buyer.amounts(), seller.amounts()]).toEqual([[300n], [700n]]);
  seller.verified(buyer.file(buyer.free()[0] as Holding));
  buyer.restart();
  seller.verified(buyer.file(buyer.free()[0] as Holding));
});

test('the fee of a sale can be raised by the buyer: the seller has signed for that too', () => {
  const { chain, seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  const first = anchorOf(accept(buyer, legsOf(offer), seller.file(offer.holding)));
  const { anchor } = buyer.told({ kind: 'bump_anchor', txid: idOf(buyer), feerate: feeratePerKw(4000), dryRun: false }, 'asset_anchor');
  chain.mempool = [];
  chain.mine();
  chain.publish(anchor.tx);
  chain.mine();
  expect([buyer.amounts(), anchor.tx.outputs[0]]).toEqual([[300n], first.outputs[0]]);
  seller.verified(buyer.file(buyer.free()[0] as Holding));
});
const idOf = (node: AssetNode): TxId => [...node.assets.anchors.values()].find(({ kind }) => kind === 'swap')?.txid as TxId;

test('an offer is cancelled by spending what it sells: whoever accepts it then has a transaction that no block takes', () => {
  const { chain, seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  const file = seller.file(offer.holding);
  const cancel = { kind: 'move_asset', assetId, amount: 300n, from: offer.outPoint, note: null, feerate: null, dryRun: false } as const;
  const { anchor } = seller.told(cancel, 'asset_anchor');
  accept(buyer, legsOf(offer), file);
  chain.mempool = [];
  chain.mine(anchor.tx);
  expect([seller.amounts(), seller.assets.leases.length, buyer.amounts()]).toEqual([[300n, 700n], 0, []]);
  // The buyer's coins are free again, and nothing is pending for ever.
  expect([...buyer.assets.holdings.values()].map((each) => holdingState(buyer.assets, each))).toContain('replaced');
  expect(confirmedSat(buyer)).toBe(150_000n);
});

test('only an output that holds the units and nothing else is offered, and it is not offered or sent twice', () => {
  const { seller, assetId } = market();
  const ask = (amount: bigint, priceSat = PRICE) =>
    seller.ask({ kind: 'offer_swap', request: { assetId, amount, priceSat: sat(priceSat), lifeSeconds: 60 }, dryRun: false });
  expect(ask(250n)).toBe('POLICY');
  expect(ask(2000n)).toBe('INSUFFICIENT_FUNDS');
  expect(ask(300n, 100n)).toBe('USAGE');
  const offer = offered(seller, assetId);
  expect(ask(300n)).toBe('POLICY');
  expect(seller.send(seller.address(assetId, 800n))).toBe('INSUFFICIENT_FUNDS');
  expect(seller.told({ kind: 'release_lease', outPoint: offer.outPoint }, 'done')).toEqual({ kind: 'done' });
  expect(seller.ask({ kind: 'release_lease', outPoint: offer.outPoint })).toBe('NOT_FOUND');
  expect(seller.amounts()).toEqual([300n, 700n]);
  expect(accept(seller, legsOf(offer), seller.file(offer.holding))).toBe('POLICY');
});

test('too dear is refused, and so is a buyer without the money', () => {
  const { chain, seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  const file = seller.file(offer.holding);
  expect(accept(buyer, legsOf(offer), file, { maxPriceSat: PRICE - 1n })).toBe('OVER_BUDGET');
  expect(accept(chain.node('pauper'), legsOf(offer), file)).toBe('INSUFFICIENT_FUNDS');
  expect(buyer.assets.anchors.size).toBe(0);
});

const tampered: readonly (readonly [string, (legs: Legs) => Legs])[] = [
  ['the price', ({ packet, anchor }) => ({ packet, anchor: withPayment(anchor, { amount: sat(PRICE - 1n) }) })],
  ['the payee', ({ packet, anchor }) => ({ packet, anchor: withPayment(anchor, { script: anchor.tx.outputs[1]?.script as Bytes }) })],
  ['the lock time', ({ packet, anchor }) => ({ packet, anchor: { ...anchor, tx: { ...anchor.tx, locktime: 5 } } })],
  [
    'the input',
    ({ packet, anchor }) => ({
      packet,
      anchor: {
        ...anchor,
        tx: { ...anchor.tx, inputs: anchor.tx.inputs.map((each) => ({ ...each, prevout: { ...each.prevout, vout: 9 } })) },
      },
    }),
  ],
  [
    'the sequence',
    ({ packet, anchor }) => ({
      packet,
      anchor: { ...anchor, tx: { ...anchor.tx, inputs: anchor.tx.inputs.map((each) => ({ ...each, sequence: 144 })) } },
    }),
  ],
  [
    'the key that shows the payment to be without assets',
    ({ packet, anchor }) => ({ packet, anchor: { ...anchor, outputs: [[], ...anchor.outputs.slice(1)] } }),
  ],
  [
    'the signature of the output',
    ({ packet, anchor }) => ({
      packet,
      anchor: {
        ...anchor,
        inputs: anchor.inputs.map((map) => map.map((each) => (each.key[0] === 0x13 ? { ...each, value: flipped(each.value) } : each))),
      },
    }),
  ],
  ['the signature of the asset', ({ packet, anchor }) => ({ packet: withAssetWitness(packet, (each) => flipped(each)), anchor })],
  ['the hash type of the asset', ({ packet, anchor }) => ({ packet: withAssetWitness(packet, (each) => each.subarray(0, 64)), anchor })],
  [
    'a further output of assets',
    ({ packet, anchor }) => ({ packet: { ...packet, outputs: [...packet.outputs, ...packet.outputs] }, anchor }),
  ],
  ['a second input', ({ packet, anchor }) => ({ packet: { ...packet, inputs: [...packet.inputs, ...packet.inputs] }, anchor })],
];
function withPayment(anchor: PsbtMaps, change: { amount?: ReturnType<typeof sat>; script?: Bytes }): PsbtMaps {
  const [payment, ...rest] = anchor.tx.outputs;
  return { ...anchor, tx: { ...anchor.tx, outputs: [{ ...(payment as Tx['outputs'][number]), ...change }, ...rest] } };
}
const flipped = (bytes: Bytes): Bytes => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte));
const withAssetWitness = (packet: VirtualPacket, change: (witness: Bytes) => Bytes): VirtualPacket => ({
  ...packet,
  outputs: packet.outputs.map((output) => ({
    ...output,
    asset: output.asset && {
      ...output.asset,
      prevWitnesses: output.asset.prevWitnesses.map((each) => ({ ...each, txWitness: each.txWitness.map(change) })),
    },
  })),
});

test.each(tampered)('an offer with %s changed is refused, and nothing is signed', (_, change) => {
  const { seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  const before = buyer.state;
  const reply = accept(buyer, change(legsOf(offer)), seller.file(offer.holding));
  expect(['MALFORMED', 'BAD_SIGNATURE', 'POLICY']).toContain(reply);
  expect([buyer.state.assets, buyer.state.wallet]).toEqual([before.assets, before.wallet]);
});

test('the amount that the packet shows does not count: what the proof shows does', () => {
  const { seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  const { packet, anchor } = legsOf(offer);
  const inflated: VirtualPacket = {
    ...packet,
    inputs: packet.inputs.map((each) => ({ ...each, asset: each.asset && { ...each.asset, amount: 900n } })),
  };
  anchorOf(accept(buyer, { packet: inflated, anchor }, seller.file(offer.holding)));
  expect(
    [...buyer.assets.holdings.values()].filter(({ scriptKeyIndex }) => scriptKeyIndex !== null).map(({ facts }) => facts.amount),
  ).toEqual([300n]);
});

test('who sees the completed transaction can take neither the fee nor the asset: no output of it can be changed', () => {
  const { seller, buyer, assetId } = market();
  const offer = offered(seller, assetId);
  const tx = anchorOf(accept(buyer, legsOf(offer), seller.file(offer.holding)));
  const last = decodeProof(buyer.takeApart(seller.file(offer.holding)).last);
  if (!last.ok) throw new Error(last.failure.message);
  const coins = [...buyer.state.wallet.coins.values()];
  const prevouts = tx.inputs.map(({ prevout }, i) =>
    i === 0
      ? anchorInputOf(last.value).output
      : (coins.find(({ outpoint }) => equal(outpoint.txid, prevout.txid) && outpoint.vout === prevout.vout)
          ?.output as Tx['outputs'][number]),
  );
  expect(checkScripts(tx, prevouts)).toBeNull();
  for (const [index, output] of tx.outputs.entries()) {
    const outputs = tx.outputs.map((each, i) => (i === index ? { ...output, amount: sat(output.amount - 1n) } : each));
    expect(checkScripts({ ...tx, outputs }, prevouts), `output ${index}`).not.toBeNull();
  }
  // Without the buyer's coins what the seller signed is good for the payment alone.
  const bare = { ...tx, inputs: tx.inputs.slice(0, 1), outputs: tx.outputs.slice(0, 1) };
  expect(checkScripts(bare, prevouts.slice(0, 1))).toBeNull();
});

test('an offer is read from its bytes, and its check stands on the proof alone', () => {
  const { seller, assetId } = market();
  const offer = offered(seller, assetId);
  const legs = legsOf(offer);
  expect(toHex(encodePsbtMaps(legs.anchor))).toBe(toHex(offer.anchorPsbt));
  const { outPoint, output } = anchorInputOf(offer.holding.proof);
  const checked = checkSwapOffer({ ...legs, asset: offer.holding.proof.asset, outPoint, spent: output });
  expect(checked).toMatchObject({ ok: true, value: { payment: { amount: PRICE } } });
  const other = { ...offer.holding.proof.asset, amount: 301n };
  expect(checkSwapOffer({ ...legs, asset: other, outPoint, spent: output })).toMatchObject({ ok: false });
});

test('an offer that has run out holds nothing back, is remembered until its asset is spent, and can still be cancelled', () => {
  const { chain, seller, assetId } = market();
  const request = { assetId, amount: 300n, priceSat: sat(PRICE), lifeSeconds: 0 };
  const { offer } = seller.told({ kind: 'offer_swap', request, dryRun: false }, 'asset_offer');
  seller.told({ kind: 'new_keys' }, 'asset_keys');
  seller.restart();
  expect([seller.amounts(), seller.assets.leases.map(({ purpose }) => purpose)]).toEqual([[300n, 700n], ['lapsed']]);
  const cancel = { kind: 'move_asset', assetId, amount: 300n, from: offer.outPoint, note: null, feerate: null, dryRun: false } as const;
  seller.told(cancel, 'asset_anchor');
  chain.mine();
  expect([seller.amounts(), seller.assets.leases]).toEqual([[300n, 700n], []]);
});

test('units of an offer that ran out, or was let go, are not offered again before they are moved: the old price would still be good', () => {
  const { chain, seller, assetId } = market();
  const request = { assetId, amount: 300n, priceSat: sat(PRICE), lifeSeconds: 0 };
  const { offer } = seller.told({ kind: 'offer_swap', request, dryRun: false }, 'asset_offer');
  const dearer = { kind: 'offer_swap', request: { ...request, priceSat: sat(9n * PRICE), lifeSeconds: 3600 }, dryRun: false } as const;
  expect(seller.ask(dearer)).toBe('POLICY');
  seller.told(
    { kind: 'move_asset', assetId, amount: 300n, from: offer.outPoint, note: null, feerate: null, dryRun: false },
    'asset_anchor',
  );
  chain.mine();
  const second = seller.told(dearer, 'asset_offer').offer;
  expect(seller.ask({ kind: 'release_lease', outPoint: second.outPoint })).toEqual({ kind: 'done' });
  expect([seller.amounts(), seller.assets.leases.map(({ purpose }) => purpose)]).toEqual([[300n, 700n], ['lapsed']]);
  expect(seller.ask(dearer)).toBe('POLICY');
});
