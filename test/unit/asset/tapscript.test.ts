import fc from 'fast-check';
import { expect, test } from 'vitest';
import { interpretTapscript } from '../../../src/asset/vm/tapscript.ts';
import { type Bytes, concat, EMPTY, utf8 } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { sat } from '../../../src/base/units.ts';
import { OP, p2trScript, script, scriptNumber } from '../../../src/bitcoin/script.ts';
import { sighashTaproot } from '../../../src/bitcoin/sighash.ts';
import { controlBlock, tapBranchHash, tapLeafHash, taprootOutputKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import type { Tx } from '../../../src/bitcoin/tx.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { checkScripts, POLICY_FLAGS } from '../../../src/io/regtest/scripts.ts';

const KEY = sha256(utf8('key'));
const INTERNAL = xOnly(secp.publicKey(sha256(utf8('internal'))));
const SIGNER = xOnly(secp.publicKey(KEY));

interface Spend {
  readonly tx: Tx;
  readonly spent: readonly { readonly amount: ReturnType<typeof sat>; readonly script: Bytes }[];
}

/** A spend of a leaf; the items after `sign` of a hash type are replaced by signatures of the whole. */
function spendOf(
  leaf: Bytes,
  items: readonly (Bytes | { readonly sign: number; readonly codeSeparator?: number })[],
  change: Partial<Tx> & { sequence?: number; amount?: bigint; siblings?: readonly Bytes[] } = {},
): Spend {
  const hash = tapLeafHash(leaf);
  const root = (change.siblings ?? []).reduce(tapBranchHash, hash);
  const output = taprootOutputKey(INTERNAL, root);
  if (output === null) throw new Error('no output');
  const amount = sat(change.amount ?? 5000n);
  const spent = [{ amount, script: p2trScript(output.key) }];
  const tx: Tx = {
    version: change.version ?? 2,
    locktime: change.locktime ?? 0,
    inputs: [{ prevout: { txid: sha256(leaf) as TxId, vout: 3 }, scriptSig: EMPTY, sequence: change.sequence ?? 0, witness: [] }],
    outputs: [{ amount, script: p2trScript(SIGNER) }],
  };
  const stack = items.map((item) => {
    if (item instanceof Uint8Array) return item;
    const part = { hash, ...(item.codeSeparator === undefined ? {} : { codeSeparator: item.codeSeparator }) };
    const signature = secp.schnorrSign(
      sighashTaproot({ tx, index: 0, prevouts: spent, hashType: item.sign, leaf: part }),
      KEY,
      new Uint8Array(32),
    );
    return item.sign === 0 ? signature : concat(signature, Uint8Array.of(item.sign));
  });
  const control = controlBlock({ internalKey: INTERNAL, parity: output.parity, path: change.siblings ?? [] });
  return { tx: { ...tx, inputs: tx.inputs.map((input) => ({ ...input, witness: [...stack, leaf, control] })) }, spent };
}

const holds = ({ tx, spent }: Spend): boolean => interpretTapscript(tx, spent) === null;
const both = (spend: Spend): readonly [boolean, boolean] => [holds(spend), checkScripts(spend.tx, spend.spent, POLICY_FLAGS) === null];

test('signatures of every hash type, counted signatures, code separators and trees: as the independent interpreter says', () => {
  const checkSig = script(SIGNER, OP.CHECKSIG);
  const two = script(SIGNER, OP.CHECKSIG, SIGNER, OP.CHECKSIGADD, OP[2], 0x9c);
  const separated = script(OP[1], OP.DROP, OP.CODESEPARATOR, SIGNER, OP.CHECKSIG);
  const cases: readonly [Spend, boolean][] = [
    ...[0, 1, 2, 3, 0x81, 0x82, 0x83].map((sign): [Spend, boolean] => [spendOf(checkSig, [{ sign }]), true]),
    [spendOf(checkSig, [EMPTY]), false],
    [spendOf(checkSig, [new Uint8Array(64)]), false],
    [spendOf(checkSig, [{ sign: 0 }], { siblings: [sha256(utf8('1')), sha256(utf8('2'))] }), true],
    [spendOf(two, [{ sign: 0 }, { sign: 1 }]), true],
    [spendOf(two, [EMPTY, { sign: 1 }]), false],
    [spendOf(separated, [{ sign: 0, codeSeparator: 2 }]), true],
    [spendOf(separated, [{ sign: 0 }]), false],
    [spendOf(script(secp.publicKey(KEY), OP.CHECKSIG), [{ sign: 0 }]), false],
    [spendOf(Uint8Array.of(0xbb), []), false],
    [spendOf(script(OP[1], OP.CHECKMULTISIG), []), false],
  ];
  for (const [i, [spend, expected]] of cases.entries()) expect([i, ...both(spend)]).toEqual([i, expected, expected]);
});

test('locks: as the independent interpreter says', () => {
  const locktimes = [0, 1, 499_999_999, 500_000_000, 4_294_967_295];
  for (const argument of locktimes)
    for (const locktime of locktimes)
      for (const sequence of [0, 0xffffffff]) {
        const spend = spendOf(script(scriptNumber(argument), OP.CHECKLOCKTIMEVERIFY), [], { locktime, sequence });
        // A zero argument leaves false on the stack.
        const [own, other] = both(spend);
        expect([argument, locktime, sequence, own]).toEqual([argument, locktime, sequence, other]);
      }
  for (const argument of [0, 1, 65_535, 0x400001, 0x80000001])
    for (const sequence of [0, 1, 65_535, 0x400001, 0x80000000])
      for (const version of [1, 2]) {
        const [own, other] = both(spendOf(script(scriptNumber(argument), OP.CHECKSEQUENCEVERIFY), [], { sequence, version }));
        expect([argument, sequence, version, own]).toEqual([argument, sequence, version, other]);
      }
});

test('random scripts hold exactly where they hold for the independent interpreter', () => {
  const opcode = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: OP[1], max: 0x54 }) },
    { weight: 8, arbitrary: fc.integer({ min: 0x6b, max: 0x7d }) },
    { weight: 6, arbitrary: fc.integer({ min: 0x82, max: 0xaa }) },
    { weight: 3, arbitrary: fc.constantFrom(0, OP['1NEGATE'], OP.NOP, OP.IF, OP.NOTIF, OP.ELSE, OP.ENDIF, OP.VERIFY, OP.CODESEPARATOR) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  );
  const data = fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.integer({ min: -3, max: 3 }).map(scriptNumber));
  const item = fc.oneof({ weight: 4, arbitrary: opcode }, { weight: 1, arbitrary: data });
  let accepted = 0;
  const alike = fc.property(fc.array(item, { minLength: 1, maxLength: 14 }), fc.array(data, { maxLength: 4 }), (items, stack) => {
    const [own, other] = both(spendOf(script(...items), stack));
    if (own) accepted += 1;
    expect(own).toBe(other);
  });
  fc.assert(alike, { numRuns: 150 });
  // Few random scripts hold: these runs, always the same, are among those that meet some.
  accepted = 0;
  fc.assert(alike, { numRuns: 150, seed: 1 });
  expect(accepted).toBeGreaterThan(0);
});

test('units beyond 2^53 are signed for like any others', () => {
  for (const amount of [2n ** 53n + 1n, 2n ** 63n + 5n, 2n ** 64n - 1n])
    expect(holds(spendOf(script(SIGNER, OP.CHECKSIG), [{ sign: 0 }], { amount }))).toBe(true);
});

test('too many signatures for the witness, and items or stacks that are too large, are refused', () => {
  const many = (count: number): Bytes =>
    concat(...Array.from({ length: count }, () => script(OP.DUP, SIGNER, OP.CHECKSIGVERIFY)), script(OP.DROP, OP[1]));
  const spend = spendOf(many(2), [{ sign: 0 }]);
  expect(both(spend)).toEqual([true, true]);
  const repeated = script(SIGNER, ...Array.from({ length: 30 }, () => [0x6e, OP.CHECKSIGVERIFY]).flat(), 0x6d, OP[1]);
  const greedy = spendOf(repeated, [{ sign: 0 }]);
  expect(both(greedy)).toEqual([false, false]);
  expect(both(spendOf(script(OP.DROP, OP[1]), [new Uint8Array(521)]))).toEqual([false, false]);
  expect(both(spendOf(concat(...Array.from({ length: 1001 }, () => script(OP[1]))), []))).toEqual([false, false]);
  expect(interpretTapscript(spend.tx, [{ amount: sat(1n), script: script(OP[1]) }])).not.toBeNull();
});
