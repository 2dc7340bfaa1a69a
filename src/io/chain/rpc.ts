import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { fail, ok } from '../../base/result.ts';
import { HttpClient } from '../http.ts';
import { member } from './decode.ts';
import { type ChainFailure, type ChainResult, malformed, notSynced, unreachable } from './source.ts';

export type RpcAuth =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** The file that bitcoind writes anew at each start. */
  | { readonly kind: 'cookie'; readonly path: string };

export interface RpcOptions {
  readonly host: string;
  readonly port: number;
  readonly auth: RpcAuth;
  /** For a whole request; 30 s by default. */
  readonly timeoutMs?: number;
}

export interface RpcCall {
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** What a method answered: a value, or bitcoind's own error. */
export type RpcAnswer =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

/** Up to 4 MB of block in hexadecimal, with room for a batch of them. */
const MAX_ANSWER = 64_000_000;
const IN_WARMUP = -28;

/** JSON-RPC to bitcoind over connections that are kept open. Nothing it returns holds the credentials. */
export class RpcClient {
  readonly place: string;
  readonly #url: URL;
  readonly #auth: RpcAuth;
  readonly #timeoutMs: number;
  readonly #http = new HttpClient({ maxSockets: 12 });
  readonly #closing = new AbortController();
  #authorization: string | null = null;
  #nextId = 1;

  constructor(options: RpcOptions) {
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.place = `bitcoind at ${host}:${options.port}`;
    this.#url = new URL(`http://${host}:${options.port}/`);
    this.#auth = options.auth;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  async call(method: string, params: readonly unknown[] = [], timeoutMs = this.#timeoutMs): Promise<ChainResult<RpcAnswer>> {
    const id = this.#nextId++;
    const sent = await this.#post(JSON.stringify({ jsonrpc: '1.0', id, method, params }), timeoutMs);
    return sent.ok ? this.#read(sent.value, id) : sent;
  }

  /** All calls in one request; the answers in the order of the calls. */
  async batch(calls: readonly RpcCall[]): Promise<ChainResult<readonly RpcAnswer[]>> {
    if (calls.length === 0) return ok([]);
    const first = this.#nextId;
    this.#nextId += calls.length;
    const body = calls.map(({ method, params = [] }, i) => ({ jsonrpc: '1.0', id: first + i, method, params }));
    const sent = await this.#post(JSON.stringify(body), this.#timeoutMs);
    if (!sent.ok) return sent;
    // While it starts, bitcoind may answer a whole batch with one error.
    if (!Array.isArray(sent.value)) {
      const whole = this.#read(sent.value, null);
      return whole.ok ? fail(malformed(`${this.place} answered a batch with something else`)) : whole;
    }
    const byId = new Map(sent.value.map((each) => [member(each, 'id'), each] as const));
    const answers: RpcAnswer[] = [];
    for (let i = 0; i < calls.length; i++) {
      const answer = this.#read(byId.get(first + i), first + i);
      if (!answer.ok) return answer;
      answers.push(answer.value);
    }
    return ok(answers);
  }

  close(): void {
    this.#closing.abort();
    this.#http.close();
  }

  async #post(body: string, timeoutMs: number): Promise<ChainResult<unknown>> {
    for (let attempt = 0; ; attempt++) {
      const authorization = await this.#authorize(attempt > 0);
      if (!authorization.ok) return authorization;
      const answer = await this.#http.send({
        method: 'POST',
        url: this.#url,
        headers: { authorization: authorization.value, 'content-type': 'application/json' },
        body,
        timeoutMs,
        maxBytes: MAX_ANSWER,
        signal: this.#closing.signal,
      });
      if (!answer.ok)
        return fail(unreachable(`${this.place}: ${answer.failure.message}`, 'is it running, and does it listen for RPC there?'));
      const { status } = answer.value;
      // The cookie is another one after each start of bitcoind.
      if (status === 401 && this.#auth.kind === 'cookie' && attempt === 0) continue;
      if (status === 401)
        return fail(unreachable(`${this.place} refused the credentials`, 'check the user and password, or the cookie file'));
      if (status === 403)
        return fail(unreachable(`${this.place} does not allow this address`, "bitcoind's rpcallowip names who may connect"));
      if (status === 503) return fail(unreachable(`${this.place} is too busy`, "bitcoind's rpcworkqueue and rpcthreads can be raised"));
      return this.#parse(status, answer.value.body);
    }
  }

  #parse(status: number, body: Uint8Array): ChainResult<unknown> {
    try {
      return ok(JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8')));
    } catch {
      return fail(malformed(`${this.place} answered with HTTP status ${status} and no JSON`, 'is this the RPC port of bitcoind?'));
    }
  }

  #read(answer: unknown, id: number | null): ChainResult<RpcAnswer> {
    const error = member(answer, 'error');
    if (error !== null && error !== undefined) {
      const [code, message] = [member(error, 'code'), member(error, 'message')];
      if (typeof code !== 'number' || typeof message !== 'string') return fail(this.#odd());
      if (code === IN_WARMUP) return fail(notSynced(`${this.place} is starting: ${message}`));
      return ok({ kind: 'error', code, message });
    }
    if (id !== null && member(answer, 'id') !== id) return fail(this.#odd());
    const value = member(answer, 'result');
    return value === undefined ? fail(this.#odd()) : ok({ kind: 'result', value });
  }

  #odd(): ChainFailure {
    return malformed(`${this.place} sent an answer that is no JSON-RPC`, 'is this the RPC port of bitcoind?');
  }

  async #authorize(again: boolean): Promise<ChainResult<string>> {
    if (this.#authorization !== null && !again) return ok(this.#authorization);
    const auth = this.#auth;
    let pair: string;
    if (auth.kind === 'password') pair = `${auth.user}:${auth.password}`;
    else {
      try {
        pair = (await readFile(auth.path, 'utf8')).trim();
      } catch {
        return fail(unreachable(`cannot read the cookie file ${auth.path}`, 'bitcoind writes it while it runs, unless rpcpassword is set'));
      }
    }
    this.#authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    return ok(this.#authorization);
  }
}
