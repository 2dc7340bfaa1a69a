// What a server may answer a universe client, and that nothing of it comes further than the door.
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { UniverseLeaf } from '../../../../src/asset/courier.ts';
import { fail, ok } from '../../../../src/base/result.ts';
import type { GrpcFailure } from '../../../../src/io/grpc/client.ts';
import { STATUS } from '../../../../src/io/grpc/client.ts';
import type { Unary } from '../../../../src/io/grpc/server.ts';
import { isRetryable } from '../../../../src/io/universe/failure.ts';
import { openRemoteUniverse, type RemoteUniverse, treeOf } from '../../../../src/io/universe/remote.ts';
import { rpcId, rpcLeafKey } from '../../../../src/io/universe/wire.ts';
import { codeOf, serve, someLeaves } from './grpc-kit.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A client whose server answers every call with the same. */
async function answering(answer: Unary, timeoutMs = 5_000): Promise<RemoteUniverse> {
  const methods = [
    'Info',
    'AssetRoots',
    'QueryAssetRoots',
    'AssetLeafKeys',
    'QueryProof',
    'InsertProof',
    'MultiverseRoot',
    'UniverseStats',
  ];
  const server = await serve([{ name: 'universe', unary: Object.fromEntries(methods.map((name) => [name, answer])) }]);
  const client = openRemoteUniverse(server.address, { timeoutMs });
  open.push(
    () => server.close(),
    () => client.close(),
  );
  return client;
}
const saying =
  (status: number, message = 'no'): Unary =>
  async () =>
    fail<GrpcFailure>({ status, message });

const [minted, moved] = someLeaves() as [UniverseLeaf, UniverseLeaf];
const id = treeOf(minted);
const ask = (client: RemoteUniverse) => client.query(id, minted);
const root = { id: rpcId(id), mssmt_root: { root_hash: new Uint8Array(32), root_sum: '-1' }, asset_name: 'x' };
const found = (leaf: UniverseLeaf) => ({
  req: { id: rpcId(id), leaf_key: rpcLeafKey(leaf) },
  universe_root: root,
  asset_leaf: { proof: leaf.proof },
});

test('a right answer comes through, and what it says of the leaf is read out of the proof', async () => {
  const client = await answering(async () => ok(found(minted)));
  const answer = await ask(client);
  expect(answer).toMatchObject({ ok: true, value: { amount: 10n, assetId: minted.assetId, root: { root: { sum: 2n ** 64n - 1n } } } });
});

test.each([
  ['nothing', {}],
  ['a leaf without a proof', { universe_root: root, asset_leaf: {} }],
  ['bytes that are no proof', { universe_root: root, asset_leaf: { proof: new Uint8Array(500).fill(7) } }],
  ['a proof that was cut', { universe_root: root, asset_leaf: { proof: minted.proof.slice(0, -1) } }],
  ['a proof of another output', found(moved)],
  ['a proof without a root', { asset_leaf: { proof: minted.proof } }],
  [
    'a root of the wrong length',
    { ...found(minted), universe_root: { ...root, mssmt_root: { root_hash: new Uint8Array(31), root_sum: '1' } } },
  ],
  ['a tree without an end', { ...found(minted), universe_inclusion_proof: new Uint8Array(100_000) }],
])('a query that is answered with %s fails', async (_, answer) => {
  const client = await answering(async () => ok(answer));
  expect(codeOf(await ask(client))).toBe('PROTOCOL');
});

test('roots and keys that are none, or more of them than were asked for, are refused', async () => {
  const page = { offset: 0, limit: 1 };
  const many = await answering(async () =>
    ok({ universe_roots: { a: root, b: root }, asset_keys: [rpcLeafKey(minted), rpcLeafKey(minted)] }),
  );
  expect(codeOf(await many.roots(page))).toBe('PROTOCOL');
  expect(codeOf(await many.leafKeys(id, page))).toBe('PROTOCOL');
  const bad = { op_str: `${'ab'.repeat(32)}:-1`, script_key_bytes: new Uint8Array(32).fill(1) };
  const wrong = await answering(async () =>
    ok({ universe_roots: { a: { ...root, id: { asset_id: new Uint8Array(3) } } }, asset_keys: [bad] }),
  );
  expect(codeOf(await wrong.roots(page))).toBe('PROTOCOL');
  expect(codeOf(await wrong.leafKeys(id, page))).toBe('PROTOCOL');
  expect(await wrong.root(id)).toEqual(ok(null));
});

test.each([
  [STATUS.UNKNOWN, 'no universe proof found (uni=x)', 'ok'],
  [STATUS.NOT_FOUND, '', 'ok'],
  [STATUS.UNKNOWN, 'expected 1 macaroon, got 0', 'REFUSED'],
  [STATUS.UNKNOWN, 'unable to verify proof: bad', 'INVALID'],
  [STATUS.UNKNOWN, 'unable to fetch previous asset snapshot', 'UNKNOWN_PREDECESSOR'],
  [STATUS.UNKNOWN, 'the RPC server is in the process of starting up, but not yet ready', 'UNREACHABLE'],
  [STATUS.RESOURCE_EXHAUSTED, 'too many requests', 'UNREACHABLE'],
  [STATUS.UNAVAILABLE, '', 'UNREACHABLE'],
  [STATUS.UNIMPLEMENTED, '', 'PROTOCOL'],
])('status %i with "%s" is %s', async (status, message, code) => {
  expect(codeOf(await ask(await answering(saying(status, message))))).toBe(code);
});

test('what can be tried again is told apart from what cannot', () => {
  const retryable = (code: 'UNREACHABLE' | 'TIMEOUT' | 'REFUSED' | 'INVALID' | 'PROTOCOL') => isRetryable({ code, message: '' });
  expect([retryable('UNREACHABLE'), retryable('TIMEOUT')]).toEqual([true, true]);
  expect([retryable('REFUSED'), retryable('INVALID'), retryable('PROTOCOL')]).toEqual([false, false, false]);
});

test('what tapd says of a leaf that is missing is understood, however many ids stand before it', async () => {
  const some = 'ab'.repeat(32);
  const where = `(uni=transfer-${some} (asset_id=${some}, group_key=${some}, proof_type=transfer), leaf_key=${some})`;
  const client = await answering(saying(STATUS.UNKNOWN, `query proof ${where}: no universe proof found ${where}`));
  expect(await ask(client)).toEqual({ ok: true, value: null });
});

test('a message of the server is one line without control characters, and not endless', async () => {
  const answer = await ask(await answering(saying(STATUS.UNKNOWN, `a\u001b[31m\nb${'c'.repeat(5_000)}`)));
  const message = answer.ok ? '' : answer.failure.message;
  expect(message).not.toMatch(/\p{Cc}/u);
  expect(message.length).toBeLessThan(400);
});

test('an answer that is larger than any proof is cut off', async () => {
  const proof = new Uint8Array(65 * 1024 * 1024);
  const client = await answering(async () => ok({ ...found(minted), asset_leaf: { proof } }), 20_000);
  expect(codeOf(await ask(client))).toBe('TOO_LARGE');
});

test('a server that never answers costs no more than the deadline', async () => {
  const client = await answering(() => new Promise(() => {}), 150);
  expect(codeOf(await ask(client))).toBe('TIMEOUT');
});

test('a place where nobody listens, or something else does, is unreachable', async () => {
  const other = createServer((socket) => void socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const client = openRemoteUniverse({ host: '127.0.0.1', port }, { timeoutMs: 3_000 });
  open.push(
    () => new Promise((resolve) => other.close(resolve)),
    () => client.close(),
  );
  expect(codeOf(await client.info())).toBe('UNREACHABLE');
  const nobody = openRemoteUniverse({ host: '127.0.0.1', port: 1 }, { timeoutMs: 3_000 });
  open.push(() => nobody.close());
  expect(codeOf(await nobody.info())).toBe('UNREACHABLE');
});

test('a client that was closed answers nobody', async () => {
  const client = await answering(async () => ok({ runtime_id: '7' }));
  expect(await client.info()).toEqual(ok({ runtimeId: 7n }));
  client.close();
  expect(codeOf(await client.info())).toBe('UNREACHABLE');
});
