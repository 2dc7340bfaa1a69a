import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal } from '../../../../src/base/bytes.ts';
import { feeratePerKw, height, sat } from '../../../../src/base/units.ts';
import { feeOfWeightCeil } from '../../../../src/bitcoin/fees.ts';
import { type Tx, txId, txVsize, txWeight } from '../../../../src/bitcoin/tx.ts';
import { bumpFee } from '../../../../src/node/wallet/bump.ts';
import { balance } from '../../../../src/node/wallet/coins.ts';
import { buildSpend, fundChannel } from '../../../../src/node/wallet/spend.ts';
import type { Spend, Wallet } from '../../../../src/node/wallet/types.ts';
import { addUnconfirmed, connectBlock } from '../../../../src/node/wallet/wallet.ts';
import { scriptFailure } from '../../bitcoin/interpreter.ts';
import { foreignTx, freshWallet, keys, NOW, options, prevoutsOf, sumOut, THEIRS, walletWith } from './world.ts';

const H = height(200);

function send(wallet: Wallet, amount: bigint, rate = 300): { readonly wallet: Wallet; readonly spend: Spend } {
  const spend = buildSpend(wallet, keys, { ...options(rate), outputs: [{ script: THEIRS, amount: sat(amount) }] });
  if (!spend.ok) throw new Error(spend.failure.message);
  return { wallet: addUnconfirmed(wallet, keys, { tx: spend.value.tx, now: NOW, label: 'spend' }), spend: spend.value };
}
const paidToThem = (tx: Tx): readonly bigint[] => tx.outputs.filter((o) => equal(o.script, THEIRS)).map((o) => o.amount);

test('a replacement keeps the payment, spends the same coins and meets BIP 125’s rules', () => {
  let replaced = 0;
  const have = fc.array(fc.bigInt({ min: 20_000n, max: 500_000n }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(have, fc.integer({ min: 253, max: 2000 }), fc.integer({ min: 253, max: 20_000 }), (amounts, rate, higher) => {
      const total = amounts.reduce((sum, amount) => sum + amount, 0n);
      const { wallet, spend } = send(walletWith(amounts), total / 3n, rate);
      const bump = bumpFee(wallet, keys, { ...options(higher), txid: txId(spend.tx), method: 'rbf' });
      if (!bump.ok) {
        expect(['USAGE', 'INSUFFICIENT_FUNDS']).toContain(bump.failure.code);
        // It refuses for want of gain only where there is none.
        if (bump.failure.code === 'USAGE') expect(higher).toBeLessThanOrEqual(rate + 2000);
        return;
      }
      replaced += 1;
      const { tx, fee } = bump.value;
      expect(bump.value.method).toBe('rbf');
      expect(paidToThem(tx)).toEqual(paidToThem(spend.tx));
      for (const input of spend.tx.inputs)
        expect(tx.inputs.some((i) => equal(i.prevout.txid, input.prevout.txid) && i.prevout.vout === input.prevout.vout)).toBe(true);
      // Rule 3 and 4: more than all it evicts, by 1 sat/vB of its own size.
      expect(fee >= spend.fee + BigInt(txVsize(tx))).toBe(true);
      expect(fee >= feeOfWeightCeil(txWeight(tx), feeratePerKw(higher))).toBe(true);
      expect(sumOut(tx) + fee).toBe(prevoutsOf(wallet, tx).reduce((sum, o) => sum + o.amount, 0n));
      if (replaced <= 5) expect(scriptFailure(tx, prevoutsOf(wallet, tx))).toBe(null);
      const after = addUnconfirmed(wallet, keys, { tx, now: NOW, label: 'spend' });
      expect(after.txs.has(txId(spend.tx))).toBe(false);
      expect(after.txs.get(txId(tx))?.replaces).toEqual(txId(spend.tx));
      const { confirmed, unconfirmed } = balance(after, H);
      expect(confirmed + unconfirmed).toBe(total - total / 3n - fee);
    }),
  );
  expect(replaced).toBeGreaterThan(20);
});

test('the replaced transaction may still be the one that confirms', () => {
  const { wallet, spend } = send(walletWith([100_000n]), 30_000n);
  const bump = bumpFee(wallet, keys, { ...options(2000), txid: txId(spend.tx), method: 'auto' });
  if (!bump.ok) throw new Error(bump.failure.message);
  const after = addUnconfirmed(wallet, keys, { tx: bump.value.tx, now: NOW, label: 'spend' });
  const mined = connectBlock(after, keys, { height: H, time: NOW, txs: [spend.tx] });
  expect([mined.txs.has(txId(bump.value.tx)), mined.pending.size]).toEqual([false, 0]);
  expect(balance(mined, H).confirmed).toBe(70_000n - spend.fee);
});

test('a replacement pays for the descendants that it evicts too', () => {
  const first = send(walletWith([100_000n]), 10_000n, 300);
  const second = send(first.wallet, 10_000n, 5_000);
  const bump = bumpFee(second.wallet, keys, { ...options(400), txid: txId(first.spend.tx), method: 'rbf' });
  if (!bump.ok) throw new Error(bump.failure.message);
  expect(bump.value.fee >= first.spend.fee + second.spend.fee + BigInt(txVsize(bump.value.tx))).toBe(true);
  const after = addUnconfirmed(second.wallet, keys, { tx: bump.value.tx, now: NOW, label: 'spend' });
  expect([...after.txs.values()].filter((e) => e.height === null).length).toBe(1);
});

test('a replacement brings in more confirmed coins where the change does not suffice', () => {
  const start = walletWith([100_000n, 60_000n]);
  const { wallet, spend } = send(start, 98_500n, 300);
  expect(spend.tx.inputs.length).toBe(1);
  const bump = bumpFee(wallet, keys, { ...options(10_000), txid: txId(spend.tx), method: 'rbf' });
  expect(bump.ok && bump.value.tx.inputs.length).toBe(2);
});

test('a funding transaction is never replaced, not even through its parent; a child pays for it', () => {
  const parent = send(walletWith([200_000n]), 10_000n);
  const funding = fundChannel(parent.wallet, keys, { ...options(300), script: THEIRS, amount: sat(100_000) });
  if (!funding.ok) throw new Error(funding.failure.message);
  const request = { ...options(3000), method: 'rbf' as const };
  expect(bumpFee(funding.value.wallet, keys, { ...request, txid: txId(parent.spend.tx) })).toMatchObject({ failure: { code: 'POLICY' } });
  const published = addUnconfirmed(funding.value.wallet, keys, { tx: funding.value.tx, now: NOW, label: 'funding' });
  expect(bumpFee(published, keys, { ...request, txid: txId(parent.spend.tx) })).toMatchObject({ failure: { code: 'POLICY' } });
  expect(bumpFee(published, keys, { ...request, txid: txId(funding.value.tx) })).toMatchObject({ failure: { code: 'POLICY' } });
  const bump = bumpFee(published, keys, { ...request, txid: txId(funding.value.tx), method: 'auto' });
  expect(bump.ok && bump.value.method).toBe('cpfp');
});

test('a child brings its parent and every unconfirmed ancestor to the feerate asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 800, max: 8_000 }), fc.integer({ min: 253, max: 700 }), (target, rate) => {
      const one = send(walletWith([600_000n]), 10_000n, rate);
      const two = send(one.wallet, 10_000n, rate);
      const bump = bumpFee(two.wallet, keys, { ...options(target), txid: txId(two.spend.tx), method: 'cpfp' });
      if (!bump.ok) throw new Error(bump.failure.message);
      const { tx, fee } = bump.value;
      const weight = txWeight(one.spend.tx) + txWeight(two.spend.tx) + txWeight(tx);
      const paid = one.spend.fee + two.spend.fee + fee;
      expect(paid >= feeOfWeightCeil(weight, feeratePerKw(target))).toBe(true);
      expect(paid <= feeOfWeightCeil(weight + 10, feeratePerKw(target)) + 10n).toBe(true);
      expect(equal(tx.inputs[0]?.prevout.txid ?? THEIRS, txId(two.spend.tx))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('an incoming payment of others is bumped by a child, with a confirmed coin where it is small', () => {
  const script = keys.script({ account: 'p2tr', chain: 'receive', index: 3 });
  const incoming = foreignTx([{ amount: sat(1_000), script }]);
  const wallet = addUnconfirmed(walletWith([50_000n]), keys, { tx: incoming, now: NOW, label: null });
  const bump = bumpFee(wallet, keys, { ...options(5_000), txid: txId(incoming), method: 'auto' });
  if (!bump.ok) throw new Error(bump.failure.message);
  expect([bump.value.method, bump.value.tx.inputs.length]).toEqual(['cpfp', 2]);
  expect(scriptFailure(bump.value.tx, prevoutsOf(wallet, bump.value.tx))).toBe(null);
  const alone = addUnconfirmed(freshWallet, keys, { tx: incoming, now: NOW, label: null });
  const poor = bumpFee(alone, keys, { ...options(5_000), txid: txId(incoming), method: 'auto' });
  expect(poor).toMatchObject({ ok: false, failure: { code: 'INSUFFICIENT_FUNDS' } });
});

test('what cannot be bumped is refused with its reason', () => {
  const { wallet, spend } = send(walletWith([100_000n]), 30_000n, 1000);
  const txid = txId(spend.tx);
  const code = (w: Wallet, rate: number, method: 'rbf' | 'cpfp' | 'auto', id = txid): string => {
    const bump = bumpFee(w, keys, { ...options(rate), txid: id, method });
    return bump.ok ? 'ok' : bump.failure.code;
  };
  expect(code(freshWallet, 2000, 'auto')).toBe('NOT_FOUND');
  expect(code(connectBlock(wallet, keys, { height: H, time: NOW, txs: [spend.tx] }), 2000, 'auto')).toBe('USAGE');
  expect(code(wallet, 900, 'rbf')).toBe('USAGE');
  expect(code(wallet, 900, 'cpfp')).toBe('USAGE');
  expect(code(wallet, 300_000, 'rbf')).toBe('POLICY');
  expect(code(wallet, 200_000, 'rbf')).toBe('INSUFFICIENT_FUNDS');
});
