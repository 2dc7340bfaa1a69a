import { type Bytes, concat, toBigInt } from '../../base/bytes.ts';
import { sha256d } from '../../crypto/hash.ts';
import { bech32Prefix, type InvoiceNetwork } from './amount.ts';
import { encodeBech32, wordsOfBytes } from './bech32.ts';
import type { Fallback } from './types.ts';

const PUBLIC_KEY_HASH = 17;
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** The on-chain address of a fallback, as the network writes it. */
export function fallbackAddress({ version, program }: Fallback, network: InvoiceNetwork): string {
  if (version >= PUBLIC_KEY_HASH) {
    const mainnet = network === 'bitcoin';
    const prefix = version === PUBLIC_KEY_HASH ? (mainnet ? 0x00 : 0x6f) : mainnet ? 0x05 : 0xc4;
    return base58check(concat(Uint8Array.of(prefix), program));
  }
  // BIP 350: version 0 has bech32's checksum, the others have bech32m's.
  return encodeBech32(bech32Prefix(network), concat(Uint8Array.of(version), wordsOfBytes(program)), version === 0 ? 'bech32' : 'bech32m');
}

/** The scriptPubKey that pays a fallback. */
export function fallbackScript({ version, program }: Fallback): Bytes {
  if (version === PUBLIC_KEY_HASH) return concat(Uint8Array.of(0x76, 0xa9, 20), program, Uint8Array.of(0x88, 0xac));
  if (version > PUBLIC_KEY_HASH) return concat(Uint8Array.of(0xa9, 20), program, Uint8Array.of(0x87));
  return concat(Uint8Array.of(version === 0 ? 0 : 0x50 + version, program.length), program);
}

/** Base58 with four bytes of double SHA-256 (25 bytes at most here, so big integers are fast enough). */
function base58check(payload: Bytes): string {
  const bytes = concat(payload, sha256d(payload).subarray(0, 4));
  let text = '';
  for (let left = toBigInt(bytes); left > 0n; left /= 58n) text = BASE58[Number(left % 58n)] + text;
  for (let i = 0; i < bytes.length && bytes[i] === 0; i++) text = `1${text}`;
  return text;
}
