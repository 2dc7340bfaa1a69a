import { unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { AppError, toAppError } from './error.ts';
import type { Fraction, Json, JsonObject } from './operation.ts';
import { errorOfRpc, isObject, readFrames, sendFrame } from './rpc.ts';

/** How long an interrupted call may still tell what became of it. */
const GRACE_MS = 5_000;

export interface CallHooks {
  progress(text: string, of?: Fraction): void;
  emit(item: JsonObject): void;
  readonly signal: AbortSignal;
}

/** A connection to the daemon of a network. */
export interface Daemon {
  /** Runs one operation there. Throws AppError. */
  call(method: string, params: JsonObject, hooks: CallHooks): Promise<JsonObject>;
  close(): void;
}

/**
 * Connects to the daemon's socket; null where none answers. A socket file that a dead daemon left behind is removed.
 * Throws STORE_LOCKED where the socket exists but belongs to somebody else.
 */
export async function findDaemon(path: string): Promise<Daemon | null> {
  const socket = connect(path);
  const code = await new Promise<string | null>((resolve) => {
    socket.once('connect', () => resolve(null));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'UNKNOWN'));
  });
  if (code === null) return new Connection(socket);
  if (code === 'ECONNREFUSED') removeStale(path);
  if (code === 'EACCES')
    throw new AppError({ code: 'STORE_LOCKED', message: `${path} belongs to another user`, hint: 'name another --datadir' });
  return null;
}

function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process was faster, which is as good.
  }
}

interface Waiting {
  readonly hooks: CallHooks;
  resolve(result: JsonObject): void;
  reject(error: AppError): void;
}

class Connection implements Daemon {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  constructor(socket: Socket) {
    this.#socket = socket;
    readFrames(socket, { frame: (frame) => this.#onFrame(frame), garbage: (why) => this.#fail(why) });
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('the daemon went away'));
  }

  async call(method: string, params: JsonObject, hooks: CallHooks): Promise<JsonObject> {
    const id = this.#nextId++;
    const answer = new Promise<JsonObject>((resolve, reject) => this.#waiting.set(id, { hooks, resolve, reject }));
    sendFrame(this.#socket, { id, method, params });
    const giveUp = this.#cancelOnAbort(id, hooks.signal);
    try {
      return await answer;
    } finally {
      giveUp();
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.end();
  }

  /** Asks the daemon to stop; it answers with what became of it, and has a moment for that. */
  #cancelOnAbort(id: number, signal: AbortSignal): () => void {
    let timer: NodeJS.Timeout | null = null;
    const onAbort = (): void => {
      const reason = toAppError(signal.reason);
      sendFrame(this.#socket, { method: 'cancel', params: { id, code: reason.code } });
      timer = setTimeout(() => this.#waiting.get(id)?.reject(reason), GRACE_MS);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    return () => {
      signal.removeEventListener('abort', onAbort);
      if (timer !== null) clearTimeout(timer);
    };
  }

  #onFrame(frame: Json): void {
    if (!isObject(frame)) return;
    const params = frame['params'];
    if (typeof frame['method'] === 'string' && isObject(params)) {
      const hooks = this.#waiting.get(Number(params['id']))?.hooks;
      if (frame['method'] === 'progress') hooks?.progress(`${params['text']}`, fractionOf(params));
      else if (frame['method'] === 'emit' && isObject(params['item'])) hooks?.emit(params['item']);
      return;
    }
    const waiting = this.#waiting.get(Number(frame['id']));
    if (waiting === undefined) return;
    if (isObject(frame['result'])) waiting.resolve(frame['result']);
    else waiting.reject(errorOfRpc(frame['error']));
  }

  #fail(why: string): void {
    const error = new AppError({
      code: 'INTERNAL',
      message: `the connection to the daemon broke: ${why}`,
      hint: 'lnkit status tells whether it runs',
    });
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function fractionOf(params: JsonObject): Fraction | undefined {
  const { done, total } = params;
  return typeof done === 'number' && typeof total === 'number' ? { done, total } : undefined;
}
