import { type Bytes, concat } from '../../base/bytes.ts';
import { encodeAddress } from '../../bitcoin/address.ts';
import type { Network } from '../../bitcoin/network.ts';
import type { Fallback } from './types.ts';

const PUBLIC_KEY_HASH = 17;

/** The on-chain address of a fallback, as the network writes it; null where it has none. */
export const fallbackAddress = (fallback: Fallback, network: Network): string | null => encodeAddress(fallbackScript(fallback), network);

/** The scriptPubKey that pays a fallback. */
export function fallbackScript({ version, program }: Fallback): Bytes {
  if (version === PUBLIC_KEY_HASH) return concat(Uint8Array.of(0x76, 0xa9, 20), program, Uint8Array.of(0x88, 0xac));
  if (version > PUBLIC_KEY_HASH) return concat(Uint8Array.of(0xa9, 20), program, Uint8Array.of(0x87));
  return concat(Uint8Array.of(version === 0 ? 0 : 0x50 + version, program.length), program);
}
