import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bytes, toHex } from '../../../../src/base/bytes.ts';
import { height, type Sat, sat } from '../../../../src/base/units.ts';
import { type Tx, txId } from '../../../../src/bitcoin/tx.ts';
import { decodeWith, encodeWith } from '../../../../src/codec/codec.ts';
import { bumpFee } from '../../../../src/node/wallet/bump.ts';
import { walletCodec } from '../../../../src/node/wallet/codec.ts';
import { balance } from '../../../../src/node/wallet/coins.ts';
import { buildSpend } from '../../../../src/node/wallet/spend.ts';
import { outPointKey, type Wallet } from '../../../../src/node/wallet/types.ts';
import { addUnconfirmed, connectBlock, disconnectBlock, newScript, restoreWallet } from '../../../../src/node/wallet/wallet.ts';
import { foreignTx, freshWallet, keys, NOW, options, THEIRS } from './world.ts';

type Action =
  | { readonly kind: 'receive'; readonly amount: number; readonly wpkh: boolean; readonly mined: boolean }
  | { readonly kind: 'send'; readonly percent: number; readonly rate: number }
  | { readonly kind: 'bump'; readonly which: number; readonly rate: number; readonly method: 'rbf' | 'cpfp' }
  | { readonly kind: 'mine'; readonly share: number }
  | { readonly kind: 'reorg'; readonly depth: number; readonly drop: number }
  | { readonly kind: 'restart' };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('receive' as const),
    amount: fc.integer({ min: 500, max: 300_000 }),
    wpkh: fc.boolean(),
    mined: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('send' as const), percent: fc.integer({ min: 1, max: 80 }), rate: fc.integer({ min: 253, max: 3000 }) }),
  fc.record({
    kind: fc.constant('bump' as const),
    which: fc.nat(),
    rate: fc.integer({ min: 400, max: 9000 }),
    method: fc.constantFrom('rbf' as const, 'cpfp' as const),
  }),
  fc.record({ kind: fc.constant('mine' as const), share: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ kind: fc.constant('reorg' as const), depth: fc.integer({ min: 1, max: 3 }), drop: fc.nat() }),
  fc.constant({ kind: 'restart' as const }),
);

/** A chain and a mempool that know nothing of wallets, beside the wallet that follows them. */
class World {
  wallet: Wallet = freshWallet;
  blocks: Tx[][] = [];
  mempool: Tx[] = [];

  get tip(): ReturnType<typeof height> {
    return height(this.blocks.length);
  }

  publish(tx: Tx, label: 'spend' | null): void {
    const taken = new Set(tx.inputs.map((i) => toHex(outPointKey(i.prevout))));
    const lost = new Set<string>();
    this.mempool = this.mempool.filter((other) => {
      const gone = other.inputs.some((i) => taken.has(toHex(outPointKey(i.prevout))) || lost.has(toHex(i.prevout.txid)));
      if (gone) lost.add(toHex(txId(other)));
      return !gone;
    });
    this.mempool.push(tx);
    this.wallet = addUnconfirmed(this.wallet, keys, { tx, now: NOW, label });
  }

  /** Mines the first part of the mempool: a child never without its parent. */
  mine(txs: readonly Tx[]): void {
    this.blocks.push([...txs]);
    this.mempool = this.mempool.filter((tx) => !txs.includes(tx));
    this.wallet = connectBlock(this.wallet, keys, { height: this.tip, time: NOW, txs });
  }

  reorg(depth: number): void {
    for (let i = 0; i < depth && this.blocks.length > 0; i++) {
      this.wallet = disconnectBlock(this.wallet, this.tip);
      this.mempool = [...(this.blocks.pop() ?? []), ...this.mempool];
    }
  }

  /** What the wallet should hold, from the chain and the mempool alone. */
  truth(): { readonly confirmed: Sat; readonly unconfirmed: Sat } {
    const coins = new Map<string, { readonly amount: bigint; readonly confirmed: boolean }>();
    const apply = (tx: Tx, confirmed: boolean): void => {
      for (const input of tx.inputs) coins.delete(toHex(outPointKey(input.prevout)));
      for (const [vout, output] of tx.outputs.entries())
        if (this.wallet.scripts.has(output.script))
          coins.set(toHex(outPointKey({ txid: txId(tx), vout })), { amount: output.amount, confirmed });
    };
    for (const block of this.blocks) for (const tx of block) apply(tx, true);
    for (const tx of this.mempool) apply(tx, false);
    let [confirmed, unconfirmed] = [0n, 0n];
    for (const coin of coins.values()) {
      if (coin.confirmed) confirmed += coin.amount;
      else unconfirmed += coin.amount;
    }
    return { confirmed: sat(confirmed), unconfirmed: sat(unconfirmed) };
  }
}

function run(world: World, each: Action, seed: number): boolean {
  const { tip } = world;
  switch (each.kind) {
    case 'receive': {
      const fresh = newScript(world.wallet, keys, each.wpkh ? 'p2wpkh' : 'p2tr');
      world.wallet = fresh.wallet;
      const tx = foreignTx([
        { amount: sat(1000), script: THEIRS },
        { amount: sat(each.amount), script: fresh.script },
      ]);
      if (each.mined) world.mine([tx]);
      else world.publish(tx, null);
      return true;
    }
    case 'send': {
      const { confirmed, unconfirmed } = balance(world.wallet, tip);
      const amount = ((confirmed + unconfirmed) * BigInt(each.percent)) / 100n;
      const request = { ...options(each.rate, seed), height: tip, outputs: [{ script: THEIRS, amount: sat(amount) }] };
      const spend = buildSpend(world.wallet, keys, request);
      if (spend.ok) world.publish(spend.value.tx, 'spend');
      return spend.ok;
    }
    case 'bump': {
      const open = [...world.wallet.txs.values()].filter((entry) => entry.height === null);
      const entry = open[each.which % Math.max(1, open.length)];
      if (entry === undefined) return false;
      const bump = bumpFee(world.wallet, keys, { ...options(each.rate, seed), height: tip, txid: entry.txid, method: each.method });
      if (bump.ok) world.publish(bump.value.tx, 'spend');
      return bump.ok;
    }
    case 'mine':
      world.mine(world.mempool.slice(0, Math.ceil((world.mempool.length * each.share) / 100)));
      return true;
    case 'reorg':
      world.reorg(each.depth);
      return true;
    case 'restart': {
      const read = decodeWith(walletCodec, encodeWith(walletCodec, world.wallet));
      if (!read.ok) throw new Error(read.failure.message);
      world.wallet = restoreWallet(read.value, keys);
      return true;
    }
  }
}

test('whatever happens, the wallet holds what chain and mempool say, and what is loaded equals what was in memory', () => {
  const hits: Record<string, number> = {};
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 40 }), fc.nat(), (actions, seed) => {
      const world = new World();
      for (const [i, each] of actions.entries()) {
        const before = snapshot(world.wallet);
        const done = run(world, each, seed + i);
        if (done) hits[each.kind] = (hits[each.kind] ?? 0) + 1;
        if (each.kind === 'restart') expect(snapshot(world.wallet)).toEqual(before);
        const { confirmed, unconfirmed } = balance(world.wallet, world.tip);
        expect({ confirmed, unconfirmed }).toEqual(world.truth());
      }
    }),
    { numRuns: 80 },
  );
  for (const kind of ['receive', 'send', 'bump', 'mine', 'reorg', 'restart']) expect([kind, (hits[kind] ?? 0) > 10]).toEqual([kind, true]);
});

test('a damaged wallet blob is refused or decodes, and never throws', () => {
  const world = new World();
  run(world, { kind: 'receive', amount: 5000, wpkh: true, mined: true }, 1);
  run(world, { kind: 'send', percent: 20, rate: 300 }, 2);
  const blob = encodeWith(walletCodec, world.wallet);
  for (let i = 0; i < blob.length; i++) {
    expect(decodeWith(walletCodec, blob.slice(0, i)).ok).toBe(false);
    const flipped = blob.slice();
    flipped[i] = (flipped[i] as number) ^ 0xff;
    decodeWith(walletCodec, flipped);
  }
  const newer = blob.slice();
  newer[0] = 2;
  expect(decodeWith(walletCodec, newer)).toMatchObject({ ok: false, failure: { message: 'wallet of version 2' } });
});

function snapshot(wallet: Wallet): unknown {
  const list = (map: { entries(): Iterable<readonly [Bytes, unknown]> }): unknown[] =>
    [...map.entries()].map(([key, value]) => [toHex(key), value] as const).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  return [wallet.cursors, list(wallet.coins), list(wallet.txs), list(wallet.scripts), list(wallet.pending)];
}
