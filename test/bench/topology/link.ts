// A peer link as small as it can be, for benches of gossip: BOLT 8, `init`, ping and pong, and gossip handed on as bytes.
import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { NodeId } from '../../../src/base/ids.ts';
import { messageTypeOf } from '../../../src/bolt/gossip/raw.ts';
import { type Handshake, startInitiator, startResponder, stepHandshake } from '../../../src/bolt/noise/handshake.ts';
import { createTransport } from '../../../src/bolt/noise/transport.ts';
import { encodeBits } from '../../../src/bolt/wire/features.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/bolt/wire/message.ts';
import type { GossipService } from '../../../src/io/gossip/service.ts';

/** What peers of the network ask for, and the gossip queries. */
const FEATURES = encodeBits([0, 5, 7, 8, 11, 12, 14, 17, 44]);
const INIT = 16;
/** Low enough that pings behind the gossip are answered in time. */
const PAUSE_ABOVE = 4_000;

export class BenchLink {
  readonly peer: NodeId;
  readonly #socket: Socket;
  readonly #transport: ReturnType<typeof createTransport>;
  readonly #service: () => GossipService;

  constructor(
    socket: Socket,
    done: { readonly remote: NodeId; readonly keys: Parameters<typeof createTransport>[0]; readonly rest: Uint8Array },
    service: () => GossipService,
  ) {
    this.peer = done.remote;
    this.#socket = socket;
    this.#service = service;
    this.#transport = createTransport(done.keys);
    this.send({ name: 'init', globalfeatures: new Uint8Array(0), features: FEATURES, tlvs: {} });
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('close', () => service().handle({ kind: 'peer_gone', link: 1, peer: this.peer }));
    if (done.rest.length > 0) this.#read(done.rest);
  }

  get unsent(): number {
    return this.#socket.writableLength;
  }

  send(message: Message): void {
    this.#socket.write(this.#transport.sender.encrypt(encodeMessage(message)));
  }

  #read(chunk: Uint8Array): void {
    this.#transport.receiver.push(chunk);
    for (;;) {
      const next = this.#transport.receiver.next();
      if (!next.ok) throw new Error(next.failure.problem);
      if (next.value === null) break;
      this.#take(next.value);
    }
    if (this.#service().waiting <= PAUSE_ABOVE || this.#socket.isPaused()) return;
    this.#socket.pause();
    const look = (): void => void (this.#service().waiting > PAUSE_ABOVE / 2 ? setTimeout(look, 5) : this.#socket.resume());
    look();
  }

  #take(bytes: Uint8Array): void {
    const service = this.#service();
    if (service.receive(1, bytes)) return;
    if (messageTypeOf(bytes) === INIT) {
      service.handle({ kind: 'peer_ready', link: 1, peer: this.peer, features: featuresOf(bytes) });
      return;
    }
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.value.name === 'unknown') return;
    if (decoded.value.name === 'ping')
      this.send({ name: 'pong', ignored: new Uint8Array(Math.min(decoded.value.numPongBytes, 65531)), tlvs: {} });
    else service.handle({ kind: 'gossip', link: 1, peer: this.peer, message: decoded.value });
  }
}

/** The features that the peer's `init` offers. */
function featuresOf(bytes: Uint8Array): Uint8Array {
  const init = decodeMessage(bytes);
  return init.ok && init.value.name === 'init' ? init.value.features : new Uint8Array(0);
}

export function dial(options: {
  readonly secret: Uint8Array;
  readonly remote: NodeId;
  readonly host: string;
  readonly port: number;
  readonly service: () => GossipService;
}): Promise<BenchLink> {
  const started = startInitiator({
    staticSecret: options.secret,
    ephemeralSecret: new Uint8Array(randomBytes(32)),
    remote: options.remote,
  });
  if (!started.ok || started.value.kind !== 'wait') throw new Error('not a node id');
  const { state, send } = started.value;
  const socket = connect(options.port, options.host);
  socket.once('connect', () => socket.write(send));
  return shake(socket, state, options.service);
}

export function serve(options: {
  readonly secret: Uint8Array;
  readonly service: () => GossipService;
  onLink(link: BenchLink): void;
}): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    const state = startResponder({ staticSecret: options.secret, ephemeralSecret: new Uint8Array(randomBytes(32)) });
    shake(socket, state, options.service).then(options.onLink, () => socket.destroy());
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as { port: number }).port })),
  );
}

function shake(socket: Socket, first: Handshake, service: () => GossipService): Promise<BenchLink> {
  socket.setNoDelay(true);
  return new Promise((resolve, reject) => {
    let state = first;
    const onData = (chunk: Buffer): void => {
      const stepped = stepHandshake(state, chunk);
      if (!stepped.ok) {
        reject(new Error(stepped.failure.problem));
        return;
      }
      if (stepped.value.send.length > 0) socket.write(stepped.value.send);
      if (stepped.value.kind === 'wait') {
        state = stepped.value.state;
        return;
      }
      socket.off('data', onData);
      resolve(new BenchLink(socket, stepped.value, service));
    };
    socket.on('data', onData);
    socket.on('error', reject);
  });
}
