import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { type Bytes, concat, fromHex, toHex } from '../../../../src/base/bytes.ts';
import { feeratePerKw, msat, sat } from '../../../../src/base/units.ts';
import { compareOutputs } from '../../../../src/bitcoin/bip69.ts';
import { p2trScript, p2wpkhScript, p2wshScript } from '../../../../src/bitcoin/script.ts';
import { txWeight } from '../../../../src/bitcoin/tx.ts';
import {
  type ClosingInput,
  closingFee,
  closingWeight,
  completeClosing,
  isShutdownScript,
  legacyClosingTx,
  type SimpleCloseRequest,
  type SimpleCloseVariant,
  signClosing,
  simpleCloseChoice,
  simpleCloseVariants,
  simpleClosingTx,
  verifyClosing,
} from '../../../../src/bolt/channel/closing.ts';
import { basepoints } from '../../../../src/bolt/channel/keys.ts';
import { scriptFailure } from '../../bitcoin/interpreter.ts';
import { alice, aliceParams, bob, CAPACITY, fundingOutput } from './transactions-fixture.ts';

const params = aliceParams('anchors');
const outpoint = params.fundingOutpoint;
const input: ClosingInput = {
  outpoint,
  capacity: CAPACITY,
  localFundingPubkey: basepoints(alice).fundingPubkey,
  remoteFundingPubkey: basepoints(bob).fundingPubkey,
};
const ours = p2wpkhScript(basepoints(alice).paymentBasepoint);
const theirs = p2trScript(basepoints(bob).paymentBasepoint.slice(1));
const opReturn = fromHex('6a06010203040506');

const legacy = (localMsat: bigint, fee: bigint, funder: 'local' | 'remote' = 'local') =>
  legacyClosingTx({
    outpoint,
    local: { balanceMsat: msat(localMsat), script: ours },
    remote: { balanceMsat: msat(CAPACITY * 1000n - localMsat), script: theirs },
    funder,
    fee: sat(fee),
    dustLimit: sat(354),
  });

describe('closing_signed', () => {
  test('a transaction of both outputs, signed by both, passes Bitcoin’s rules; a wrong or foreign signature does not', () => {
    const tx = must(legacy(7_000_000_999n, 1000n), 'a transaction');
    expect([tx.version, tx.locktime, tx.inputs[0]?.sequence]).toEqual([2, 0, 0xffffffff]);
    expect(tx.outputs.map((output) => output.amount)).toEqual([2_999_999n, 6_999_000n]);
    const local = signClosing(tx, input, alice.fundingKey);
    const remote = signClosing(tx, input, bob.fundingKey);
    expect(verifyClosing(tx, input, remote)).toBe(true);
    expect(verifyClosing(tx, input, local)).toBe(false);
    expect(verifyClosing(must(legacy(7_000_000_999n, 1001n), 'a transaction'), input, remote)).toBe(false);
    expect(scriptFailure(completeClosing(tx, input, { local, remote }), [fundingOutput(params)])).toBeNull();
    expect(scriptFailure(completeClosing(tx, input, { local: remote, remote: local }), [fundingOutput(params)])).not.toBeNull();
  });

  test('the remote side completes the same transaction', () => {
    const tx = must(legacy(7_000_000_000n, 1000n), 'a transaction');
    const mirrored = { ...input, localFundingPubkey: input.remoteFundingPubkey, remoteFundingPubkey: input.localFundingPubkey };
    const [a, b] = [signClosing(tx, input, alice.fundingKey), signClosing(tx, mirrored, bob.fundingKey)];
    expect(completeClosing(tx, mirrored, { local: b, remote: a })).toEqual(completeClosing(tx, input, { local: a, remote: b }));
  });

  test('only the funder pays the fee', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: CAPACITY * 1000n }),
        fc.bigInt({ min: 0n, max: CAPACITY }),
        fc.constantFrom('local', 'remote'),
        (localMsat, fee, funder) => {
          const tx = legacy(localMsat, fee, funder);
          const balance = { local: localMsat / 1000n, remote: (CAPACITY * 1000n - localMsat) / 1000n };
          const after = { ...balance, [funder]: balance[funder] - fee };
          if (after[funder] < 0n || (after.local < 354n && after.remote < 354n)) {
            expect(tx).toBeNull();
            return;
          }
          const wanted = [
            ...(after.local < 354n ? [] : [{ amount: sat(after.local), script: ours }]),
            ...(after.remote < 354n ? [] : [{ amount: sat(after.remote), script: theirs }]),
          ];
          expect(tx?.outputs).toEqual(wanted.toSorted(compareOutputs));
        },
      ),
    );
  });

  test('dust goes to the fee', () => {
    expect(must(legacy(353_999n, 0n, 'remote'), 'a transaction').outputs.map((output) => toHex(output.script))).toEqual([toHex(theirs)]);
    expect(must(legacy(354_000n, 0n, 'remote'), 'a transaction').outputs.length).toBe(2);
  });

  test('the expected weight is the real one, less at most what short signatures save', () => {
    for (const localMsat of [7_000_000_000n, 0n]) {
      const tx = must(legacy(localMsat, 0n), 'a transaction');
      const signed = completeClosing(tx, input, {
        local: signClosing(tx, input, alice.fundingKey),
        remote: signClosing(tx, input, bob.fundingKey),
      });
      const expected = closingWeight(tx.outputs.map((output) => output.script));
      expect(expected - txWeight(signed)).toBeGreaterThanOrEqual(0);
      expect(expected - txWeight(signed)).toBeLessThanOrEqual(4);
    }
    expect(closingFee([ours, theirs], feeratePerKw(1000))).toBe(sat(closingWeight([ours, theirs])));
  });
});

const request = (closerMsat: bigint, fee: bigint, scripts: { closer?: Bytes; closee?: Bytes } = {}): SimpleCloseRequest => ({
  outpoint,
  closer: { balanceMsat: msat(closerMsat), script: scripts.closer ?? ours },
  closee: { balanceMsat: msat(CAPACITY * 1000n - closerMsat), script: scripts.closee ?? theirs },
  fee: sat(fee),
  locktime: 800,
});
const variantsOf = (part: SimpleCloseRequest): readonly SimpleCloseVariant[] => simpleCloseVariants(part).map(({ variant }) => variant);

describe('closing_complete', () => {
  test('the closer pays; the transaction is replaceable and bears the lock time', () => {
    const tx = must(simpleClosingTx(request(7_000_000_999n, 1000n), 'closer_and_closee_outputs'), 'a transaction');
    expect([tx.version, tx.locktime, tx.inputs[0]?.sequence]).toEqual([2, 800, 0xfffffffd]);
    expect(tx.outputs.map((output) => output.amount)).toEqual([2_999_999n, 6_999_000n]);
    const local = signClosing(tx, input, alice.fundingKey);
    const remote = signClosing(tx, input, bob.fundingKey);
    expect(scriptFailure(completeClosing(tx, input, { local, remote }), [fundingOutput(params)])).toBeNull();
  });

  test.each<[string, SimpleCloseRequest, readonly SimpleCloseVariant[]]>([
    [
      'more than the closee: its own output always stands',
      request(7_000_000_000n, 1000n),
      ['closer_output_only', 'closer_and_closee_outputs'],
    ],
    ['as much as the closee: not the lesser side', request(5_000_000_000n, 1000n), ['closer_output_only', 'closer_and_closee_outputs']],
    ['more, and the closee only dust', request(9_999_700_000n, 1000n), ['closer_output_only']],
    ['less: both outputs', request(2_000_000_000n, 1000n), ['closer_and_closee_outputs']],
    ['less, and dust after the fee', request(1_200_000n, 1000n), ['closee_output_only']],
    ['a fee above its balance: nothing to sign', request(900_000n, 1000n), []],
    ['all for the fee, with an OP_RETURN', request(1_000_000n, 1000n, { closer: opReturn }), ['closer_and_closee_outputs']],
    ['a fee that leaves only dust', request(10_000_000_000n, 9_999_800n), []],
  ])('the closer has %s', (_, part, variants) => {
    expect(variantsOf(part)).toEqual(variants);
  });

  test('each variant has the outputs of its name', () => {
    const part = request(7_000_000_000n, 1000n);
    const scripts = (variant: SimpleCloseVariant) =>
      must(simpleClosingTx(part, variant), 'a transaction').outputs.map((o) => toHex(o.script));
    expect(scripts('closer_output_only')).toEqual([toHex(ours)]);
    expect(scripts('closee_output_only')).toEqual([toHex(theirs)]);
    expect(scripts('closer_and_closee_outputs')).toEqual([toHex(theirs), toHex(ours)]);
  });

  test('the amount behind OP_RETURN is 0 and the rest goes to the fee', () => {
    const tx = must(simpleClosingTx(request(1_000_000n, 400n, { closer: opReturn }), 'closer_and_closee_outputs'), 'a transaction');
    expect(tx.outputs[0]).toEqual({ amount: 0n, script: opReturn });
    const closee = must(simpleClosingTx(request(9_000_000_000n, 400n, { closee: opReturn }), 'closer_and_closee_outputs'), 'a transaction');
    expect(closee.outputs[0]).toEqual({ amount: 0n, script: opReturn });
  });

  test('the closee chooses the signature that the specification says', () => {
    const both = new Set<SimpleCloseVariant>(['closer_output_only', 'closer_and_closee_outputs']);
    expect(simpleCloseChoice(request(7_000_000_000n, 1000n), both)).toBe('closer_and_closee_outputs');
    expect(simpleCloseChoice(request(9_999_700_000n, 1000n), both)).toBe('closer_output_only');
    expect(simpleCloseChoice(request(1_200_000n, 1000n), new Set(['closee_output_only']))).toBe('closee_output_only');
    expect(simpleCloseChoice(request(9_999_990_000n, 1000n, { closee: opReturn }), both)).toBe('closer_and_closee_outputs');
  });

  test('what the closer signs the closee finds, whatever the balances, fee and scripts', () => {
    const script = fc.constantFrom(ours, theirs, opReturn, p2wshScript(opReturn));
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: 0n, max: CAPACITY * 1000n }), fc.bigInt({ min: 0n, max: 2_000_000n })),
        fc.oneof(fc.bigInt({ min: 0n, max: 3000n }), fc.bigInt({ min: 0n, max: CAPACITY })),
        fc.constantFrom(ours, theirs, p2wshScript(opReturn)),
        script,
        (closerMsat, fee, closer, closee) => {
          const part = request(closerMsat, fee, { closer, closee });
          const variants = simpleCloseVariants(part);
          if (variants.length === 0) return;
          const choice = simpleCloseChoice(part, new Set(variants.map((one) => one.variant)));
          expect(variants.map((one) => one.variant)).toContain(choice);
          for (const { tx } of variants) {
            const paid = tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
            expect(paid).toBeLessThanOrEqual(CAPACITY - fee);
          }
        },
      ),
    );
  });
});

describe('the forms of shutdown scripts', () => {
  const all = { anySegwit: true, simpleClose: true };
  const none = { anySegwit: false, simpleClose: false };
  const data = (length: number): Bytes => new Uint8Array(length).fill(1);

  test('version 0 programs of 20 and 32 bytes always', () => {
    for (const length of [20, 32]) expect(isShutdownScript(concat(Uint8Array.of(0, length), data(length)), none)).toBe(true);
    for (const length of [2, 19, 21, 33, 40]) expect(isShutdownScript(concat(Uint8Array.of(0, length), data(length)), all)).toBe(false);
  });

  test('versions 1 to 16 with option_shutdown_anysegwit, of 2 to 40 bytes', () => {
    for (const opcode of [0x51, 0x60])
      for (const length of [2, 32, 40]) {
        const script = concat(Uint8Array.of(opcode, length), data(length));
        expect(isShutdownScript(script, all)).toBe(true);
        expect(isShutdownScript(script, { ...all, anySegwit: false })).toBe(false);
      }
    for (const length of [1, 41]) expect(isShutdownScript(concat(Uint8Array.of(0x51, length), data(length)), all)).toBe(false);
    expect(isShutdownScript(concat(Uint8Array.of(0x61, 32), data(32)), all)).toBe(false);
    expect(isShutdownScript(concat(Uint8Array.of(0x51, 32), data(33)), all)).toBe(false);
  });

  test('OP_RETURN with one minimal push of 6 to 80 bytes with option_simple_close', () => {
    const short = (length: number): Bytes => concat(Uint8Array.of(0x6a, length), data(length));
    const long = (length: number): Bytes => concat(Uint8Array.of(0x6a, 0x4c, length), data(length));
    for (const script of [short(6), short(75), long(76), long(80)]) {
      expect(isShutdownScript(script, all)).toBe(true);
      expect(isShutdownScript(script, { ...all, simpleClose: false })).toBe(false);
    }
    for (const script of [short(5), short(76), long(75), long(81), concat(short(6), data(1)), long(78).slice(0, -1), Uint8Array.of(0x6a)])
      expect(isShutdownScript(script, all)).toBe(false);
  });

  test('other scripts never', () => {
    for (const text of ['', '00', `76a914${'11'.repeat(20)}88ac`, `a914${'11'.repeat(20)}87`])
      expect(isShutdownScript(fromHex(text), all)).toBe(false);
  });
});
