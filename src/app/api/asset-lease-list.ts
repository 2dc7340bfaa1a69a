import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { defineOperation } from '../define.ts';
import { choice, hex, list, object, outpoint, time } from '../schema.ts';

export const assetLeaseList = defineOperation({
  name: 'asset.lease.list',
  needs: 'chain',
  params: object({}),
  result: object({
    leases: list(
      object({ outpoint: outpoint(), purpose: choice(['packet', 'swap', 'lapsed']), id: hex(32), created_at: time(), expires_at: time() }),
    ),
  }),
  async run({ runtime }) {
    const { now } = runtime.env();
    const current = runtime.state.assets.leases.filter(({ expiresAt, purpose }) => expiresAt > now && purpose !== 'lapsed');
    return {
      leases: current.map(({ outPoint, purpose, id, createdAt, expiresAt }) => ({
        outpoint: formatOutPoint(outPoint),
        purpose,
        id: toHex(id),
        created_at: createdAt,
        expires_at: expiresAt,
      })),
    };
  },
});
