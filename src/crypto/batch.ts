import { createRequire } from 'node:module';

/**
 * Signatures in bulk, packed, so that a batch crosses to a worker thread as one buffer. A job is a message with one or more signatures over one
 * hash (double SHA-256 of its end); all integers little-endian u32:
 *
 *     message length, offset of the hashed part, number of signatures n, n times (offset of the signature in the message, 33 bytes of the key
 *     padded to 36), the message padded to 4
 *
 * The answer has one byte for each job: 1 where every signature is valid.
 */
export const JOB_HEAD_BYTES = 12;
export const SIGNATURE_BYTES = 4 + 36;

/** Runs in the worker: it must not use anything but its arguments. Verifies `count` jobs of `packed`. */
export function verifyPacked(
  addon: { ecdsaVerify(signature: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean },
  sha256: (data: Uint8Array) => Uint8Array,
  packed: Uint8Array,
  count: number,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const results = new Uint8Array(count);
  let at = 0;
  for (let job = 0; job < count; job++) {
    const length = view.getUint32(at, true);
    const hashedFrom = view.getUint32(at + 4, true);
    const signatures = view.getUint32(at + 8, true);
    const keys = at + 12;
    const message = keys + 40 * signatures;
    const hash = sha256(sha256(packed.subarray(message + hashedFrom, message + length)));
    let valid = signatures > 0;
    for (let i = 0; valid && i < signatures; i++) {
      const signature = message + view.getUint32(keys + 40 * i, true);
      const key = keys + 40 * i + 4;
      try {
        valid = addon.ecdsaVerify(packed.subarray(signature, signature + 64), hash, packed.subarray(key, key + 33));
      } catch {
        valid = false;
      }
    }
    results[job] = valid ? 1 : 0;
    at = message + ((length + 3) & ~3);
  }
  return results;
}

/** Where a worker finds the native library, or null where it does not load here. */
export function nativeAddonPath(): string | null {
  const require = createRequire(import.meta.url);
  try {
    const path = require.resolve('secp256k1/bindings.js');
    require(path);
    return path;
  } catch {
    return null;
  }
}
