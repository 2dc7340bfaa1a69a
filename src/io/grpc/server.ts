import { constants, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Server,
  ServerDuplexStream,
  ServerInterceptor,
  ServerUnaryCall,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Result } from '../../base/result.ts';
import type { GrpcFailure } from './client.ts';
import { STATUS } from './client.ts';
import { BUG, BUSY, DEFAULT_LIMITS, Guard, type ServerLimits } from './guard.ts';
import { peerOf } from './limits.ts';
import { type Grpc, loadGrpc, loadService, SERVICES, type ServiceName } from './load.ts';

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
  /** What a call may bring in all, where that is more than a question: `SMALL_CALL`. */
  readonly maxBytes?: { readonly [method: string]: number };
}

const SMALL_CALL = 64 * 1024;

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
  const guard = new Guard(limits);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': limits.maxReceive,
    'grpc.max_concurrent_streams': limits.maxStreams,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_connection_idle_ms': 600_000,
    'grpc.enable_channelz': 0,
    interceptors: [countBytes(grpc, guard, options.services)],
  });
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

/**
 * A message is held until it is whole, and until its call is answered. What a call brings is counted as it comes, so that neither one call nor many
 * of them fill the memory.
 */
function countBytes({ ServerInterceptingCall }: Grpc, guard: Guard, services: readonly Service[]): ServerInterceptor {
  const limits = new Map<string, number>();
  for (const { name, maxBytes = {} } of services)
    for (const [method, bytes] of Object.entries(maxBytes)) limits.set(`/${SERVICES[name].name}/${method}`, bytes);
  return ({ path }, call) => {
    const peer = peerOfCall(call.getPeer());
    // gRPC itself shows a call no less than a whole message.
    const { stream } = call as unknown as { readonly stream: ServerHttp2Stream };
    const most = limits.get(path) ?? SMALL_CALL;
    let held = 0;
    stream.on('data', ({ length }: Uint8Array) => {
      held += length;
      if (!guard.hold(peer, length) || held > most) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    stream.once('close', () => guard.release(peer, held));
    return new ServerInterceptingCall(call);
  };
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
