import { describe, expect, test } from 'vitest';
import { type Bytes, concat, EMPTY, toHex } from '../../../src/base/bytes.ts';
import { sat } from '../../../src/base/units.ts';
import {
  OP,
  opReturnScript,
  p2pkhScript,
  p2shScript,
  p2trScript,
  p2wpkhScript,
  p2wshScript,
  push,
  script,
  scriptNumber,
} from '../../../src/bitcoin/script.ts';
import { SIGHASH, sighashTaproot, sighashV0 } from '../../../src/bitcoin/sighash.ts';
import { signP2trInput, signP2wpkhInput, witnessSignature } from '../../../src/bitcoin/sign.ts';
import { bip86Script, controlBlock, tapLeafHash, taprootOutputKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { encodeTxWithoutWitness, type Tx, type TxOutput, txId, txVsize, withWitness } from '../../../src/bitcoin/tx.ts';
import { encodeDer } from '../../../src/crypto/der.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256d } from '../../../src/crypto/hash.ts';
import type { RegtestChain } from '../../../src/io/regtest/chain.ts';
import { type BlockNode, medianTimePast } from '../../../src/io/regtest/consensus.ts';
import { AWAY, chainOf, coinbaseOf, HOME, KEY, outputOf, PUBLIC, refusal, spend } from './regtest-kit.ts';

const output = (script: Bytes, amount: number | bigint): TxOutput => ({ script, amount: sat(BigInt(amount)) });
/** A confirmed output of 100,000 sat that pays to `to`, and a transaction that spends it without a witness yet. */
function fund(to: Bytes, options: { readonly sequence?: number; readonly locktime?: number; readonly outputs?: number } = {}) {
  const chain = chainOf(102);
  const funding = spend([coinbaseOf(chain, 1)], { to: [output(to, 100_000), output(HOME, 4_999_890_000n)] });
  expect(refusal(chain.submit(funding))).toBeNull();
  chain.mine(1, HOME);
  const { outpoint, amount } = outputOf(funding, 0);
  const tx: Tx = {
    version: 2,
    inputs: [{ prevout: outpoint, scriptSig: EMPTY, sequence: options.sequence ?? 0xfffffffd, witness: [] }],
    outputs: [output(AWAY, 90_000)],
    locktime: options.locktime ?? 0,
  };
  return { chain, tx, amount, spent: output(to, amount) };
}
const sign = (tx: Tx, scriptCode: Bytes, amount: bigint, hashType = SIGHASH.ALL as number): Bytes =>
  witnessSignature(secp.sign(sighashV0({ tx, index: 0, scriptCode, amount: sat(amount), hashType }), KEY), hashType);
const NULLFAIL = 'mempool-script-verify-flag-failed (SCRIPT_ERR_SIG_NULLFAIL, input 0)';

describe('scripts', () => {
  test('P2WPKH: the right signature spends, one over another amount does not', () => {
    const { chain, tx, amount } = fund(p2wpkhScript(PUBLIC));
    const bad = withWitness(tx, 0, signP2wpkhInput({ tx, index: 0, amount: sat(amount + 1n), privateKey: KEY }));
    expect(refusal(chain.submit(bad))).toBe(NULLFAIL);
    expect(refusal(chain.submit(withWitness(tx, 0, signP2wpkhInput({ tx, index: 0, amount, privateKey: KEY }))))).toBeNull();
  });

  test('P2WSH with a delay: the script, its hash and its relative lock are held', () => {
    const delayed = script(scriptNumber(3), OP.CHECKSEQUENCEVERIFY, OP.DROP, PUBLIC, OP.CHECKSIG);
    const { chain, tx, amount } = fund(p2wshScript(delayed), { sequence: 3 });
    const wrong = script(PUBLIC, OP.CHECKSIG);
    const good = withWitness(tx, 0, [sign(tx, delayed, amount), delayed]);
    expect(refusal(chain.submit(good))).toBe('non-BIP68-final');
    chain.mine(2, HOME);
    expect(refusal(chain.submit(withWitness(tx, 0, [sign(tx, wrong, amount), wrong])))).toMatch(/WITNESS_PROGRAM_MISMATCH/);
    const early = { ...tx, inputs: [{ ...tx.inputs[0]!, sequence: 2 }] };
    expect(refusal(chain.submit(withWitness(early, 0, [sign(early, delayed, amount), delayed])))).toMatch(/UNSATISFIED_LOCKTIME/);
    expect(refusal(chain.submit(good))).toBeNull();
  });

  test('P2WSH with SINGLE|ANYONECANPAY: others may add inputs and outputs, and change nothing of what was signed', () => {
    const witnessScript = script(PUBLIC, OP.CHECKSIG);
    const { chain, tx, amount } = fund(p2wshScript(witnessScript));
    const flags = SIGHASH.SINGLE | SIGHASH.ANYONECANPAY;
    const signature = sign(tx, witnessScript, amount, flags);
    const stolen = { ...tx, outputs: [output(HOME, 90_000)] };
    expect(refusal(chain.submit(withWitness(stolen, 0, [signature, witnessScript])))).toBe(NULLFAIL);
    const more = { ...tx, outputs: [...tx.outputs, output(HOME, 5_000)] };
    expect(refusal(chain.submit(withWitness(more, 0, [signature, witnessScript])))).toBeNull();
  });

  test('P2WSH: an argument of OP_IF other than 1 or nothing is refused (minimal if)', () => {
    const branches = script(OP.IF, PUBLIC, OP.ELSE, OP[0], OP.ENDIF, OP.CHECKSIG);
    const { chain, tx, amount } = fund(p2wshScript(branches));
    const signature = sign(tx, branches, amount);
    expect(refusal(chain.submit(withWitness(tx, 0, [signature, Uint8Array.of(2), branches])))).toMatch(/MINIMALIF/);
    expect(refusal(chain.submit(withWitness(tx, 0, [signature, Uint8Array.of(1), branches])))).toBeNull();
  });

  test('P2TR: key path and script path spend, with wrong keys and wrong leaves neither does', () => {
    const leaf = script(xOnly(PUBLIC), OP.CHECKSIG);
    const root = tapLeafHash(leaf);
    const key = taprootOutputKey(xOnly(PUBLIC), root)!;
    const { chain, tx, spent } = fund(p2trScript(key.key));
    const control = controlBlock({ internalKey: xOnly(PUBLIC), parity: key.parity, path: [] });
    const signature = secp.schnorrSign(
      sighashTaproot({ tx, index: 0, prevouts: [spent], hashType: 0, leaf: { hash: root } }),
      KEY,
      new Uint8Array(32),
    );
    const otherLeaf = script(xOnly(PUBLIC), OP.CHECKSIGVERIFY, OP[1]);
    expect(refusal(chain.submit(withWitness(tx, 0, [signature, otherLeaf, control])))).toMatch(/WITNESS_PROGRAM_MISMATCH/);
    expect(refusal(chain.submit(withWitness(tx, 0, [signature.with(5, (signature[5] as number) ^ 1), leaf, control])))).toMatch(
      /SCHNORR_SIG/,
    );
    expect(refusal(chain.submit(withWitness(tx, 0, signP2trInput({ tx, index: 0, prevouts: [spent], privateKey: KEY }))))).toMatch(
      /failed/,
    );
    expect(chain.test(withWitness(tx, 0, [signature, leaf, control])).ok).toBe(true);
    const byKey = signP2trInput({ tx, index: 0, prevouts: [spent], privateKey: KEY, merkleRoot: root });
    expect(refusal(chain.submit(withWitness(tx, 0, byKey)))).toBeNull();
  });

  test('BIP 86: the key path of an output without scripts spends', () => {
    const { chain, tx, spent } = fund(bip86Script(PUBLIC));
    expect(refusal(chain.submit(withWitness(tx, 0, signP2trInput({ tx, index: 0, prevouts: [spent], privateKey: KEY }))))).toBeNull();
  });

  test('P2SH around P2WPKH: the pushed program spends, another one does not', () => {
    const inner = p2wpkhScript(PUBLIC);
    const { chain, tx, amount } = fund(p2shScript(inner));
    const witness = signP2wpkhInput({ tx, index: 0, amount, privateKey: KEY });
    const wrapped = (program: Bytes): Tx => ({ ...tx, inputs: [{ ...tx.inputs[0]!, scriptSig: push(program), witness }] });
    expect(refusal(chain.submit(wrapped(AWAY)))).toMatch(/script-verify-flag-failed/);
    expect(refusal(chain.submit(wrapped(inner)))).toBeNull();
  });

  test('P2PKH: the old signature hash spends, a high s is refused', () => {
    const code = p2pkhScript(PUBLIC);
    const { chain, tx } = fund(code);
    const unsigned: Tx = { ...tx, inputs: [{ ...tx.inputs[0]!, scriptSig: code }] };
    const signature = secp.sign(sha256d(concat(encodeTxWithoutWitness(unsigned), Uint8Array.of(1, 0, 0, 0))), KEY);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const high = Uint8Array.from(signature);
    const flipped = (order - BigInt(`0x${toHex(signature.subarray(32))}`)).toString(16).padStart(64, '0');
    for (let i = 0; i < 32; i++) high[32 + i] = Number.parseInt(flipped.slice(2 * i, 2 * i + 2), 16);
    const signed = (sig: Bytes): Tx => ({
      ...tx,
      inputs: [{ ...tx.inputs[0]!, scriptSig: script(concat(encodeDer(sig), Uint8Array.of(1)), PUBLIC) }],
    });
    expect(refusal(chain.submit(signed(high)))).toMatch(/HIGH_S|DER/);
    expect(refusal(chain.submit(signed(signature)))).toBeNull();
  });

  test('OP_CHECKLOCKTIMEVERIFY and the lock time hold until their height', () => {
    const locked = script(scriptNumber(105), OP.CHECKLOCKTIMEVERIFY, OP.DROP, PUBLIC, OP.CHECKSIG);
    const { chain, tx, amount } = fund(p2wshScript(locked), { locktime: 105 });
    const early = { ...tx, locktime: 100 };
    expect(refusal(chain.submit(withWitness(early, 0, [sign(early, locked, amount), locked])))).toMatch(/UNSATISFIED_LOCKTIME/);
    const good = withWitness(tx, 0, [sign(tx, locked, amount), locked]);
    chain.mine(1, HOME);
    expect(chain.tip.height).toBe(104);
    expect(refusal(chain.submit(good))).toBe('non-final');
    chain.mine(1, HOME);
    expect(refusal(chain.submit(good))).toBeNull();
  });
});

describe('locks', () => {
  test('a lock time in seconds is compared with the median time past', () => {
    let clock = 1_700_000_000;
    const chain = chainOf(101, { now: () => clock });
    const tx = spend([coinbaseOf(chain, 1)], { locktime: 1_700_001_000 });
    clock += 1_100;
    chain.mine(5, HOME);
    expect(refusal(chain.submit(tx))).toBe('non-final');
    chain.mine(1, HOME);
    expect(refusal(chain.submit(tx))).toBeNull();
  });

  test('a relative lock in units of 512 seconds counts from the median time past before the confirmation', () => {
    let clock = 1_700_000_000;
    const chain = chainOf(120, { now: () => clock });
    const tx = spend([coinbaseOf(chain, 20)], { sequence: 0x400002 });
    const start = medianTimePast(chain.at(19) as BlockNode);
    clock = start + 1_023;
    chain.mine(6, HOME);
    expect(medianTimePast(chain.tip)).toBe(start + 1_023);
    expect(refusal(chain.submit(tx))).toBe('non-BIP68-final');
    clock = start + 1_024;
    chain.mine(6, HOME);
    expect(medianTimePast(chain.tip)).toBe(start + 1_024);
    expect(refusal(chain.submit(tx))).toBeNull();
  });

  test('a coinbase is spent after 100 blocks, not before', () => {
    const chain = chainOf(99);
    const tx = spend([coinbaseOf(chain, 1)]);
    expect(refusal(chain.submit(tx))).toBe('bad-txns-premature-spend-of-coinbase');
    chain.mine(1, HOME);
    expect(refusal(chain.submit(tx))).toBeNull();
  });
});

describe('standardness', () => {
  const chain = chainOf(101);
  const coin = coinbaseOf(chain, 1);
  const cases: readonly (readonly [string, Tx, RegExp])[] = [
    ['a fee below the floor', spend([coin], { fee: 50 }), /^min relay fee not met, 50 < 110$/],
    ['an output below the dust limit', spend([coin], { to: [output(AWAY, 293)] }), /^dust$/],
    ['version 0', spend([coin], { version: 0 }), /^version$/],
    ['version 4', spend([coin], { version: 4 }), /^version$/],
    ['an output script of no known kind', spend([coin], { to: [output(new Uint8Array(20).fill(OP[1]), 10_000)] }), /^scriptpubkey$/],
    [
      'two data outputs',
      spend([coin], { to: [output(opReturnScript(Uint8Array.of(7)), 0), output(opReturnScript(Uint8Array.of(7)), 0)] }),
      /^multi-op-return$/,
    ],
    ['too much data', spend([coin], { to: [output(opReturnScript(new Uint8Array(81)), 0)] }), /^scriptpubkey$/],
    ['an unknown input', spend([{ outpoint: { ...coin.outpoint, vout: 7 }, amount: coin.amount }]), /^bad-txns-inputs-missingorspent$/],
    ['the same input twice', spend([coin, coin]), /^bad-txns-inputs-duplicate$/],
    ['no outputs', spend([coin], { to: [] }), /^bad-txns-vout-empty$/],
    ['more out than in', spend([coin], { to: [output(AWAY, coin.amount + 1n)] }), /^bad-txns-in-belowout$/],
    [
      'a scriptSig that is no push',
      { ...spend([coin]), inputs: [{ ...spend([coin]).inputs[0]!, scriptSig: Uint8Array.of(OP.DUP) }] },
      /^scriptsig-not-pushonly$/,
    ],
    ['a coinbase', chain.at(5)!.txs[0]!, /already in utxo set|coinbase/],
  ];
  for (const [name, tx, reason] of cases) test(`${name} is refused`, () => expect(refusal(chain.submit(tx))).toMatch(reason));

  test('a transaction that is there is known, one in a block is already in the chain', () => {
    const own = chainOf(101);
    const tx = spend([coinbaseOf(own, 1)]);
    expect(own.submit(tx)).toEqual({ ok: true, value: 'accepted' });
    expect(own.submit(tx)).toEqual({ ok: true, value: 'known' });
    own.mine(1, HOME);
    expect(own.submit(tx)).toMatchObject({ ok: false, failure: { code: -27 } });
  });
});

describe('replacement', () => {
  const conflicting = (fee: number) => {
    const chain = chainOf(102);
    const first = spend([coinbaseOf(chain, 1)], { fee: 1_000, sequence: 0xffffffff });
    expect(refusal(chain.submit(first))).toBeNull();
    return { chain, first, second: spend([coinbaseOf(chain, 1)], { fee }) };
  };

  test('a higher fee replaces, even where the old one did not signal', () => {
    const { chain, first, second } = conflicting(2_000);
    expect(refusal(chain.submit(second))).toBeNull();
    expect(chain.transaction(txId(first))).toBeNull();
    expect(chain.mempool.entries.size).toBe(1);
  });

  test('the replacement must pay a better feerate and its own relay on top', () => {
    const { chain, second } = conflicting(1_000);
    expect(refusal(chain.submit(second))).toMatch(/^insufficient fee, rejecting replacement [0-9a-f]{64}; new feerate .* <= old feerate/);
    const least = 1_000 + txVsize(second);
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1)], { fee: least - 1 })))).toMatch(/not enough additional fees to relay/);
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1)], { fee: least })))).toBeNull();
  });

  test('the fees of descendants that would go are paid too', () => {
    const chain = chainOf(102);
    const parent = spend([coinbaseOf(chain, 1)], { to: [output(HOME, 4_999_999_000n)] });
    const child = spend([outputOf(parent, 0)], { fee: 50_000 });
    for (const tx of [parent, child]) expect(refusal(chain.submit(tx))).toBeNull();
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1)], { fee: 51_000 - 1 })))).toMatch(/less fees than conflicting txs/);
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1)], { fee: 52_000 })))).toBeNull();
    expect(chain.mempool.entries.size).toBe(1);
  });

  test('it may not spend what it replaces, nor new unconfirmed outputs', () => {
    const { chain, first } = conflicting(0);
    const other = spend([coinbaseOf(chain, 2)], { to: [output(HOME, 4_999_990_000n)] });
    expect(refusal(chain.submit(other))).toBeNull();
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1), outputOf(other, 0)], { fee: 90_000 })))).toMatch(
      /^replacement-adds-unconfirmed/,
    );
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1), outputOf(first, 0)], { fee: 90_000 })))).toMatch(
      /^bad-txns-spends-conflicting-tx/,
    );
  });
});

describe('families', () => {
  const chainUp = (chain: RegtestChain, count: number, fee = 1_000): readonly (string | null)[] => {
    let coin = coinbaseOf(chain, 1);
    return Array.from({ length: count }, () => {
      const tx = spend([coin], { to: [output(HOME, coin.amount - BigInt(fee))] });
      coin = outputOf(tx, 0);
      return refusal(chain.submit(tx));
    });
  };

  test('25 unconfirmed generations are allowed, the 26th is not', () => {
    const results = chainUp(chainOf(101), 26);
    expect(results.slice(0, 25).every((each) => each === null)).toBe(true);
    expect(results[25]).toMatch(/^too-long-mempool-chain/);
  });

  test('a block takes parents before children, and a child pays for its parent', () => {
    const chain = chainOf(104);
    const poor = spend([coinbaseOf(chain, 1)], { to: [output(HOME, 4_999_999_850n)] });
    const child = spend([outputOf(poor, 0)], { fee: 100_000 });
    const middling = spend([coinbaseOf(chain, 2)], { fee: 5_000 });
    for (const tx of [middling, poor, child]) expect(refusal(chain.submit(tx))).toBeNull();
    const order = chain.mempool.template().entries.map((entry) => toHex(entry.txid));
    expect(order).toEqual([poor, child, middling].map((tx) => toHex(txId(tx))));
    // Room for the family alone: it goes first although the parent pays least.
    const room = chain.mempool.template(1_000).entries.map((entry) => toHex(entry.txid));
    expect(room).toEqual([poor, child].map((tx) => toHex(txId(tx))));
  });
});
