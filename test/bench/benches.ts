import type { Bench } from './harness.ts';

/** Every bench by its name, loaded when it is asked for. */
export const BENCHES: { readonly [name: string]: () => Promise<{ readonly bench: Bench }> } = {
  startup: () => import('./startup.ts'),
  decode: () => import('./decode.ts'),
  crypto: () => import('./crypto.ts'),
  onion: () => import('./onion.ts'),
  payments: () => import('./payments.ts'),
  oneshot: () => import('./oneshot.ts'),
};
