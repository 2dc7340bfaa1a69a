// BOLT 8, "Lightning Message Specification": the session after the handshake. The objects here are mutable, as the only ones of the pure
// rings beside buffers: a session is never stored, it is made anew with each connection.
import { assert } from '../../base/assert.ts';
import { type Bytes, EMPTY } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { open, seal } from '../../crypto/chacha.ts';
import { hkdfPair, type SessionKeys } from './handshake.ts';

/** The other side's bytes do not verify: the connection ends (BOLT 8). */
export interface TransportFailure {
  readonly kind: 'transport';
  readonly problem: 'bad_length_tag' | 'bad_message_tag';
}

export interface Transport {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

/** Both directions of a session. */
export const createTransport = ({ sendKey, receiveKey, chainingKey }: SessionKeys): Transport => ({
  sender: new Sender(new Cipher(sendKey, chainingKey)),
  receiver: new Receiver(new Cipher(receiveKey, chainingKey)),
});

const TAG = 16;
const HEADER = 2 + TAG;
/** BOLT 8: a message is at most 65535 bytes. */
const MAX_LENGTH = 65535;
/** BOLT 8: "a key is to be rotated after a party encrypts or decrypts 1000 times with it", which is every 500 messages. */
const ROTATION = 1000;

/** Encrypts what we send. */
export class Sender {
  readonly #cipher: Cipher;
  readonly #length = new Uint8Array(2);

  constructor(cipher: Cipher) {
    this.#cipher = cipher;
  }

  /** The packet of a message of at most 65535 bytes. Packets must leave in the order in which they were made. */
  encrypt(message: Bytes): Bytes {
    assert(message.length <= MAX_LENGTH, 'a message is at most 65535 bytes');
    const packet = new Uint8Array(HEADER + message.length + TAG);
    this.#length[0] = message.length >> 8;
    this.#length[1] = message.length & 0xff;
    this.#cipher.seal(this.#length, packet.subarray(0, HEADER));
    this.#cipher.seal(message, packet.subarray(HEADER));
    return packet;
  }
}

/** Decrypts what we receive: `push` what the socket gave, then take messages with `next` until it gives null. */
export class Receiver {
  readonly #cipher: Cipher;
  #buffer = new Uint8Array(4096);
  #from = 0;
  #to = 0;
  /** Length of the message whose header has been read; -1 before. */
  #length = -1;
  #failure: TransportFailure | null = null;

  constructor(cipher: Cipher) {
    this.#cipher = cipher;
  }

  /** Copies `chunk`, of any size. */
  push(chunk: Bytes): void {
    if (this.#failure !== null) return;
    if (this.#to + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** The next message in bytes of its own, null until more has come; after a failure always that failure. */
  next(): Result<Bytes | null, TransportFailure> {
    if (this.#failure !== null) return fail(this.#failure);
    if (this.#length === -1) {
      if (this.#to - this.#from < HEADER) return ok(null);
      const length = this.#take(HEADER);
      if (length === null) return this.#fail('bad_length_tag');
      this.#length = ((length[0] as number) << 8) | (length[1] as number);
    }
    if (this.#to - this.#from < this.#length + TAG) return ok(null);
    const message = this.#take(this.#length + TAG);
    if (message === null) return this.#fail('bad_message_tag');
    this.#length = -1;
    return ok(message);
  }

  #take(length: number): Bytes | null {
    const sealed = this.#buffer.subarray(this.#from, this.#from + length);
    this.#from += length;
    const plaintext = this.#cipher.open(sealed);
    if (this.#from === this.#to) this.#from = this.#to = 0;
    return plaintext;
  }

  #fail(problem: TransportFailure['problem']): Result<never, TransportFailure> {
    this.#failure = { kind: 'transport', problem };
    this.#buffer = new Uint8Array(0);
    return fail(this.#failure);
  }

  /** Moves what is left to the front, into a larger buffer where that is not enough. */
  #makeRoom(extra: number): void {
    const left = this.#to - this.#from;
    const size = left + extra <= this.#buffer.length ? this.#buffer.length : Math.max(left + extra, 2 * this.#buffer.length);
    const target = size === this.#buffer.length ? this.#buffer : new Uint8Array(size);
    target.set(this.#buffer.subarray(this.#from, this.#to));
    this.#buffer = target;
    this.#from = 0;
    this.#to = left;
  }
}

/** One direction's key, with its counter. */
class Cipher {
  #key: Bytes;
  #chainingKey: Bytes;
  #number = 0;
  readonly #nonce = new Uint8Array(12);

  constructor(key: Bytes, chainingKey: Bytes) {
    this.#key = key;
    this.#chainingKey = chainingKey;
  }

  seal(plaintext: Bytes, output: Bytes): void {
    seal(this.#next(), plaintext, output);
  }

  open(sealed: Bytes): Bytes | null {
    return open(this.#next(), sealed);
  }

  /** The nonce is 32 zero bits and the counter as 64 bits little-endian; the counter stays below 1000. */
  #next(): { readonly key: Bytes; readonly nonce: Bytes; readonly ad: Bytes } {
    if (this.#number === ROTATION) {
      // BOLT 8: ck', k' = HKDF(ck, k), and the nonce starts again.
      [this.#chainingKey, this.#key] = hkdfPair(this.#chainingKey, this.#key);
      this.#number = 0;
    }
    this.#nonce[4] = this.#number & 0xff;
    this.#nonce[5] = this.#number >> 8;
    this.#number++;
    return { key: this.#key, nonce: this.#nonce, ad: EMPTY };
  }
}
