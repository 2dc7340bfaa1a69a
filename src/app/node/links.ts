import { randomBytes } from 'node:crypto';
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import type { Bytes } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { type Handshake, startInitiator, startResponder, stepHandshake } from '../../bolt/noise/handshake.ts';
import { createTransport, type Transport } from '../../bolt/noise/transport.ts';
import { decodeMessage, encodeMessage, type Message } from '../../bolt/wire/message.ts';
import { secp } from '../../crypto/ec.ts';
import type { Address, NodeInput } from '../../node/types.ts';

const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Waiting inputs beyond which sockets are not read: memory stays bounded whatever peers send. */
const PAUSE_ABOVE = 2_000;
/** Bytes a peer may leave unread before it is let go. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
const MAX_UNSENT_BEFORE_PONG = 1024 * 1024;
const MAX_INBOUND_IN_HANDSHAKE = 50;

export interface LinksOptions {
  readonly nodeSecret: Bytes;
  /** Queues an input; the number that wait comes back. */
  submit(input: NodeInput): number;
  /** Calls back when few inputs wait. */
  whenDrained(run: () => void): void;
  /** Resolves when gossip finds room again; null where it does. A link that brings gossip is not read until then, others are. */
  gossipRoom?(): Promise<void> | null;
}

const ANNOUNCEMENTS: ReadonlySet<string> = new Set(['channel_announcement', 'channel_update', 'node_announcement']);

interface Link {
  readonly number: number;
  readonly peer: NodeId;
  readonly socket: Socket;
  readonly transport: Transport;
  /** Reasons for which it is not read now. */
  holds: number;
}

/** TCP connections to peers, encrypted (BOLT 8). What a peer says becomes inputs; nothing a peer does throws. */
export class Links {
  readonly #options: LinksOptions;
  readonly #links = new Map<number, Link>();
  readonly #sockets = new Set<Socket>();
  /** Links that we closed, until their socket is gone. */
  readonly #ending = new Set<number>();
  readonly #servers: Server[] = [];
  #next = 1;
  #greeting = 0;
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Listens; resolves with the port that was taken (the one asked for, unless that is 0). */
  listen(address: Address): Promise<number> {
    const server = createServer((socket) => this.#accept(socket));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(address.port, address.host, () => {
        server.off('error', reject);
        server.on('error', () => {});
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : address.port);
      });
    });
  }

  /** Dials; the outcome is an input: `link_up` or `link_failed`. */
  connect(peer: NodeId, address: Address): void {
    const failed = (why: string): void => void this.#options.submit({ kind: 'link_failed', peer, why });
    if (this.#closed) return;
    const started = startInitiator({ staticSecret: this.#options.nodeSecret, ephemeralSecret: freshKey(), remote: peer });
    if (!started.ok || started.value.kind !== 'wait') {
      failed('the node id is not a point');
      return;
    }
    const { state, send } = started.value;
    const socket = netConnect(address.port, address.host);
    socket.once('connect', () => socket.write(send));
    this.#handshake(socket, state, { inbound: false, address, failed });
  }

  send(link: number, message: Message): void {
    const to = this.#links.get(link);
    if (to === undefined || to.socket.destroyed || this.#ending.has(link)) return;
    // 64 KiB for the asking: who asks faster than it reads goes without.
    if (message.name === 'pong' && to.socket.writableLength > MAX_UNSENT_BEFORE_PONG) return;
    to.socket.cork();
    to.socket.write(to.transport.sender.encrypt(encodeMessage(message)));
    process.nextTick(() => to.socket.uncork());
    if (to.socket.writableLength > MAX_UNSENT_BYTES) to.socket.destroy(new Error('the peer does not read'));
  }

  /** Ends a link after what was sent before has left. */
  close(link: number): void {
    const to = this.#links.get(link);
    if (to === undefined || this.#ending.has(link)) return;
    // Nothing is heard of it any more: a peer that is let go must not keep us busy until it notices.
    this.#ending.add(link);
    to.socket.end();
    setTimeout(() => to.socket.destroy(), 1000).unref();
  }

  /** Unsent bytes of a link: gossip waits while there are many. */
  backlog(link: number): number {
    return this.#links.get(link)?.socket.writableLength ?? 0;
  }

  async closeAll(): Promise<void> {
    this.#closed = true;
    const closing = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    const ends = [...this.#sockets].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.end();
          setTimeout(() => socket.destroy(), 200).unref();
        }),
    );
    await Promise.all([...closing, ...ends]);
  }

  #accept(socket: Socket): void {
    // Handshakes cost us two multiplications each: a crowd that only knocks is turned away.
    if (this.#closed || this.#greeting >= MAX_INBOUND_IN_HANDSHAKE) {
      socket.destroy();
      return;
    }
    const state = startResponder({ staticSecret: this.#options.nodeSecret, ephemeralSecret: freshKey() });
    this.#handshake(socket, state, { inbound: true, address: null, failed: () => {} });
  }

  #handshake(socket: Socket, first: Handshake, how: { inbound: boolean; address: Address | null; failed(why: string): void }): void {
    let state = first;
    let why = 'the connection broke in the handshake';
    this.#sockets.add(socket);
    this.#greeting++;
    socket.setNoDelay(true);
    const timer = setTimeout(() => {
      why = 'the handshake took too long';
      socket.destroy();
    }, HANDSHAKE_TIMEOUT_MS);
    const onError = (error: Error): void => {
      why = error.message;
    };
    const onClose = (): void => {
      this.#sockets.delete(socket);
      finish();
      how.failed(why);
    };
    const finish = (): void => {
      clearTimeout(timer);
      this.#greeting--;
      socket.off('data', onData).off('error', onError).off('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      const stepped = stepHandshake(state, chunk);
      if (!stepped.ok) {
        why = `handshake: act ${stepped.failure.act}, ${stepped.failure.problem}`;
        socket.destroy();
        return;
      }
      if (stepped.value.send.length > 0) socket.write(stepped.value.send);
      if (stepped.value.kind === 'wait') {
        state = stepped.value.state;
        return;
      }
      finish();
      this.#established(socket, stepped.value, how);
    };
    socket.on('data', onData).on('error', onError).on('close', onClose);
  }

  #established(
    socket: Socket,
    done: { readonly remote: NodeId; readonly keys: Parameters<typeof createTransport>[0]; readonly rest: Bytes },
    how: { readonly inbound: boolean; readonly address: Address | null },
  ): void {
    const link: Link = { number: this.#next++, peer: done.remote, socket, transport: createTransport(done.keys), holds: 0 };
    let why = 'the peer closed the connection';
    this.#links.set(link.number, link);
    this.#options.submit({ kind: 'link_up', link: link.number, peer: link.peer, inbound: how.inbound, address: how.address });
    socket.on('data', (chunk) => this.#read(link, chunk));
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#links.delete(link.number);
      this.#ending.delete(link.number);
      this.#options.submit({ kind: 'link_down', link: link.number, peer: link.peer, why });
    });
    if (done.rest.length > 0) this.#read(link, done.rest);
  }

  #read(link: Link, chunk: Bytes): void {
    if (this.#ending.has(link.number)) return;
    const { receiver } = link.transport;
    receiver.push(chunk);
    let waiting = 0;
    let isGossip = false;
    for (;;) {
      const next = receiver.next();
      if (!next.ok) {
        // BOLT 8: a packet that does not authenticate ends the connection at once.
        link.socket.destroy(new Error(`transport: ${next.failure.problem}`));
        return;
      }
      if (next.value === null) break;
      const input = inputOf(link, next.value);
      isGossip ||= input.kind === 'message' && ANNOUNCEMENTS.has(input.message.name);
      waiting = this.#options.submit(input);
    }
    if (waiting > PAUSE_ABOVE) this.#hold(link, new Promise((resolve) => this.#options.whenDrained(resolve)));
    const room = isGossip ? (this.#options.gossipRoom?.() ?? null) : null;
    if (room !== null) this.#hold(link, room);
  }

  #hold(link: Link, until: Promise<void>): void {
    link.holds++;
    link.socket.pause();
    void until.then(() => {
      if (--link.holds === 0) link.socket.resume();
    });
  }
}

function inputOf({ number, peer }: Link, bytes: Bytes): NodeInput {
  const decoded = decodeMessage(bytes);
  if (decoded.ok) return { kind: 'message', link: number, peer, message: decoded.value };
  const type = bytes.length < 2 ? 0 : ((bytes[0] as number) << 8) | (bytes[1] as number);
  return { kind: 'malformed_message', link: number, peer, type, why: `${decoded.failure.path}: ${decoded.failure.message}` };
}

function freshKey(): Bytes {
  for (;;) {
    const key = new Uint8Array(randomBytes(32));
    if (secp.isPrivateKey(key)) return key;
  }
}
