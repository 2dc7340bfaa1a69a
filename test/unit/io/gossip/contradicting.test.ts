import { describe, expect, it } from 'vitest';
import type { TxId } from '../../../../src/base/ids.ts';
import { ok } from '../../../../src/base/result.ts';
import { height, sat } from '../../../../src/base/units.ts';
import { fundingScript } from '../../../../src/bolt/channel/scripts.ts';
import { encodeMessage, type Message } from '../../../../src/bolt/wire/message.ts';
import type { ChainSource } from '../../../../src/io/chain/source.ts';
import { announcement, channel, GOSSIP_FEATURES, type Harness, nodeAnnouncement, open, type Party, party, update } from './world.ts';

const [self, a, b, c, d, e] = [party(1), party(2), party(3), party(4), party(5), party(6)];
const [k1, k2, k3, k4] = [party(11), party(12), party(13), party(14)];
const scid = (10n << 40n) | (1n << 16n);
const elsewhere = (n: bigint): bigint => ((20n + n) << 40n) | (1n << 16n);

async function hear(harness: Harness, messages: readonly Message[], link = 1, from: Party = a): Promise<void> {
  for (const message of messages) harness.service.handle({ kind: 'gossip', link, peer: from.id, message });
  await harness.service.sync(0);
}
async function started(part: Parameters<typeof open>[1] = {}): Promise<Harness> {
  const harness = await open(self, part);
  for (const [link, { id }] of [a, b].entries())
    harness.service.handle({ kind: 'peer_ready', link: link + 1, peer: id, features: GOSSIP_FEATURES });
  return harness;
}
const has = ({ service }: Harness, id: bigint): boolean => service.graph().findChannel(id) !== -1;
const between = ({ service }: Harness, id: bigint): readonly Uint8Array[] => {
  const graph = service.graph();
  const found = graph.findChannel(id);
  return [graph.node1[found], graph.node2[found]].map((node) => graph.nodeIdOf(node as number));
};

describe('two announcements of one channel', () => {
  it('signed with the same funding keys: keys are out, so the nodes of both are blacklisted and all their channels forgotten', async () => {
    const harness = await started();
    await hear(harness, [
      announcement(a, b, scid, {}, [k1, k2]),
      update(a, b, scid),
      ...channel(a, e, elsewhere(1n)),
      ...channel(c, e, elsewhere(2n)),
      ...channel(d, e, elsewhere(3n)),
      ...channel(self, a, elsewhere(4n)),
    ]);
    await hear(harness, [announcement(a, c, scid, {}, [k2, k1])], 2);
    expect([scid, 1n, 2n, 3n, 4n].map((n) => has(harness, n === scid ? n : elsewhere(n)))).toEqual([false, false, false, true, true]);
    expect(harness.service.status().refused).toEqual({ contradicting: 1 });
    // Nothing is believed of them any more, also after a restart.
    await harness.service.close();
    const again = await started({ directory: harness.directory });
    await hear(again, [...channel(b, e, elsewhere(5n)), ...channel(c, d, elsewhere(6n)), ...channel(d, party(7), elsewhere(7n))]);
    expect(again.service.status()).toMatchObject({ channels: 3, refused: { blacklisted: 2, unknown_channel: 4 } });
    expect(again.punished).toEqual([]);
    await again.service.close();
  });

  it('signed with other funding keys, with nobody to ask the chain: the first stands, and nobody is blacklisted', async () => {
    const harness = await started();
    await hear(harness, [announcement(a, b, scid, {}, [k1, k2]), update(a, b, scid)]);
    await hear(harness, [announcement(c, d, scid, {}, [k3, k4]), update(c, d, scid)], 2);
    expect(harness.service.status()).toMatchObject({ channels: 1, updates: 1, refused: { contradicting: 1 } });
    await hear(harness, [...channel(c, e, elsewhere(1n)), ...channel(a, e, elsewhere(2n))]);
    expect(harness.service.status().channels).toBe(3);
    await harness.service.close();
  });

  it('of which the chain knows one: that one stands, whichever came first', async () => {
    const chain = {
      txidAt: async () => ok(new Uint8Array(32).fill(9) as TxId),
      output: async () => ok({ amount: sat(5_000), script: fundingScript(k3.id, k4.id).script, height: height(10), coinbase: false }),
      tip: async () => ok({ height: 100 }),
    } as unknown as ChainSource;
    // The first was taken without a look at the chain: outputs were assumed to be valid then.
    const before = await started();
    await hear(before, [announcement(a, b, scid, {}, [k1, k2]), update(a, b, scid)]);
    await before.service.close();
    const harness = await started({ directory: before.directory, chain });
    const [first, second] = [c, d].map(({ id }) => id).sort(Buffer.compare);
    await hear(harness, [announcement(c, d, scid, {}, [k3, k4])], 2);
    await hear(harness, [update(c, d, scid)], 2);
    expect(between(harness, scid)).toEqual([first, second]);
    expect(harness.service.status()).toMatchObject({ channels: 1, updates: 1, refused: {} });
    await hear(harness, [announcement(a, b, scid, {}, [k1, k2])]);
    expect(between(harness, scid)).toEqual([first, second]);
    expect(harness.service.status().refused).toEqual({ bad_funding: 1 });
    await harness.service.close();
    const again = await started({ directory: before.directory });
    expect(between(again, scid)).toEqual([first, second]);
    expect(again.service.status().updates).toBe(1);
    await again.service.close();
  });

  it('one of them ours: ours stands', async () => {
    const harness = await started();
    await hear(harness, [announcement(c, d, scid, {}, [k1, k2])]);
    harness.service.handle({ kind: 'announce', message: announcement(self, a, scid, {}, [k3, k4]) });
    expect(between(harness, scid).some((id) => Buffer.compare(id, self.id) === 0)).toBe(true);
    await hear(harness, [announcement(c, d, scid, {}, [k3, k4])]);
    expect(between(harness, scid).some((id) => Buffer.compare(id, self.id) === 0)).toBe(true);
    await harness.service.close();
  });
});

describe('a forged announcement that waits for its verdict', () => {
  const forged = (): Message => ({ ...announcement(c, d, scid), features: Uint8Array.of(1) });

  it('does not keep out the true one, nor make its updates look forged', async () => {
    const harness = await started();
    harness.service.receive(1, encodeMessage(forged()));
    await hear(harness, [...channel(a, b, scid), nodeAnnouncement(a)], 2, b);
    expect(harness.punished).toEqual(['gossip refused: bad signature']);
    expect(harness.service.status()).toMatchObject({ channels: 1, updates: 2, nodes: 2, peers: 1, refused: { bad_signature: 1 } });
    await harness.service.close();
  });

  it('of which another peer sends a true update does that peer no harm', async () => {
    const harness = await started();
    harness.service.receive(1, encodeMessage(forged()));
    await hear(harness, [update(a, b, scid)], 2, b);
    expect(harness.service.status()).toMatchObject({
      channels: 0,
      updates: 0,
      peers: 1,
      refused: { bad_signature: 1, unknown_channel: 1 },
    });
    await harness.service.close();
  });

  it('and the same announcement from two peers at once is one', async () => {
    const harness = await started();
    const bytes = encodeMessage(announcement(a, b, scid));
    for (const link of [1, 2]) harness.service.receive(link, bytes);
    await harness.service.sync(0);
    expect(harness.service.status()).toMatchObject({ channels: 1, refused: { duplicate: 1 } });
    await harness.service.close();
  });
});
