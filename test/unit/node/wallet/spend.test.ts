import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal } from '../../../../src/base/bytes.ts';
import { height, sat } from '../../../../src/base/units.ts';
import { dustLimit, feeOfWeightCeil, fromSatPerVbyte } from '../../../../src/bitcoin/fees.ts';
import { p2wpkhScript } from '../../../../src/bitcoin/script.ts';
import { txWeight } from '../../../../src/bitcoin/tx.ts';
import { LEAST_CHANGE } from '../../../../src/node/wallet/build.ts';
import { coins, spendable } from '../../../../src/node/wallet/coins.ts';
import { selectExact } from '../../../../src/node/wallet/select.ts';
import { buildSpend, fundChannel } from '../../../../src/node/wallet/spend.ts';
import { addUnconfirmed, connectBlock } from '../../../../src/node/wallet/wallet.ts';
import { scriptFailure } from '../../bitcoin/interpreter.ts';
import { foreignTx, freshWallet, keys, NOW, options, prevoutsOf, sumOut, THEIRS, walletWith } from './world.ts';

const amounts = fc.array(fc.bigInt({ min: 600n, max: 5_000_000n }), { minLength: 1, maxLength: 12 });
const feerate = fc.integer({ min: 253, max: 25_000 });

test('value is conserved, the fee meets the feerate and little more, nothing is dust, and the scripts pass', () => {
  let [built, refused, scriptsRun] = [0, 0, 0];
  fc.assert(
    fc.property(amounts, fc.bigInt({ min: 300n, max: 8_000_000n }), feerate, fc.nat(), (have, amount, rate, seed) => {
      const wallet = walletWith(have);
      const spend = buildSpend(wallet, keys, { ...options(rate, seed), outputs: [{ script: THEIRS, amount: sat(amount) }] });
      if (!spend.ok) {
        refused += 1;
        expect(spend.failure.code).toBe('INSUFFICIENT_FUNDS');
        // It is refused only where even all coins together cannot pay.
        const everything = buildSpend(wallet, keys, { ...options(rate, seed), outputs: [{ script: THEIRS, amount: null }] });
        expect(!everything.ok || sumOut(everything.value.tx) < amount).toBe(true);
        return;
      }
      built += 1;
      const { tx, fee, inputs, change } = spend.value;
      const spent = prevoutsOf(wallet, tx);
      expect(spent.reduce((sum, output) => sum + output.amount, 0n)).toBe(sumOut(tx) + fee);
      expect(inputs.length).toBe(tx.inputs.length);
      const least = feeOfWeightCeil(txWeight(tx), options(rate).feerate);
      expect(fee >= least).toBe(true);
      // Above the exact fee: a signature may be shorter than foretold, and change too small for an output.
      const spare = feeOfWeightCeil(2 * tx.inputs.length + 4 * 43, options(rate).feerate) + LEAST_CHANGE;
      expect(fee - least <= spare).toBe(true);
      for (const output of tx.outputs) expect(output.amount >= dustLimit(output.script)).toBe(true);
      expect(tx.outputs.filter((output) => equal(output.script, THEIRS)).map((o) => o.amount)).toEqual([amount]);
      if (change !== null) expect(tx.outputs[change.vout]?.amount).toBe(change.amount);
      if (scriptsRun < 12) {
        scriptsRun += 1;
        expect(scriptFailure(tx, spent)).toBe(null);
      }
    }),
  );
  expect([built > 10, refused > 0, scriptsRun]).toEqual([true, true, 12]);
});

test('the interpreter that judges the scripts refuses a spoiled signature of each kind', () => {
  for (const amounts of [[50_000n], [600n, 50_000n]]) {
    const wallet = walletWith(amounts);
    const spend = buildSpend(wallet, keys, { ...options(300), outputs: [{ script: THEIRS, amount: sat(20_000) }] });
    if (!spend.ok) throw new Error(spend.failure.message);
    const { tx } = spend.value;
    expect(tx.inputs.length).toBe(1);
    const prevouts = prevoutsOf(wallet, tx);
    expect(scriptFailure(tx, prevouts)).toBe(null);
    const spoiled = { ...tx, outputs: tx.outputs.map((output) => ({ ...output, amount: sat(output.amount - 1n) })) };
    expect(scriptFailure(spoiled, prevouts)).not.toBe(null);
  }
});

test('sending everything leaves nothing worth spending, and pays the exact fee', () => {
  fc.assert(
    fc.property(amounts, feerate, (have, rate) => {
      const wallet = walletWith(have);
      const spend = buildSpend(wallet, keys, { ...options(rate), outputs: [{ script: THEIRS, amount: null }] });
      if (!spend.ok) {
        expect(spend.failure.code).toBe('INSUFFICIENT_FUNDS');
        return;
      }
      expect(spend.value.tx.outputs.length).toBe(1);
      expect(spend.value.fee).toBe(feeOfWeightCeil(spend.value.weight, options(rate).feerate));
      const after = addUnconfirmed(wallet, keys, { tx: spend.value.tx, now: NOW, label: 'spend' });
      const again = buildSpend(after, keys, { ...options(rate), outputs: [{ script: THEIRS, amount: null }] });
      expect(again.ok).toBe(false);
    }),
  );
});

test('neither reserved nor immature nor strange unconfirmed coins are ever chosen', () => {
  fc.assert(
    fc.property(amounts, feerate, fc.nat(), (have, rate, seed) => {
      const wallet = walletWith(have);
      const total = have.reduce((sum, amount) => sum + amount, 0n);
      const first = fundChannel(wallet, keys, { ...options(rate, seed), script: THEIRS, amount: sat(total / 3n + 400n) });
      if (!first.ok) return;
      const script = keys.script({ account: 'p2tr', chain: 'receive', index: 15 });
      const stranger = addUnconfirmed(first.value.wallet, keys, {
        tx: foreignTx([{ amount: sat(10_000_000), script }]),
        now: NOW,
        label: null,
      });
      const second = buildSpend(stranger, keys, { ...options(rate, seed), outputs: [{ script: THEIRS, amount: null }] });
      if (!second.ok) return;
      const states = new Map(coins(stranger, height(200)).map((view) => [view.coin, view.state]));
      for (const coin of second.value.inputs) expect(states.get(coin)).toBe('confirmed');
      for (const coin of second.value.inputs) expect(first.value.inputs.some((c) => c === coin)).toBe(false);
    }),
  );
});

test('our own unconfirmed change is used when confirmed coins do not suffice', () => {
  const wallet = walletWith([100_000n]);
  const first = buildSpend(wallet, keys, { ...options(300), outputs: [{ script: THEIRS, amount: sat(10_000) }] });
  if (!first.ok) throw new Error(first.failure.message);
  const sent = addUnconfirmed(wallet, keys, { tx: first.value.tx, now: NOW, label: 'spend' });
  const second = buildSpend(sent, keys, { ...options(300), outputs: [{ script: THEIRS, amount: sat(10_000) }] });
  expect(second.ok && second.value.inputs[0]?.height).toBe(null);
});

test('an exact match needs no change', () => {
  const wallet = walletWith([10_000n, 20_000n, 50_000n, 300_000n]);
  const rate = options(500).feerate;
  const bare = buildSpend(wallet, keys, { ...options(500), outputs: [{ script: THEIRS, amount: sat(70_000 - 400) }] });
  expect(bare.ok && [bare.value.change, bare.value.inputs.length]).toEqual([null, 2]);
  const { confirmed } = spendable(wallet, height(200));
  expect(selectExact(confirmed, { target: sat(1), slack: sat(1), feerate: rate })).toBe(null);
});

test('money that must stay for channels stays', () => {
  const wallet = walletWith([60_000n, 60_000n]);
  const request = { ...options(300), keep: sat(50_000) };
  const small = buildSpend(wallet, keys, { ...request, outputs: [{ script: THEIRS, amount: sat(60_000) }] });
  expect(small.ok).toBe(true);
  const large = buildSpend(wallet, keys, { ...request, outputs: [{ script: THEIRS, amount: sat(90_000) }] });
  expect(large).toMatchObject({ ok: false, failure: { code: 'INSUFFICIENT_FUNDS', details: { keep_sat: 50_000n } } });
  const all = buildSpend(wallet, keys, { ...request, outputs: [{ script: THEIRS, amount: null }] });
  expect(all.ok && all.value.change?.amount).toBe(50_000n);
});

test('absurd fees, dust and empty requests are refused', () => {
  const wallet = walletWith(Array.from({ length: 40 }, () => 1_000_000n));
  const code = (rate: number, outputs: Parameters<typeof buildSpend>[2]['outputs']): string => {
    const spend = buildSpend(wallet, keys, { ...options(rate), outputs });
    return spend.ok ? 'ok' : spend.failure.code;
  };
  expect(code(fromSatPerVbyte(1001), [{ script: THEIRS, amount: sat(50_000) }])).toBe('POLICY');
  // 40 inputs at 500 sat/vB cost more than a hundredth of a bitcoin.
  expect(code(fromSatPerVbyte(500), [{ script: THEIRS, amount: null }])).toBe('POLICY');
  expect(code(300, [{ script: THEIRS, amount: sat(293) }])).toBe('USAGE');
  expect(code(300, [{ script: THEIRS, amount: sat(-1) }])).toBe('USAGE');
  expect(code(300, [])).toBe('USAGE');
  expect(code(0, [{ script: THEIRS, amount: sat(5000) }])).toBe('USAGE');
  expect(code(Number.NaN, [{ script: THEIRS, amount: sat(5000) }])).toBe('USAGE');
  expect(
    code(
      300,
      [THEIRS, THEIRS].map((script) => ({ script, amount: null })),
    ),
  ).toBe('USAGE');
  expect(code(300, [{ script: THEIRS, amount: sat(294) }])).toBe('ok');
});

test('every input signals replacement, and the lock time is at most the height', () => {
  const wallet = walletWith([100_000n, 200_000n]);
  const locktimes = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const spend = buildSpend(wallet, keys, { ...options(300, seed), outputs: [{ script: THEIRS, amount: sat(250_000) }] });
    if (!spend.ok) throw new Error(spend.failure.message);
    for (const input of spend.value.tx.inputs) expect(input.sequence).toBe(0xfffffffd);
    expect(spend.value.tx.locktime).toBeLessThanOrEqual(200);
    locktimes.add(spend.value.tx.locktime);
  }
  expect(locktimes.size).toBeGreaterThan(1);
});

test('an output of a channel that comes back to a wallet address is a coin like any other', () => {
  const script = keys.script({ account: 'p2tr', chain: 'receive', index: 0 });
  const sweep = foreignTx([{ amount: sat(40_000), script }]);
  const wallet = addUnconfirmed(freshWallet, keys, { tx: sweep, now: NOW, label: 'sweep' });
  expect(spendable(wallet, height(200)).trusted.length).toBe(1);
  const mined = connectBlock(wallet, keys, { height: height(201), time: NOW, txs: [sweep] });
  const spend = buildSpend(mined, keys, {
    ...options(300),
    outputs: [{ script: p2wpkhScript(keys.publicKey({ account: 'p2wpkh', chain: 'receive', index: 0 })), amount: sat(39_000) }],
  });
  expect(spend.ok && scriptFailure(spend.value.tx, prevoutsOf(mined, spend.value.tx))).toBe(null);
});
