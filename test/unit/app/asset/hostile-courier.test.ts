// A courier may answer with histories that are made up: they are verified when they are whole, and until then they cost little.
import { expect, test } from 'vitest';
import { fetchFile } from '../../../../src/app/asset/receipt.ts';
import { type LeafLocator, leafOf } from '../../../../src/asset/courier.ts';
import { readFile } from '../../../../src/asset/proof/file.ts';
import { decodeProof } from '../../../../src/asset/proof/proof.ts';
import { equal } from '../../../../src/base/bytes.ts';
import { ok } from '../../../../src/base/result.ts';
import { equalOutPoint } from '../../../../src/bitcoin/tx.ts';
import type { OpenCourier } from '../../../../src/io/courier/courier.ts';
import { longFile, newWorld, valid } from '../../asset/asset-life.ts';

test('a history that is too large, or too slow to come, is given up while it is fetched', async () => {
  const transitions = valid(readFile(longFile(newWorld(), 12)));
  const leaves = transitions.map((raw) => leafOf(valid(decodeProof(raw)), raw));
  let asked = 0;
  const courier = {
    async find({ outPoint, scriptKey }: LeafLocator) {
      asked += 1;
      const found = leaves.find((leaf) => equalOutPoint(leaf.outPoint, outPoint) && equal(leaf.scriptKey, scriptKey));
      return ok(found?.proof ?? null);
    },
  } as unknown as OpenCourier;
  const newest = leaves.at(-1) as LeafLocator;
  const part = { newest, kinds: ['transfer'] as const, signal: new AbortController().signal };
  expect((await fetchFile(courier, part)).ok).toBe(true);
  asked = 0;
  const most = 3 * (transitions.at(-1)?.length ?? 0);
  expect(await fetchFile(courier, { ...part, mostBytes: most })).toMatchObject({ ok: false, failure: { code: 'TOO_LARGE' } });
  expect(asked).toBeLessThan(6);
  expect(await fetchFile(courier, { ...part, mostMs: -1 })).toMatchObject({ ok: false, failure: { code: 'TIMEOUT' } });
});
