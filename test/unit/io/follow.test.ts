import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import { ok } from '../../../src/base/result.ts';
import { height } from '../../../src/base/units.ts';
import { type ChainEvent, type Cursor, cursorAt, cursorTip, follow, followLive } from '../../../src/io/chain/follow.ts';
import { type ChainSource, unreachable } from '../../../src/io/chain/source.ts';
import { RegtestChain } from '../../../src/io/regtest/chain.ts';
import type { BlockNode } from '../../../src/io/regtest/consensus.ts';
import { directSource } from './direct-source.ts';
import { AWAY, chainOf, HOME } from './regtest-kit.ts';

/** Someone who takes in events and holds them to the rules: one block at a time, always on top of or off the top. */
class View {
  readonly hashes: string[];
  readonly base: number;
  cursor: Cursor;
  events = 0;
  disconnects = 0;

  constructor(cursor: Cursor) {
    this.cursor = cursor;
    this.base = (cursor.recent[0] as { height: number }).height;
    this.hashes = cursor.recent.map((block) => toHex(block.hash));
  }

  take(event: ChainEvent): void {
    this.events++;
    const { block } = event;
    if (event.kind === 'disconnect') {
      this.disconnects++;
      expect([this.hashes.pop(), this.base + this.hashes.length]).toEqual([toHex(block.hash), block.height]);
    } else {
      expect(toHex(event.block.prevHash)).toBe(this.hashes.at(-1));
      expect(event.block.height).toBe(this.base + this.hashes.length);
      this.hashes.push(toHex(block.hash));
    }
    this.cursor = event.cursor;
    expect(toHex(cursorTip(this.cursor).hash)).toBe(this.hashes.at(-1));
  }

  async run(source: ChainSource, options?: Parameters<typeof follow>[2]): Promise<string | null> {
    for await (const event of follow(source, this.cursor, options)) {
      if (!event.ok) return event.failure.code;
      this.take(event.value);
    }
    return null;
  }
}

async function viewOf(source: ChainSource, from: number): Promise<View> {
  const cursor = await cursorAt(source, height(from));
  if (!cursor.ok) throw new Error(cursor.failure.message);
  return new View(cursor.value);
}

const bestOf = (chain: RegtestChain, view: View): readonly string[] =>
  Array.from({ length: chain.tip.height - view.base + 1 }, (_, i) => toHex((chain.at(view.base + i) as BlockNode).hash));

/** One thing that happens to a chain: blocks, a rival branch that wins, or the loss of some blocks with others in their place. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('mine' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('rival' as const), back: fc.integer({ min: 1, max: 20 }), more: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('rewrite' as const), back: fc.integer({ min: 1, max: 20 }), count: fc.integer({ min: 1, max: 25 }) }),
);

function apply(chain: RegtestChain, each: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  if (each.kind === 'mine') return void chain.mine(each.count, HOME);
  const fork = chain.at(Math.max(0, chain.tip.height - each.back)) as BlockNode;
  if (each.kind === 'rival') return void chain.mine(chain.tip.height - fork.height + each.more, AWAY, fork);
  const first = chain.at(fork.height + 1);
  if (first !== null) chain.invalidate(first.hash);
  chain.mine(each.count, AWAY);
}

describe('follow', () => {
  test('after any sequence of blocks and reorganisations the view is the best chain', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        async (steps, looks) => {
          const chain = chainOf(30);
          const source = directSource(chain);
          const view = await viewOf(source, 20);
          for (const [i, each] of steps.entries()) {
            apply(chain, each);
            if (looks[i]) expect(await view.run(source)).toBeNull();
          }
          // A shorter rewrite of the very branch may leave the source behind: one more block decides.
          chain.mine(1, HOME);
          expect(await view.run(source)).toBeNull();
          expect(view.hashes).toEqual(bestOf(chain, view));
          const { events } = view;
          expect(await view.run(source)).toBeNull();
          expect(view.events).toBe(events);
        },
      ),
      { numRuns: 60 },
    ));

  test('a chain that moves while it is read gives the best chain all the same', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), step), { maxLength: 6 }), async (moves) => {
        const chain = chainOf(40);
        const quiet = directSource(chain);
        const view = await viewOf(quiet, 22);
        let asked = 0;
        let waiting = [...moves];
        const moving = directSource(chain, () => {
          asked++;
          const due = waiting.filter(([after]) => after <= asked);
          waiting = waiting.filter(([after]) => after > asked);
          for (const [, each] of due) apply(chain, each);
        });
        expect(await view.run(moving)).toBeNull();
        chain.mine(1, HOME);
        expect(await view.run(quiet)).toBeNull();
        expect(view.hashes).toEqual(bestOf(chain, view));
      }),
      { numRuns: 60 },
    ));

  test('a stored cursor goes on after a restart without a block lost or doubled', async () => {
    const chain = chainOf(20);
    const source = directSource(chain);
    const view = await viewOf(source, 5);
    for await (const event of follow(source, view.cursor)) {
      if (!event.ok) throw new Error(event.failure.message);
      view.take(event.value);
      if (event.value.block.height === 12) break;
    }
    expect(await view.run(source)).toBeNull();
    expect(view.hashes).toEqual(bestOf(chain, view));
    expect(view.disconnects).toBe(0);
  });

  test('a source that is merely behind makes no block leave', async () => {
    const [chain, behind] = [chainOf(20), new RegtestChain()];
    for (let i = 1; i <= 15; i++) behind.submitBlock({ header: (chain.at(i) as BlockNode).header, txs: (chain.at(i) as BlockNode).txs });
    const view = await viewOf(directSource(chain), 20);
    expect(await view.run(directSource(behind))).toBeNull();
    expect(view.events).toBe(0);
  });

  test('a birthday above the tip begins at the tip, and a reorganisation of that block is followed', async () => {
    const chain = chainOf(10);
    const source = directSource(chain);
    const view = await viewOf(source, 1_000_000);
    expect(cursorTip(view.cursor).height).toBe(10);
    chain.mine(4, AWAY, chain.at(7));
    expect(await view.run(source)).toBeNull();
    expect(view.disconnects).toBe(3);
    expect(view.hashes).toEqual(bestOf(chain, view));
  });

  test('another chain, and a reorganisation deeper than the cursor knows, are CHAIN_NOT_SYNCED and give no events', async () => {
    const [chain, other] = [chainOf(40), new RegtestChain()];
    other.mine(60, AWAY);
    const view = await viewOf(directSource(chain), 40);
    expect(await view.run(directSource(other))).toBe('CHAIN_NOT_SYNCED');
    const young = new RegtestChain();
    young.mine(2, AWAY);
    expect(await view.run(directSource(young))).toBe('CHAIN_NOT_SYNCED');
    expect(view.events).toBe(0);
  });

  test('the window holds the cursor down', async () => {
    const chain = chainOf(50);
    const view = await viewOf(directSource(chain), 0);
    expect(await view.run(directSource(chain), { window: 7 })).toBeNull();
    expect(view.cursor.recent.map((block) => block.height)).toEqual([44, 45, 46, 47, 48, 49, 50]);
  });

  test('blocks are fetched ahead, never more than asked for', async () => {
    const chain = chainOf(40);
    const plain = directSource(chain);
    let [under, most] = [0, 0];
    const source: ChainSource = {
      ...plain,
      block: async (hash) => {
        most = Math.max(most, ++under);
        await new Promise((resolve) => setImmediate(resolve));
        under--;
        return plain.block(hash);
      },
    };
    const view = await viewOf(source, 0);
    expect(await view.run(source, { ahead: 4 })).toBeNull();
    expect(most).toBe(4);
    expect(view.hashes.length).toBe(41);
  });

  test('a source that fails half-way ends with its failure, and the cursor holds what was taken in', async () => {
    const chain = chainOf(20);
    const plain = directSource(chain);
    const failing: ChainSource = {
      ...plain,
      block: async (hash) => {
        const block = await plain.block(hash);
        return block.ok && block.value?.height === 9 ? { ok: false, failure: unreachable('gone') } : block;
      },
    };
    const view = await viewOf(plain, 0);
    expect(await view.run(failing)).toBe('CHAIN_UNREACHABLE');
    expect(cursorTip(view.cursor).height).toBe(8);
    expect(await view.run(plain)).toBeNull();
    expect(view.hashes).toEqual(bestOf(chain, view));
  });

  test('a source whose blocks never link ends as MALFORMED instead of going round for ever', async () => {
    const chain = chainOf(10);
    const plain = directSource(chain);
    const lying: ChainSource = {
      ...plain,
      block: async (hash) => {
        const block = await plain.block(hash);
        return block.ok && block.value !== null ? ok({ ...block.value, prevHash: block.value.hash }) : block;
      },
    };
    const view = await viewOf(plain, 5);
    expect(await view.run(lying)).toBe('MALFORMED');
    expect(view.events).toBe(0);
  });
});

describe('followLive', () => {
  test('says when it is at the tip, goes on with each new block, and survives a failure', async () => {
    const chain = chainOf(5);
    const plain = directSource(chain);
    let broken = false;
    const source: ChainSource = {
      ...plain,
      tip: () => (broken ? Promise.resolve({ ok: false, failure: unreachable('gone') }) : plain.tip()),
    };
    const cursor = await cursorAt(source, height(3));
    if (!cursor.ok) throw new Error(cursor.failure.message);
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const event of followLive(source, cursor.value, { signal: ending.signal, retryMs: 1 })) {
      const what = event.ok
        ? event.value.kind === 'connect'
          ? `connect ${event.value.block.height}`
          : event.value.kind
        : event.failure.code;
      if (what === seen.at(-1)) continue;
      seen.push(what);
      if (what === 'synced' && chain.tip.height === 5) chain.mine(1, HOME);
      else if (what === 'synced' && chain.tip.height === 6) {
        broken = true;
        chain.mine(1, HOME);
      } else if (what === 'CHAIN_UNREACHABLE') broken = false;
      else if (what === 'synced') ending.abort();
    }
    expect(seen).toEqual(['connect 4', 'connect 5', 'synced', 'connect 6', 'synced', 'CHAIN_UNREACHABLE', 'connect 7', 'synced']);
  });
});
