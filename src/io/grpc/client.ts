import { isIP } from 'node:net';
import type { Client, ClientDuplexStream, ClientReadableStream, ClientWritableStream, MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { fail, ok, type Result } from '../../base/result.ts';
import { loadService, type ServiceName } from './load.ts';

export interface Address {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What went wrong, as gRPC counts it (0 to 16); the message is the server's, made harmless. */
export interface GrpcFailure {
  readonly status: number;
  readonly message: string;
}

export interface ChannelOptions {
  /** An answer, or one message of a stream, may have so many bytes. */
  readonly maxReceive: number;
  /** A call that is not answered in this time fails; connecting counts. */
  readonly timeoutMs: number;
}

export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** A stream that is read until it ends; aborting the signal ends it too. */
export type Answers<T> = AsyncIterable<T>;

/** One service of one server. Connects with the first call, and again when the connection broke. */
export interface Channel {
  /** One question, one answer. */
  call<A>(method: string, request: object, options?: { readonly timeoutMs?: number }): Promise<Result<A, GrpcFailure>>;
  /** Sends one message up a stream and closes it; `A` is the answer to all of it. */
  send<A>(method: string, message: object, options?: { readonly timeoutMs?: number }): Promise<Result<A, GrpcFailure>>;
  /** Waits for the first message of a stream, null where it ends without one. */
  first<A>(method: string, request: object, options?: { readonly timeoutMs?: number }): Promise<Result<A | null, GrpcFailure>>;
  /** Both ways, without a deadline. Every answer goes to `answer`, which may write; resolves when the stream is over, ok where `signal` ended it. */
  converse<A>(part: {
    readonly method: string;
    readonly first: object;
    readonly signal: AbortSignal;
    answer(message: A, write: (message: object) => void, end: (failure: GrpcFailure) => void): void;
  }): Promise<Result<null, GrpcFailure>>;
  close(): void;
}

/**
 * TLS without a look at the certificate: tapd's and aperture's are self-signed, and what counts here is proven by itself (proofs) or encrypted
 * and signed (messages). Who stands between sees which assets are asked for.
 */
export function openChannel(service: ServiceName, address: Address, options: ChannelOptions): Channel {
  let client: Promise<Loaded> | undefined;
  let closed = false;
  const open = (): Promise<Loaded> => {
    client ??= connect(service, address, options);
    return client;
  };
  const deadline = (timeoutMs = options.timeoutMs): { readonly deadline: number } => ({ deadline: Date.now() + timeoutMs });
  const refuse = (): Result<never, GrpcFailure> => fail({ status: STATUS.CANCELLED, message: 'the connection was closed' });

  return {
    async call<A>(method: string, request: object, { timeoutMs }: { readonly timeoutMs?: number } = {}) {
      const { client, codec } = await open();
      if (closed) return refuse();
      const { path, requestSerialize, responseDeserialize } = codec(method);
      return new Promise<Result<A, GrpcFailure>>((resolve) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, deadline(timeoutMs), (error, answer) =>
          resolve(error === null ? ok(answer as A) : fail(failureOf(error))),
        );
      });
    },
    async send<A>(method: string, message: object, { timeoutMs }: { readonly timeoutMs?: number } = {}) {
      const { client, codec } = await open();
      if (closed) return refuse();
      const { path, requestSerialize, responseDeserialize } = codec(method);
      return new Promise<Result<A, GrpcFailure>>((resolve) => {
        const stream: ClientWritableStream<object> = client.makeClientStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          deadline(timeoutMs),
          (error, answer) => resolve(error === null ? ok(answer as A) : fail(failureOf(error))),
        );
        stream.end(message);
      });
    },
    async first<A>(method: string, request: object, { timeoutMs }: { readonly timeoutMs?: number } = {}) {
      const { client, codec } = await open();
      if (closed) return refuse();
      const { path, requestSerialize, responseDeserialize } = codec(method);
      return new Promise<Result<A | null, GrpcFailure>>((resolve) => {
        const stream: ClientReadableStream<object> = client.makeServerStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          deadline(timeoutMs),
        );
        stream.on('data', (message: A) => {
          resolve(ok(message));
          stream.cancel();
        });
        stream.on('error', (error: ServiceError) => resolve(fail(failureOf(error))));
        stream.on('end', () => resolve(ok(null)));
      });
    },
    async converse({ method, first, signal, answer }) {
      const { client, codec } = await open();
      if (closed) return refuse();
      if (signal.aborted) return ok(null);
      const { path, requestSerialize, responseDeserialize } = codec(method);
      return new Promise<Result<null, GrpcFailure>>((resolve, reject) => {
        const stream: ClientDuplexStream<object, object> = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
        const abort = (): void => settle(ok(null));
        const settle = (result: Result<null, GrpcFailure>): void => {
          signal.removeEventListener('abort', abort);
          resolve(result);
          stream.cancel();
        };
        const end = (failure: GrpcFailure): void => settle(fail(failure));
        signal.addEventListener('abort', abort, { once: true });
        stream.on('data', (message) => {
          try {
            answer(message as never, (out) => void stream.write(out), end);
          } catch (bug) {
            reject(bug);
            stream.cancel();
          }
        });
        stream.on('error', (error: ServiceError) => settle(fail(failureOf(error))));
        stream.on('end', () => settle(fail({ status: STATUS.UNAVAILABLE, message: 'the server ended the stream' })));
        stream.write(first);
      });
    },
    close() {
      closed = true;
      void client?.then(({ client }) => client.close());
    },
  };
}

interface Loaded {
  readonly client: Client;
  codec(method: string): MethodDefinition<object, object>;
}

async function connect(service: ServiceName, { host, port }: Address, options: ChannelOptions): Promise<Loaded> {
  const { grpc, definition } = await loadService(service);
  const unverified = { rejectUnauthorized: false, checkServerIdentity: () => undefined };
  const credentials = grpc.credentials.createSsl(null, null, null, unverified);
  const client = new grpc.Client(`dns:${host.includes(':') ? `[${host}]` : host}:${port}`, credentials, {
    // RFC 6066: no IP address as the name of a server, and Node warns of one.
    ...(isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' }),
    'grpc.max_receive_message_length': options.maxReceive,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // A proxy of the environment is for the web; the own retries of gRPC hide what the caller counts.
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_reconnect_backoff_ms': 5_000,
  });
  return {
    client,
    codec(method) {
      const found = definition[method];
      if (found === undefined) throw new Error(`${service} has no ${method}`);
      return found;
    },
  };
}

const MAX_MESSAGE_LENGTH = 300;

/**
 * What a server says ends up in front of a person: one line, without control characters, not endless. Of ids and keys the beginning tells which:
 * tapd repeats several in front of what is wrong.
 */
export function harmless(text: string): string {
  const line = text
    .slice(0, 20 * MAX_MESSAGE_LENGTH)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const short = line.replace(/\b([0-9a-f]{8})[0-9a-f]{24,}\b/g, '$1...');
  return short.length > MAX_MESSAGE_LENGTH ? `${short.slice(0, MAX_MESSAGE_LENGTH)}...` : short;
}

const failureOf = ({ code, details }: ServiceError): GrpcFailure => ({ status: code, message: harmless(details) });
