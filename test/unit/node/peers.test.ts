import { expect, test } from 'vitest';
import { compare, utf8 } from '../../../src/base/bytes.ts';
import type { ChannelId, NodeId } from '../../../src/base/ids.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { START, type TestNode, World } from './kit.ts';

const address = { host: 'there', port: 9735 };
const key = (n: number): NodeId => secp.publicKey(sha256(utf8(`stranger ${n}`))) as NodeId;

/** Two nodes, the one with the smaller id first. */
function twoNodes(): { readonly world: World; readonly small: TestNode; readonly large: TestNode } {
  const world = new World();
  const nodes = [world.node('alice'), world.node('bob')];
  const [small, large] = nodes.toSorted((a, b) => compare(a.nodeId, b.nodeId)) as [TestNode, TestNode];
  return { world, small, large };
}

const connected = (a: TestNode, b: TestNode): boolean =>
  a.session(b)?.kind === 'up' && b.session(a)?.kind === 'up' && a.link(b) === b.link(a);

const closed = (node: TestNode): readonly number[] => node.effects.flatMap((effect) => (effect.kind === 'close_link' ? [effect.link] : []));

test('of two links that both sides dialled at the same moment both keep the one that the smaller id dialled, in whatever order they come up', () => {
  for (const order of [0, 1, 2, 3]) {
    const { world, small, large } = twoNodes();
    const [bySmall, byLarge] = [world.wire(small, large), world.wire(large, small)];
    const up = (node: TestNode, link: number): void => {
      const peer = node === small ? large.nodeId : small.nodeId;
      const inbound = (link === bySmall) !== (node === small);
      node.step({ kind: 'link_up', link, peer, inbound, address: inbound ? null : address });
    };
    for (const link of (order & 1) === 0 ? [bySmall, byLarge] : [byLarge, bySmall]) up(small, link);
    for (const link of (order & 2) === 0 ? [bySmall, byLarge] : [byLarge, bySmall]) up(large, link);
    world.settle();
    expect(small.link(large), `order ${order}`).toBe(bySmall);
    expect(connected(small, large), `order ${order}`).toBe(true);
    expect([closed(small), closed(large)], `order ${order}`).toEqual([[byLarge], [byLarge]]);
  }
});

test('a peer that dials again replaces its old link, and one that dials us after a while does so too', () => {
  const { world, small, large } = twoNodes();
  const first = world.connect(small, large);
  const again = world.wire(small, large);
  large.step({ kind: 'link_up', link: again, peer: small.nodeId, inbound: true, address: null });
  expect(large.link(small)).toBe(again);
  expect(closed(large)).toEqual([first]);
  world.now += 11;
  const back = world.wire(large, small);
  small.step({ kind: 'link_up', link: back, peer: large.nodeId, inbound: true, address: null });
  expect(small.link(large)).toBe(back);
});

const retryIn = (node: TestNode, peer: TestNode): number => {
  const session = node.session(peer);
  if (session?.kind !== 'down') throw new Error(`the session is ${session?.kind}`);
  return session.retryAt - node.world.now;
};

test('the pause before a dial doubles with each failure up to five minutes, and a lasting link ends that', () => {
  const { world, small, large } = twoNodes();
  small.command({ kind: 'connect_peer', peer: large.nodeId, address });
  const pauses: number[] = [];
  for (let i = 0; i < 11; i++) {
    small.step({ kind: 'link_failed', peer: large.nodeId, why: 'refused' });
    pauses.push(retryIn(small, large));
    small.step({ kind: 'tick' });
    expect(small.session(large)?.kind).toBe('down');
    world.now += pauses[i] as number;
    small.step({ kind: 'tick' });
    expect(small.session(large)?.kind).toBe('connecting');
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  const link = world.connect(small, large);
  world.tick(60);
  world.cut(link);
  expect(retryIn(small, large)).toBe(1);
});

test('a peer that hangs up right after the greeting is dialled ever less often', () => {
  const { world, small, large } = twoNodes();
  small.command({ kind: 'connect_peer', peer: large.nodeId, address });
  const pauses: number[] = [];
  for (let i = 0; i < 6; i++) {
    world.cut(world.connect(small, large));
    pauses.push(retryIn(small, large));
    world.now += pauses[i] as number;
    small.step({ kind: 'tick' });
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 16]);
});

test('a clock that was set back delays neither a dial nor a ping', () => {
  const { world, small, large } = twoNodes();
  small.command({ kind: 'connect_peer', peer: large.nodeId, address });
  small.step({ kind: 'link_failed', peer: large.nodeId, why: 'refused' });
  world.now = START - 86_400;
  small.step({ kind: 'tick' });
  expect(small.session(large)?.kind).toBe('connecting');
  world.connect(small, large);
  world.now -= 86_400;
  small.step({ kind: 'tick' });
  expect(small.sent('ping')).toHaveLength(1);
});

test('a silent peer is asked after a minute and let go half a minute later', () => {
  const { world, small, large } = twoNodes();
  const link = world.connect(small, large);
  world.hold = () => true;
  world.tick(59);
  expect(small.sent('ping')).toHaveLength(0);
  world.tick(1);
  expect(small.sent('ping')).toHaveLength(1);
  world.tick(30);
  expect(closed(small)).toEqual([]);
  world.tick(1);
  expect(closed(small)).toEqual([link]);
});

test('a peer that only came and went leaves neither memory nor a row behind', () => {
  const { world, small } = twoNodes();
  for (let n = 0; n < 5; n++) {
    small.step({ kind: 'link_up', link: 100 + n, peer: key(n), inbound: true, address: null });
    small.step({ kind: 'link_down', link: 100 + n, peer: key(n), why: 'gone' });
  }
  expect(small.state.peers.size).toBe(0);
  expect(small.batches.flatMap((batch) => batch.rows)).toEqual([]);
  expect(world.nodes).toHaveLength(2);
});

test('inbound peers without a channel are bounded in number, those with one are not among them', () => {
  const { world, small, large } = twoNodes();
  world.open(large, small);
  world.cut(small.link(large));
  for (let n = 0; n < 201; n++) small.step({ kind: 'link_up', link: 1000 + n, peer: key(n), inbound: true, address: null });
  expect(closed(small)).toEqual([1200]);
  world.connect(large, small);
  expect(connected(small, large)).toBe(true);
});

test('a flood of warnings is logged and recorded a few times, and an error after it still fails its channel', () => {
  const { world, small, large } = twoNodes();
  const channelId: ChannelId = world.open(large, small);
  const link = small.link(large);
  const say = (name: 'warning' | 'error'): void => {
    small.step({ kind: 'message', link, peer: large.nodeId, message: { name, channelId, data: utf8('so it is'), tlvs: {} } });
  };
  const rows = (): number => small.batches.reduce((sum, batch) => sum + batch.history.length, 0);
  const before = { rows: rows(), lines: small.logs().length };
  for (let i = 0; i < 500; i++) say('warning');
  expect(rows() - before.rows).toBe(20);
  say('error');
  expect(small.channelWith(large).closing?.how).toBe('local_force');
  const after = rows();
  for (let i = 0; i < 500; i++) say('error');
  expect(rows()).toBe(after);
});

test('a ping asks for as many bytes as it likes, and gets none beyond the limit', () => {
  const { world, small, large } = twoNodes();
  world.connect(small, large);
  const ping = (numPongBytes: number) => {
    const message = { name: 'ping', numPongBytes, ignored: new Uint8Array(0), tlvs: {} } as const;
    return small.step({ kind: 'message', link: small.link(large), peer: large.nodeId, message }).filter(({ kind }) => kind === 'send');
  };
  expect(ping(65_532)).toEqual([]);
  expect(ping(65_531)).toMatchObject([{ message: { name: 'pong', ignored: { length: 65_531 } } }]);
  expect(ping(0)).toMatchObject([{ message: { name: 'pong', ignored: { length: 0 } } }]);
});

test('what an older link still says, and what comes before init, is not taken', () => {
  const { world, small, large } = twoNodes();
  const old = world.connect(small, large);
  const message = { name: 'ping', numPongBytes: 1, ignored: new Uint8Array(0), tlvs: {} } as const;
  const fresh = world.wire(large, small);
  world.now += 20;
  small.step({ kind: 'link_up', link: fresh, peer: large.nodeId, inbound: true, address: null });
  expect(small.step({ kind: 'message', link: old, peer: large.nodeId, message })).toEqual([]);
  expect(small.step({ kind: 'link_down', link: old, peer: large.nodeId, why: '' })).toEqual([]);
  expect(small.session(large)?.kind).toBe('greeting');
  const effects = small.step({ kind: 'message', link: fresh, peer: large.nodeId, message });
  expect(effects).toMatchObject([{ kind: 'close_link', link: fresh }]);
});

test('gossip that cannot be read is counted; the peer is disconnected for it, unless it is of the draft of version 2', () => {
  const { world, small, large } = twoNodes();
  const link = world.connect(small, large);
  const read = (type: number): void => void small.step({ kind: 'malformed_message', link, peer: large.nodeId, type, why: 'cut off' });
  for (const type of [267, 269, 271]) read(type);
  expect(closed(small)).toEqual([]);
  read(258);
  expect(closed(small)).toEqual([link]);
  const counted = small.effects.flatMap((effect) => (effect.kind === 'gossip_malformed' ? [effect.type] : []));
  expect(counted).toEqual([267, 269, 271, 258]);
});
