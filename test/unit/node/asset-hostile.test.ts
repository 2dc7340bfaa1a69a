// What others can do to us with transfers that are valid in themselves.
import { expect, test } from 'vitest';
import { decodeTapAddressFor, encodeTapAddress, type TapAddress } from '../../../src/asset/address/address.ts';
import { leafPreimage } from '../../../src/asset/commitment/sibling.ts';
import { bip86ScriptKey } from '../../../src/asset/keys.ts';
import { toHex } from '../../../src/base/bytes.ts';
import { OP, script } from '../../../src/bitcoin/script.ts';
import { xOnly } from '../../../src/bitcoin/taproot.ts';
import { ownKeyIndexes } from '../../../src/node/asset/own-keys.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { SendPayout } from '../../../src/node/asset/transfer.ts';
import { type Holding, NO_ASSETS } from '../../../src/node/asset/types.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

function pair() {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(4);
  alice.told({ kind: 'add_seedling', seedling: seedling('coin', 1000n), dryRun: false }, 'asset_batch');
  const { holdings } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  const [minted] = holdings as readonly [Holding];
  bob.receive(alice.file(minted));
  return { chain, alice, bob, id: minted.facts.assetId };
}
const MAILBOX = 'authmailbox+universerpc://127.0.0.1:10029';
const DIRECT = { kind: 'send', script: null, interactive: true, delivery: null, own: null, assetVersion: 0 } as const;
const sentOf = (node: AssetNode): Holding =>
  [...node.assets.holdings.values()].find((each) => holdingState(node.assets, each) === 'sent') as Holding;

test('an asset under our keys in an output that the sender can spend by a script of his own is not taken in', () => {
  const { chain, alice, bob, id } = pair();
  const { scriptKey, internalKey } = bob.told({ kind: 'new_keys' }, 'asset_keys').keys;
  const theirs = leafPreimage(script(xOnly(alice.keys.wallet.assetKey(0).publicKey), OP.CHECKSIG));
  if (!theirs.ok) throw new Error(theirs.failure.message);
  const payout: SendPayout = { ...DIRECT, place: 0, assetId: id, amount: 300n, scriptKey, internalKey, sibling: theirs.value };
  const request = { kind: 'send', payouts: [payout], commitmentVersion: 2 } as const;
  alice.told({ kind: 'transfer', request, feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  const file = alice.file(sentOf(alice));
  bob.verified(file);
  expect(bob.ask({ kind: 'import_file', file: bob.takeApart(file), unspent: true })).toBe('POLICY');
  expect(bob.ask({ kind: 'import_files', files: [bob.takeApart(file)] })).toBe('POLICY');
  expect(bob.amounts()).toEqual([]);
});

test('two recipients under one script key are refused: in each output a proof would have to show that the asset of the other is not there', () => {
  const { alice, bob, id } = pair();
  const address = bob.address(id, 300n);
  expect(alice.send(address, address.toUpperCase())).toBe('USAGE');
  const payout = (place: number): SendPayout => {
    const { internalKey } = bob.told({ kind: 'new_keys' }, 'asset_keys').keys;
    return { ...DIRECT, place, assetId: id, amount: 10n, scriptKey, internalKey, sibling: null };
  };
  const { scriptKey } = bob.told({ kind: 'new_keys' }, 'asset_keys').keys;
  const payouts = [payout(0), payout(1)] as const;
  expect(alice.ask({ kind: 'transfer', request: { kind: 'send', payouts, commitmentVersion: 2 }, feerate: null, dryRun: false })).toBe(
    'USAGE',
  );
  expect(alice.ask({ kind: 'fund_packet', request: { payouts, leaseSeconds: 60 } })).toBe('USAGE');
  expect(typeof alice.send(address)).toBe('object');
});

test('an address that lies about the group of its asset is refused, and one with a key of ours in an output of another is not taken for ours', () => {
  const { chain, alice, bob, id } = pair();
  const changed = (text: string, change: Partial<TapAddress>): string => {
    const read = decodeTapAddressFor(text, 'regtest');
    if (!read.ok) throw new Error(read.failure.message);
    return encodeTapAddress({ ...read.value, ...change }, 'regtest');
  };
  const other = bob.keys.wallet.assetKey(77).publicKey;
  expect(alice.send(changed(bob.address(id, 300n), { groupKey: other }))).toBe('USAGE');
  const request = { of: { kind: 'asset', assetId: id }, amount: 300n, version: 2, assetVersion: 0, courier: MAILBOX } as const;
  const own = alice.told({ kind: 'new_address', request }, 'asset_address').address.text;
  expect(typeof alice.send(changed(own, { internalKey: other }))).toBe('object');
  chain.mine();
  expect([alice.amounts(), alice.assets.holdings.size]).toEqual([[700n], 3]);
});

test('after a restore our keys are found by their points without a walk through millions that nobody handed out', () => {
  const keys = new AssetChain().node('carol').keys.wallet;
  const start = 150_000_000;
  const { script: scripts, internal } = ownKeyIndexes(
    { ...NO_ASSETS, nextKeyIndex: start + 2, keyHistory: { start, earlier: [{ from: 0, to: 3 }] } },
    keys,
  );
  const at = (index: number) => {
    const { publicKey } = keys.assetKey(index);
    return [internal.get(toHex(xOnly(publicKey))), scripts.get(toHex(xOnly(bip86ScriptKey(publicKey).publicKey)))];
  };
  expect([at(0), at(2), at(3), at(start + 1)]).toEqual([
    [0, 0],
    [2, 2],
    [undefined, undefined],
    [start + 1, start + 1],
  ]);
});
