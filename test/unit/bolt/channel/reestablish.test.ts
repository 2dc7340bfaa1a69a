import { describe, expect, test } from 'vitest';
import { feeratePerKw } from '../../../../src/base/units.ts';
import { ANCHORS, expectAgreement, LEGACY, type Name, other, Pair } from '../../../channel/pair.ts';

/** What happens in the flow: adds both ways, a fee update, then removals of every kind, each signed when nothing more waits. */
class Flow {
  readonly pair: Pair;
  readonly #removals: (() => void)[] = [];
  /** Messages delivered so far, and the number after which the connection breaks. */
  delivered = 0;
  readonly cutAfter: number;
  readonly atCut: (pair: Pair) => void;

  constructor(pair: Pair, cutAfter: number, atCut: (pair: Pair) => void) {
    this.pair = pair;
    this.cutAfter = cutAfter;
    this.atCut = atCut;
  }

  run(): void {
    const { pair } = this;
    this.#add('alice', 20_000_000n, 'fulfill');
    this.#add('alice', 100_000n, 'fail');
    this.#add('bob', 30_000_000n, 'fulfill');
    this.#turn();
    pair.feed('alice', { kind: 'update_fee', id: pair.command(), feerate: feeratePerKw(1500) });
    this.#add('bob', 5_000_000n, 'malformed');
    this.#add('alice', 7_000_000n, 'fulfill');
    this.#settle();
    for (const removal of this.#removals) {
      removal();
      this.#turn();
    }
    this.#settle();
  }

  #add(from: Name, amount: bigint, how: 'fulfill' | 'fail' | 'malformed'): void {
    const { pair } = this;
    const { reply, htlcId, preimage } = pair.add(from, amount);
    if (!reply.ok) {
      expect(reply.failure.code).toBe('PEER_UNREACHABLE');
      return;
    }
    this.#removals.push(() => {
      const by = other(from);
      if (how === 'fulfill') pair.fulfill(by, htlcId, preimage);
      else if (how === 'fail') pair.fail(by, htlcId);
      else pair.feed(by, { kind: 'fail_malformed_htlc', htlcId, sha256OfOnion: new Uint8Array(32), failureCode: 0xc005 });
    });
  }

  /** One flush and one message each way: leaves much under way. */
  #turn(): void {
    this.pair.flush();
    this.#deliver('alice');
    this.#deliver('bob');
  }

  #settle(): void {
    for (let round = 0; round < 200; round++) {
      this.pair.flush();
      const moved = [this.#deliver('alice'), this.#deliver('bob')].some(Boolean);
      if (!moved) return;
    }
    throw new Error('never settles');
  }

  #deliver(to: Name): boolean {
    const moved = this.pair.deliver(to);
    if (moved && ++this.delivered === this.cutAfter) {
      this.pair.cut();
      this.atCut(this.pair);
      this.pair.connect();
    }
    return moved;
  }
}

const reloads: readonly (readonly [string, (pair: Pair) => void])[] = [
  ['with both kept in memory', () => {}],
  ['with both loaded from their stored form', (pair) => void pair.reload('alice').reload('bob')],
  ['with one loaded from its stored form', (pair) => void pair.reload('bob')],
];

describe('channel_reestablish', () => {
  for (const [features, set] of [
    ['anchors', ANCHORS],
    ['static_remotekey', LEGACY],
  ] as const)
    for (const [how, atCut] of reloads)
      test(`${features}: a cut after any message, ${how}, loses and doubles nothing`, () => {
        const opened = (): Pair => new Pair({ features: set, pushMsat: 400_000_000n }).ready();
        const uncut = new Flow(opened(), 0, atCut);
        uncut.run();
        expect(uncut.delivered).toBeGreaterThan(30);
        for (let k = 1; k <= uncut.delivered; k++) {
          const flow = new Flow(opened(), k, atCut);
          flow.run();
          const { pair } = flow;
          for (const name of ['alice', 'bob'] as const) {
            expect(pair.ends[name].hungUp, `cut ${k}`).toBeNull();
            expect(pair.view(name).htlcs, `cut ${k}`).toEqual([]);
          }
          expectAgreement(pair);
          expectOnce(pair, 'alice', k);
          expectOnce(pair, 'bob', k);
        }
      });

  /** Every HTLC of `name` came to one end, and the other side heard of it once. */
  function expectOnce(pair: Pair, name: Name, k: number): void {
    const offered = [...pair.ends[name].replies.values()].filter((reply) => reply.ok && reply.value.kind === 'added').length;
    const ended = pair.eventsOf(name, 'htlc_fulfilled').length + pair.eventsOf(name, 'htlc_failed').length;
    expect(ended, `${name}, cut ${k}`).toBe(offered);
    expect(pair.eventsOf(other(name), 'htlc_received').length, `${name}, cut ${k}`).toBe(offered);
    expect(pair.eventsOf(other(name), 'htlc_removed').length, `${name}, cut ${k}`).toBe(offered);
  }
});
