import { toHex } from '../../base/bytes.ts';
import { fail, ok } from '../../base/result.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { openRemoteUniverse, treeOf } from '../universe/remote.ts';
import type { OpenCourier } from './courier.ts';

/** Proofs over a universe server: every transition is a leaf of its own, and the receiver walks back along them. */
export function universeCourier(
  address: { readonly host: string; readonly port: number },
  options: { readonly timeoutMs?: number },
): OpenCourier {
  const universe = openRemoteUniverse(address, options);
  return {
    async check() {
      const info = await universe.info();
      return info.ok ? ok(null) : info;
    },
    async deliver(leaves) {
      for (const [index, leaf] of leaves.entries()) {
        const inserted = await universe.insert(leaf);
        if (inserted.ok) continue;
        const { code, message } = inserted.failure;
        const which = `transition ${index + 1} of ${leaves.length}, ${toHex(leaf.assetId).slice(0, 8)} at ${formatOutPoint(leaf.outPoint)}`;
        return fail({ code, message: `${message} (${which})` });
      }
      return ok(null);
    },
    async find(locator, kind) {
      const found = await universe.query(treeOf({ kind, ...locator }), locator);
      return found.ok ? ok(found.value?.proof ?? null) : found;
    },
    received: async () => ok(null),
    close: () => universe.close(),
  };
}
