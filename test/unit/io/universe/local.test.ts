import { readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { assetId } from '../../../../src/asset/genesis.ts';
import { emptyTree, insertMany, treeRoot } from '../../../../src/asset/mssmt/tree.ts';
import { decodeProof, encodeProof } from '../../../../src/asset/proof/proof.ts';
import { isIncluded, isInMultiverse } from '../../../../src/asset/universe/tree.ts';
import { type Bytes, concat } from '../../../../src/base/bytes.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import type { UniverseId } from '../../../../src/io/universe/contract.ts';
import { UniverseDatabase, type UniverseFileError } from '../../../../src/io/universe/database.ts';
import { type LocalUniverse, UNIVERSE_LIMITS } from '../../../../src/io/universe/local.ts';
import { mint, newKey, newWorld, type Owned, send, transfer, valid } from '../../asset/asset-life.ts';
import { cleanUp, codeOf, fill, lastLeaf, leavesOf, newPath, newUniverse } from './kit.ts';

afterEach(cleanUp);

const idOf = (owned: Owned, proofType: UniverseId['proofType']): UniverseId => {
  const { groupKey, genesis } = owned.asset;
  return { proofType, of: groupKey === null ? { kind: 'asset', assetId: assetId(genesis) } : { kind: 'group', groupKey } };
};
const rootOf = async (universe: LocalUniverse, id: UniverseId) => valid(await universe.root(id))?.root;

/** What universe/interface.go of tapd hashes: the outpoint as wire.WriteOutPoint writes it, then the x-only script key. */
function treeKey({ outPoint, asset }: Owned): Bytes {
  const vout = new Uint8Array(4);
  new DataView(vout.buffer).setUint32(0, outPoint.vout, true);
  return sha256(concat(outPoint.txid, vout, asset.scriptKey.slice(1)));
}

test("roots are tapd's: issuance sums units, transfers are counted, the multiverse has the roots under asset id or hashed group key", async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const minted = mint(world, { amount: 1000n });
  const moved = transfer(world, minted);
  const { sent, change } = send(world, moved, 300n);
  const group = mint(world, { amount: 7n, group: { rawKey: newKey(world) }, name: 'club' });
  await fill(universe, sent, change, group);

  const last = (owned: Owned): Bytes => owned.proofs.at(-1) as Bytes;
  const issuance = treeRoot(valid(insertMany(emptyTree(), [[treeKey(minted), { value: last(minted), sum: 1000n }]])));
  const transfers = [moved, sent, change].map((each) => [treeKey(each), { value: last(each), sum: 1n }] as const);
  const moves = treeRoot(valid(insertMany(emptyTree(), transfers)));
  const grouped = treeRoot(valid(insertMany(emptyTree(), [[treeKey(group), { value: last(group), sum: 7n }]])));
  expect(await rootOf(universe, idOf(minted, 'issuance'))).toEqual(issuance);
  expect(await rootOf(universe, idOf(minted, 'transfer'))).toEqual(moves);
  expect(await rootOf(universe, idOf(group, 'issuance'))).toEqual(grouped);
  expect(moves.sum).toBe(3n);

  const id = assetId(minted.asset.genesis);
  const hashedGroup = sha256((group.asset.groupKey as Bytes).slice(1));
  const entries = [[id, { value: issuance.hash, sum: 1n }] as const, [hashedGroup, { value: grouped.hash, sum: 1n }] as const];
  expect(universe.multiverseRoot('issuance')).toEqual(treeRoot(valid(insertMany(emptyTree(), entries))));
  expect(universe.multiverseRoot('transfer')).toEqual(treeRoot(valid(insertMany(emptyTree(), [[id, { value: moves.hash, sum: 3n }]]))));
});

test('every answer proves its leaf in the universe and the universe in the multiverse', async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const minted = mint(world, { amount: 50n });
  const { sent, change } = send(world, minted, 20n);
  await fill(universe, sent, change, mint(world, { name: 'other' }));
  for (const leaf of leavesOf(sent, change)) {
    const id = idOf(minted, leaf.kind);
    const found = valid(await universe.query(id, leaf));
    if (found === null) throw new Error('not found');
    expect(found.proof).toEqual(leaf.proof);
    expect(isIncluded({ ...found, id, root: found.root.root })).toBe(true);
    expect(isIncluded({ ...found, id, root: found.root.root, proof: sent.proofs[0]?.slice(1) as Bytes })).toBe(false);
    const multiverse = { id, root: found.root.root, multiverseRoot: found.multiverseRoot, inclusionProof: found.multiverseInclusionProof };
    expect(isInMultiverse(multiverse as Parameters<typeof isInMultiverse>[0])).toBe(true);
  }
  expect(valid(await universe.query(idOf(minted, 'issuance'), lastLeaf(sent)))).toBeNull();
  expect(valid(await universe.root({ proofType: 'issuance', of: { kind: 'asset', assetId: new Uint8Array(32) } }))).toBeNull();
});

test('a transition is taken only after the one before it, and only where it says it stands', async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const minted = mint(world);
  const moved = transfer(world, minted);
  const leaf = lastLeaf(moved);
  expect(codeOf(await universe.insert(leaf))).toBe('UNKNOWN_PREDECESSOR');
  await fill(universe, minted);
  const wrong = [
    { kind: 'issuance' as const },
    { assetId: new Uint8Array(32) },
    { groupKey: moved.asset.scriptKey },
    { scriptKey: minted.asset.scriptKey },
    { outPoint: minted.outPoint },
    { proof: leaf.proof.slice(0, -1) },
  ];
  for (const change of wrong) expect(codeOf(await universe.insert({ ...leaf, ...change }))).toBe('INVALID');
  expect(codeOf(await universe.insert(leaf))).toBe('ok');
  expect(codeOf(await universe.insert(leaf))).toBe('ok');
  expect(valid(await universe.leafKeys(idOf(minted, 'transfer'), { offset: 0, limit: 10 }))).toHaveLength(1);
});

test('a forged transition is refused and nothing of it is stored', async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const minted = mint(world);
  const moved = transfer(world, minted);
  await fill(universe, minted);
  const proof = valid(decodeProof(lastLeaf(moved).proof));
  const [witness] = proof.asset.prevWitnesses;
  const forged = encodeProof({
    ...proof,
    asset: { ...proof.asset, prevWitnesses: [{ ...(witness as never as object), txWitness: [] } as never] },
  });
  expect(codeOf(await universe.insert({ ...lastLeaf(moved), proof: forged }))).toBe('INVALID');
  world.headers.set(proof.blockHeight, { ...proof.blockHeader, nonce: 7 });
  expect(codeOf(await universe.insert(lastLeaf(moved)))).toBe('INVALID');
  world.headers.delete(proof.blockHeight);
  expect(codeOf(await universe.insert(lastLeaf(moved)))).toBe('UNKNOWN_PREDECESSOR');
  expect(valid(await universe.roots({ offset: 0, limit: 10 }))).toHaveLength(1);
});

test('a second tranche of a group needs the first; merged inputs are looked at through their files', async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const rawKey = newKey(world);
  const first = mint(world, { amount: 5n, group: { rawKey } });
  const second = mint(world, { amount: 6n, name: 'again', group: { rawKey, anchorId: assetId(first.asset.genesis) } });
  expect(codeOf(await universe.insert(lastLeaf(second)))).toBe('UNKNOWN_PREDECESSOR');
  await fill(universe, first, second);
  expect(await rootOf(universe, idOf(first, 'issuance'))).toMatchObject({ sum: 11n });
  const { sent, change } = send(world, first, 2n);
  const merged = transfer(world, change, sent);
  await fill(universe, change, sent, merged);
  const fresh = newUniverse(world);
  // The further input's own leaves are not there: its file inside the proof is verified instead.
  await fill(fresh, first, change, merged);
  expect(await rootOf(universe, idOf(first, 'transfer'))).toMatchObject({ sum: 3n });
});

test('a batch is verified against itself and is stored whole, with the same roots as one by one', async () => {
  const world = newWorld();
  const [one, many] = [newUniverse(world), newUniverse(world)];
  const rawKey = newKey(world);
  const first = mint(world, { amount: 5n, group: { rawKey } });
  const moved = transfer(world, transfer(world, transfer(world, first)));
  await fill(one, moved);
  const results = await many.insertMany([...leavesOf(moved), lastLeaf(transfer(world, mint(world)))]);
  expect(results.map(codeOf)).toEqual(['ok', 'ok', 'ok', 'ok', 'UNKNOWN_PREDECESSOR']);
  for (const kind of ['issuance', 'transfer'] as const) {
    expect(many.multiverseRoot(kind)).toEqual(one.multiverseRoot(kind));
    expect(many.multiverseRoot(kind)).not.toBeNull();
  }
});

test('a leaf whose block was reorganised away is replaced by its proof in the new block, and only by that', async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const minted = mint(world);
  await fill(universe, minted);
  const before = await rootOf(universe, idOf(minted, 'issuance'));
  const proof = valid(decodeProof(lastLeaf(minted).proof));
  const blockHeader = { ...proof.blockHeader, nonce: 1 };
  const again = { ...lastLeaf(minted), proof: encodeProof({ ...proof, blockHeader }) };
  expect(codeOf(await universe.insert(again))).toBe('INVALID');
  expect(await rootOf(universe, idOf(minted, 'issuance'))).toEqual(before);
  world.headers.set(proof.blockHeight, blockHeader);
  const replaced = valid(await universe.insert(again));
  expect(replaced.proof).toEqual(again.proof);
  expect(await rootOf(universe, idOf(minted, 'issuance'))).not.toEqual(before);
  expect(valid(await universe.leafKeys(idOf(minted, 'issuance'), { offset: 0, limit: 9 }))).toHaveLength(1);
});

test('limits are kept before anything is decoded', async () => {
  const world = newWorld();
  const minted = mint(world);
  const leaf = lastLeaf(minted);
  const small = newUniverse(world, { limits: { leafBytes: leaf.proof.length - 1 } });
  expect(codeOf(await small.insert(leaf))).toBe('TOO_LARGE');
  const busy = newUniverse(world, { limits: { inserts: 1 } });
  const [first, second] = await Promise.all([busy.insert(leaf), busy.insert(leaf)]);
  expect([codeOf(first), codeOf(second)]).toEqual(['ok', 'REFUSED']);
  expect(codeOf(await busy.insert(leaf))).toBe('ok');
  const full = newUniverse(world, { limits: { fileBytes: 100 } });
  expect(codeOf(await full.insert(leaf))).toBe('REFUSED');
  const [synced] = await full.insertMany([leaf], 'synced');
  expect(synced === undefined ? '' : codeOf(synced)).toBe('REFUSED');
  const reader = newUniverse(world, { chain: null });
  expect(codeOf(await reader.insert(leaf))).toBe('REFUSED');
  expect(UNIVERSE_LIMITS.page).toBe(512);
});

test('what was stored is there after the file was opened again, and two open it at once', async () => {
  const world = newWorld();
  const path = newPath();
  const one = newUniverse(world, { path });
  const minted = mint(world);
  await fill(one, minted);
  const two = newUniverse(world, { path });
  const [a, b] = [transfer(world, minted), mint(world, { name: 'b' })];
  await fill(two, a);
  await fill(one, b);
  expect(two.multiverseRoot('issuance')).toEqual(one.multiverseRoot('issuance'));
  one.database.close();
  two.database.close();
  const again = newUniverse(world, { path });
  expect(valid(await again.roots({ offset: 0, limit: 10 })).map(({ assetName }) => assetName)).toEqual(['beefbux', 'beefbux', 'b']);
});

test('a crash at any write of an insert leaves nothing of it, and the next one stores it whole', async () => {
  const world = newWorld();
  const minted = mint(world);
  const moved = transfer(world, minted);
  class Crashing extends UniverseDatabase {
    left = Number.POSITIVE_INFINITY;
    #count(): void {
      if (this.left-- <= 0) throw new Error('crash');
    }
    override run(sql: string, ...values: Parameters<UniverseDatabase['run']>[1][]): ReturnType<UniverseDatabase['run']> {
      this.#count();
      return super.run(sql, ...(values as never[]));
    }
    override one(sql: string, ...values: never[]): ReturnType<UniverseDatabase['one']> {
      if (sql.startsWith('INSERT')) this.#count();
      return super.one(sql, ...values);
    }
  }
  const all = (database: UniverseDatabase): string =>
    JSON.stringify(
      ['universe', 'leaf', 'node', 'multiverse', 'asset', 'push', 'tally'].map((table) => database.all(`SELECT * FROM ${table}`)),
      (_, value) => (typeof value === 'bigint' ? `${value}` : value),
    );
  let crashes = 0;
  for (let writes = 0; ; writes++) {
    const path = newPath();
    const database = new Crashing(path);
    const universe = newUniverse(world, { database });
    database.run("INSERT INTO server (host, added_at) VALUES ('a:1', 0)");
    await fill(universe, minted);
    const before = all(database);
    database.left = writes;
    const outcome = await universe.insert(lastLeaf(moved)).then(codeOf, (error: Error) => error.message);
    database.left = Number.POSITIVE_INFINITY;
    if (outcome === 'ok') break;
    expect(outcome).toBe('crash');
    crashes += 1;
    expect(all(database)).toBe(before);
    database.close();
    const again = newUniverse(world, { path });
    await fill(again, moved);
    expect(again.database.one('SELECT count(*) AS n FROM push')).toEqual({ n: 2n });
    again.database.close();
  }
  expect(crashes).toBeGreaterThan(6);
});

test('nodes that no root reaches are not kept', async () => {
  const world = newWorld();
  const [slow, fast] = [newUniverse(world), newUniverse(world)];
  const all = Array.from({ length: 30 }, () => mint(world));
  for (const each of all) await fill(slow, each);
  await fast.insertMany(all.map(lastLeaf));
  const nodes = (universe: LocalUniverse): unknown => universe.database.one('SELECT count(*) AS n FROM node')?.['n'];
  expect(nodes(slow)).toBe(nodes(fast));
  expect(slow.multiverseRoot('issuance')).toEqual(fast.multiverseRoot('issuance'));
});

test('a file that is not a universe, is damaged, or is of tomorrow is left as it is', () => {
  const codeAt = (path: string): string => {
    try {
      new UniverseDatabase(path).close();
      return 'opened';
    } catch (error) {
      return (error as UniverseFileError).code;
    }
  };
  const [other, damaged, newer] = [newPath(), newPath(), newPath()];
  const foreign = new Database(other);
  foreign.exec('CREATE TABLE something (x)');
  foreign.close();
  expect(codeAt(other)).toBe('STORE_CORRUPT');
  writeFileSync(damaged, 'this is no database, but it is long enough to look like one to who only counts bytes'.repeat(20));
  expect(codeAt(damaged)).toBe('STORE_CORRUPT');
  new UniverseDatabase(newer).close();
  const raw = new Database(newer);
  raw.pragma('user_version = 99');
  raw.close();
  expect(codeAt(newer)).toBe('STORE_VERSION');
  expect(readFileSync(damaged, 'utf8')).toMatch(/^this is no database/);
});

test('a tree whose sum would pass 64 bits is refused, and nothing of it is stored', async () => {
  const world = newWorld();
  const universe = newUniverse(world);
  const rawKey = newKey(world);
  const first = mint(world, { amount: 2n ** 64n - 1n, group: { rawKey } });
  const second = mint(world, { amount: 1n, name: 'more', group: { rawKey, anchorId: assetId(first.asset.genesis) } });
  await fill(universe, first);
  expect(codeOf(await universe.insert(lastLeaf(second)))).toBe('REFUSED');
  expect(await rootOf(universe, idOf(first, 'issuance'))).toMatchObject({ sum: 2n ** 64n - 1n });
  expect(universe.leafCount(idOf(first, 'issuance'))).toBe(1);
});

test('a leaf with any bit turned is refused, or is the same asset in the same place', async () => {
  const world = newWorld();
  const minted = mint(world);
  const leaf = lastLeaf(transfer(world, minted));
  await fc.assert(
    fc.asyncProperty(fc.nat(leaf.proof.length - 1), fc.nat(7), async (at, bit) => {
      const universe = newUniverse(world);
      await fill(universe, minted);
      const proof = leaf.proof.slice();
      proof[at] = (proof[at] as number) ^ (1 << bit);
      const inserted = await universe.insert({ ...leaf, proof });
      if (inserted.ok)
        expect([inserted.value.key, inserted.value.amount]).toEqual([{ outPoint: leaf.outPoint, scriptKey: leaf.scriptKey }, leaf.amount]);
      else expect(universe.leafCount(idOf(minted, 'transfer'))).toBe(0);
      universe.database.close();
    }),
    { numRuns: 60 },
  );
});
