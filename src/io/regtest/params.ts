import { type Bytes, tryHex } from '../../base/bytes.ts';
import type { BlockHash, TxId } from '../../base/ids.ts';
import type { Sat } from '../../base/units.ts';
import { decodeAddressFor } from '../../bitcoin/address.ts';
import { satOfBtc } from '../../bitcoin/amount.ts';
import { parseBlockHash } from '../../bitcoin/block.ts';
import { decodeTx, type Tx } from '../../bitcoin/tx.ts';

/** An error answer of a method. Thrown inside this room only; the server turns it into JSON. */
export class RpcFault extends Error {
  override readonly name = 'RpcFault';
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const TYPE_ERROR = -3;
export const INVALID_ADDRESS_OR_KEY = -5;
export const INVALID_PARAMETER = -8;
export const DESERIALIZATION = -22;

/** The parameters of one call, checked as they are taken. */
export class Params {
  readonly #values: readonly unknown[];
  readonly #names: readonly string[];
  constructor(values: readonly unknown[], names: readonly string[]) {
    this.#values = values;
    this.#names = names;
  }

  has(at: number): boolean {
    return this.#values[at] !== undefined && this.#values[at] !== null;
  }
  text(at: number): string {
    const value = this.#values[at];
    if (typeof value !== 'string') throw new RpcFault(TYPE_ERROR, `JSON value of ${this.#names[at]} is not of expected type string`);
    return value;
  }
  integer(at: number, absent?: number): number {
    const value = this.#values[at] ?? absent;
    if (typeof value !== 'number' || !Number.isInteger(value))
      throw new RpcFault(TYPE_ERROR, `JSON value of ${this.#names[at]} is not of expected type number`);
    return value;
  }
  flag(at: number, absent: boolean): boolean {
    const value = this.#values[at] ?? absent;
    if (typeof value === 'number') return value !== 0;
    if (typeof value !== 'boolean') throw new RpcFault(TYPE_ERROR, `JSON value of ${this.#names[at]} is not of expected type bool`);
    return value;
  }
  list(at: number): readonly unknown[] {
    const value = this.#values[at];
    if (!Array.isArray(value)) throw new RpcFault(TYPE_ERROR, `JSON value of ${this.#names[at]} is not of expected type array`);
    return value;
  }
  /** 0, 1, 2 or a boolean, as `verbose` parameters grew. */
  verbosity(at: number, absent: number): number {
    const value = this.#values[at] ?? absent;
    return typeof value === 'boolean' ? Number(value) : this.integer(at, absent);
  }
  amount(at: number): Sat {
    const value = this.#values[at];
    const sats = satOfBtc(typeof value === 'string' ? Number(value) : value);
    if (sats === null || sats === 0n) throw new RpcFault(TYPE_ERROR, 'Invalid amount');
    return sats;
  }
  /** BTC/kvB, given in sat per 1000 vB; 0 is allowed. */
  feerate(at: number, absent: bigint): bigint {
    if (!this.has(at)) return absent;
    const value = this.#values[at];
    const sats = satOfBtc(typeof value === 'string' ? Number(value) : value);
    if (sats === null) throw new RpcFault(TYPE_ERROR, 'Invalid amount');
    return sats;
  }
  blockHash(at: number): BlockHash {
    const text = this.text(at);
    const hash = parseBlockHash(text);
    if (hash === null) throw new RpcFault(INVALID_PARAMETER, `${this.#names[at]} must be of length 64 (not ${text.length}, for '${text}')`);
    return hash;
  }
  txid(at: number): TxId {
    return this.blockHash(at) as Bytes as TxId;
  }
  tx(at: number): Tx {
    return readTx(this.#values[at]);
  }
  address(at: number): Bytes {
    const address = decodeAddressFor(this.text(at), 'regtest');
    if (!address.ok) throw new RpcFault(INVALID_ADDRESS_OR_KEY, `Error: Invalid address`);
    return address.value.script;
  }
}

export function readTx(value: unknown): Tx {
  const bytes = typeof value === 'string' ? tryHex(value) : null;
  const tx = bytes === null ? null : decodeTx(bytes);
  if (tx === null || !tx.ok) throw new RpcFault(DESERIALIZATION, 'TX decode failed. Make sure the tx has at least one input.');
  return tx.value;
}
