// Rules of single transitions that the vectors do not reach: hash types, scripts with locks, collectibles, nothing at all, and too much.
import { expect, test } from 'vitest';
import { type Asset, genesisWitness, inputWitness, type PrevId, prevIdOf, spendTemplate, ZERO_PREV_ID } from '../../../src/asset/asset.ts';
import { splitAssets } from '../../../src/asset/commitment/split.ts';
import { ASSET_TYPE, assetId, type Genesis, ZERO32 } from '../../../src/asset/genesis.ts';
import { bip86ScriptKey, NUMS_KEY, scriptPathKey } from '../../../src/asset/keys.ts';
import type { ChainTimes } from '../../../src/asset/vm/lock-time.ts';
import { interpretTapscript } from '../../../src/asset/vm/tapscript.ts';
import { inputSet, prevOutput, virtualSighash, virtualTx } from '../../../src/asset/vm/virtual-tx.ts';
import { type SplitAsset, validateTransition } from '../../../src/asset/vm/vm.ts';
import { type Bytes, concat, utf8 } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { OP, script, scriptNumber } from '../../../src/bitcoin/script.ts';
import { controlBlock, tapLeafHash, taprootOutputKey, taprootPrivateKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import { valid } from './asset-life.ts';

const SECRET = sha256(utf8('owner'));
const KEY = secp.publicKey(SECRET);
const NO_AUX = new Uint8Array(32);

const genesisOf = (type: number, tag = 'coin'): Genesis => ({
  firstPrevOut: { txid: sha256(utf8(tag)) as TxId, vout: 0 },
  tag: utf8(tag),
  metaHash: ZERO32,
  outputIndex: 0,
  type,
});
const held = (change: Partial<Asset> = {}): Asset => ({
  version: 0,
  genesis: genesisOf(ASSET_TYPE.NORMAL),
  amount: 100n,
  lockTime: 0n,
  relativeLockTime: 0n,
  prevWitnesses: [genesisWitness()],
  splitCommitmentRoot: null,
  scriptVersion: 0,
  scriptKey: bip86ScriptKey(KEY).publicKey,
  groupKey: null,
  unknown: [],
  ...change,
});
const at = (asset: Asset, n: number): readonly [PrevId, Asset] => [
  prevIdOf(asset, { txid: sha256(Uint8Array.of(n)) as TxId, vout: n }),
  asset,
];
const TO = bip86ScriptKey(secp.publicKey(sha256(utf8('receiver')))).publicKey;

interface World {
  readonly height?: number;
  readonly chain?: ChainTimes | null;
  readonly splits?: readonly SplitAsset[];
}
function code(
  asset: Asset,
  inputs: readonly (readonly [PrevId, Asset])[],
  { height = 100, chain = null, splits = [] }: World = {},
): string {
  const answers = [interpretTapscript, checkScripts].map((interpreter) => {
    const result = validateTransition({ asset, splits, inputs: inputSet(inputs) }, { interpreter, height, chain });
    return result.ok ? 'valid' : result.failure.code;
  });
  expect(new Set(answers).size, answers.join(' and ')).toBe(1);
  return answers[0] as string;
}

/** Signs every input by its key with this hash type; the last byte is left out for the default, as BIP 341 has it. */
function signed(asset: Asset, inputs: readonly (readonly [PrevId, Asset])[], hashType = 0, last = hashType): Asset {
  const { tx } = valid(virtualTx(asset, inputSet(inputs)));
  const prevWitnesses = asset.prevWitnesses.map((witness, index) => {
    const prevOut = prevOutput((inputs[index] as (typeof inputs)[number])[1]);
    const signature = secp.schnorrSign(virtualSighash({ tx, asset, index, prevOut, hashType }), taprootPrivateKey(SECRET, null), NO_AUX);
    return { ...witness, txWitness: [last === 0 ? signature : concat(signature, Uint8Array.of(last))] };
  });
  return { ...asset, prevWitnesses };
}
const spending = (inputs: readonly (readonly [PrevId, Asset])[], change: Partial<Asset> = {}): Asset => ({
  ...spendTemplate((inputs[0] as (typeof inputs)[number])[1]),
  amount: inputs.reduce((sum, [, { amount }]) => sum + amount, 0n),
  scriptKey: TO,
  prevWitnesses: inputs.map(([prevId]) => inputWitness(prevId)),
  ...change,
});

test('signatures of every hash type that BIP 341 defines hold, and of no other', () => {
  const inputs = [at(held(), 1), at(held({ amount: 7n }), 2)];
  const asset = spending(inputs);
  for (const hashType of [0, 1, 2, 3, 0x81, 0x82, 0x83])
    expect([hashType, code(signed(asset, inputs, hashType), inputs)]).toEqual([hashType, 'valid']);
  for (const last of [4, 0x80, 0x84, 0xff]) expect(code(signed(asset, inputs, 1, last), inputs)).toBe('INVALID_WITNESS');
  // The default type is never written out, and one type's signature is not another's.
  const spelled = {
    ...asset,
    prevWitnesses: signed(asset, inputs, 0).prevWitnesses.map((w) => ({
      ...w,
      txWitness: [concat(w.txWitness[0] as Bytes, Uint8Array.of(0))],
    })),
  };
  expect(code(spelled, inputs)).toBe('INVALID_WITNESS');
  expect(code(signed(asset, inputs, 2, 1), inputs)).toBe('INVALID_WITNESS');
});

test('a signature over no outputs lets the receiver be named later, one over all does not, and neither lets the units grow', () => {
  const inputs = [at(held(), 1)];
  const other = { scriptKey: bip86ScriptKey(secp.publicKey(sha256(utf8('another')))).publicKey };
  for (const [hashType, expected] of [
    [2, 'valid'],
    [0x82, 'valid'],
    [0, 'INVALID_WITNESS'],
    [1, 'INVALID_WITNESS'],
    [3, 'INVALID_WITNESS'],
  ] as const) {
    const asset = signed(spending(inputs), inputs, hashType);
    expect([hashType, code({ ...asset, ...other }, inputs)]).toEqual([hashType, expected]);
    expect(code({ ...asset, amount: 101n }, inputs)).toBe('AMOUNT_MISMATCH');
  }
  // The inputs stand in the virtual outpoint, which every type signs: none can be exchanged for another.
  const both = [at(held(), 1), at(held({ amount: 7n }), 2)];
  const asset = signed(spending(both), both, 0x82);
  const exchanged = [at(held(), 1), at(held({ amount: 7n }), 3)];
  const prevWitnesses = asset.prevWitnesses.map((w, i) => ({ ...w, prevId: (exchanged[i] as (typeof exchanged)[number])[0] }));
  expect(code({ ...asset, prevWitnesses }, exchanged)).toBe('INVALID_WITNESS');
});

/** An asset under one script, spent with these items before script and control block. */
function byScript(lock: Bytes, items: readonly Bytes[], change: Partial<Asset>, world: World): string {
  const leaf = tapLeafHash(lock);
  const spent = held({ scriptKey: scriptPathKey(KEY, leaf).publicKey });
  const inputs = [at(spent, 5)];
  const parity = taprootOutputKey(xOnly(KEY), leaf)?.parity ?? 0;
  const asset = spending(inputs, change);
  const witness = [...items, lock, controlBlock({ internalKey: xOnly(KEY), parity, path: [] })];
  return code({ ...asset, prevWitnesses: asset.prevWitnesses.map((w) => ({ ...w, txWitness: witness })) }, inputs, world);
}

const TIMES: ChainTimes = { txHeight: () => 50, medianTime: (height) => 1_700_000_000 + 600 * height };

test.each([
  ['height', 90n, 89n],
  ['time', 1_700_000_000n + 54_000n, 1_700_000_000n],
] as const)(
  'a script that asks for an absolute %s wants it of the new asset, whose lock the chain must have reached',
  (_, wanted, less) => {
    const lock = script(scriptNumber(Number(wanted)), OP.CHECKLOCKTIMEVERIFY, OP.DROP, OP[1]);
    expect(byScript(lock, [], { lockTime: wanted }, { height: 100, chain: TIMES })).toBe('valid');
    expect(byScript(lock, [], { lockTime: wanted }, { height: 89, chain: TIMES })).toBe('UNFINALIZED');
    expect(byScript(lock, [], { lockTime: less }, { height: 100, chain: TIMES })).toBe('INVALID_WITNESS');
    expect(byScript(lock, [], {}, { height: 100, chain: TIMES })).toBe('INVALID_WITNESS');
    expect(byScript(lock, [], { lockTime: wanted }, { height: 100, chain: { ...TIMES, medianTime: () => null } })).toBe(
      wanted > 500_000_000n ? 'CHAIN_UNKNOWN' : 'valid',
    );
  },
);

test.each([
  ['blocks', 30n, 29n, 80, 79],
  ['seconds', (1n << 22n) | 10n, (1n << 22n) | 9n, 58, 55],
] as const)(
  'a script that asks for relative %s wants them of the new asset, counted from the block of the input',
  (_, wanted, less, late, early) => {
    const lock = script(scriptNumber(Number(wanted)), OP.CHECKSEQUENCEVERIFY, OP.DROP, OP[1]);
    expect(byScript(lock, [], { relativeLockTime: wanted }, { height: late, chain: TIMES })).toBe('valid');
    expect(byScript(lock, [], { relativeLockTime: wanted }, { height: early, chain: TIMES })).toBe('UNFINALIZED');
    expect(byScript(lock, [], { relativeLockTime: less }, { height: late, chain: TIMES })).toBe('INVALID_WITNESS');
    expect(byScript(lock, [], { relativeLockTime: wanted | (1n << 31n) }, { height: late, chain: TIMES })).toBe('INVALID_WITNESS');
    expect(byScript(lock, [], { relativeLockTime: wanted }, { height: late, chain: { ...TIMES, txHeight: () => null } })).toBe(
      'CHAIN_UNKNOWN',
    );
  },
);

test('a collectible has one input and is not divided; two assets of two kinds never meet', () => {
  const one = held({ genesis: genesisOf(ASSET_TYPE.COLLECTIBLE), amount: 1n });
  const inputs = [at(one, 1)];
  expect(code(signed(spending(inputs), inputs), inputs)).toBe('valid');
  const twice = [at(one, 1), at(one, 2)];
  expect(code(signed(spending(twice), twice), twice)).toBe('INVALID_WITNESS');
  const locator = { assetId: assetId(one.genesis), assetVersion: 0 };
  const halves = splitAssets({
    inputs: [{ asset: one, outPoint: inputs[0]?.[0].outPoint as PrevId['outPoint'] }],
    root: { ...locator, outputIndex: 0, scriptKey: TO, amount: 1n },
    outputs: [{ ...locator, outputIndex: 1, scriptKey: TO, amount: 1n }],
  });
  expect(halves.ok ? 'split' : halves.failure.code).toBe('INVALID_SPLIT');
  const coins = [at(held(), 1)];
  expect(code(signed(spending(coins, { genesis: genesisOf(ASSET_TYPE.COLLECTIBLE) }), coins), coins)).toBe('TYPE_MISMATCH');
});

test('a root without units is under the key that nobody has, an output of a split has some, and sums beyond 64 bits are refused', () => {
  const spent = held();
  const inputs = [at(spent, 1)];
  const locator = { assetId: assetId(spent.genesis), assetVersion: 0 };
  const split = valid(
    splitAssets({
      inputs: [{ asset: spent, outPoint: inputs[0]?.[0].outPoint as PrevId['outPoint'] }],
      root: { ...locator, outputIndex: 0, scriptKey: NUMS_KEY, amount: 0n },
      outputs: [{ ...locator, outputIndex: 1, scriptKey: TO, amount: 100n }],
    }),
  );
  const [output] = split.outputs;
  const rootAsset = signed(split.rootAsset, inputs);
  const asset: Asset = { ...(output as NonNullable<typeof output>).asset };
  const splits = [{ asset, outputIndex: 1 }];
  expect(code(rootAsset, inputs, { splits })).toBe('valid');
  const stolen = signed({ ...split.rootAsset, scriptKey: TO }, inputs);
  expect(code(stolen, inputs, { splits })).toBe('INVALID_ROOT_ASSET');
  expect(code(rootAsset, inputs, { splits: [{ asset: { ...asset, amount: 0n }, outputIndex: 1 }] })).toBe('INVALID_ROOT_ASSET');
  expect(code(rootAsset, inputs, { splits: [{ asset, outputIndex: 2 }] })).toBe('INVALID_SPLIT_PROOF');
  expect(code(rootAsset, inputs, { splits: [{ asset: { ...asset, amount: 99n }, outputIndex: 1 }] })).toBe('INVALID_SPLIT_PROOF');
  expect(code({ ...rootAsset, splitCommitmentRoot: null, amount: 100n }, inputs, { splits })).toBe('NO_SPLIT_COMMITMENT');
  const much = [at(held({ amount: 2n ** 64n - 1n }), 1), at(held({ amount: 1n }), 2)];
  expect(code({ ...spending(much), amount: 0n }, much)).toBe('SUM_OVERFLOW');
});

test('inputs that are missing, left over, under another key, or of unknown script version are refused', () => {
  const inputs = [at(held(), 1), at(held({ amount: 7n }), 2)];
  const asset = signed(spending(inputs), inputs);
  expect(code(asset, inputs.slice(0, 1))).toBe('NO_INPUTS');
  expect(code({ ...asset, prevWitnesses: asset.prevWitnesses.slice(0, 1) }, inputs)).toBe('INPUT_MISMATCH');
  expect(code({ ...asset, prevWitnesses: [] }, inputs)).toBe('NO_INPUTS');
  expect(code({ ...asset, prevWitnesses: [{ ...genesisWitness(), prevId: null }] }, inputs)).toBe('NO_INPUTS');
  const [prevId, spent] = inputs[0] as (typeof inputs)[number];
  const renamed: readonly [PrevId, Asset] = [{ ...prevId, scriptKey: TO }, spent];
  const wrong = spending([renamed]);
  expect(code({ ...wrong, prevWitnesses: [inputWitness(renamed[0], [new Uint8Array(64)])] }, [renamed])).toBe('SCRIPT_KEY_MISMATCH');
  const newer = [at(held({ scriptVersion: 1 }), 1)];
  expect(code(signed(spending(newer), newer), newer)).toBe('INVALID_SCRIPT_VERSION');
  expect(code({ ...held(), prevWitnesses: [inputWitness(ZERO_PREV_ID)] }, inputs)).toBe('INVALID_GENESIS');
  expect(code(held({ groupKey: KEY }), [])).toBe('INVALID_GENESIS');
});
