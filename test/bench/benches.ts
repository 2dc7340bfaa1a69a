import type { Bench } from './harness.ts';

/** Every bench by its name, loaded when it is asked for. */
export const BENCHES: { readonly [name: string]: () => Promise<{ readonly bench: Bench }> } = {
  startup: () => import('./startup.ts'),
  decode: () => import('./decode.ts'),
  crypto: () => import('./crypto.ts'),
  onion: () => import('./onion.ts'),
  payments: () => import('./payments.ts'),
  oneshot: () => import('./oneshot.ts'),
  gossip: () => import('./gossip.ts'),
  flood: () => import('./flood.ts'),
  'graph-load': () => import('./graph-load.ts'),
  route: () => import('./route.ts'),
  split: () => import('./split.ts'),
  delivery: () => import('./delivery.ts'),
  mssmt: () => import('./mssmt.ts'),
  proof: () => import('./proof.ts'),
  universe: () => import('./universe.ts'),
};
