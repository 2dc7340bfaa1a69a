import { expect, test } from 'vitest';
import type { TxId } from '../../../../src/base/ids.ts';
import { height, sat } from '../../../../src/base/units.ts';
import { type Tx, txId, txInput } from '../../../../src/bitcoin/tx.ts';
import { balance, coins, history, spendable, unconfirmedOwn } from '../../../../src/node/wallet/coins.ts';
import { buildSpend, fundChannel } from '../../../../src/node/wallet/spend.ts';
import { FINAL_DEPTH, GAP_LIMIT } from '../../../../src/node/wallet/types.ts';
import {
  addUnconfirmed,
  connectBlock,
  disconnectBlock,
  forgetUnconfirmed,
  newScript,
  pathOfCoin,
  release,
  scriptsToWatch,
} from '../../../../src/node/wallet/wallet.ts';
import { foreignTx, freshWallet, keys, NOW, options, THEIRS, walletWith } from './world.ts';

const H = height(200);
const pay = (wallet: typeof freshWallet, account: 'p2tr' | 'p2wpkh', index: number, amount = 1000n): Tx => {
  void wallet;
  return foreignTx([{ amount: sat(amount), script: keys.script({ account, chain: 'receive', index }) }]);
};

test('a new wallet watches the gap limit of each chain of both accounts', () => {
  expect(scriptsToWatch(freshWallet).length).toBe(4 * GAP_LIMIT);
});

test('addresses are new each time until the gap is full, then the first unused one comes again', () => {
  let wallet = freshWallet;
  const seen: string[] = [];
  for (let i = 0; i < GAP_LIMIT + 3; i++) {
    const fresh = newScript(wallet, keys);
    wallet = fresh.wallet;
    seen.push(`${fresh.path.index}`);
  }
  expect(seen).toEqual([...Array.from({ length: GAP_LIMIT }, (_, i) => `${i}`), '0', '0', '0']);
  wallet = connectBlock(wallet, keys, { height: height(5), time: NOW, txs: [pay(wallet, 'p2tr', 4)] });
  expect(newScript(wallet, keys).path.index).toBe(GAP_LIMIT);
});

test('a rescan finds coins up to the gap and beyond as it widens, also when one block pays them in the wrong order', () => {
  const far = pay(freshWallet, 'p2wpkh', 38);
  const near = pay(freshWallet, 'p2wpkh', 19);
  const outside = pay(freshWallet, 'p2wpkh', 70);
  const wallet = connectBlock(freshWallet, keys, { height: height(7), time: NOW, txs: [far, outside, near] });
  expect([wallet.txs.has(txId(far)), wallet.txs.has(txId(near)), wallet.txs.has(txId(outside))]).toEqual([true, true, false]);
  expect(wallet.cursors.p2wpkh.receive).toEqual({ next: 39, used: 39 });
});

test('a PSBT input is ours by its script, and only with the amount that the coin has', () => {
  const wallet = walletWith([5000n]);
  const [coin] = [...wallet.coins.values()];
  if (coin === undefined) throw new Error('no coin');
  const { outpoint: prevout, output } = coin;
  expect(pathOfCoin(wallet, { prevout, output })).toEqual(coin.path);
  expect(pathOfCoin(wallet, { prevout, output: { ...output, amount: sat(4000) } })).toBe(null);
  expect(pathOfCoin(wallet, { prevout, output: { ...output, script: THEIRS } })).toBe(null);
  expect(pathOfCoin(wallet, { prevout: { ...prevout, vout: 9 }, output })).toEqual(coin.path);
});

test('a block that does not concern the wallet leaves the very same wallet', () => {
  const wallet = walletWith([5000n]);
  expect(connectBlock(wallet, keys, { height: H, time: NOW, txs: [foreignTx([{ amount: sat(1), script: THEIRS }])] })).toBe(wallet);
});

test('a coinbase output is immature until 99 blocks above it, and gone when its block is', () => {
  const script = keys.script({ account: 'p2tr', chain: 'receive', index: 0 });
  const input = txInput({ txid: new Uint8Array(32) as TxId, vout: 0xffffffff }, 0xffffffff, [new Uint8Array(32)]);
  const coinbase: Tx = { version: 2, inputs: [input], outputs: [{ amount: sat(50), script }], locktime: 0 };
  const wallet = connectBlock(freshWallet, keys, { height: height(10), time: NOW, txs: [coinbase] });
  expect(balance(wallet, height(108))).toEqual({ confirmed: 0n, unconfirmed: 0n, immature: 50n, reserved: 0n });
  expect(spendable(wallet, height(108)).confirmed).toEqual([]);
  expect(balance(wallet, height(109)).confirmed).toBe(50n);
  expect(coins(disconnectBlock(wallet, height(10)), height(9))).toEqual([]);
});

test('a spend moves money to change, confirms, is unconfirmed by a reorganisation and confirms again', () => {
  const before = walletWith([100_000n]);
  const spend = buildSpend(before, keys, { ...options(1000), outputs: [{ script: THEIRS, amount: sat(30_000) }] });
  if (!spend.ok) throw new Error(spend.failure.message);
  const { tx, fee } = spend.value;
  const sent = addUnconfirmed(before, keys, { tx, now: NOW, label: 'spend' });
  const rest = 70_000n - fee;
  expect(balance(sent, H)).toEqual({ confirmed: 0n, unconfirmed: rest, immature: 0n, reserved: 0n });
  expect(unconfirmedOwn(sent).map((e) => e.txid)).toEqual([txId(tx)]);
  const mined = connectBlock(sent, keys, { height: H, time: NOW, txs: [tx] });
  expect(balance(mined, H)).toEqual({ confirmed: rest, unconfirmed: 0n, immature: 0n, reserved: 0n });
  expect(connectBlock(mined, keys, { height: H, time: NOW, txs: [tx] })).toBe(mined);
  const undone = disconnectBlock(mined, H);
  expect(balance(undone, H)).toEqual(balance(sent, H));
  expect(undone.pending.size).toBe(1);
  const again = connectBlock(undone, keys, { height: height(201), time: NOW, txs: [tx] });
  expect(balance(again, height(201)).confirmed).toBe(rest);
  expect(history(again, height(201))[0]).toMatchObject({ amount: rest - 100_000n, fee, label: 'spend', confirmations: 1, height: 201 });
});

test('a double spend in a block takes out our transaction and what was built on it', () => {
  const wallet = walletWith([100_000n]);
  const first = buildSpend(wallet, keys, { ...options(1000), outputs: [{ script: THEIRS, amount: sat(30_000) }] });
  if (!first.ok) throw new Error(first.failure.message);
  const one = addUnconfirmed(wallet, keys, { tx: first.value.tx, now: NOW, label: 'spend' });
  const second = buildSpend(one, keys, { ...options(1000), outputs: [{ script: THEIRS, amount: sat(10_000) }] });
  if (!second.ok) throw new Error(second.failure.message);
  const two = addUnconfirmed(one, keys, { tx: second.value.tx, now: NOW, label: 'spend' });
  const rival: Tx = { ...first.value.tx, outputs: [{ amount: sat(99_000), script: THEIRS }] };
  const after = connectBlock(two, keys, { height: H, time: NOW, txs: [rival] });
  expect([...after.txs.values()].filter((e) => e.height === null)).toEqual([]);
  expect(balance(after, H)).toEqual({ confirmed: 0n, unconfirmed: 0n, immature: 0n, reserved: 0n });
  expect(after.pending.size).toBe(0);
  // And nothing that contradicts the chain comes back.
  expect(addUnconfirmed(after, keys, { tx: first.value.tx, now: NOW, label: 'spend' })).toBe(after);
});

test('an unconfirmed payment to us disappears when the chain spends its input otherwise', () => {
  const incoming = pay(freshWallet, 'p2tr', 0, 7000n);
  const wallet = addUnconfirmed(freshWallet, keys, { tx: incoming, now: NOW, label: null });
  expect(balance(wallet, H).unconfirmed).toBe(7000n);
  expect(spendable(wallet, H).trusted).toEqual([]);
  const rival: Tx = { ...incoming, outputs: [{ amount: sat(6000), script: THEIRS }] };
  const after = connectBlock(wallet, keys, { height: H, time: NOW, txs: [rival] });
  expect([after.txs.size, after.coins.size, after.pending.size]).toEqual([0, 0, 0]);
});

test('a child seen before its parent is put right when the parent comes', () => {
  const parent = pay(freshWallet, 'p2tr', 0, 7000n);
  const child: Tx = {
    version: 2,
    inputs: [txInput({ txid: txId(parent), vout: 0 }, 0, [new Uint8Array(64)])],
    outputs: [{ amount: sat(6500), script: keys.script({ account: 'p2tr', chain: 'receive', index: 1 }) }],
    locktime: 0,
  };
  let wallet = addUnconfirmed(freshWallet, keys, { tx: child, now: NOW, label: null });
  wallet = addUnconfirmed(wallet, keys, { tx: parent, now: NOW, label: null });
  expect(balance(wallet, H).unconfirmed).toBe(6500n);
  expect(wallet.txs.get(txId(child))).toMatchObject({ spent: 7000n, received: 6500n, fee: 500n });
});

test('funding reserves its coins until it is released or published', () => {
  const wallet = walletWith([100_000n, 100_000n]);
  const request = { ...options(500), script: THEIRS, amount: sat(60_000) };
  const one = fundChannel(wallet, keys, request);
  if (!one.ok) throw new Error(one.failure.message);
  expect(one.value.tx.outputs[one.value.vout]).toEqual({ amount: 60_000n, script: THEIRS });
  expect(balance(one.value.wallet, H)).toMatchObject({ confirmed: 100_000n, reserved: 100_000n });
  const two = fundChannel(one.value.wallet, keys, request);
  if (!two.ok) throw new Error(two.failure.message);
  expect(fundChannel(two.value.wallet, keys, request)).toMatchObject({ ok: false, failure: { code: 'INSUFFICIENT_FUNDS' } });
  // Two fundings under way never share a change address.
  expect(one.value.change?.path).not.toEqual(two.value.change?.path);
  const released = release(two.value.wallet, one.value.tx);
  expect(fundChannel(released, keys, request).ok).toBe(true);
  const published = addUnconfirmed(released, keys, { tx: two.value.tx, now: NOW, label: 'funding' });
  expect(balance(published, H)).toMatchObject({ confirmed: 100_000n, reserved: 0n, unconfirmed: two.value.change?.amount });
});

test('a transaction that never confirms can be forgotten, one that did cannot', () => {
  const wallet = walletWith([100_000n]);
  const spend = buildSpend(wallet, keys, { ...options(1000), outputs: [{ script: THEIRS, amount: sat(30_000) }] });
  if (!spend.ok) throw new Error(spend.failure.message);
  const sent = addUnconfirmed(wallet, keys, { tx: spend.value.tx, now: NOW, label: 'spend' });
  expect(balance(forgetUnconfirmed(sent, txId(spend.value.tx)), H)).toEqual(balance(wallet, H));
  const mined = connectBlock(sent, keys, { height: H, time: NOW, txs: [spend.value.tx] });
  expect(forgetUnconfirmed(mined, txId(spend.value.tx))).toBe(mined);
});

test('a final transaction shrinks to its line of history, and its coins stay', () => {
  const wallet = walletWith([100_000n]);
  const spend = buildSpend(wallet, keys, { ...options(1000), outputs: [{ script: THEIRS, amount: sat(30_000) }] });
  if (!spend.ok) throw new Error(spend.failure.message);
  const mined = connectBlock(wallet, keys, { height: H, time: NOW, txs: [spend.value.tx] });
  const late = height(200 + FINAL_DEPTH);
  const later = connectBlock(mined, keys, { height: late, time: NOW, txs: [pay(mined, 'p2tr', 5)] });
  expect(later.txs.get(txId(spend.value.tx))?.tx).toBe(null);
  expect(later.coins.size).toBe(2);
  expect(balance(later, late).confirmed).toBe(balance(mined, H).confirmed + 1000n);
  expect(history(later, late).length).toBe(3);
});
