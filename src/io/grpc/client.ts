import { isIP } from 'node:net';
import type {
  Client,
  ClientDuplexStream,
  ClientReadableStream,
  ClientWritableStream,
  MethodDefinition,
  ServiceDefinition,
  ServiceError,
} from '@grpc/grpc-js';
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

/** One service of one server. Connects with the first call, and again when the connection broke. */
export interface Channel {
  /** One question, one answer. */
  call<A>(method: string, request: object, options?: { readonly timeoutMs?: number }): Promise<Result<A, GrpcFailure>>;
  /** Sends one message up a stream and closes it; `A` is the answer to all of it. */
  send<A>(method: string, message: object, options?: { readonly timeoutMs?: number }): Promise<Result<A, GrpcFailure>>;
  /** Waits for the first message of a stream, null where it ends without one. */
  first<A>(method: string, request: object, options?: { readonly timeoutMs?: number }): Promise<Result<A | null, GrpcFailure>>;
  /** Both ways, without a deadline. Every answer goes to `answer`, which may write; resolves when the stream is over, ok where `signal` ended it. */
  converse<A>(part: Conversation<A>): Promise<Result<null, GrpcFailure>>;
  close(): void;
}

export interface Conversation<A> {
  readonly method: string;
  readonly first: object;
  readonly signal: AbortSignal;
  answer(message: A, write: (message: object) => void, end: (failure: GrpcFailure) => void): void;
}

/**
 * TLS without a look at the certificate: tapd's and aperture's are self-signed, and what counts here is proven by itself (proofs) or encrypted
 * and signed (messages). Who stands between sees which assets are asked for.
 */
export const openChannel = (service: ServiceName, address: Address, options: ChannelOptions): Channel =>
  new GrpcChannel(service, address, options);

type Timeout = { readonly timeoutMs?: number };

class GrpcChannel implements Channel {
  readonly #service: ServiceName;
  readonly #address: Address;
  readonly #options: ChannelOptions;
  #loaded: Promise<Loaded> | undefined;
  #closed = false;

  constructor(service: ServiceName, address: Address, options: ChannelOptions) {
    this.#service = service;
    this.#address = address;
    this.#options = options;
  }

  async call<A>(method: string, request: object, { timeoutMs }: Timeout = {}): Promise<Result<A, GrpcFailure>> {
    const opened = await this.#open(method);
    if (opened === null) return CLOSED;
    const { client, path, requestSerialize, responseDeserialize } = opened;
    return new Promise((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, this.#deadline(timeoutMs), (error, answer) =>
        resolve(error === null ? ok(answer as A) : fail(failureOf(error))),
      );
    });
  }

  async send<A>(method: string, message: object, { timeoutMs }: Timeout = {}): Promise<Result<A, GrpcFailure>> {
    const opened = await this.#open(method);
    if (opened === null) return CLOSED;
    const { client, path, requestSerialize, responseDeserialize } = opened;
    return new Promise((resolve) => {
      const done = (error: ServiceError | null, answer?: object): void =>
        resolve(error === null ? ok(answer as A) : fail(failureOf(error)));
      const stream: ClientWritableStream<object> = client.makeClientStreamRequest(
        ...([path, requestSerialize, responseDeserialize, this.#deadline(timeoutMs), done] as const),
      );
      stream.end(message);
    });
  }

  async first<A>(method: string, request: object, { timeoutMs }: Timeout = {}): Promise<Result<A | null, GrpcFailure>> {
    const opened = await this.#open(method);
    if (opened === null) return CLOSED;
    const { client, path, requestSerialize, responseDeserialize } = opened;
    return new Promise((resolve) => {
      const stream: ClientReadableStream<object> = client.makeServerStreamRequest(
        ...([path, requestSerialize, responseDeserialize, request, this.#deadline(timeoutMs)] as const),
      );
      stream.on('data', (message: A) => {
        resolve(ok(message));
        stream.cancel();
      });
      stream.on('error', (error: ServiceError) => resolve(fail(failureOf(error))));
      stream.on('end', () => resolve(ok(null)));
    });
  }

  async converse<A>({ method, first, signal, answer }: Conversation<A>): Promise<Result<null, GrpcFailure>> {
    const opened = await this.#open(method);
    if (opened === null) return CLOSED;
    if (signal.aborted) return ok(null);
    const { client, path, requestSerialize, responseDeserialize } = opened;
    return new Promise((resolve, reject) => {
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
          answer(message as A, (out) => void stream.write(out), end);
        } catch (bug) {
          reject(bug);
          stream.cancel();
        }
      });
      stream.on('error', (error: ServiceError) => end(failureOf(error)));
      stream.on('end', () => end({ status: STATUS.UNAVAILABLE, message: 'the server ended the stream' }));
      stream.write(first);
    });
  }

  close(): void {
    this.#closed = true;
    void this.#loaded?.then(({ client }) => client.close());
  }

  async #open(method: string): Promise<(MethodDefinition<object, object> & { readonly client: Client }) | null> {
    this.#loaded ??= connect(this.#service, this.#address, this.#options);
    const { client, definition } = await this.#loaded;
    const found = definition[method];
    if (found === undefined) throw new Error(`${this.#service} has no ${method}`);
    return this.#closed ? null : { ...found, client };
  }

  #deadline(timeoutMs = this.#options.timeoutMs): { readonly deadline: number } {
    return { deadline: Date.now() + timeoutMs };
  }
}

const CLOSED = fail<GrpcFailure>({ status: STATUS.CANCELLED, message: 'the connection was closed' });

interface Loaded {
  readonly client: Client;
  readonly definition: ServiceDefinition;
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
  return { client, definition };
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

const failureOf = ({ code, details }: ServiceError): GrpcFailure => ({ status: code, message: harmless(withoutNote(details)) });

/** grpc-js ends with the note of its resolver where there is one, and with its heading where there is none. */
const withoutNote = (details: string): string => details.replace(/\s*Resolution note:\s*$/, '');
