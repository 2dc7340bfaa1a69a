import { chmodSync, mkdirSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Network } from '../bitcoin/network.ts';
import { findOperation, wrongParams } from './api/index.ts';
import { AppError, toAppError } from './error.ts';
import type { Fraction, Json, JsonObject } from './operation.ts';
import {
  asRequest,
  JSON_RPC_INVALID_REQUEST,
  JSON_RPC_PARSE_ERROR,
  type RpcId,
  type RpcRequest,
  readFrames,
  rpcError,
  sendFrame,
} from './rpc.ts';
import type { NodeRuntime } from './runtime.ts';

export interface ServerOptions {
  readonly path: string;
  readonly runtime: NodeRuntime;
  readonly network: Network;
  readonly datadir: string;
  /** Somebody asked the daemon to stop. */
  onStop(): void;
}

export interface RpcServer {
  /** Cancels what runs, answers it, and closes the socket. */
  close(): Promise<void>;
}

/** Serves the operations on a unix socket that only its owner may use. The store's lock must be held: it is what keeps a second daemon out. */
export async function serveRpc(options: ServerOptions): Promise<RpcServer> {
  const sessions = new Set<ClientSession>();
  const server = createServer((socket) => {
    const session = new ClientSession(socket, options);
    sessions.add(session);
    socket.on('close', () => {
      session.cancelAll('INTERRUPTED');
      sessions.delete(session);
    });
  });
  await listenPrivately(server, options.path);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all([...sessions].map((session) => session.finish()));
      await closed;
    },
  };
}

async function listenPrivately(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // We hold the store's lock, so a socket that is here was left behind by a daemon that died.
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  // The mask makes the socket private from its first moment on: chmod alone would come after it.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  } catch (error) {
    const message = `cannot listen on ${path}: ${(error as Error).message}`;
    throw new AppError(
      { code: 'USAGE', message, hint: 'a socket path may have about 100 characters: choose a shorter --datadir' },
      { cause: error },
    );
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
}

class ClientSession {
  readonly #socket: Socket;
  readonly #options: ServerOptions;
  readonly #running = new Map<RpcId, AbortController>();
  readonly #pending = new Set<Promise<void>>();

  constructor(socket: Socket, options: ServerOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('error', () => socket.destroy());
    readFrames(socket, {
      frame: (frame) => this.#onFrame(frame),
      garbage: (why) => {
        sendFrame(socket, { id: null, error: { code: JSON_RPC_PARSE_ERROR, message: why } });
        socket.end();
      },
    });
  }

  cancelAll(code: 'INTERRUPTED'): void {
    for (const abort of this.#running.values()) abort.abort(new AppError({ code, message: 'interrupted' }));
  }

  async finish(): Promise<void> {
    this.cancelAll('INTERRUPTED');
    await Promise.all(this.#pending);
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #onFrame(frame: Json): void {
    const request = asRequest(frame);
    if (request === null) {
      sendFrame(this.#socket, { id: null, error: { code: JSON_RPC_INVALID_REQUEST, message: 'not a JSON-RPC 2.0 request' } });
      return;
    }
    if (request.method === 'cancel') {
      const { id, code } = request.params;
      const reason = code === 'TIMEOUT' || code === 'INTERRUPTED' ? code : 'INTERRUPTED';
      const message = reason === 'TIMEOUT' ? 'the time is over' : 'interrupted';
      this.#running.get(id as RpcId)?.abort(new AppError({ code: reason, message, hint: 'what was started goes on in the daemon' }));
      return;
    }
    if (request.id === null) return;
    const run = this.#answer(request, request.id).finally(() => this.#pending.delete(run));
    this.#pending.add(run);
  }

  async #answer(request: RpcRequest, id: RpcId): Promise<void> {
    try {
      const result = await this.#run(request, id);
      sendFrame(this.#socket, { id, result });
    } catch (thrown) {
      sendFrame(this.#socket, { id, error: rpcError(toAppError(thrown)) });
    } finally {
      this.#running.delete(id);
    }
    if (request.method === 'stop') this.#options.onStop();
  }

  async #run({ method, params }: RpcRequest, id: RpcId): Promise<JsonObject> {
    if (method === 'stop') return { stopped: true, pid: process.pid };
    if (this.#running.has(id)) throw new AppError({ code: 'USAGE', message: `request ${id} is running already` });
    const abort = new AbortController();
    this.#running.set(id, abort);
    const operation = await findOperation(method);
    if (operation === null) throw new AppError({ code: 'USAGE', message: `there is no operation ${method}` });
    const wrong = wrongParams(operation, params);
    if (wrong !== null) throw new AppError({ code: 'USAGE', message: wrong });
    const { runtime, network, datadir } = this.#options;
    const progress = new LateProgress((text, of) => sendFrame(this.#socket, { method: 'progress', params: { id, text, ...of } }));
    const context = {
      runtime,
      network,
      datadir,
      signal: abort.signal,
      progress: (text: string, of?: Fraction) => progress.step(text, of),
      emit: (item: JsonObject) => sendFrame(this.#socket, { method: 'emit', params: { id, item } }),
    };
    try {
      return await operation.run(context, params);
    } finally {
      progress.end();
    }
  }
}

/** What is done within this time needs no spinner, and no messages about it. */
const PROGRESS_AFTER_MS = 100;

/** Tells nothing in the first moment, then the newest text, then each. */
class LateProgress {
  readonly #tell: (text: string, of?: Fraction) => void;
  #timer: NodeJS.Timeout | null;
  #held: readonly [text: string, of?: Fraction] | null = null;

  constructor(tell: (text: string, of?: Fraction) => void) {
    this.#tell = tell;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#held !== null) tell(...this.#held);
    }, PROGRESS_AFTER_MS);
  }

  step(text: string, of?: Fraction): void {
    if (this.#timer === null) this.#tell(text, of);
    else this.#held = of === undefined ? [text] : [text, of];
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
