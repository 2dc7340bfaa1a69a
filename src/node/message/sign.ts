import { type Bytes, concat, utf8 } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256d } from '../../crypto/hash.ts';
import { decodeZbase32, encodeZbase32 } from './zbase32.ts';

/** What lnd, Core Lightning and eclair put in front of the message, so that no signature is good for anything else. */
const PREFIX = utf8('Lightning Signed Message:');
/** The first byte of a compact signature: 27 for a signature, 4 more for a compressed key, then the recovery id. */
const HEADER = 31;
const SIGNATURE_LENGTH = 65;

const hashOf = (message: Bytes): Bytes => sha256d(concat(PREFIX, message));

/** Signs a message with the node's key: zbase32 of 104 characters, as `signmessage` of lnd and Core Lightning. */
export function signMessage(message: Bytes, privateKey: Bytes): string {
  const { signature, recovery } = secp.signRecoverable(hashOf(message), privateKey);
  return encodeZbase32(concat(Uint8Array.of(HEADER + recovery), signature));
}

/**
 * The node that signed `message`. A key comes out for nearly every message and signature: it is a proof only where it is the node that was
 * expected, or one that is known.
 */
export function verifyMessage(message: Bytes, zbase32: string): Result<NodeId, 'MALFORMED' | 'BAD_SIGNATURE'> {
  const compact = decodeZbase32(zbase32);
  if (compact === null || compact.length !== SIGNATURE_LENGTH) return fail('MALFORMED');
  const recovery = (compact[0] as number) - HEADER;
  if (recovery < 0 || recovery > 3) return fail('MALFORMED');
  const key = secp.recover(compact.slice(1), recovery, hashOf(message));
  return key === null ? fail('BAD_SIGNATURE') : ok(key as NodeId);
}
