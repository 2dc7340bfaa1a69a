import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { equal, toHex } from '../../../src/base/bytes.ts';
import { sat } from '../../../src/base/units.ts';
import { blockHash, formatBlockHash, hasProofOfWork } from '../../../src/bitcoin/block.ts';
import { txId, withWitness } from '../../../src/bitcoin/tx.ts';
import type { RegtestChain } from '../../../src/io/regtest/chain.ts';
import { type BlockNode, buildBlock, medianTimePast, subsidy } from '../../../src/io/regtest/consensus.ts';
import { openRegtestFile, openRegtestInMemory } from '../../../src/io/regtest/file.ts';
import { AWAY, chainOf, coinbaseOf, HOME, outputOf, refusal, spend } from './regtest-kit.ts';

const inMempool = (chain: RegtestChain): readonly string[] => chain.mempool.list().map((entry) => toHex(entry.txid));

describe('blocks', () => {
  test('block 0 is the regtest genesis block', () => {
    expect(formatBlockHash(chainOf(0).tip.hash)).toBe('0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206');
  });

  test('headers have proof of work, link to their parents, and their times climb above the median', () => {
    const chain = chainOf(30);
    for (let height = 1; height <= 30; height++) {
      const [node, parent] = [chain.at(height) as BlockNode, chain.at(height - 1) as BlockNode];
      expect(hasProofOfWork(node.header)).toBe(true);
      expect(equal(node.header.previous, blockHash(parent.header))).toBe(true);
      expect(node.header.time).toBeGreaterThan(medianTimePast(parent));
    }
  });

  test('the subsidy halves every 150 blocks and fees go to the miner', () => {
    expect([subsidy(149), subsidy(150), subsidy(299), subsidy(300)]).toEqual([
      5_000_000_000n,
      2_500_000_000n,
      2_500_000_000n,
      1_250_000_000n,
    ]);
    const chain = chainOf(101);
    expect(refusal(chain.submit(spend([coinbaseOf(chain, 1)], { fee: 7_777 })))).toBeNull();
    chain.mine(1, AWAY);
    expect(coinbaseOf(chain, 102).amount).toBe(5_000_007_777n);
  });

  test('a block is refused for a wrong merkle root, a missing parent, too much minted, a tampered witness', () => {
    const chain = chainOf(101);
    const tx = spend([coinbaseOf(chain, 1)]);
    const part = { parent: chain.tip, txs: [tx], fees: 1000n, payTo: HOME, time: 1_700_000_000, extra: 0 };
    const good = buildBlock(part);
    const sealed = (block: typeof good): typeof good => {
      let { header } = block;
      while (!hasProofOfWork(header)) header = { ...header, nonce: header.nonce + 1 };
      return { header, txs: block.txs };
    };
    const failure = (block: typeof good): string | null => {
      const result = chain.submitBlock(block);
      return result.ok ? null : result.failure;
    };
    expect(failure(sealed({ ...good, header: { ...good.header, merkleRoot: new Uint8Array(32) } }))).toBe('bad-txnmrklroot');
    expect(failure(sealed({ ...good, header: { ...good.header, previous: txId(tx) as never } }))).toBe('prev-blk-not-found');
    expect(failure(buildBlock({ ...part, fees: 1001n }))).toBe('bad-cb-amount');
    const stripped = withWitness(tx, 0, [new Uint8Array(71), new Uint8Array(33)]);
    expect(failure({ ...good, txs: [good.txs[0]!, stripped] })).toBe('bad-witness-merkle-match');
    expect(failure(buildBlock({ ...part, txs: [stripped] }))).toMatch(/^block-script-verify-flag-failed/);
    expect(failure(good)).toBeNull();
    expect(failure(good)).toBe('duplicate');
  });

  test('mineExactly takes what the mempool would not, but not what consensus forbids', () => {
    const chain = chainOf(102);
    const free = spend([coinbaseOf(chain, 1)], { fee: 0 });
    expect(refusal(chain.submit(free))).toMatch(/^min relay fee not met/);
    expect(chain.mineExactly([free], HOME).ok).toBe(true);
    expect(chain.mineExactly([free], HOME)).toEqual({ ok: false, failure: 'bad-txns-inputs-missingorspent' });
  });
});

describe('reorganisations', () => {
  test('a longer branch wins, an equal one does not, and what left the chain waits in the mempool again', () => {
    const chain = chainOf(102);
    const fork = chain.tip;
    const parent = spend([coinbaseOf(chain, 1)], { to: [{ script: HOME, amount: sat(4_999_990_000n) }] });
    const child = spend([outputOf(parent, 0)]);
    for (const tx of [parent, child]) expect(refusal(chain.submit(tx))).toBeNull();
    const [old] = chain.mine(1, HOME);
    expect(old?.txs.length).toBe(3);
    expect(inMempool(chain)).toEqual([]);

    const rival = chain.mine(1, AWAY, fork);
    expect(chain.tip).toBe(old);
    chain.mine(1, AWAY, rival[0] as BlockNode);
    expect(chain.tip.height).toBe(104);
    expect(chain.at(103)).toBe(rival[0]);
    expect(inMempool(chain)).toEqual([toHex(txId(parent)), toHex(txId(child))]);
    expect(chain.transaction(txId(parent))?.block).toBeNull();
    chain.mine(1, HOME);
    expect(chain.transaction(txId(child))?.block?.height).toBe(105);
  });

  test('invalidate gives the block before, reconsider the branch back', () => {
    const chain = chainOf(110);
    const tip = chain.tip;
    expect(chain.invalidate((chain.at(105) as BlockNode).hash)).toBe(true);
    expect(chain.tip.height).toBe(104);
    chain.mine(2, AWAY);
    expect(chain.tip.height).toBe(106);
    expect(chain.reconsider(tip.hash)).toBe(true);
    expect(chain.tip).toBe(tip);
    expect(chain.invalidate((chain.at(0) as BlockNode).hash)).toBe(false);
  });

  test('a spend of a coinbase that a reorganisation took away leaves the mempool with its children', () => {
    const chain = chainOf(101);
    const parent = spend([coinbaseOf(chain, 1)], { to: [{ script: HOME, amount: sat(4_999_990_000n) }] });
    expect(refusal(chain.submit(parent))).toBeNull();
    expect(refusal(chain.submit(spend([outputOf(parent, 0)])))).toBeNull();
    chain.invalidate((chain.at(1) as BlockNode).hash);
    chain.mine(102, AWAY);
    expect(inMempool(chain)).toEqual([]);
  });
});

describe('the file', () => {
  const within = (run: (path: string) => void): void => {
    const directory = mkdtempSync(join(tmpdir(), 'lnkit-regtest-'));
    try {
      run(join(directory, 'chain'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
  const opened = (path: string) => {
    const result = openRegtestFile(path);
    if (!result.ok) throw new Error(result.failure.message);
    return result.value;
  };

  test('holds blocks of every branch, the invalidated, the mempool and the faucet over a restart', () =>
    within((path) => {
      const first = opened(path);
      first.chain.mine(103, first.faucet.script);
      first.chain.mine(1, AWAY, first.chain.at(101) as BlockNode);
      first.chain.invalidate((first.chain.at(103) as BlockNode).hash);
      expect(first.faucet.send([{ script: AWAY, amount: sat(5_000n) }]).ok).toBe(true);
      const [tip, waiting, balance] = [toHex(first.chain.tip.hash), inMempool(first.chain), first.faucet.balance()];
      expect(waiting.length).toBe(1);
      first.close();
      const second = opened(path);
      expect([toHex(second.chain.tip.hash), inMempool(second.chain), second.faucet.balance()]).toEqual([tip, waiting, balance]);
      expect(second.faucet.address).toBe(first.faucet.address);
      second.close();
    }));

  test('is held by one process at a time', () =>
    within((path) => {
      const first = opened(path);
      expect(openRegtestFile(path)).toMatchObject({ ok: false, failure: { code: 'STORE_LOCKED' } });
      first.close();
      opened(path).close();
    }));

  test('loses only a torn last record, refuses a damaged or foreign one and leaves it as it is', () =>
    within((path) => {
      const first = opened(path);
      first.chain.mine(3, first.faucet.script);
      first.close();
      truncateSync(path, readFileSync(path).length - 5);
      const second = opened(path);
      expect(second.chain.tip.height).toBe(2);
      second.chain.mine(1, AWAY);
      second.close();
      const third = opened(path);
      expect(third.chain.tip.height).toBe(3);
      third.close();
      const bytes = readFileSync(path);
      bytes[120] = (bytes[120] as number) ^ 1;
      writeFileSync(path, bytes);
      expect(openRegtestFile(path)).toMatchObject({ ok: false, failure: { code: 'STORE_CORRUPT' } });
      writeFileSync(path, 'something else');
      expect(openRegtestFile(path)).toMatchObject({ ok: false, failure: { code: 'STORE_CORRUPT' } });
      expect(readFileSync(path, 'utf8')).toBe('something else');
    }));
});

describe('the faucet', () => {
  test('pays many times between two blocks, with change, and says when it has nothing', () => {
    const { chain, faucet } = openRegtestInMemory({ now: () => 1_700_000_000 });
    expect(faucet.send([{ script: AWAY, amount: sat(1_000n) }])).toEqual({ ok: false, failure: 'Insufficient funds' });
    chain.mine(101, faucet.script);
    for (let i = 0; i < 4; i++) expect(faucet.send([{ script: AWAY, amount: sat(10_000n) }]).ok).toBe(true);
    expect(faucet.send([{ script: AWAY, amount: sat(50_000_000_000n) }])).toEqual({ ok: false, failure: 'Insufficient funds' });
    const [block] = chain.mine(1, AWAY);
    expect(block?.txs.length).toBe(5);
  });
});
