import { randomBytes } from 'node:crypto';
import { type LeafLocator, MAX_STEPS_BACK, type UniverseLeaf } from '../../asset/courier.ts';
import { readFile, writeFile } from '../../asset/proof/file.ts';
import { decodeProof, outPointOf } from '../../asset/proof/proof.ts';
import { type Bytes, toHex, tryText, utf8 } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { sha512 } from '../../crypto/hash.ts';
import { type Address, type GrpcFailure, openChannel, STATUS } from '../grpc/client.ts';
import type { UniverseFailure } from '../universe/contract.ts';
import { failed, universeFailure } from '../universe/failure.ts';
import type { CourierOptions, OpenCourier } from './courier.ts';

const TIMEOUT_MS = 30_000;
const WAIT_MS = 15_000;
/** aperture's server takes messages of 4 MB; a file may come in one that is larger. */
const MAX_MESSAGE = 64 * 1024 * 1024;
const ACK = 'ack';

/** The stream on which a file goes to the owner of a script key (33 bytes), and the one on which the word that it came goes back. */
export function hashmailStreams(scriptKey: Bytes): { readonly file: Bytes; readonly ack: Bytes } {
  const file = sha512(scriptKey);
  const ack = Uint8Array.from(file);
  ack[63] = (ack[63] as number) ^ 1;
  return { file, ack };
}

/**
 * Proofs over aperture's hashmail (addresses of version 0 and 1): a whole file goes as one message down a one-way stream that both sides find by the
 * script key. Nobody keeps it: sender and receiver need not be there at once, but a message is read only once.
 */
export function hashmailCourier(address: Address, options: CourierOptions): OpenCourier {
  const channel = openChannel('hashmail', address, { maxReceive: MAX_MESSAGE, timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
  const place = `the hashmail at ${address.host}:${address.port}`;
  const waitMs = options.waitMs ?? WAIT_MS;
  /** Transitions of files that came, by their places: `find` is asked for one after the other. */
  const came = new Map<string, Bytes>();
  const map = <T>(answer: Result<T, GrpcFailure>): Result<T, UniverseFailure> =>
    answer.ok ? answer : fail(universeFailure(answer.failure, place));

  const create = async (stream: Bytes): Promise<Result<null, UniverseFailure>> => {
    const made = await channel.call<{ readonly resp?: string }>('NewCipherBox', { desc: { stream_id: stream }, lnd_auth: {} });
    if (!made.ok) return made.failure.status === STATUS.ALREADY_EXISTS ? ok(null) : map(made);
    const { resp } = made.value;
    return resp === 'challenge' || resp === 'error' ? failed('REFUSED', `${place} does not open a stream`) : ok(null);
  };
  const write = async (stream: Bytes, msg: Bytes): Promise<Result<null, UniverseFailure>> => {
    const made = await create(stream);
    if (!made.ok) return made;
    const sent = await channel.send('SendStream', { desc: { stream_id: stream }, msg }, { timeoutMs: waitMs });
    // aperture takes the message, sees the end of the stream, and calls that an error.
    return sent.ok || isEndOfStream(sent.failure) ? ok(null) : map(sent);
  };
  /** Null where nothing came in time. */
  const read = async (stream: Bytes): Promise<Result<Bytes | null, UniverseFailure>> => {
    const made = await create(stream);
    if (!made.ok) return made;
    const got = await channel.first<{ readonly msg: Bytes }>('RecvStream', { stream_id: stream }, { timeoutMs: waitMs });
    if (!got.ok) return got.failure.status === STATUS.DEADLINE_EXCEEDED ? ok(null) : map(got);
    return ok(got.value === null ? null : Uint8Array.from(got.value.msg));
  };
  const remove = (stream: Bytes) => channel.call('DelCipherBox', { desc: { stream_id: stream }, lnd_auth: {} });

  return {
    async check() {
      // There is no call that asks only that: a stream of our own, which goes at once.
      const stream = Uint8Array.from(randomBytes(64));
      const made = await create(stream);
      if (made.ok) await remove(stream);
      return made;
    },
    async deliver(leaves) {
      const last = leaves.at(-1);
      if (last === undefined) return ok(null);
      const streams = hashmailStreams(last.scriptKey);
      // A stream holds one message: where an earlier try's still lies there the write waits, and its receiver's word counts for this one too.
      const [written, word] = await Promise.all([write(streams.file, writeFile(leaves.map(({ proof }) => proof))), read(streams.ack)]);
      if (!word.ok) return word;
      if (word.value === null && !written.ok) return written;
      if (word.value === null) return failed('TIMEOUT', `${place}: the receiver did not say within ${waitMs / 1000} s that the proof came`);
      if (tryText(word.value) !== ACK) return failed('PROTOCOL', `${place}: the receiver's word is not one`);
      await Promise.all([remove(streams.file), remove(streams.ack)]);
      return ok(null);
    },
    async find(locator) {
      const known = came.get(keyOf(locator));
      if (known !== undefined) return ok(known);
      const got = await read(hashmailStreams(locator.scriptKey).file);
      if (!got.ok || got.value === null) return got;
      const transitions = leavesOf(got.value);
      if (transitions === null) return failed('PROTOCOL', `${place}: what came is not a proof file`);
      // Files whose receipt was never told of do not stay for ever.
      if (came.size > MAX_STEPS_BACK) came.clear();
      for (const [key, raw] of transitions) came.set(key, raw);
      return ok(came.get(keyOf(locator)) ?? null);
    },
    async received({ scriptKey }) {
      came.clear();
      return write(hashmailStreams(scriptKey).ack, utf8(ACK));
    },
    close: () => channel.close(),
  };
}

const isEndOfStream = ({ status, message }: GrpcFailure): boolean => status === STATUS.UNKNOWN && message === 'EOF';

type Place = Pick<LeafLocator | UniverseLeaf, 'outPoint' | 'scriptKey'>;
const keyOf = ({ outPoint, scriptKey }: Place): string => `${formatOutPoint(outPoint)} ${toHex(scriptKey.slice(1))}`;

function leavesOf(file: Bytes): readonly (readonly [string, Bytes])[] | null {
  const transitions = readFile(file);
  if (!transitions.ok) return null;
  const leaves: (readonly [string, Bytes])[] = [];
  for (const raw of transitions.value) {
    const proof = decodeProof(raw);
    if (!proof.ok) return null;
    leaves.push([keyOf({ outPoint: outPointOf(proof.value), scriptKey: proof.value.asset.scriptKey }), raw]);
  }
  return leaves;
}
