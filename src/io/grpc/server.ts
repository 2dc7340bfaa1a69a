import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server, ServerDuplexStream, ServerUnaryCall, sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js';
import { fail, type Result } from '../../base/result.ts';
import type { GrpcFailure } from './client.ts';
import { STATUS } from './client.ts';
import { PeerRates, peerOf } from './limits.ts';
import { loadGrpc, loadService, type ServiceName } from './load.ts';

/** One question, one answer. `peer`: the address, or the network, that asks. */
export type Unary = (request: never, peer: string) => Promise<Result<object, GrpcFailure>>;

/** A stream both ways, as a handler sees it. */
export interface Talk {
  readonly peer: string;
  write(message: object): void;
  /** Ends the stream, with a failure or in peace. */
  end(failure?: GrpcFailure): void;
}
export interface Listener {
  message(message: never): void;
  /** The stream is over, whoever ended it; comes once. */
  closed(): void;
}
export type Duplex = (talk: Talk) => Listener;

export interface Service {
  readonly name: ServiceName;
  readonly unary: { readonly [method: string]: Unary };
  readonly duplex?: { readonly [method: string]: Duplex };
}

export interface ServerLimits {
  /** One message may have so many bytes. */
  readonly maxReceive: number;
  /** At once on one connection, and of one peer on all its connections. */
  readonly maxStreams: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerPeer: number;
  /** Calls of all peers that run at once. */
  readonly maxRunning: number;
  readonly perSecond: number;
  readonly burst: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  maxReceive: 32 * 1024 * 1024,
  maxStreams: 100,
  maxConnections: 500,
  maxConnectionsPerPeer: 32,
  maxRunning: 200,
  perSecond: 400,
  burst: 1_000,
};

/** A call waits so long for its turn before it is refused. */
const PATIENCE_MS = 2_000;
/** A peer that does not read what it asked for is let go when so many messages wait for it. */
const MAX_UNREAD = 64;

export interface GrpcServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly key: string;
  readonly certificate: string;
  readonly services: readonly Service[];
  readonly limits?: Partial<ServerLimits>;
  /** A throw in a handler: the peer hears no more than that there was one. */
  onBug(method: string, error: unknown): void;
}

/** Serves over TLS. Rejects where the place is taken. */
export async function serveGrpc(options: ServeOptions): Promise<GrpcServer> {
  const grpc = await loadGrpc();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const server = new grpc.Server({
    'grpc.max_receive_message_length': limits.maxReceive,
    'grpc.max_concurrent_streams': limits.maxStreams,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_connection_idle_ms': 600_000,
    'grpc.enable_channelz': 0,
  });
  const guard = new Guard(limits);
  for (const service of options.services) {
    const { definition } = await loadService(service.name);
    server.addService(definition, implementation(service, guard, options.onBug));
  }
  const credentials = grpc.ServerCredentials.createSsl(null, [
    { private_key: Buffer.from(options.key), cert_chain: Buffer.from(options.certificate) },
  ]);
  const injector = server.createConnectionInjector(credentials);
  const sockets = new Set<Socket>();
  const door = createServer({ noDelay: true }, (socket) => {
    const peer = peerOf(socket.remoteAddress ?? '');
    socket.on('error', () => socket.destroy());
    if (!guard.enter(peer)) return void socket.destroy();
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      guard.leave(peer);
    });
    injector.injectConnection(socket);
  });
  door.maxConnections = limits.maxConnections;
  const port = await listen(door, options);
  return { port, close: () => close(door, server, sockets) };
}

function listen(door: NetServer, { host, port }: ServeOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    door.once('error', reject);
    door.listen({ host, port }, () => {
      door.off('error', reject);
      door.on('error', () => {});
      resolve((door.address() as { readonly port: number }).port);
    });
  });
}

async function close(door: NetServer, server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => door.close(() => resolve()));
  // What answers now has a moment to end; streams that stay open are cut.
  await Promise.race([new Promise<void>((resolve) => server.tryShutdown(() => resolve())), sleep(300, undefined, { ref: false })]);
  server.forceShutdown();
  for (const socket of sockets) socket.destroy();
  await closed;
}

/** Counts who is here and what runs. */
class Guard {
  readonly #limits: ServerLimits;
  readonly #rates: PeerRates;
  readonly #connections = new Map<string, number>();
  readonly #streams = new Map<string, number>();
  #running = 0;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
    this.#rates = new PeerRates({ perSecond: limits.perSecond, burst: limits.burst, maxPeers: 10_000 });
  }

  enter = (peer: string): boolean => add(this.#connections, peer, this.#limits.maxConnectionsPerPeer);
  leave = (peer: string): void => subtract(this.#connections, peer);
  openStream = (peer: string): boolean => add(this.#streams, peer, this.#limits.maxStreams);
  closeStream = (peer: string): void => subtract(this.#streams, peer);

  /** Waits for the peer's turn and runs; what is too much is refused before it costs anything. */
  async run(peer: string, work: () => Promise<Result<object, GrpcFailure>>): Promise<Result<object, GrpcFailure>> {
    const wait = this.#rates.take(peer, { now: performance.now(), patience: PATIENCE_MS });
    if (wait === null || this.#running >= this.#limits.maxRunning) return fail(BUSY);
    this.#running += 1;
    try {
      if (wait > 0) await sleep(wait, undefined, { ref: false });
      return await work();
    } finally {
      this.#running -= 1;
    }
  }
}

const BUSY: GrpcFailure = { status: STATUS.RESOURCE_EXHAUSTED, message: 'too many requests, try again later' };
const BUG: GrpcFailure = { status: STATUS.INTERNAL, message: 'internal error' };

function add(counts: Map<string, number>, peer: string, most: number): boolean {
  const now = counts.get(peer) ?? 0;
  if (now >= most) return false;
  counts.set(peer, now + 1);
  return true;
}
function subtract(counts: Map<string, number>, peer: string): void {
  const now = counts.get(peer) ?? 0;
  if (now > 1) counts.set(peer, now - 1);
  else counts.delete(peer);
}

function implementation(service: Service, guard: Guard, onBug: ServeOptions['onBug']): UntypedServiceImplementation {
  const all: UntypedServiceImplementation = {};
  for (const [method, run] of Object.entries(service.unary)) {
    all[method] = (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => {
      const peer = peerOfCall(call.getPeer());
      const work = () => run(call.request as never, peer);
      guard.run(peer, work).then(
        (result) => (result.ok ? answer(null, result.value) : answer(statusOf(result.failure))),
        (error: unknown) => {
          onBug(method, error);
          answer(statusOf(BUG));
        },
      );
    };
  }
  for (const [method, open] of Object.entries(service.duplex ?? {}))
    all[method] = (stream: ServerDuplexStream<object, object>) => converse(stream, open, guard, (error) => onBug(method, error));
  return all;
}

function converse(stream: ServerDuplexStream<object, object>, open: Duplex, guard: Guard, onBug: (error: unknown) => void): void {
  const peer = peerOfCall(stream.getPeer());
  let over = false;
  const end = (failure?: GrpcFailure): void => {
    if (over) return;
    if (failure === undefined) stream.end();
    else stream.emit('error', statusOf(failure));
    finish();
  };
  const finish = (): void => {
    if (over) return;
    over = true;
    guard.closeStream(peer);
    listener?.closed();
  };
  if (!guard.openStream(peer)) {
    stream.emit('error', statusOf(BUSY));
    return;
  }
  let listener: Listener | undefined;
  const write = (message: object): void => {
    if (over) return;
    stream.write(message);
    if (stream.writableLength > MAX_UNREAD) end({ status: STATUS.RESOURCE_EXHAUSTED, message: 'you do not read what you asked for' });
  };
  stream.on('data', (message) => {
    try {
      if (!over) listener?.message(message as never);
    } catch (error) {
      onBug(error);
      end(BUG);
    }
  });
  stream.on('end', () => end());
  stream.on('cancelled', finish);
  stream.on('error', finish);
  stream.on('close', finish);
  listener = open({ peer, write, end });
}

/** `ADDRESS:PORT`, IPv6 with or without brackets. */
const peerOfCall = (peer: string): string => peerOf(peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));

const statusOf = ({ status, message }: GrpcFailure) => ({ code: status, details: message });
