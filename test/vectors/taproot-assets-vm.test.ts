import { expect, test } from 'vitest';
import { altLeaf } from '../../src/asset/alt-leaf.ts';
import type { Asset } from '../../src/asset/asset.ts';
import { EMPTY_GENESIS } from '../../src/asset/genesis.ts';
import { interpretTapscript } from '../../src/asset/vm/tapscript.ts';
import { inputSet } from '../../src/asset/vm/virtual-tx.ts';
import { type SplitAsset, type VmCode, validateTransition } from '../../src/asset/vm/vm.ts';
import type { ScriptInterpreter } from '../../src/asset/vm/witness.ts';
import { checkScripts } from '../../src/io/regtest/scripts.ts';
import { assetOfJson, type JsonAsset, type JsonPrevId, prevIdOfJson } from './taproot-assets-json.ts';
import { readVectors } from './taproot-assets-read.ts';

interface Case {
  readonly asset: JsonAsset;
  readonly split_set: readonly { readonly value: { readonly asset: JsonAsset; readonly output_index: number } }[] | null;
  readonly input_set: readonly { readonly prev_id: JsonPrevId; readonly asset: JsonAsset }[] | null;
  readonly block_height: number;
  readonly comment: string;
  readonly error?: string;
}
interface Vectors {
  readonly valid_test_cases: readonly Case[] | null;
  readonly error_test_cases: readonly Case[] | null;
}

// What tapd's tests say of the chain: every input confirmed at 234, every median time the same.
const CHAIN = { txHeight: () => 234, medianTime: () => 1_717_955_203 };

function run(each: Case, interpreter: ScriptInterpreter): ReturnType<typeof validateTransition> {
  const splits = (each.split_set ?? [])
    .map(({ value }): SplitAsset => ({ asset: splitAsset(value.asset), outputIndex: value.output_index }))
    .sort((a, b) => (a.asset.amount < b.asset.amount ? -1 : 1));
  const inputs = inputSet((each.input_set ?? []).map(({ prev_id, asset }) => [prevIdOfJson(prev_id), assetOfJson(asset)] as const));
  const transition = { asset: assetOfJson(each.asset), splits, inputs };
  return validateTransition(transition, { interpreter, height: each.block_height, chain: CHAIN });
}
// A split without a script key stands for an asset with no fields at all.
const splitAsset = (json: JsonAsset): Asset =>
  json.script_key ? assetOfJson(json) : { ...altLeaf(new Uint8Array(33)), genesis: EMPTY_GENESIS };

/** The codes that stand for the vectors' error texts. */
const CODES: readonly [text: string, code: VmCode][] = [
  ['invalid genesis state transition', 'INVALID_GENESIS'],
  ['missing asset input(s)', 'NO_INPUTS'],
  ['invalid transfer asset witness', 'INVALID_WITNESS'],
  ['invalid split asset type', 'INVALID_SPLIT_TYPE'],
  ['un-finalized asset', 'UNFINALIZED'],
  ['invalid zero-value root asset', 'INVALID_ROOT_ASSET'],
];

test('vm_validation_generated.json: 26 transitions are valid, by the interpreter of the built-in chain and by the own one', () => {
  const cases = readVectors<Vectors>('vm/vm_validation_generated.json').valid_test_cases ?? [];
  expect(cases).toHaveLength(26);
  for (const interpreter of [checkScripts, interpretTapscript])
    for (const each of cases) expect(run(each, interpreter), each.comment).toEqual({ ok: true, value: null });
});

test('vm_validation_generated_error_cases.json: 24 transitions are refused for the given reason', () => {
  const cases = readVectors<Vectors>('vm/vm_validation_generated_error_cases.json').error_test_cases ?? [];
  expect(cases).toHaveLength(24);
  for (const interpreter of [checkScripts, interpretTapscript])
    for (const each of cases) {
      const code = CODES.find(([text]) => each.error?.startsWith(text))?.[1];
      const result = run(each, interpreter);
      expect(result.ok ? 'valid' : result.failure.code, `${each.comment}: ${result.ok ? '' : result.failure.message}`).toBe(code);
    }
});
