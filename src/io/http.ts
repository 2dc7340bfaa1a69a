import { Buffer } from 'node:buffer';
import { Agent, type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import type { Bytes } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';

/** One request. `timeoutMs` covers the whole exchange; an answer longer than `maxBytes` is refused. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** http: or https:, without credentials. */
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Bytes;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Never holds the request's headers or body, so that it may be shown. */
export interface HttpFailure {
  readonly kind: 'unreachable' | 'timeout' | 'too_large' | 'aborted';
  readonly message: string;
}

/** An HTTP client that keeps connections open. No redirects: a backend that moves is configured anew. */
export class HttpClient {
  readonly #plain: Agent;
  readonly #maxSockets: number;
  #secure: SecureAgent | null = null;
  #closed = false;

  constructor(options: { readonly maxSockets: number }) {
    this.#maxSockets = options.maxSockets;
    this.#plain = new Agent({ keepAlive: true, maxSockets: options.maxSockets });
  }

  async send(request: HttpRequest): Promise<Result<HttpAnswer, HttpFailure>> {
    if (this.#closed) return fail({ kind: 'aborted', message: 'the client is closed' });
    const first = await this.#once(request);
    // A kept connection may have been closed by the server just as it was taken up again: that says nothing about the server.
    if (!first.ok && first.failure.stale && !this.#closed) return this.#once(request);
    return first;
  }

  close(): void {
    this.#closed = true;
    this.#plain.destroy();
    this.#secure?.destroy();
  }

  async #once(request: HttpRequest): Promise<Result<HttpAnswer, HttpFailure & { readonly stale: boolean }>> {
    const secure = request.url.protocol === 'https:' ? await import('node:https') : null;
    if (secure !== null) this.#secure ??= new secure.Agent({ keepAlive: true, maxSockets: this.#maxSockets });
    return new Promise((resolve) => {
      const options: RequestOptions = {
        method: request.method,
        agent: secure === null ? this.#plain : (this.#secure as SecureAgent),
        headers: {
          ...request.headers,
          ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }),
        },
      };
      const sent = (secure?.request ?? plainRequest)(request.url, options);
      const end = (result: Result<HttpAnswer, HttpFailure & { readonly stale: boolean }>): void => {
        clearTimeout(timer);
        request.signal?.removeEventListener('abort', abort);
        resolve(result);
        if (!result.ok) sent.destroy();
      };
      const stop = (kind: HttpFailure['kind'], message: string, stale = false): void => end(fail({ kind, message, stale }));
      const abort = (): void => stop('aborted', 'the request was ended');
      const timer = setTimeout(() => stop('timeout', `no answer within ${request.timeoutMs} ms`), request.timeoutMs);
      if (request.signal?.aborted === true) return abort();
      request.signal?.addEventListener('abort', abort);
      sent.on('error', (error: NodeJS.ErrnoException) =>
        stop('unreachable', describe(error), sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')),
      );
      sent.on('response', (response) => collect(response, request.maxBytes, end, stop));
      sent.end(request.body);
    });
  }
}

function collect(
  response: IncomingMessage,
  maxBytes: number,
  end: (result: Result<HttpAnswer, never>) => void,
  stop: (kind: HttpFailure['kind'], message: string) => void,
): void {
  const parts: Buffer[] = [];
  let length = 0;
  response.on('data', (part: Buffer) => {
    length += part.length;
    if (length > maxBytes) stop('too_large', `the answer is longer than ${maxBytes} bytes`);
    else parts.push(part);
  });
  response.on('error', (error) => stop('unreachable', describe(error)));
  response.on('aborted', () => stop('unreachable', 'the connection broke in the middle of the answer'));
  response.on('end', () => {
    const body = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      body.set(part, at);
      at += part.length;
    }
    end(ok({ status: response.statusCode ?? 0, headers: response.headers, body }));
  });
}

const MESSAGES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host name lookup failed',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
};

const describe = (error: NodeJS.ErrnoException): string => MESSAGES[error.code ?? ''] ?? error.code ?? error.message;
