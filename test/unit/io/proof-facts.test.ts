import { expect, test } from 'vitest';
import { writeFile } from '../../../src/asset/proof/file.ts';
import { decodeProof, encodeProof, type Proof } from '../../../src/asset/proof/proof.ts';
import { type ProofChain, ProofFacts } from '../../../src/io/chain/proof-facts.ts';
import { mint, newWorld, valid } from '../asset/asset-life.ts';
import { chainOf } from './universe/kit.ts';

test('what a proof claims in the files of its further inputs makes us ask the chain a bounded number of times', async () => {
  const world = newWorld();
  const plain: Proof = valid(decodeProof(mint(world).proofs[0] as Uint8Array));
  const locked = (blockHeight: number, lockTime: bigint): Uint8Array =>
    encodeProof({ ...plain, blockHeight, asset: { ...plain.asset, lockTime } });
  const files = (lockTime: bigint) => [writeFile(Array.from({ length: 1_000 }, (_, i) => locked(1_000 + i, lockTime)))];
  const asked = async (additionalInputs: readonly Uint8Array[]): Promise<number> => {
    let questions = 0;
    const source = chainOf(world);
    const chain: ProofChain = { ...source, blockHash: (height) => ++questions > 0 && source.blockHash(height) } as ProofChain;
    expect(await new ProofFacts(chain).lookUp({ ...plain, additionalInputs })).toEqual({ ok: true, value: null });
    return questions;
  };
  expect(await asked(files(1_700_000_000n))).toBeLessThan(1_000);
  // A lock by height needs no times.
  expect(await asked(files(144n))).toBe(0);
});
