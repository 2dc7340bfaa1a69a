// The daemon's socket: who may use it, what it answers, and what becomes of a call whose caller goes away.
import { existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { AppError } from '../../../src/app/error.ts';
import { findDaemon } from '../../../src/app/remote.ts';
import type { NodeRuntime } from '../../../src/app/runtime.ts';
import { type RpcServer, serveRpc } from '../../../src/app/server.ts';
import { bytesMap } from '../../../src/base/bytes-map.ts';
import { secp } from '../../../src/crypto/ec.ts';

const secret = new Uint8Array(32).fill(7);
const hash = '11'.repeat(32);

/** A runtime that can sign, and that waits for ever. */
function fakeRuntime(seen: { aborted: unknown }): NodeRuntime {
  const open = { paymentHash: new Uint8Array(32).fill(0x11), state: 'open' };
  const runtime = {
    env: () => ({ keys: { nodeSecret: secret, nodeId: secp.publicKey(secret) } }),
    state: { invoices: { get: () => open }, payments: bytesMap() },
    until: (_: unknown, signal: AbortSignal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          seen.aborted = signal.reason;
          reject(signal.reason);
        }),
      ),
  };
  return runtime as unknown as NodeRuntime;
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(): Promise<{ path: string; seen: { aborted: unknown }; server: RpcServer; stops: () => number }> {
  const datadir = mkdtempSync(join(tmpdir(), 'lnkit-rpc-'));
  const path = join(datadir, 'regtest', 'rpc.sock');
  const seen = { aborted: null };
  let stops = 0;
  const server = await serveRpc({ path, runtime: fakeRuntime(seen), network: 'regtest', datadir, onStop: () => stops++ });
  closers.push(() => server.close());
  return { path, seen, server, stops: () => stops };
}

async function dial(path: string) {
  const daemon = await findDaemon(path);
  if (daemon === null) throw new Error('no daemon');
  closers.push(async () => daemon.close());
  return daemon;
}

const hooks = (signal = new AbortController().signal, progress: (text: string) => void = () => {}) => ({ signal, progress, emit() {} });
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error) => error.code,
  );

test('an operation over the socket answers as it would in the process', async () => {
  const { path } = await serve();
  const result = await (await dial(path)).call('message.sign', { message: 'hello' }, hooks());
  expect(result['signature']).toMatch(/^[a-z0-9]{104}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('parameters that do not fit and operations that do not exist are usage errors', async () => {
  const daemon = await dial((await serve()).path);
  expect(await codeOf(daemon.call('message.sign', {}, hooks()))).toBe('USAGE');
  expect(await codeOf(daemon.call('message.sign', { message: 'x', more: 1 }, hooks()))).toBe('USAGE');
  expect(await codeOf(daemon.call('message.shout', {}, hooks()))).toBe('USAGE');
  expect(await codeOf(daemon.call('toString', {}, hooks()))).toBe('USAGE');
});

test('progress reaches the caller, and an interrupted caller interrupts the operation', async () => {
  const { path, seen } = await serve();
  const abort = new AbortController();
  const texts: string[] = [];
  const stopAtFirst = (text: string): void => {
    texts.push(text);
    abort.abort(new AppError({ code: 'TIMEOUT', message: 'the time is over' }));
  };
  const call = (await dial(path)).call('invoice.wait', { payment_hash: hash }, hooks(abort.signal, stopAtFirst));
  expect(await codeOf(call)).toBe('TIMEOUT');
  expect(texts).toEqual(['waiting for the payment']);
  expect(seen.aborted).toMatchObject({ code: 'TIMEOUT' });
});

test('a caller that goes away ends what it asked for', async () => {
  const { path, seen } = await serve();
  const daemon = await dial(path);
  const waiting = new Promise<void>((resolve) => {
    void codeOf(
      daemon.call(
        'invoice.wait',
        { payment_hash: hash },
        hooks(undefined, () => resolve()),
      ),
    );
  });
  await waiting;
  daemon.close();
  await expect.poll(() => seen.aborted).toMatchObject({ code: 'INTERRUPTED' });
});

test('what is not JSON-RPC is refused and does not disturb others', async () => {
  const { path } = await serve();
  const answer = (line: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = '';
      const socket = connect(path, () => socket.write(`${line}\n`));
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
        if (text.includes('\n')) socket.end();
      });
      socket.on('close', () => resolve(text)).on('error', reject);
    });
  expect(JSON.parse(await answer('{"jsonrpc":"1.0"}'))).toMatchObject({ id: null, error: { code: -32600 } });
  expect(JSON.parse(await answer('nonsense'))).toMatchObject({ id: null, error: { code: -32700 } });
  expect(await codeOf((await dial(path)).call('message.sign', { message: 'x' }, hooks()))).toBeNull();
});

test('stop is answered with the process that stops', async () => {
  const { path, stops } = await serve();
  expect(await (await dial(path)).call('stop', {}, hooks())).toEqual({ stopped: true, pid: process.pid });
  expect(stops()).toBe(1);
});

test('the socket of a dead daemon is no daemon, and is taken over by the next', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-rpc-'));
  const path = join(directory, 'rpc.sock');
  expect(await findDaemon(path)).toBeNull();
  writeFileSync(path, '');
  expect(await findDaemon(path)).toBeNull();
  const server = await serveRpc({ path, runtime: fakeRuntime({ aborted: null }), network: 'regtest', datadir: directory, onStop() {} });
  const daemon = await findDaemon(path);
  expect(daemon).not.toBeNull();
  daemon?.close();
  await server.close();
  expect(existsSync(path)).toBe(false);
});

test('a daemon that dies in the middle of a call fails the call', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'lnkit-rpc-')), 'rpc.sock');
  const server = createServer((socket) => socket.once('data', () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  expect(await codeOf((await dial(path)).call('status', {}, hooks()))).toBe('INTERNAL');
});
