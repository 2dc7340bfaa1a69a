import type { Socket } from 'node:net';
import { AppError, type ErrorInfo, errorJson, isErrorCode } from './error.ts';
import { parse, stringify } from './json.ts';
import type { Json, JsonObject } from './operation.ts';

/** JSON-RPC 2.0, one object a line. */
export const JSON_RPC_FAILURE = -32000;
export const JSON_RPC_PARSE_ERROR = -32700;
export const JSON_RPC_INVALID_REQUEST = -32600;

/** Longer than any request or answer of lnkit. */
const MAX_FRAME = 64 * 1024 * 1024;

export type RpcId = number | string;

export interface RpcRequest {
  readonly id: RpcId | null;
  readonly method: string;
  readonly params: JsonObject;
}

export function sendFrame(socket: Socket, frame: JsonObject): void {
  if (!socket.destroyed && socket.writable) socket.write(`${stringify({ jsonrpc: '2.0', ...frame })}\n`);
}

/** Calls `onFrame` for each line that is JSON, `onGarbage` for the first that is not; after that nothing more is read. */
export function readFrames(socket: Socket, on: { frame(value: Json): void; garbage(why: string): void }): void {
  let held = '';
  let broken = false;
  const refuse = (why: string): void => {
    broken = true;
    on.garbage(why);
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    if (broken) return;
    const lines = (held + chunk).split('\n');
    held = lines.pop() as string;
    if (held.length > MAX_FRAME) return refuse('a line is too long');
    for (const line of lines) {
      if (line.trim() === '') continue;
      let value: Json;
      try {
        value = parse(line);
      } catch {
        return refuse('a line is not JSON');
      }
      on.frame(value);
    }
  });
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The request in a frame, or null where it is none. */
export function asRequest(frame: Json): RpcRequest | null {
  if (!isObject(frame) || frame['jsonrpc'] !== '2.0' || typeof frame['method'] !== 'string') return null;
  const id = frame['id'] ?? null;
  const params = frame['params'] ?? {};
  if ((id !== null && typeof id !== 'number' && typeof id !== 'string') || !isObject(params)) return null;
  return { id, method: frame['method'], params };
}

export function rpcError(error: ErrorInfo): JsonObject {
  return { code: JSON_RPC_FAILURE, message: error.message, data: errorJson(error) };
}

/** The failure that a daemon answered with. */
export function errorOfRpc(error: Json | undefined): AppError {
  const data = isObject(error) ? error['data'] : undefined;
  if (isObject(data) && isErrorCode(data['code'])) {
    const { code, message, hint, details } = data;
    return new AppError({
      code: code as ErrorInfo['code'],
      message: `${message}`,
      hint: typeof hint === 'string' ? hint : undefined,
      details: isObject(details) ? details : undefined,
    });
  }
  const message =
    isObject(error) && typeof error['message'] === 'string' ? error['message'] : 'the daemon gave an answer that is not understood';
  return new AppError({ code: 'INTERNAL', message });
}
