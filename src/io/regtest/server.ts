import { Buffer } from 'node:buffer';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sha256 } from '../../crypto/hash.ts';
import type { RegtestChain } from './chain.ts';
import type { Faucet } from './faucet.ts';
import { METHODS, type MethodContext } from './methods.ts';
import { Params, RpcFault } from './params.ts';
import { answerRest, encodeAnswer } from './rest.ts';

/** The built-in chain on loopback: bitcoind's JSON-RPC at `/` (Basic authentication), Esplora's REST below `/esplora` (open, as Esplora is). */
export interface RegtestServerOptions {
  readonly chain: RegtestChain;
  readonly faucet: Faucet;
  /** A loopback address; 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Random where absent. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** Where to write `user:password` for the time of the run, as bitcoind does with its `.cookie`; readable by the owner alone. */
  readonly cookieFile?: string;
  /** Called when a client asks the server to stop. */
  readonly onStop?: () => void;
}

export interface RegtestServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** For `--chain`; the first has the credentials in it. */
  readonly bitcoindUrl: string;
  readonly esploraUrl: string;
  /** Answers what waits, ends every connection, frees the port. */
  close(): Promise<void>;
}

const MAX_BODY = 16_000_000;
const MAX_BATCH = 10_000;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** Throws where the host is not loopback or the port is taken. */
export async function serveRegtest(options: RegtestServerOptions): Promise<RegtestServer> {
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK.has(host)) throw new RangeError(`the built-in chain is served on loopback only, not on ${host}`);
  const { user, password } = options.credentials ?? { user: '__cookie__', password: randomBytes(32).toString('hex') };
  const ending = new AbortController();
  const context = {
    chain: options.chain,
    faucet: options.faucet,
    stop: () => setImmediate(() => options.onStop?.()),
  };
  const expected = sha256(Buffer.from(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`));
  const server = createServer((request, response) => {
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    ending.signal.addEventListener('abort', abort);
    response.on('close', () => {
      abort();
      ending.signal.removeEventListener('abort', abort);
    });
    handle(request, response, { ...context, gone: gone.signal }, expected).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, `internal error: ${error instanceof Error ? error.message : String(error)}`);
    });
  });
  server.keepAliveTimeout = 60_000;
  await listen(server, host, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  if (options.cookieFile !== undefined) writeFileSync(options.cookieFile, `${user}:${password}`, { mode: 0o600 });
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port,
    user,
    password,
    bitcoindUrl: `bitcoind://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${name}:${port}`,
    esploraUrl: `esplora+http://${name}:${port}/esplora`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          if (options.cookieFile !== undefined) unlinkSync(options.cookieFile);
          resolve();
        });
        ending.abort();
        // Those that wait get their answer first; idle connections end at once.
        setImmediate(() => server.closeAllConnections());
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function handle(request: IncomingMessage, response: ServerResponse, context: MethodContext, expected: Uint8Array): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://loopback').pathname;
  const esplora = /^\/esplora\/(.*)$/.exec(path);
  const body = await readBody(request);
  if (body === null) return send(response, 413, 'request too large');
  if (esplora !== null) {
    const answer = answerRest(context.chain, request.method ?? '', esplora[1] ?? '', body);
    return send(response, answer.status, answer.body);
  }
  if (request.method !== 'POST') return send(response, 405, 'JSONRPC server handles only POST requests');
  if (!timingSafeEqual(sha256(Buffer.from(request.headers.authorization ?? '')), expected)) {
    response.setHeader('www-authenticate', 'Basic realm="jsonrpc"');
    return send(response, 401, '');
  }
  await answerRpc(response, context, body);
}

async function answerRpc(response: ServerResponse, context: MethodContext, body: string): Promise<void> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return send(response, 500, { result: null, error: { code: -32700, message: 'Parse error' }, id: null });
  }
  if (!Array.isArray(parsed)) {
    const answer = await call(context, parsed);
    // JSON-RPC 1: bitcoind says errors with the HTTP status too.
    const status = answer.error === null ? 200 : answer.error.code === -32601 ? 404 : answer.error.code === -32600 ? 400 : 500;
    return send(response, status, answer);
  }
  if (parsed.length > MAX_BATCH)
    return send(response, 500, { result: null, error: { code: -32600, message: 'Batch too large' }, id: null });
  const answers: RpcAnswer[] = [];
  for (const each of parsed) answers.push(await call(context, each));
  send(response, 200, answers);
}

interface RpcAnswer {
  readonly result: unknown;
  readonly error: { readonly code: number; readonly message: string } | null;
  readonly id: unknown;
}

async function call(context: MethodContext, request: unknown): Promise<RpcAnswer> {
  const refuse = (code: number, message: string, id: unknown = null): RpcAnswer => ({ result: null, error: { code, message }, id });
  if (typeof request !== 'object' || request === null) return refuse(-32600, 'Invalid Request object');
  const { method: name, params = [], id = null } = request as { method?: unknown; params?: unknown; id?: unknown };
  if (typeof name !== 'string') return refuse(-32600, 'Method must be a string', id);
  const method = METHODS.get(name);
  if (method === undefined) return refuse(-32601, 'Method not found', id);
  const values = Array.isArray(params)
    ? params
    : typeof params === 'object' && params !== null
      ? method.params.map((each) => (params as Record<string, unknown>)[each])
      : null;
  if (values === null) return refuse(-32600, 'Params must be an array or object', id);
  if (values.length > method.params.length) return refuse(-1, `${[name, ...method.params].join(' ')}`, id);
  try {
    return { result: (await method.run(context, new Params(values, method.params))) ?? null, error: null, id };
  } catch (error) {
    if (error instanceof RpcFault) return refuse(error.code, error.message, id);
    throw error;
  }
}

/** The body as text; null where it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const { type, bytes } = encodeAnswer(body);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}
