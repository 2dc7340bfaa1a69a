import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { assetId } from '../../../../src/asset/genesis.ts';
import { encodeProof as encodeMerkle } from '../../../../src/asset/mssmt/proof.ts';
import { decodeProof, encodeProof } from '../../../../src/asset/proof/proof.ts';
import { leafTreeKey } from '../../../../src/asset/universe/id.ts';
import { toHex } from '../../../../src/base/bytes.ts';
import type { OutPoint, TxId } from '../../../../src/base/ids.ts';
import { fail, ok } from '../../../../src/base/result.ts';
import type { LeafKey, Page, Universe, UniverseRoot } from '../../../../src/io/universe/contract.ts';
import type { LocalUniverse } from '../../../../src/io/universe/local.ts';
import { pushTo } from '../../../../src/io/universe/push.ts';
import { type SyncOptions, syncFrom } from '../../../../src/io/universe/sync.ts';
import { mint, newKey, newWorld, type Owned, send, transfer, valid, type World } from '../../asset/asset-life.ts';
import { cleanUp, fill, lastLeaf, leavesOf, newUniverse } from './kit.ts';

afterEach(cleanUp);

const options = (change: Partial<SyncOptions> = {}): SyncOptions => ({ ids: null, signal: new AbortController().signal, ...change });
const roots = (universe: LocalUniverse) => [universe.multiverseRoot('issuance'), universe.multiverseRoot('transfer')];

/** Mintings, groups of two tranches, splits and merges. */
function history(world: World): readonly Owned[] {
  const plain = mint(world, { amount: 1000n });
  const { sent, change } = send(world, plain, 300n);
  const merged = transfer(world, change, transfer(world, sent));
  const rawKey = newKey(world);
  const first = mint(world, { amount: 5n, name: 'club', group: { rawKey } });
  const second = mint(world, { amount: 6n, name: 'club', group: { rawKey, anchorId: assetId(first.asset.genesis) } });
  return [sent, merged, transfer(world, first), transfer(world, second), mint(world, { name: 'alone' })];
}

/** A universe that answers as another does, but for what is changed. */
const posing = (universe: Universe, change: (real: Universe) => Partial<Universe>): Universe => {
  const real: Universe = {
    roots: (page) => universe.roots(page),
    root: (id) => universe.root(id),
    leafKeys: (id, page) => universe.leafKeys(id, page),
    query: (id, key) => universe.query(id, key),
    insert: (leaf) => universe.insert(leaf),
  };
  return { ...real, ...change(real) };
};

test('a sync makes the roots equal, in both directions, and a second one finds nothing', async () => {
  const world = newWorld();
  const [full, taker, given] = [newUniverse(world), newUniverse(world), newUniverse(world)];
  await fill(full, ...history(world));
  const report = await syncFrom(full, taker, options());
  expect(report.failure).toBeNull();
  expect(report.universes.flatMap(({ refused }) => refused)).toEqual([]);
  for (const { after, goal } of report.universes) expect(after).toEqual(goal);
  expect(roots(taker)).toEqual(roots(full));
  expect((await syncFrom(full, taker, options())).universes).toEqual([]);

  const pushed = await pushTo(given, full, options());
  expect(pushed.failure).toBeNull();
  expect(pushed.universes.map(({ id }) => id.proofType).join()).toBe('issuance,issuance,issuance,transfer,transfer');
  expect(roots(given)).toEqual(roots(full));
  expect((await pushTo(given, full, options())).universes).toEqual([]);
});

test('both keep what only they have; then each has all', async () => {
  const world = newWorld();
  const [a, b] = [newUniverse(world), newUniverse(world)];
  const minted = mint(world, { amount: 10n });
  const { sent, change } = send(world, minted, 4n);
  await fill(a, transfer(world, sent));
  await fill(b, transfer(world, change), mint(world, { name: 'b' }));
  expect((await syncFrom(b, a, options())).failure).toBeNull();
  expect(roots(a)).not.toEqual(roots(b));
  expect((await pushTo(b, a, options())).failure).toBeNull();
  expect(roots(a)).toEqual(roots(b));
});

test('only mintings, or only one asset or group, where that is asked for', async () => {
  const world = newWorld();
  const full = newUniverse(world);
  const [sent, , grouped] = history(world) as [Owned, Owned, Owned];
  await fill(full, sent, grouped);
  const mintings = newUniverse(world);
  await syncFrom(full, mintings, options({ issuanceOnly: true }));
  expect(mintings.multiverseRoot('transfer')).toBeNull();
  expect(mintings.multiverseRoot('issuance')).toEqual(full.multiverseRoot('issuance'));
  const one = newUniverse(world);
  const of = { kind: 'group', groupKey: grouped.asset.groupKey as Uint8Array } as const;
  const report = await syncFrom(
    full,
    one,
    options({
      ids: [
        { proofType: 'issuance', of },
        { proofType: 'transfer', of },
      ],
    }),
  );
  expect(report.universes).toHaveLength(2);
  expect(valid(await one.roots({ offset: 0, limit: 9 })).map(({ id }) => id.of.kind)).toEqual(['group', 'group']);
  const pushed = newUniverse(world);
  await pushTo(pushed, full, options({ ids: [{ proofType: 'issuance', of }] }));
  expect(valid(await pushed.roots({ offset: 0, limit: 9 }))).toHaveLength(1);
});

test('whatever the order in which the other tells of its leaves, all arrive', async () => {
  const world = newWorld();
  const full = newUniverse(world);
  await fill(full, ...history(world), transfer(world, transfer(world, transfer(world, mint(world)))));
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 5 }), async (seed, batch) => {
      const taker = newUniverse(world);
      const random = (key: LeafKey): number => ((key.scriptKey[5] ?? 0) * 7919 + seed) % 251;
      const mixed = posing(full, (real) => ({
        leafKeys: async (id, page) => {
          const keys = await real.leafKeys(id, page);
          return keys.ok ? ok([...keys.value].sort((x, y) => random(x) - random(y))) : keys;
        },
      }));
      const report = await syncFrom(mixed, taker, options({ limits: { batch, questions: 3 } }));
      expect(report.failure).toBeNull();
      expect(roots(taker)).toEqual(roots(full));
    }),
    { numRuns: 8 },
  );
});

test('a sync that broke goes on where it stopped', async () => {
  const world = newWorld();
  const [full, taker] = [newUniverse(world), newUniverse(world)];
  await fill(full, ...history(world));
  let answers = 0;
  const breaking = posing(full, (real) => ({
    query: async (id, key) => (++answers % 4 === 0 ? fail({ code: 'UNREACHABLE', message: 'gone' } as const) : real.query(id, key)),
  }));
  let runs = 0;
  for (; runs < 20; runs++) {
    const report = await syncFrom(breaking, taker, options({ limits: { batch: 1, questions: 1 } }));
    if (report.failure === null) break;
    expect(report.failure.code).toBe('UNREACHABLE');
  }
  expect(runs).toBeGreaterThan(1);
  expect(roots(taker)).toEqual(roots(full));
});

test('leaves that a reorganisation gave other proofs are replaced on both sides', async () => {
  const world = newWorld();
  const [full, taker, given] = [newUniverse(world), newUniverse(world), newUniverse(world)];
  const minted = mint(world);
  await fill(full, minted);
  await fill(taker, minted);
  await fill(given, minted);
  const proof = valid(decodeProof(lastLeaf(minted).proof));
  const blockHeader = { ...proof.blockHeader, nonce: 1 };
  world.headers.set(proof.blockHeight, blockHeader);
  valid(await full.insert({ ...lastLeaf(minted), proof: encodeProof({ ...proof, blockHeader }) }));
  expect(roots(taker)).not.toEqual(roots(full));
  await syncFrom(full, taker, options());
  await pushTo(given, full, options());
  expect(roots(taker)).toEqual(roots(full));
  expect(roots(given)).toEqual(roots(full));
});

test('whatever two universes have, after a sync and a push they have the same', async () => {
  const world = newWorld();
  const rawKey = newKey(world);
  const club = mint(world, { amount: 9n, group: { rawKey } });
  const tranche = mint(world, { amount: 3n, name: 'more', group: { rawKey, anchorId: assetId(club.asset.genesis) } });
  const { sent, change } = send(world, transfer(world, mint(world, { amount: 80n })), 30n);
  const merged = transfer(world, transfer(world, sent), change);
  const all = leavesOf(transfer(world, club), transfer(world, tranche), sent, change, merged, transfer(world, mint(world)));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: all.length, maxLength: all.length }), async (sides) => {
      const [a, b] = [newUniverse(world), newUniverse(world)];
      // What lacks its predecessor on a side is refused there.
      for (const [i, leaf] of all.entries()) await (sides[i] ? a : b).insert(leaf);
      const before = new Set((await everyKey(a)).concat(await everyKey(b)));
      expect((await syncFrom(b, a, options())).failure).toBeNull();
      expect((await pushTo(b, a, options())).failure).toBeNull();
      expect(roots(a)).toEqual(roots(b));
      expect(new Set(await everyKey(a))).toEqual(before);
    }),
    { numRuns: 6 },
  );
});

async function everyKey(universe: LocalUniverse): Promise<string[]> {
  const keys: string[] = [];
  for (const { id } of valid(await universe.roots({ offset: 0, limit: 512 })))
    for (const key of valid(await universe.leafKeys(id, { offset: 0, limit: 512 })))
      keys.push(`${id.proofType} ${toHex(leafTreeKey(key))}`);
  return keys;
}

const KEY: LeafKey = { outPoint: { txid: new Uint8Array(32) as TxId, vout: 0 } as OutPoint, scriptKey: new Uint8Array(33).fill(2) };
const fakeKey = (n: number): LeafKey => ({ ...KEY, outPoint: { ...KEY.outPoint, vout: n } });

const WRONG_PATH = encodeMerkle({ nodes: [{ hash: new Uint8Array(32), sum: 1n }], empty: new Uint8Array(32).fill(255).fill(254, 0, 1) });

const HOSTILE: readonly (readonly [claim: string, code: string, change: (real: Universe) => Partial<Universe>])[] = [
  ['gives one page of roots again and again', 'PROTOCOL', (real) => ({ roots: () => real.roots({ offset: 0, limit: 512 }) })],
  [
    'has roots without end',
    'TOO_LARGE',
    (real) => ({
      roots: async ({ offset }) => {
        const page = await real.roots({ offset: 0, limit: 1 });
        const of = { kind: 'asset', assetId: new Uint8Array(32).fill(offset / 512) } as const;
        return page.ok ? ok(page.value.map((root): UniverseRoot => ({ ...root, id: { proofType: 'issuance', of } }))) : page;
      },
    }),
  ],
  [
    'answers with more than was asked for',
    'PROTOCOL',
    () => ({ leafKeys: async () => ok(Array.from({ length: 513 }, (_, n) => fakeKey(n))) }),
  ],
  ['has leaves without end that it does not have', 'PROTOCOL', () => ({ leafKeys: async (_, { offset }: Page) => ok([fakeKey(offset)]) })],
  [
    'shows a leaf without a proof that it is in the tree',
    'PROTOCOL',
    (real) => ({
      query: async (id, key) => {
        const found = await real.query(id, key);
        return found.ok && found.value !== null ? ok({ ...found.value, inclusionProof: WRONG_PATH }) : found;
      },
    }),
  ],
  [
    'shows a leaf of another tree than it told of',
    'PROTOCOL',
    (real) => ({
      query: async (id, key) => {
        const found = await real.query(id, key);
        if (!found.ok || found.value === null) return found;
        return ok({ ...found.value, root: { ...found.value.root, root: { hash: new Uint8Array(32), sum: 1n } } });
      },
    }),
  ],
];

test.each(HOSTILE)('a universe that %s is refused with %s', async (_, code, change) => {
  const world = newWorld();
  const full = newUniverse(world);
  await fill(full, transfer(world, mint(world)), mint(world, { name: 'other' }));
  const taker = newUniverse(world, { limits: { leafBytes: 200_000 } });
  const limits = { roots: 3000, leaves: 3000 };
  const report = await syncFrom(posing(full, change), taker, options({ limits }));
  expect(report.failure?.code).toBe(code);
  const first = await taker.query({ proofType: 'issuance', of: { kind: 'asset', assetId: new Uint8Array(32) } }, KEY);
  expect(first).toEqual(ok(null));
});

test('a universe that tells of known leaves without end is refused with TOO_LARGE', async () => {
  const world = newWorld();
  const [full, taker] = [newUniverse(world), newUniverse(world)];
  const { sent, change } = send(world, mint(world), 2n);
  await fill(full, sent, change);
  await fill(taker, sent);
  const endless = posing(full, (real) => ({
    leafKeys: async (id, { offset }) => {
      const page = await real.leafKeys(id, { offset: 0, limit: 512 });
      return page.ok && offset % 1024 === 0 ? ok(page.value.toReversed()) : page;
    },
  }));
  const report = await syncFrom(endless, taker, options({ limits: { leaves: 3000 } }));
  expect(report.failure?.code).toBe('TOO_LARGE');
});

test('one leaf that is too large or cannot be read does not hold the others up', async () => {
  const world = newWorld();
  const [full, taker] = [newUniverse(world), newUniverse(world, { limits: { leafBytes: 200_000 } })];
  const three = [mint(world), mint(world), mint(world)] as const;
  await fill(full, ...three);
  const odd = posing(full, (real) => ({
    query: async (id, key) => {
      const found = await real.query(id, key);
      if (!found.ok || found.value === null) return found;
      const which = three.findIndex(({ outPoint }) => outPoint.txid.every((byte, i) => byte === key.outPoint.txid[i]));
      if (which === 0) return fail({ code: 'PROTOCOL', message: 'a proof that is none' } as const);
      return which === 1 ? ok({ ...found.value, proof: new Uint8Array(200_001) }) : found;
    },
  }));
  const report = await syncFrom(odd, taker, options());
  expect(report.failure).toBeNull();
  expect(report.universes.flatMap(({ refused }) => refused.map(({ failure }) => failure.code))).toEqual(['INVALID', 'TOO_LARGE']);
  expect(report.universes.map(({ stored }) => stored)).toEqual([0, 0, 1]);
});

test('a tree that grows while it is read is taken as far as it is there', async () => {
  const world = newWorld();
  const [full, taker] = [newUniverse(world), newUniverse(world)];
  let tip = mint(world);
  for (let i = 0; i < 5; i++) tip = transfer(world, tip);
  await fill(full, tip);
  const growing = posing(full, (real) => ({
    query: async (id, key) => {
      tip = transfer(world, tip);
      await fill(full, tip);
      return real.query(id, key);
    },
  }));
  const report = await syncFrom(growing, taker, options({ limits: { questions: 3 } }));
  expect(report.failure).toBeNull();
  expect((await syncFrom(full, taker, options())).failure).toBeNull();
  expect(roots(taker)).toEqual(roots(full));
});

test('leaves that do not hold are told of one by one, and too many of them end the sync', async () => {
  const world = newWorld();
  const full = newUniverse(world);
  const good = mint(world);
  const bad = [mint(world), mint(world), mint(world)];
  await fill(full, good, ...bad);
  for (const each of bad) {
    const { blockHeight, blockHeader } = valid(decodeProof(lastLeaf(each).proof));
    world.headers.set(blockHeight, { ...blockHeader, nonce: 1 });
  }
  const taker = newUniverse(world);
  const report = await syncFrom(full, taker, options());
  expect(report.failure).toBeNull();
  expect(report.universes.flatMap(({ refused }) => refused.map(({ failure }) => failure.code))).toEqual(['INVALID', 'INVALID', 'INVALID']);
  expect(report.universes.reduce((sum, { stored }) => sum + stored, 0)).toBe(1);
  const strict = await syncFrom(full, newUniverse(world), options({ limits: { refused: 1 } }));
  expect(strict.failure?.code).toBe('INVALID');
});

test('a sync ends when its time is over', async () => {
  const world = newWorld();
  const full = newUniverse(world);
  await fill(full, mint(world));
  const report = await syncFrom(full, newUniverse(world), options({ signal: AbortSignal.abort() }));
  expect(report.failure?.code).toBe('TIMEOUT');
  expect(leavesOf(mint(world))).toHaveLength(1);
});
