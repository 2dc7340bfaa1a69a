import { connect as netConnect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Links } from '../../../../src/app/node/links.ts';
import { utf8 } from '../../../../src/base/bytes.ts';
import type { NodeId } from '../../../../src/base/ids.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import type { NodeInput } from '../../../../src/node/types.ts';

const made: Links[] = [];
afterEach(async () => {
  for (const links of made.splice(0)) await links.closeAll();
});

class End {
  readonly inputs: NodeInput[] = [];
  readonly secret: Uint8Array;
  readonly nodeId: NodeId;
  readonly links: Links;
  waiting = 0;
  gossipRoom: Promise<void> | null = null;
  drained: (() => void)[] = [];
  #wake = (): void => {};

  constructor(name: string) {
    this.secret = sha256(utf8(name));
    this.nodeId = secp.publicKey(this.secret) as NodeId;
    this.links = new Links({
      nodeSecret: this.secret,
      submit: (input) => {
        this.inputs.push(input);
        this.#wake();
        return this.waiting;
      },
      whenDrained: (run) => this.drained.push(run),
      gossipRoom: () => this.gossipRoom,
    });
    made.push(this.links);
  }

  async until(found: (inputs: readonly NodeInput[]) => boolean): Promise<void> {
    while (!found(this.inputs)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
  async link(): Promise<number> {
    await this.until((inputs) => inputs.some(({ kind }) => kind === 'link_up'));
    return (this.inputs.find(({ kind }) => kind === 'link_up') as Extract<NodeInput, { kind: 'link_up' }>).link;
  }
  said(): readonly string[] {
    return this.inputs.flatMap((input) => (input.kind === 'message' ? [input.message.name] : []));
  }
}

async function pair() {
  const [alice, bob] = [new End('alice'), new End('bob')];
  const port = await bob.links.listen({ host: '127.0.0.1', port: 0 });
  alice.links.connect(bob.nodeId, { host: '127.0.0.1', port });
  return { alice, bob, port, a: await alice.link(), b: await bob.link() };
}

const ping = { name: 'ping', numPongBytes: 0, ignored: new Uint8Array(0), tlvs: {} } as const;

test('messages pass in order, and what was sent before a close arrives', async () => {
  const { alice, bob, a } = await pair();
  for (let i = 0; i < 3; i++) alice.links.send(a, ping);
  alice.links.send(a, { name: 'warning', channelId: new Uint8Array(32) as never, data: utf8('bye'), tlvs: {} });
  alice.links.close(a);
  await bob.until((inputs) => inputs.at(-1)?.kind === 'link_down');
  expect(bob.said()).toEqual(['ping', 'ping', 'ping', 'warning']);
});

test('of a peer that is let go nothing more is heard', async () => {
  const { alice, bob, a, b } = await pair();
  bob.links.close(b);
  for (let i = 0; i < 100; i++) alice.links.send(a, ping);
  await bob.until((inputs) => inputs.at(-1)?.kind === 'link_down');
  expect(bob.said()).toEqual([]);
});

test('a peer with the wrong key, a port where nobody listens, and one that only knocks are failures and no more', async () => {
  const { alice, bob, port } = await pair();
  const other = new End('carol');
  other.links.connect(alice.nodeId, { host: '127.0.0.1', port });
  await other.until((inputs) => inputs.some(({ kind }) => kind === 'link_failed'));
  const knocker = netConnect(port, '127.0.0.1');
  await new Promise<void>((resolve) => knocker.once('connect', () => resolve()));
  knocker.write(new Uint8Array(50).fill(9));
  await new Promise<void>((resolve) => knocker.once('close', () => resolve()));
  expect(bob.inputs.map(({ kind }) => kind)).toEqual(['link_up']);
  await bob.links.closeAll();
  const late = new End('dave');
  late.links.connect(bob.nodeId, { host: '127.0.0.1', port });
  await late.until((inputs) => inputs.some(({ kind }) => kind === 'link_failed'));
});

test('while too much waits a socket is not read, and it goes on where it stopped', async () => {
  const { alice, bob, a } = await pair();
  bob.waiting = 2_001;
  alice.links.send(a, ping);
  await bob.until(() => bob.drained.length > 0);
  bob.waiting = 0;
  for (let i = 0; i < 10; i++) alice.links.send(a, ping);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = bob.said().length;
  expect(before).toBeLessThan(11);
  for (const run of bob.drained.splice(0)) run();
  await bob.until(() => bob.said().length === 11);
});

test('a peer that asks for pongs and does not read them gets no more than fits', async () => {
  const { alice, a } = await pair();
  const pong = { name: 'pong', ignored: new Uint8Array(65_531), tlvs: {} } as const;
  for (let i = 0; i < 500; i++) alice.links.send(a, pong);
  expect(alice.links.backlog(a)).toBeLessThan(2 * 1024 * 1024);
});

test('a link that brings gossip is not read while gossip has no room, another link is', async () => {
  const { alice, bob, a } = await pair();
  const carol = new End('carol');
  const port = await bob.links.listen({ host: '127.0.0.1', port: 0 });
  carol.links.connect(bob.nodeId, { host: '127.0.0.1', port });
  const c = await carol.link();
  let open = (): void => {};
  bob.gossipRoom = new Promise((resolve) => {
    open = resolve;
  });
  const told = {
    name: 'node_announcement',
    signature: new Uint8Array(64),
    features: new Uint8Array(0),
    timestamp: 1,
    nodeId: bob.nodeId,
  } as const;
  const rest = { rgbColor: new Uint8Array(3), alias: new Uint8Array(32), addresses: new Uint8Array(0), tlvs: {} } as const;
  alice.links.send(a, { ...told, ...rest });
  await bob.until(() => bob.said().includes('node_announcement'));
  alice.links.send(a, { name: 'pong', ignored: new Uint8Array(0), tlvs: {} });
  // What comes from carol afterwards is read although nothing more of alice is.
  for (let i = 0; i < 3; i++) {
    carol.links.send(c, ping);
    await bob.until(() => bob.said().filter((name) => name === 'ping').length > i);
  }
  expect(bob.said()).not.toContain('pong');
  bob.gossipRoom = null;
  open();
  await bob.until(() => bob.said().includes('pong'));
});
