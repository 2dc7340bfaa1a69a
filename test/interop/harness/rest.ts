import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';

export interface RestAccess {
  readonly port: number;
  /** PEM file of the server's own certificate, the only one that is trusted. */
  readonly certificateFile: string;
  readonly macaroonFile: string;
}

export type Method = 'GET' | 'POST' | 'DELETE';

/** A gRPC gateway's REST API over TLS, as lnd and tapd serve it. */
export class RestClient {
  readonly #agent: Agent;
  readonly #port: number;
  readonly #macaroon: string;

  constructor(access: RestAccess) {
    this.#port = access.port;
    this.#macaroon = readFileSync(access.macaroonFile).toString('hex');
    this.#agent = new Agent({ keepAlive: true, maxSockets: 512, ca: readFileSync(access.certificateFile) });
  }

  /** @throws Error with the method, the path and the server's message */
  async call<T>(method: Method, path: string, body?: unknown, timeoutMs = 60_000): Promise<T> {
    const response = await this.#send(method, path, body, timeoutMs);
    const text = await readText(response);
    if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${messageOf(text)} (${response.statusCode})`);
    return JSON.parse(text) as T;
  }

  /** A streaming call: one value for each result. Leaving the loop ends the call. */
  async *stream<T>(method: Method, path: string, body?: unknown, timeoutMs = 300_000): AsyncGenerator<T> {
    const response = await this.#send(method, path, body, timeoutMs);
    if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${messageOf(await readText(response))} (${response.statusCode})`);
    try {
      for await (const line of lines(response)) {
        const item = JSON.parse(line) as { result?: T; error?: { message: string } };
        if (item.error !== undefined) throw new Error(`${method} ${path}: ${item.error.message}`);
        if (item.result !== undefined) yield item.result;
      }
    } finally {
      response.destroy();
    }
  }

  /** Ends idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  #send(method: Method, path: string, body: unknown, timeoutMs: number): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = { 'Grpc-Metadata-macaroon': this.#macaroon, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) };
    const options: RequestOptions = { host: '127.0.0.1', port: this.#port, method, path, headers, agent: this.#agent };
    return new Promise((resolve, reject) => {
      const sent = request({ ...options, servername: 'localhost' }, resolve);
      sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`${method} ${path}: no answer in ${timeoutMs / 1000} s`)));
      sent.once('error', reject);
      sent.end(payload);
    });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part !== '');
  }
  if (rest !== '') yield rest;
}

function messageOf(text: string): string {
  try {
    const answer = JSON.parse(text) as { message?: string; error?: { message?: string } };
    return answer.message ?? answer.error?.message ?? text;
  } catch {
    return text;
  }
}

export const hexToBase64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

/** The base64 variant that stands in a URL's path. */
export const hexToBase64Url = (hex: string): string => hexToBase64(hex).replaceAll('+', '-').replaceAll('/', '_');

export const base64ToHex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

/** lnd gives a transaction id's bytes in internal order, as hashed; people and bitcoind write them reversed. */
export const base64ToTxid = (base64: string): string => Buffer.from(base64, 'base64').reverse().toString('hex');
