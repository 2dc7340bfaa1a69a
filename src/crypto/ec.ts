import { loadNative } from './native.ts';
import { nobleSecp } from './noble.ts';
import type { Secp256k1 } from './secp256k1.ts';

/** The secp256k1 of this process: the native library, or noble where it cannot load. */
export const secp: Secp256k1 = loadNative() ?? nobleSecp;
