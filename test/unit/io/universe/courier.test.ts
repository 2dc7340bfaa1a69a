import { afterEach, expect, test } from 'vitest';
import { parseCourier } from '../../../../src/asset/address/courier.ts';
import { type LeafLocator, type UniverseLeaf, walkBack } from '../../../../src/asset/courier.ts';
import { readFile, writeFile } from '../../../../src/asset/proof/file.ts';
import type { Bytes } from '../../../../src/base/bytes.ts';
import { fail, ok } from '../../../../src/base/result.ts';
import { type CourierOptions, type OpenCourier, openCourier } from '../../../../src/io/courier/courier.ts';
import { STATUS } from '../../../../src/io/grpc/client.ts';
import { codeOf, serve, someLeaves, valid } from './grpc-kit.ts';
import { type Hashmail, serveHashmail } from './hashmail-server.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function hashmail(): Promise<{ courier(options?: CourierOptions): OpenCourier; streams: Hashmail['streams'] }> {
  const { port, streams, close } = await serveHashmail();
  open.push(close);
  return {
    streams,
    courier(options = {}) {
      const courier = openCourier(valid(parseCourier(`hashmail://127.0.0.1:${port}`)), { timeoutMs: 20_000, ...options });
      open.push(() => courier.close());
      return courier;
    },
  };
}

const leaves = someLeaves();
const newest = leaves.at(-1) as UniverseLeaf;
const fileOf = (all: readonly UniverseLeaf[]): Bytes => writeFile(all.map(({ proof }) => proof));

test('hashmail: a file goes whole from sender to receiver, whose word ends the delivery and the streams', async () => {
  const { courier, streams } = await hashmail();
  const [sender, receiver] = [courier(), courier()];
  const delivered = sender.deliver(leaves);
  const fetched: Bytes[] = [];
  let locator: LeafLocator | null = newest;
  while (locator !== null) {
    const found = valid(await receiver.find(locator, 'transfer'));
    fetched.push(found as Bytes);
    const step = valid(walkBack(fetched));
    locator = step.kind === 'step' ? step.locator : null;
    if (step.kind === 'file') expect(step.file).toEqual(fileOf(leaves));
  }
  expect(valid(readFile(fileOf(leaves)))).toHaveLength(fetched.length);
  expect(await receiver.received(newest)).toEqual(ok(null));
  expect(await delivered).toEqual(ok(null));
  expect(streams.size).toBe(0);
});

test('hashmail: without the word of the receiver the delivery fails in a way that is worth another try', async () => {
  const { courier } = await hashmail();
  expect(codeOf(await courier({ waitMs: 100 }).deliver(leaves))).toBe('TIMEOUT');
});

test('hashmail: where nothing was sent nothing is found, and another message than a proof file is refused', async () => {
  expect(await (await hashmail()).courier({ waitMs: 100 }).find(newest, 'transfer')).toEqual(ok(null));
  const { courier, streams } = await hashmail();
  const found = courier({ waitMs: 20_000 }).find(newest, 'transfer');
  while (streams.size === 0) await new Promise((resolve) => setImmediate(resolve));
  [...streams.values()][0]?.write(new Uint8Array(99));
  expect(codeOf(await found)).toBe('PROTOCOL');
});

test('hashmail: a word that is none does not end a delivery', async () => {
  const { courier, streams } = await hashmail();
  const sender = courier({ waitMs: 20_000 });
  const delivered = sender.deliver(leaves);
  while (streams.size < 2) await new Promise((resolve) => setImmediate(resolve));
  [...streams.values()][1]?.write(new Uint8Array(3));
  expect(codeOf(await delivered)).toBe('PROTOCOL');
});

test('a check says whether the courier answers', async () => {
  const { courier, streams } = await hashmail();
  expect(await courier().check()).toEqual(ok(null));
  expect(streams.size).toBe(0);
  const refusing = await serve([
    { name: 'universe', unary: { Info: async () => fail({ status: STATUS.UNAUTHENTICATED, message: 'no' }) } },
  ]);
  open.push(() => refusing.close());
  const closed = openCourier({ scheme: 'universerpc', ...refusing.address }, { timeoutMs: 20_000 });
  open.push(() => closed.close());
  expect(codeOf(await closed.check())).toBe('REFUSED');
});
