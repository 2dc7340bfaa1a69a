import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { equal, toHex } from '../../../src/base/bytes.ts';
import { type Height, height, sat } from '../../../src/base/units.ts';
import { encodeAddress } from '../../../src/bitcoin/address.ts';
import { blockHash } from '../../../src/bitcoin/block.ts';
import { networkParams } from '../../../src/bitcoin/network.ts';
import { encodeTx, formatTxId, txId, withWitness } from '../../../src/bitcoin/tx.ts';
import { cursorAt, follow } from '../../../src/io/chain/follow.ts';
import { checkChain, openChain, parseChainUrl } from '../../../src/io/chain/open.ts';
import { RpcClient } from '../../../src/io/chain/rpc.ts';
import type { ChainResult, ChainSource } from '../../../src/io/chain/source.ts';
import type { RegtestChain } from '../../../src/io/regtest/chain.ts';
import type { BlockNode } from '../../../src/io/regtest/consensus.ts';
import { type OpenRegtest, openRegtestInMemory } from '../../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../../src/io/regtest/server.ts';
import { AWAY, coinbaseOf, HOME, outputOf, spend } from './regtest-kit.ts';

const now = (): number => 1_700_000_000;

function sourceAt(url: string): ChainSource {
  const address = parseChainUrl(url, 'regtest');
  if (!address.ok) throw new Error(address.failure.message);
  return openChain(address.value, { pollMs: 20 });
}

function must<T>(result: ChainResult<T>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

for (const kind of ['bitcoind', 'esplora'] as const)
  describe(`the ${kind} client against the built-in chain over HTTP`, () => {
    let opened: OpenRegtest;
    let chain: RegtestChain;
    let server: RegtestServer;
    let source: ChainSource;

    beforeAll(async () => {
      opened = openRegtestInMemory({ now });
      chain = opened.chain;
      chain.mine(110, HOME);
      server = await serveRegtest({ chain, faucet: opened.faucet });
      source = sourceAt(kind === 'bitcoind' ? server.bitcoindUrl : server.esploraUrl);
    });
    afterAll(async () => {
      source.close();
      await server.close();
    });

    test('knows its network and is in sync', async () => {
      expect(equal(must(await source.network()), networkParams('regtest').chainHash)).toBe(true);
      expect(must(await checkChain(source, 'regtest'))).toEqual({ tip: { height: 110, hash: chain.tip.hash }, headers: 110, synced: true });
      expect(await checkChain(source, 'bitcoin')).toMatchObject({ ok: false, failure: { code: 'WRONG_NETWORK' } });
    });

    test('gives tip, hashes, headers and whole blocks, and null for what is not there', async () => {
      const tip = must(await source.tip());
      expect(equal(tip.hash, chain.tip.hash)).toBe(true);
      expect(toHex(must(await source.blockHash(height(7)))!)).toBe(toHex((chain.at(7) as BlockNode).hash));
      expect(must(await source.blockHash(height(111)))).toBeNull();
      const block = must(await source.block(tip.hash));
      expect(block).toMatchObject({
        height: 110,
        hash: tip.hash,
        prevHash: (chain.at(109) as BlockNode).hash,
        time: chain.tip.header.time,
      });
      expect(block?.txs.map((tx) => toHex(encodeTx(tx)))).toEqual(chain.tip.txs.map((tx) => toHex(encodeTx(tx))));
      expect(toHex(blockHash(must(await source.header(tip.hash))!))).toBe(toHex(tip.hash));
      const unknown = new Uint8Array(32).fill(9) as typeof tip.hash;
      expect([must(await source.block(unknown)), must(await source.header(unknown))]).toEqual([null, null]);
    });

    test('broadcasts, knows what is known, and tells why something is rejected', async () => {
      const coin = coinbaseOf(chain, 1);
      const tx = spend([coin], { fee: 1_000 });
      expect(must(await source.broadcast(tx))).toEqual({ kind: 'accepted' });
      expect(must(await source.transaction(txId(tx)))).toMatchObject({ confirmed: null });
      expect(must(await source.mempool()).map(formatTxId)).toEqual([formatTxId(txId(tx))]);
      expect(['accepted', 'known']).toContain(must(await source.broadcast(tx)).kind);
      expect(must(await source.broadcast(spend([coin], { fee: 1_050 })))).toMatchObject({ kind: 'rejected', why: 'conflict' });
      const other = coinbaseOf(chain, 2);
      expect(must(await source.broadcast(spend([other], { fee: 0 })))).toEqual({
        kind: 'rejected',
        why: 'fee',
        reason: 'min relay fee not met, 0 < 110',
      });
      const broken = withWitness(spend([other]), 0, spend([coin]).inputs[0]!.witness);
      expect(must(await source.broadcast(broken))).toMatchObject({ kind: 'rejected', why: 'invalid' });
      expect(must(await source.broadcast(spend([other], { locktime: 5_000 })))).toMatchObject({ kind: 'rejected', why: 'not_final' });
      const orphan = spend([{ ...other, outpoint: { ...other.outpoint, vout: 3 } }]);
      expect(must(await source.broadcast(orphan))).toMatchObject({ kind: 'rejected', why: 'missing_inputs' });
      expect(must(await source.broadcast(spend([other], { version: 9 })))).toMatchObject({
        kind: 'rejected',
        why: 'policy',
        reason: 'version',
      });

      const tested = must(await source.testAccept(spend([other], { fee: 0 })));
      expect(tested).toEqual(kind === 'bitcoind' ? { kind: 'rejected', why: 'fee', reason: 'min relay fee not met' } : null);
      expect(must(await source.testAccept(spend([other])))).toEqual(kind === 'bitcoind' ? { kind: 'accepted' } : null);

      chain.mine(1, HOME);
      expect(must(await source.broadcast(tx))).toEqual({ kind: 'known' });
      const known = must(await source.transaction(txId(tx)));
      expect(known?.confirmed).toEqual({ height: chain.tip.height, hash: chain.tip.hash });
      expect(toHex(encodeTx(known!.tx))).toBe(toHex(encodeTx(tx)));
      expect(must(await source.transaction(txId(orphan)))).toBeNull();
    });

    test('finds a transaction by its place, an output while it is unspent, and what a script holds', async () => {
      const tx = spend([coinbaseOf(chain, 3)], {
        to: [
          { script: AWAY, amount: sat(70_000n) },
          { script: HOME, amount: sat(4_999_900_000n) },
        ],
      });
      must(await source.broadcast(tx));
      const outpoint = { txid: txId(tx), vout: 0 };
      expect(must(await source.output(outpoint))).toBeNull();
      chain.mine(1, HOME);
      const at = chain.tip.height as Height;
      expect(formatTxId(must(await source.txidAt({ height: at, txIndex: 1 }))!)).toBe(formatTxId(txId(tx)));
      expect([
        must(await source.txidAt({ height: at, txIndex: 2 })),
        must(await source.txidAt({ height: height(9_999), txIndex: 0 })),
      ]).toEqual([null, null]);
      expect(must(await source.output(outpoint))).toEqual({ amount: 70_000n, script: AWAY, height: at, coinbase: false });
      expect(must(await source.output(coinbaseOf(chain, 5).outpoint))).toMatchObject({ coinbase: true, height: 5 });
      expect(must(await source.output({ ...outpoint, vout: 9 }))).toBeNull();
      expect(must(await source.unspent([AWAY]))).toContainEqual({ outpoint, amount: 70_000n, script: AWAY, height: at });
      expect(must(await source.unspent([]))).toEqual([]);

      // A spend that only waits in the mempool leaves it unspent on the chain.
      const onward = spend([outputOf(tx, 1)]);
      must(await source.broadcast(onward));
      expect(must(await source.output({ txid: txId(tx), vout: 1 }))).not.toBeNull();
      chain.mine(1, HOME);
      expect(must(await source.output({ txid: txId(tx), vout: 1 }))).toBeNull();
    });

    test('estimates fees, never below the relay floor', async () => {
      expect(must(await source.feerate(6))).toBe(500);
      chain.setEstimate(12_345n);
      expect(must(await source.feerate(2))).toBe(3_087);
      chain.setEstimate(null);
      expect(must(await source.minFeerate())).toBe(kind === 'bitcoind' ? 250 : null);
    });

    test('follows blocks and a reorganisation', async () => {
      const cursor = must(await cursorAt(source, height(50)));
      let at = cursor;
      const run = async (): Promise<readonly string[]> => {
        const seen: string[] = [];
        for await (const event of follow(source, at)) {
          const { kind: what, block, cursor: next } = must(event);
          seen.push(`${what} ${block.height}`);
          at = next;
        }
        return seen;
      };
      const tip = chain.tip.height;
      const first = await run();
      expect([first[0], first.at(-1), first.length]).toEqual(['connect 51', `connect ${tip}`, tip - 50]);
      chain.mine(3, AWAY, chain.at(tip - 1));
      expect(await run()).toEqual([`disconnect ${tip}`, `connect ${tip}`, `connect ${tip + 1}`, `connect ${tip + 2}`]);
      expect(await run()).toEqual([]);
    });

    test('hints at a new block', async () => {
      let hints = 0;
      let wake = (): void => undefined;
      const next = (): Promise<void> => new Promise((resolve) => (wake = resolve));
      const ready = next();
      const stop = source.watchTip(() => {
        hints++;
        wake();
      });
      await ready;
      const again = next();
      chain.mine(1, HOME);
      await again;
      expect(hints).toBeGreaterThanOrEqual(2);
      stop();
    });
  });

describe('the server', () => {
  let opened: OpenRegtest;
  let server: RegtestServer;
  let rpc: RpcClient;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'lnkit-server-'));
    opened = openRegtestInMemory({ now });
    server = await serveRegtest({
      ...opened,
      credentials: { user: 'alice', password: 'p@ss:/?#' },
      cookieFile: join(directory, '.cookie'),
    });
    rpc = new RpcClient({ host: server.host, port: server.port, auth: { kind: 'cookie', path: join(directory, '.cookie') } });
  });
  afterAll(async () => {
    rpc.close();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const value = async (method: string, ...params: unknown[]): Promise<unknown> => {
    const answer = must(await rpc.call(method, params));
    return answer.kind === 'result' ? answer.value : [answer.code, answer.message];
  };

  test('its cookie file is for the owner alone, and its URL carries odd passwords', async () => {
    expect(statSync(join(directory, '.cookie')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory, '.cookie'), 'utf8')).toBe('alice:p@ss:/?#');
    const source = sourceAt(server.bitcoindUrl);
    expect((await source.tip()).ok).toBe(true);
    source.close();
  });

  test('refuses wrong credentials, and the failure does not repeat them', async () => {
    const wrong = sourceAt(`bitcoind://alice:hunter2@127.0.0.1:${server.port}`);
    const answer = await wrong.tip();
    expect(answer).toMatchObject({ ok: false, failure: { code: 'CHAIN_UNREACHABLE' } });
    expect(JSON.stringify(answer)).not.toMatch(/hunter2|alice/);
    wrong.close();
  });

  test('mines, pays and shows what bitcoind shows', async () => {
    const address = encodeAddress(AWAY, 'regtest');
    expect(await value('getblockcount')).toBe(0);
    expect(await value('generatetoaddress', 101, await value('getnewaddress'))).toHaveLength(101);
    expect(await value('getbalance')).toBe(100);
    const txid = await value('sendtoaddress', address, 1.5);
    expect(await value('getrawmempool')).toEqual([txid]);
    const [hash] = (await value('generatetoaddress', 1, address)) as string[];
    expect(await value('getblock', hash)).toMatchObject({ height: 102, confirmations: 1, nTx: 2 });
    const full = (await value('getblock', hash, 2)) as {
      tx: { txid: string; vout: { value: number; scriptPubKey: { address: string } }[] }[];
    };
    expect(full.tx[1]?.txid).toBe(txid);
    expect(full.tx[1]?.vout.find((each) => each.value === 1.5)?.scriptPubKey.address).toBe(address);
    expect(await value('getrawtransaction', txid, true)).toMatchObject({ txid, blockhash: hash, confirmations: 1 });
    expect(await value('gettxout', txid, 0)).toMatchObject({ confirmations: 1 });
    expect(await value('getblockchaininfo')).toMatchObject({ chain: 'regtest', blocks: 102, bestblockhash: hash });
    expect(await value('invalidateblock', hash)).toBeNull();
    expect([await value('getblockcount'), await value('getrawmempool')]).toEqual([101, [txid]]);
    expect(await value('reconsiderblock', hash)).toBeNull();
    expect(await value('getbestblockhash')).toBe(hash);
  });

  test("answers errors with bitcoind's codes", async () => {
    expect(await value('getblockhash', 100_000)).toEqual([-8, 'Block height out of range']);
    expect(await value('getblock', '00'.repeat(32))).toEqual([-5, 'Block not found']);
    expect(await value('nosuchthing')).toEqual([-32601, 'Method not found']);
    expect(await value('sendrawtransaction', 'zz')).toMatchObject([-22, /^TX decode failed/]);
    expect(await value('getblockhash', 'one')).toMatchObject([-3, expect.any(String)]);
    expect(await value('generatetoaddress', 1, 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4')).toEqual([-5, 'Error: Invalid address']);
    expect(await value('getblockcount', 1, 2, 3)).toMatchObject([-1, expect.any(String)]);
    expect(await value('sendtoaddress', encodeAddress(AWAY, 'regtest'), 20_000_000)).toEqual([-6, 'Insufficient funds']);
  });

  test('answers a batch in order, faults among results', async () => {
    const answers = must(
      await rpc.batch([{ method: 'getblockcount' }, { method: 'nosuchthing' }, { method: 'getblockhash', params: [0] }]),
    );
    expect(answers.map((answer) => answer.kind)).toEqual(['result', 'error', 'result']);
  });

  test('waitfornewblock answers at the block, at once where the tip is another, and at the timeout', async () => {
    const [height, tip] = [await value('getblockcount'), await value('getbestblockhash')];
    expect(await value('waitfornewblock', 1, tip)).toEqual({ hash: tip, height });
    expect(await value('waitfornewblock', 0, '00'.repeat(32))).toEqual({ hash: tip, height });
    const waiting = value('waitfornewblock', 60_000, tip);
    opened.chain.mine(1, HOME);
    expect(await waiting).toMatchObject({ height: (height as number) + 1 });
  });

  test('takes its own blocks over submitblock, and refuses to be served beyond loopback', async () => {
    const other = openRegtestInMemory({ now });
    const twin = await serveRegtest({ ...other });
    const client = new RpcClient({
      host: '127.0.0.1',
      port: twin.port,
      auth: { kind: 'password', user: twin.user, password: twin.password },
    });
    for (let at = 1; at <= opened.chain.tip.height; at++) {
      const raw = await value('getblock', await value('getblockhash', at), 0);
      expect(must(await client.call('submitblock', [raw]))).toEqual({ kind: 'result', value: null });
    }
    expect(equal(other.chain.tip.hash, opened.chain.tip.hash)).toBe(true);
    client.close();
    await twin.close();
    await expect(serveRegtest({ ...other, host: '0.0.0.0' })).rejects.toThrow(/loopback/);
  });

  test('closing it answers those who wait', async () => {
    const other = openRegtestInMemory({ now });
    const brief = await serveRegtest({ ...other });
    const client = new RpcClient({
      host: '127.0.0.1',
      port: brief.port,
      auth: { kind: 'password', user: brief.user, password: brief.password },
    });
    must(await client.call('getblockcount'));
    const waiting = client.call('waitfornewblock', [0]);
    await client.call('getblockcount');
    await brief.close();
    expect((await waiting).ok).toBe(true);
    expect(await client.call('getblockcount')).toMatchObject({ ok: false, failure: { code: 'CHAIN_UNREACHABLE' } });
    client.close();
  });
});
