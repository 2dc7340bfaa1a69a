// Our server as our own client meets it, over TLS on loopback; and what comes to it that is no honest question.
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type LeafLocator, type UniverseLeaf, walkBack } from '../../../../src/asset/courier.ts';
import { writeFile } from '../../../../src/asset/proof/file.ts';
import { isIncluded, isInMultiverse } from '../../../../src/asset/universe/tree.ts';
import type { Bytes } from '../../../../src/base/bytes.ts';
import { ok } from '../../../../src/base/result.ts';
import { openCourier } from '../../../../src/io/courier/courier.ts';
import { openChannel } from '../../../../src/io/grpc/client.ts';
import type { ServerLimits } from '../../../../src/io/grpc/guard.ts';
import type { Service } from '../../../../src/io/grpc/server.ts';
import type { LocalUniverse } from '../../../../src/io/universe/local.ts';
import { openRemoteUniverse, treeOf } from '../../../../src/io/universe/remote.ts';
import { servedUniverse } from '../../../../src/io/universe/served.ts';
import { universeService } from '../../../../src/io/universe/server.ts';
import { rpcId, rpcLeafKey } from '../../../../src/io/universe/wire.ts';
import { mint, newWorld, type Owned, send, transfer, type World } from '../../asset/asset-life.ts';
import { codeOf, type Served, serve, valid } from './grpc-kit.ts';
import { cleanUp, fill, lastLeaf, leavesOf, newUniverse } from './kit.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  cleanUp();
});

interface Place {
  readonly world: World;
  readonly local: LocalUniverse;
  readonly server: Served;
}
async function start(limits: Partial<ServerLimits> = {}, change: (service: Service) => Service = (service) => service): Promise<Place> {
  const world = newWorld();
  const local = newUniverse(world);
  const served = servedUniverse(local, () => 1_900_000_000);
  const server = await serve([change(universeService(served))], limits);
  open.push(
    () => local.database.close(),
    () => served.close(),
    () => server.close(),
  );
  return { world, local, server };
}
function client({ server }: Place) {
  const remote = openRemoteUniverse(server.address, { timeoutMs: 5_000 });
  open.push(() => remote.close());
  return remote;
}
/** Calls as a client that is not ours might make them. */
function raw({ server }: Place) {
  const channel = openChannel('universe', server.address, { maxReceive: 1 << 26, timeoutMs: 5_000 });
  open.push(() => channel.close());
  return channel;
}

const group = { group: { rawKey: new Uint8Array(32).fill(3) } };
function history(world: World, minting: Parameters<typeof mint>[1] = {}): readonly Owned[] {
  const minted = mint(world, { amount: 10n, ...minting });
  const { sent, change } = send(world, transfer(world, minted), 4n);
  return [minted, sent, change];
}

test('a remote universe answers as the local one behind it does', async () => {
  const place = await start();
  await fill(place.local, ...history(place.world), ...history(place.world, group));
  const remote = client(place);
  const page = { offset: 0, limit: 512 };
  const [roots, theirs] = [valid(await place.local.roots(page)), valid(await remote.roots(page))];
  expect(theirs).toHaveLength(4);
  expect(new Set(theirs)).toEqual(new Set(roots));
  for (const { id, root } of roots) {
    expect(valid(await remote.root(id))?.root).toEqual(root);
    const keys = valid(await place.local.leafKeys(id, page));
    const xOnly = (all: readonly { outPoint: unknown; scriptKey: Bytes }[]) =>
      all.map(({ outPoint, scriptKey }) => [outPoint, scriptKey.slice(1)]);
    expect(xOnly(valid(await remote.leafKeys(id, page)))).toEqual(xOnly(keys));
    for (const key of keys) {
      const proof = valid(await remote.query(id, key));
      expect(proof).toEqual(valid(await place.local.query(id, key)));
      if (proof === null || proof.multiverseRoot === null) throw new Error('no proof');
      expect(isIncluded({ id, ...proof, root: proof.root.root })).toBe(true);
      expect(
        isInMultiverse({ id, root, multiverseRoot: proof.multiverseRoot, inclusionProof: proof.multiverseInclusionProof as Bytes }),
      ).toBe(true);
    }
  }
  expect(valid(await remote.multiverseRoot('transfer'))).toEqual(place.local.multiverseRoot('transfer'));
  const mintings = roots.filter(({ id }) => id.proofType === 'issuance').map(({ id }) => id);
  expect(valid(await remote.multiverseRoot('issuance', mintings))).toEqual(place.local.multiverseRoot('issuance'));
  expect(valid(await remote.multiverseRoot('issuance', mintings.slice(1)))).not.toEqual(place.local.multiverseRoot('issuance'));
  expect(valid(await remote.stats())).toMatchObject({ assets: 2, groups: 1 });
});

test('pages follow each other without a gap, and tell that more comes', async () => {
  const place = await start();
  await fill(place.local, ...history(place.world));
  const channel = raw(place);
  const first = valid0(await channel.call<{ universe_roots: object; has_more: boolean }>('AssetRoots', { offset: 0, limit: 1 }));
  const second = valid0(await channel.call<{ universe_roots: object; has_more: boolean }>('AssetRoots', { offset: 1, limit: 1 }));
  expect([first.has_more, second.has_more]).toEqual([true, false]);
  expect(Object.keys({ ...first.universe_roots, ...second.universe_roots })).toHaveLength(2);
});

test('a courier delivers into it and a receiver walks back out of it', async () => {
  const place = await start();
  const [, sent] = history(place.world) as [Owned, Owned];
  const courier = openCourier({ scheme: 'universerpc', ...place.server.address }, { timeoutMs: 5_000 });
  open.push(() => courier.close());
  expect(await courier.check()).toEqual(ok(null));
  const leaves = leavesOf(sent);
  expect(await courier.find(lastLeaf(sent), 'transfer')).toEqual(ok(null));
  const backwards = await courier.deliver(leaves.toReversed());
  expect(codeOf(backwards)).toBe('UNKNOWN_PREDECESSOR');
  expect(await courier.deliver(leaves)).toEqual(ok(null));
  expect(await courier.deliver(leaves)).toEqual(ok(null));
  const fetched: Bytes[] = [];
  let locator: LeafLocator | null = lastLeaf(sent);
  while (locator !== null) {
    fetched.push(valid(await courier.find(locator, 'transfer')) ?? (valid(await courier.find(locator, 'issuance')) as Bytes));
    const step = valid(walkBack(fetched));
    locator = step.kind === 'step' ? step.locator : null;
    if (step.kind === 'file') expect(step.file).toEqual(writeFile(sent.proofs));
  }
});

test('a proof of a block that is not in the chain yet is worth another try, one that does not hold is not', async () => {
  const place = await start();
  const leaf = lastLeaf(mint(place.world, { amount: 5n }));
  const remote = client(place);
  const { headers } = place.world;
  const held = new Map(headers);
  headers.clear();
  expect(codeOf(await remote.insert(leaf))).toBe('UNKNOWN_PREDECESSOR');
  for (const [at, header] of held) headers.set(at, header);
  expect(codeOf(await remote.insert({ ...leaf, assetId: new Uint8Array(32) }))).toBe('INVALID');
  expect(codeOf(await remote.insert({ ...leaf, proof: leaf.proof.slice(0, -1) }))).toBe('INVALID');
  expect(codeOf(await remote.insert({ ...leaf, proof: new Uint8Array(17 << 20) }))).not.toBe('ok');
  expect(codeOf(await remote.insert(leaf))).toBe('ok');
});

/** A result of gRPC itself. */
function valid0<T>(result: { ok: true; value: T } | { ok: false; failure: { status: number; message: string } }): T {
  if (!result.ok) throw new Error(`${result.failure.status}: ${result.failure.message}`);
  return result.value;
}

test('hexadecimal keys, x coordinates and an open proof type are understood as tapd understands them', async () => {
  const place = await start();
  const [minted] = history(place.world, group) as [Owned];
  await fill(place.local, minted);
  const leaf = lastLeaf(minted);
  const channel = raw(place);
  const key = leaf.groupKey as Bytes;
  const hex = Buffer.from(key.slice(1)).toString('hex');
  const place1 = { op: { hash_str: Buffer.from(leaf.outPoint.txid).reverse().toString('hex'), index: leaf.outPoint.vout } };
  interface Answer {
    readonly asset_leaf: { readonly proof: Bytes; readonly asset: { readonly asset_genesis: { readonly asset_id: Bytes } } };
  }
  for (const id of [{ group_key_str: hex }, { group_key: key }, { group_key: key.slice(1) }]) {
    const leafKey = { ...place1, script_key_str: Buffer.from(leaf.scriptKey).toString('hex') };
    const answer = valid0(await channel.call<Answer>('QueryProof', { id, leaf_key: leafKey }));
    expect(Uint8Array.from(answer.asset_leaf.proof)).toEqual(leaf.proof);
    expect(Uint8Array.from(answer.asset_leaf.asset.asset_genesis.asset_id)).toEqual(leaf.assetId);
  }
  // Asked for the asset, the roots of its group are the answer; of the tree that is empty an empty one.
  interface Roots {
    readonly issuance_root: { readonly id: { readonly group_key?: Bytes } };
    readonly transfer_root: { readonly id: object | null };
  }
  const roots = valid0(await channel.call<Roots>('QueryAssetRoots', { id: { asset_id: leaf.assetId } }));
  expect(Uint8Array.from(roots.issuance_root.id.group_key ?? [])).toEqual(key.slice(1));
  expect(roots.transfer_root).toMatchObject({ id: null });
  expect(valid(await client(place).root({ proofType: 'issuance', of: { kind: 'asset', assetId: leaf.assetId } }))).toBeNull();
});

test.each([
  ['AssetRoots', { offset: -1 }],
  ['AssetRoots', { limit: -5 }],
  ['AssetLeafKeys', { id: { asset_id: new Uint8Array(32) } }],
  ['AssetLeafKeys', {}],
  ['AssetLeaves', { id: { asset_id: new Uint8Array(31) } }],
  ['QueryAssetRoots', {}],
  ['QueryAssetRoots', { id: { group_key: new Uint8Array(33).fill(9) } }],
  ['QueryProof', {}],
  ['QueryProof', { id: { asset_id: new Uint8Array(32) }, leaf_key: { op_str: 'nonsense', script_key_bytes: new Uint8Array(33) } }],
  ['MultiverseRoot', {}],
  ['MultiverseRoot', { proof_type: 1, specific_ids: Array.from({ length: 1_001 }, () => ({ asset_id: new Uint8Array(32) })) }],
  ['InsertProof', {}],
])('%s of %j is refused, and the server goes on', async (method, request) => {
  const place = await start();
  expect(await raw(place).call(method, request)).toMatchObject({ ok: false, failure: { status: 3 } });
  expect(codeOf(await client(place).info())).toBe('ok');
  expect(place.server.bugs).toEqual([]);
});

test('a leaf under another key than its own is refused', async () => {
  const place = await start();
  const [minted, sent] = history(place.world) as [Owned, Owned];
  const [leaf, other] = [lastLeaf(minted), lastLeaf(sent)];
  const insert = (of: UniverseLeaf, at: UniverseLeaf) =>
    raw(place).call('InsertProof', { key: { id: rpcId(treeOf(of)), leaf_key: rpcLeafKey(at) }, asset_leaf: { proof: leaf.proof } });
  expect(await insert(leaf, other)).toMatchObject({ ok: false });
  expect(await insert(other, leaf)).toMatchObject({ ok: false });
  expect(await insert(leaf, leaf)).toMatchObject({ ok: true });
});

test('a message past the limit, and calls past the rate, are refused; what is waited for is answered', async () => {
  const place = await start({ maxReceive: 10_000, perSecond: 2, burst: 5 });
  const channel = raw(place);
  const large = { asset_leaf: { proof: new Uint8Array(20_000) } };
  expect(await channel.call('InsertProof', large)).toMatchObject({ ok: false, failure: { status: 8 } });
  const many = await Promise.all(Array.from({ length: 30 }, () => channel.call('Info', {})));
  const refused = many.filter((each) => !each.ok && each.failure.status === 8);
  expect(refused.length).toBeGreaterThan(15);
  expect(many.length - refused.length).toBeGreaterThanOrEqual(5);
});

test('no peer holds more connections than its share', async () => {
  const place = await start({ maxConnectionsPerPeer: 2 });
  const { port } = place.server.address;
  const sockets = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'));
  open.push(() => sockets.forEach((socket) => void socket.destroy()));
  const ends = sockets.map((socket) => new Promise<'cut'>((resolve) => socket.on('error', () => {}).on('close', () => resolve('cut'))));
  expect(await Promise.all([ends[2], ends[3]])).toEqual(['cut', 'cut']);
  expect([sockets[0]?.destroyed, sockets[1]?.destroyed]).toEqual([false, false]);
});

test('what is not TLS, and TLS that is not gRPC, leaves the server as it was', async () => {
  const place = await start();
  const { port } = place.server.address;
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
  await new Promise((resolve) =>
    socket
      .on('error', () => {})
      .on('close', resolve)
      .resume(),
  );
  const secure = await fetchUnverified(port);
  expect(secure).not.toBe(200);
  expect(codeOf(await client(place).info())).toBe('ok');
  expect(place.server.bugs).toEqual([]);
});

async function fetchUnverified(port: number): Promise<number | null> {
  const { request } = await import('node:https');
  return new Promise((resolve) => {
    request({ port, host: '127.0.0.1', rejectUnauthorized: false }, (response) => resolve(response.statusCode ?? null))
      .on('error', () => resolve(null))
      .end();
  });
}

test('a throw in a handler is a bug that the peer hears nothing of', async () => {
  const place = await start({}, (service) => ({
    ...service,
    unary: { ...service.unary, Info: () => Promise.reject(new Error('secret path')) },
  }));
  const answer = await raw(place).call('Info', {});
  expect(answer).toMatchObject({ ok: false, failure: { status: 13, message: 'internal error' } });
  expect(place.server.bugs).toHaveLength(1);
});

test('what a call brings is counted as it comes: no small question is made large, and one peer fills no memory', async () => {
  let answer = (): void => {};
  const gate = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const slow = (service: Service): Service => ({
    ...service,
    unary: { ...service.unary, InsertProof: () => gate.then(() => ok({})) },
  });
  const place = await start({ maxHeldPerPeer: 3_000_000 }, slow);
  const channel = raw(place);
  const padded = { id: { asset_id_str: 'a'.repeat(100_000) } };
  expect(await channel.call('QueryAssetRoots', padded)).toMatchObject({ ok: false, failure: { status: 8 } });
  // Each is within its limit, and all of them are not.
  const large = { asset_leaf: { proof: new Uint8Array(1_000_000) } };
  let refused = 0;
  const many = Array.from({ length: 12 }, async () => {
    const result = await channel.call('InsertProof', large);
    if (!result.ok && result.failure.status === 8) refused += 1;
  });
  while (refused < 10) await new Promise((resolve) => setImmediate(resolve));
  answer();
  await Promise.all(many);
  expect(refused).toBeGreaterThanOrEqual(10);
  // What was answered is held no more.
  expect(await channel.call('InsertProof', large)).toMatchObject({ ok: true });
  expect(codeOf(await client(place).info())).toBe('ok');
  expect(place.server.bugs).toEqual([]);
});
