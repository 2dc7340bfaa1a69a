import type { Bytes } from '../../base/bytes.ts';

/** Lower-case hexadecimal, faster than the pure one: in a batch of invoices it is on the hot path. */
export const hexOf = (bytes: Bytes): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
