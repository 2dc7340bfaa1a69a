import { afterEach, expect, test } from 'vitest';
import { assetId } from '../../../../src/asset/genesis.ts';
import { fail } from '../../../../src/base/result.ts';
import type { UniverseFailure } from '../../../../src/io/universe/contract.ts';
import { UniverseDatabase } from '../../../../src/io/universe/database.ts';
import { addServer, listServers, type OpenUniverse, removeServer, visitServers } from '../../../../src/io/universe/federation.ts';
import type { LocalUniverse } from '../../../../src/io/universe/local.ts';
import { MIGRATIONS } from '../../../../src/io/universe/schema.ts';
import { eventsByDay, listAssets, listLeaves, logSyncs, totals, universesNamed } from '../../../../src/io/universe/stats.ts';
import { mint, newKey, newWorld, send, transfer } from '../../asset/asset-life.ts';
import { cleanUp, fill, newPath, newUniverse } from './kit.ts';

afterEach(cleanUp);

const NOW = 1_800_000_000;

/** Servers by their names; one that is away fails as an unreachable one does. */
function federation(local: LocalUniverse, servers: { readonly [host: string]: LocalUniverse }, away: Set<string>) {
  let now = NOW;
  const gone: UniverseFailure = { code: 'UNREACHABLE', message: 'nobody answers' };
  const open = (host: string): OpenUniverse => {
    const there = servers[host] as LocalUniverse;
    const unless = <T>(answer: () => Promise<T>) => (away.has(host) ? Promise.resolve(fail(gone) as T) : answer());
    return {
      roots: (page) => unless(() => there.roots(page)),
      root: (id) => unless(() => there.root(id)),
      leafKeys: (id, page) => unless(() => there.leafKeys(id, page)),
      query: (id, key) => unless(() => there.query(id, key)),
      insert: (leaf) => unless(() => there.insert(leaf)),
      close() {},
    };
  };
  return {
    open,
    visit: (seconds: number, when: 'due' | 'now' = 'due') => {
      now += seconds;
      return visitServers({ local, open, now: () => now, log() {} }, when, new AbortController().signal);
    },
  };
}

test('what is inserted here reaches every server, and one that was away gets it later', async () => {
  const world = newWorld();
  const [local, a, b] = [newUniverse(world), newUniverse(world), newUniverse(world)];
  const away = new Set(['b:1']);
  const { visit } = federation(local, { 'a:1': a, 'b:1': b }, away);
  expect(addServer(local.database, 'a:1', NOW)).toBe(true);
  expect(addServer(local.database, 'a:1', NOW)).toBe(false);
  addServer(local.database, 'b:1', NOW + 1);
  const moved = transfer(world, mint(world));
  await fill(local, moved);
  expect(listServers(local.database).map(({ waiting }) => waiting)).toEqual([2, 2]);
  const visits = await visit(100);
  expect(visits.map(({ host, pushed, failure }) => [host, pushed, failure?.code])).toEqual([
    ['a:1', 2, undefined],
    ['b:1', 0, 'UNREACHABLE'],
  ]);
  expect(a.multiverseRoot('transfer')).toEqual(local.multiverseRoot('transfer'));
  expect(listServers(local.database).map(({ waiting, failure }) => [waiting, failure])).toEqual([
    [0, null],
    [2, 'nobody answers'],
  ]);
  away.clear();
  await visit(100);
  expect(b.multiverseRoot('transfer')).toEqual(local.multiverseRoot('transfer'));
});

test('a server that keeps us waiting is left after a while, and the others are visited', async () => {
  const world = newWorld();
  const [local, b] = [newUniverse(world), newUniverse(world)];
  addServer(local.database, 'a:1', NOW);
  addServer(local.database, 'b:1', NOW + 1);
  await fill(b, mint(world));
  const slow = (): OpenUniverse => {
    let leave = (): void => {};
    const never = new Promise<never>((_, reject) => {
      leave = () => reject(new Error('closed'));
    }).catch(() => fail<UniverseFailure>({ code: 'UNREACHABLE', message: 'closed' }));
    return { roots: () => never, root: () => never, leafKeys: () => never, query: () => never, insert: () => never, close: leave };
  };
  const others = federation(local, { 'b:1': b }, new Set());
  const part = { local, now: () => NOW + 100, visitMs: 50, log() {} };
  const open = (host: string): OpenUniverse => (host === 'a:1' ? slow() : others.open(host));
  const visits = await visitServers({ ...part, open }, 'now', new AbortController().signal);
  expect(visits.map(({ host }) => host)).toEqual(['a:1', 'b:1']);
  expect(listServers(local.database).map(({ failure }) => failure)).toEqual(['closed', null]);
  // Nor does one whose answers nobody foresaw.
  const strange = (): OpenUniverse => ({ ...slow(), roots: () => Promise.reject(new Error('an answer like no other')) });
  await visitServers({ ...part, open: (host) => (host === 'a:1' ? strange() : others.open(host)) }, 'now', new AbortController().signal);
  expect(listServers(local.database).map(({ failure }) => failure)).toEqual(['an answer like no other', null]);
});

test('what a server has is taken when its time has come, and is not pushed on', async () => {
  const world = newWorld();
  const [local, a, b] = [newUniverse(world), newUniverse(world), newUniverse(world)];
  const { visit } = federation(local, { 'a:1': a, 'b:1': b }, new Set());
  for (const host of ['a:1', 'b:1']) addServer(local.database, host, NOW);
  await fill(a, mint(world));
  await visit(0);
  expect(local.multiverseRoot('issuance')).toEqual(a.multiverseRoot('issuance'));
  expect(listServers(local.database).map(({ waiting }) => waiting)).toEqual([0, 0]);
  await fill(a, mint(world, { name: 'second' }));
  expect(await visit(60)).toEqual([]);
  expect((await visit(60, 'now')).map(({ sync }) => sync?.universes.length)).toEqual([1, 0]);
  await fill(a, mint(world, { name: 'third' }));
  expect((await visit(600)).map(({ sync }) => sync?.universes.length)).toEqual([1, 0]);
  expect(local.multiverseRoot('issuance')).toEqual(a.multiverseRoot('issuance'));
});

test('a leaf that a server refuses is tried less and less often, and then no more', async () => {
  const world = newWorld();
  const [local, picky] = [newUniverse(world), newUniverse(world, { limits: { leafBytes: 10 } })];
  const { visit } = federation(local, { 'p:1': picky }, new Set());
  addServer(local.database, 'p:1', NOW);
  await fill(local, mint(world));
  await visit(100);
  const [first] = listServers(local.database);
  expect(first).toMatchObject({ waiting: 1 });
  expect(await visit(5)).toEqual([]);
  for (let i = 0; i < 12; i++) await visit(100_000);
  expect(listServers(local.database)[0]?.waiting).toBe(0);
  expect(removeServer(local.database, 'p:1')).toBe(true);
  expect(removeServer(local.database, 'p:1')).toBe(false);
});

test('a server that leaves the federation takes what waited for it along', async () => {
  const world = newWorld();
  const local = newUniverse(world);
  addServer(local.database, 'a:1', NOW);
  await fill(local, mint(world));
  removeServer(local.database, 'a:1');
  expect(local.database.one('SELECT count(*) AS n FROM push')).toEqual({ n: 0n });
});

test('a universe of the first version keeps what it counted', () => {
  const path = newPath();
  const old = new UniverseDatabase(path, MIGRATIONS.slice(0, 1));
  const id = new Uint8Array(32).fill(7);
  for (const [at, kind] of [
    [NOW, 'sync'],
    [NOW + 1, 'sync'],
    [NOW, 'proof'],
    [NOW + 86_400, 'sync'],
  ] as const)
    old.run('INSERT INTO event (at, kind, asset_id) VALUES (?, ?, ?)', at, kind, id);
  old.close();
  const database = new UniverseDatabase(path);
  expect(eventsByDay(database, 0)).toEqual([
    { date: '2027-01-15', proofs: 1, syncs: 2 },
    { date: '2027-01-16', proofs: 0, syncs: 1 },
  ]);
  expect(totals(database).syncs).toBe(3);
  database.close();
});

test('statistics tell assets, groups, proofs, supply and how often leaves were handed out', async () => {
  const world = newWorld();
  const local = newUniverse(world);
  const rawKey = newKey(world);
  const first = mint(world, { amount: 5n, name: 'club', group: { rawKey } });
  const second = mint(world, { amount: 6n, name: 'club', group: { rawKey, anchorId: assetId(first.asset.genesis) } });
  const plain = mint(world, { amount: 2n ** 64n - 1n, name: 'many' });
  const { sent, change } = send(world, plain, 300n);
  await fill(local, first, second, sent, change);
  logSyncs(local.database, [assetId(plain.asset.genesis), assetId(plain.asset.genesis)], NOW);
  expect(totals(local.database)).toEqual({ assets: 3, groups: 1, proofs: 5, syncs: 2 });
  const page = { offset: 0, limit: 10, name: null };
  const assets = listAssets(local.database, { ...page, order: 'syncs' });
  expect(assets.map(({ name, supply, proofs, syncs }) => [name, supply, proofs, syncs])).toEqual([
    ['many', 2n ** 64n - 1n, 3, 2],
    ...listAssets(local.database, { ...page, order: 'syncs', name: 'club' }).map(({ name, supply }) => [name, supply, 1, 0]),
  ]);
  expect(
    assets
      .slice(1)
      .map(({ supply }) => supply)
      .toSorted(),
  ).toEqual([5n, 6n]);
  expect(eventsByDay(local.database, 0)).toEqual([{ date: '2027-01-15', proofs: 5, syncs: 2 }]);
  expect(eventsByDay(local.database, NOW + 86_400)).toEqual([]);
  const group = universesNamed(local.database, 'club', null);
  expect(group).toHaveLength(1);
  expect(group[0]?.kind).toBe('group');
  expect(universesNamed(local.database, '', assetId(second.asset.genesis))).toEqual(group);
  expect(universesNamed(local.database, '', (first.asset.groupKey as Uint8Array).slice(1))).toEqual(group);
  expect(universesNamed(local.database, 'nobody', null)).toEqual([]);
  const row = local.database.one("SELECT id FROM universe WHERE proof_type = 'transfer'")?.['id'] as bigint;
  expect(listLeaves(local.database, row, { offset: 0, limit: 9 }).map(({ amount }) => amount)).toEqual([300n, 2n ** 64n - 301n]);
});
