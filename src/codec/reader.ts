import type { Bytes } from '../base/bytes.ts';

/** Malformed bytes. Caught at the door (`decodeWith`), where it becomes a returned failure. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  /** Where in the structure: `update_add_htlc.tlvs.blinded_path`. */
  path: string;

  constructor(message: string, path = '') {
    super(message);
    this.path = path;
  }
}

/** Adds the name of a part to a CodecError that passes through. */
export function within<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof CodecError) error.path = error.path === '' ? name : `${name}.${error.path}`;
    throw error;
  }
}

/** A cursor over bytes; every read that would pass the end throws a CodecError. Views share memory with the input. */
export class Reader {
  readonly bytes: Bytes;
  readonly #view: DataView;
  at: number;
  readonly end: number;

  constructor(bytes: Bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  take(length: number): Bytes {
    const from = this.#advance(length);
    return this.bytes.subarray(from, from + length);
  }
  rest(): Bytes {
    return this.take(this.left);
  }
  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }
  u16le(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  u32le(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  i32le(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }
  u64le(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  #advance(length: number): number {
    if (length > this.end - this.at) throw new CodecError(`needs ${length} bytes, has ${this.end - this.at}`);
    const from = this.at;
    this.at += length;
    return from;
  }
}
