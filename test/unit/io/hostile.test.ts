import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import { height } from '../../../src/base/units.ts';
import { encodeBlock, formatBlockHash } from '../../../src/bitcoin/block.ts';
import { Bitcoind } from '../../../src/io/chain/bitcoind.ts';
import { Esplora } from '../../../src/io/chain/esplora.ts';
import { parseChainUrl } from '../../../src/io/chain/open.ts';
import type { BlockNode } from '../../../src/io/regtest/consensus.ts';
import { chainOf } from './regtest-kit.ts';

const servers: Server[] = [];
const sources: { close(): void }[] = [];
afterEach(async () => {
  for (const source of sources.splice(0)) source.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function portOf(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A bitcoind that answers every request with the same text, or by the method asked for. */
async function bitcoindThat(answer: string | ((call: { method: string; id: number }) => unknown), timeoutMs = 5_000): Promise<Bitcoind> {
  const port = await portOf(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    if (typeof answer === 'string') return void response.end(answer);
    const asked = JSON.parse(body);
    const one = (call: { method: string; id: number }): unknown => ({ result: answer(call), error: null, id: call.id });
    response.end(JSON.stringify(Array.isArray(asked) ? asked.map(one) : one(asked)));
  });
  const source = new Bitcoind({ host: '127.0.0.1', port, auth: { kind: 'password', user: 'user', password: 'secret' }, timeoutMs });
  sources.push(source);
  return source;
}

async function esploraThat(listener: RequestListener): Promise<Esplora> {
  const source = new Esplora({ url: new URL(`http://127.0.0.1:${await portOf(listener)}`), timeoutMs: 5_000 });
  sources.push(source);
  return source;
}

describe('a bitcoind that lies or stammers', () => {
  for (const [name, text] of [
    ['no JSON', '<html>hello</html>'],
    ['nothing', ''],
    ['a bare number', '7'],
    ['null', 'null'],
    ['a wrong id', '{"result":{},"error":null,"id":999}'],
    ['an error of no form', '{"result":null,"error":"oops","id":1}'],
    ['an empty object', '{}'],
    ['a list for one call', '[]'],
  ] as const)
    test(`that answers with ${name} is MALFORMED`, async () => {
      const source = await bitcoindThat(text);
      expect(await source.tip()).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
      expect(await source.block(chainOf(0).tip.hash)).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
    });

  for (const odd of [null, 'zz', -1, 1.5, {}, [], 'ab'.repeat(31), 10 ** 20])
    test(`values like ${JSON.stringify(odd)} where others belong are MALFORMED, never a throw`, async () => {
      const source = await bitcoindThat(() => odd);
      const hash = chainOf(0).tip.hash;
      const failures = await Promise.all([source.tip(), source.status(), source.unspent([new Uint8Array(22)]), source.mempool()]);
      for (const each of failures.slice(0, 3)) expect(each).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
      for (const run of [
        source.blockHash(height(1)),
        source.block(hash),
        source.header(hash),
        source.transaction(hash as never),
        source.feerate(6),
      ])
        expect(await run).toHaveProperty('ok');
      expect(await source.output({ txid: hash as never, vout: 0 })).toHaveProperty('ok');
    });

  test('another block than the one asked for, and one with a transaction slipped in, are MALFORMED', async () => {
    const chain = chainOf(2);
    const [first, second] = [chain.at(1) as BlockNode, chain.at(2) as BlockNode];
    const give = (bytes: Uint8Array) => bitcoindThat(({ method }) => (method === 'getblock' ? toHex(bytes) : { height: 1 }));
    const whole = encodeBlock({ header: first.header, txs: first.txs });
    expect((await (await give(whole)).block(first.hash)).ok).toBe(true);
    const other = await (await give(encodeBlock({ header: second.header, txs: second.txs }))).block(first.hash);
    expect(other).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
    const slipped = await (await give(encodeBlock({ header: first.header, txs: [...first.txs, ...second.txs] }))).block(first.hash);
    expect(slipped).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
    const torn = await (await give(whole.subarray(0, whole.length - 1))).block(first.hash);
    expect(torn).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
  });

  test('one that is starting is CHAIN_NOT_SYNCED, for one call and for a batch', async () => {
    const source = await bitcoindThat('{"result":null,"error":{"code":-28,"message":"Loading block index…"},"id":1}');
    for (const answer of [await source.tip(), await source.block(chainOf(0).tip.hash)])
      expect(answer).toMatchObject({
        ok: false,
        failure: { code: 'CHAIN_NOT_SYNCED', message: expect.stringContaining('Loading block index') },
      });
  });

  test('one that never answers, one that hangs up and one that is not there are CHAIN_UNREACHABLE', async () => {
    const silent = await portOf(() => undefined);
    const rude = await portOf((request) => request.socket.destroy());
    const gone = await portOf(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    for (const port of [silent, rude, gone]) {
      const source = new Bitcoind({ host: '127.0.0.1', port, auth: { kind: 'password', user: 'user', password: 'secret' }, timeoutMs: 50 });
      sources.push(source);
      const answer = await source.tip();
      expect(answer).toMatchObject({ ok: false, failure: { code: 'CHAIN_UNREACHABLE' } });
      expect(JSON.stringify(answer)).not.toContain('secret');
    }
  });

  test('a new cookie is read when the old one is refused, and a missing file is said', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lnkit-cookie-'));
    try {
      const path = join(directory, '.cookie');
      let valid = '__cookie__:one';
      const port = await portOf(async (request, response) => {
        for await (const _ of request);
        const good = request.headers.authorization === `Basic ${Buffer.from(valid).toString('base64')}`;
        if (!good) response.statusCode = 401;
        response.end(good ? `{"result":{"mempoolminfee":0.00001},"error":null,"id":${calls}}` : '');
      });
      let calls = 0;
      const source = new Bitcoind({ host: '127.0.0.1', port, auth: { kind: 'cookie', path } });
      sources.push(source);
      expect(await source.minFeerate()).toMatchObject({ ok: false, failure: { message: expect.stringContaining(path) } });
      writeFileSync(path, valid);
      calls = 2;
      expect((await source.minFeerate()).ok).toBe(true);
      valid = '__cookie__:two';
      writeFileSync(path, valid);
      calls = 3;
      expect((await source.minFeerate()).ok).toBe(true);
      valid = 'something else';
      expect(await source.minFeerate()).toMatchObject({ ok: false, failure: { code: 'CHAIN_UNREACHABLE' } });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('an Esplora that lies or stammers', () => {
  for (const text of ['', 'null', '[]', '{}', '<html></html>', '"x"', '{"height":-1}', '[{"status":{"confirmed":true}}]'])
    test(`that answers ${JSON.stringify(text)} to everything gives failures, never a throw`, async () => {
      const source = await esploraThat((_, response) => void response.end(text));
      const hash = chainOf(0).tip.hash;
      for (const run of [source.tip(), source.network(), source.block(hash), source.header(hash), source.transaction(hash as never)])
        expect(await run).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
      for (const run of [
        source.feerate(6),
        source.mempool(),
        source.unspent([new Uint8Array(22)]),
        source.output({ txid: hash as never, vout: 0 }),
      ])
        expect(await run).toHaveProperty('ok');
    });

  test('the wrong block under the right name is MALFORMED', async () => {
    const chain = chainOf(2);
    const [first, second] = [chain.at(1) as BlockNode, chain.at(2) as BlockNode];
    const source = await esploraThat((request, response) => {
      if (request.url?.endsWith('/raw')) response.end(encodeBlock({ header: second.header, txs: second.txs }));
      else response.end(JSON.stringify({ id: formatBlockHash(first.hash), height: 1 }));
    });
    expect(await source.block(first.hash)).toMatchObject({ ok: false, failure: { code: 'MALFORMED' } });
  });

  test('statuses that are no answer are CHAIN_UNREACHABLE', async () => {
    for (const status of [429, 500, 502, 301, 403]) {
      const source = await esploraThat((_, response) => {
        response.statusCode = status;
        response.end('sorry');
      });
      expect(await source.tip()).toMatchObject({ ok: false, failure: { code: 'CHAIN_UNREACHABLE' } });
    }
  });

  test('an answer without end is cut off', async () => {
    const source = await esploraThat((_, response) => {
      const part = Buffer.alloc(1_000_000, 0x61);
      const more = (): void => {
        while (!response.destroyed && response.write(part));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(await source.blockHash(height(1))).toMatchObject({ ok: false, failure: { message: expect.stringContaining('longer than') } });
  });
});

describe('--chain', () => {
  const read = (text: string, network: Parameters<typeof parseChainUrl>[1] = 'regtest') => parseChainUrl(text, network);

  test('reads every form', () => {
    const password = (user: string, pass: string) => ({ kind: 'password', user, password: pass });
    expect(read('bitcoind://u:p@127.0.0.1:18443')).toEqual({
      ok: true,
      value: { kind: 'bitcoind', host: '127.0.0.1', port: 18443, auth: password('u', 'p') },
    });
    expect(read('bitcoind://a%40b:p%3A%2F@host', 'bitcoin')).toMatchObject({
      ok: true,
      value: { port: 8332, auth: password('a@b', 'p:/') },
    });
    expect(read('bitcoind://u:p@ss/w?#@[::1]:9')).toMatchObject({
      ok: true,
      value: { host: '::1', port: 9, auth: password('u', 'p@ss/w?#') },
    });
    expect(read('bitcoind://u:@h', 'signet')).toMatchObject({ ok: true, value: { port: 38332, auth: password('u', '') } });
    expect(read('bitcoind+cookie:///home/x/.bitcoin/.cookie@localhost', 'testnet4')).toEqual({
      ok: true,
      value: { kind: 'bitcoind', host: 'localhost', port: 48332, auth: { kind: 'cookie', path: '/home/x/.bitcoin/.cookie' } },
    });
    expect(read('esplora+https://blockstream.info/api')).toMatchObject({ ok: true, value: { kind: 'esplora' } });
    expect(read('esplora+http://127.0.0.1:3002/esplora')).toMatchObject({ ok: true });
    expect(read('esplora+http://[::1]:3002')).toMatchObject({ ok: true });
  });

  for (const text of [
    '',
    'nonsense',
    'http://127.0.0.1:18443',
    'bitcoind://127.0.0.1:18443',
    'bitcoind://hunter2@127.0.0.1:18443',
    'bitcoind://:hunter2@127.0.0.1:18443',
    'bitcoind://u:hunter2@',
    'bitcoind://u:hunter2@host:99999',
    'bitcoind://u:hunter2@host:0',
    'bitcoind://u:hunter2@ho st:1',
    'bitcoind://u:%zz@host:1',
    'bitcoind+cookie://relative/path@host:1',
    'bitcoind+cookie:///path',
    'esplora+http://example.com/api',
    'esplora+https://u:hunter2@example.com/api',
    'esplora+https:///api',
    'esplora+https://example.com/api?key=hunter2',
    'esplora+ftp://example.com',
  ])
    test(`refuses ${JSON.stringify(text)} with a hint and without repeating a secret`, () => {
      const result = read(text);
      expect(result).toMatchObject({ ok: false, failure: { code: 'USAGE', hint: expect.stringContaining('bitcoind://') } });
      expect(JSON.stringify(result)).not.toContain('hunter2');
    });
});
