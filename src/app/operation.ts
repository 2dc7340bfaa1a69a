// Contract: one operation a file in `api/`. A command parses its flags, calls one operation, and shows the result.
import type { Network } from '../bitcoin/network.ts';
import type { NodeRuntime } from './runtime.ts';

/** JSON as it goes over the socket and to stdout: bigints are exact integers in the text. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A JSON Schema (2020-12) as plain data: `lnkit schema` prints it and the tests hold the output to it. */
export type Schema = { readonly [key: string]: unknown };

/** How much of the work is done, where the whole is known; in any unit. */
export interface Fraction {
  readonly done: number;
  readonly total: number;
}

export interface OperationContext {
  readonly runtime: NodeRuntime;
  readonly network: Network;
  readonly datadir: string;
  /** A step towards the end, for spinners and logs: never part of the result. */
  progress(text: string, of?: Fraction): void;
  /** One object of a stream (`watch`, long probes): a line under `--json`. */
  emit(item: JsonObject): void;
  /** Ends when the user interrupts or the time is over. */
  readonly signal: AbortSignal;
}

/**
 * What lnkit can do with a node. `run` gets parameters that fit `params`, and throws `AppError` (error.ts) for every failure that a
 * user can meet; any other throw is a bug (INTERNAL, exit 1).
 */
export interface Operation<P extends JsonObject = JsonObject, R extends JsonObject = JsonObject> {
  readonly name: string;
  readonly params: Schema;
  readonly result: Schema;
  /**
   * What a one-shot run must bring up: no node at all (it reads files that several processes may have open), nothing but the store, the chain too,
   * or also connections to all channel peers.
   */
  readonly needs: 'nothing' | 'store' | 'chain' | 'peers';
  run(context: OperationContext, params: P): Promise<R>;
}
