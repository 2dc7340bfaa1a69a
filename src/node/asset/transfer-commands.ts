import { assertNever } from '../../base/assert.ts';
import type { CommandId, OutPoint, TxId } from '../../base/ids.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { type Draft, refuse, reply, update } from '../draft.ts';
import { bumpAnchor } from './bump.ts';
import { leaseOf, released } from './lease.ts';
import { drawKeys, type MoveRequest, moveToSelf, type NewKeys } from './own-keys.ts';
import { takeIn } from './take-in.ts';

/** What is asked of transfers besides sending to an address. */
export type TransferAction =
  /** A higher fee for an unconfirmed transaction of ours, by another one in its place. */
  | { readonly kind: 'bump_anchor'; readonly txid: TxId; readonly feerate: FeeratePerKw; readonly dryRun: boolean }
  | { readonly kind: 'release_lease'; readonly outPoint: OutPoint }
  | ({ readonly kind: 'move_asset'; readonly feerate: FeeratePerKw | null; readonly dryRun: boolean } & MoveRequest)
  /** Two keys for a sender who pays to keys, without an address. */
  | { readonly kind: 'new_keys' };

export type TransferReply = { readonly kind: 'asset_keys'; readonly keys: NewKeys };

export function transferCommand(draft: Draft, id: CommandId, action: TransferAction): void {
  const { assets, wallet } = draft.state;
  const { env } = draft;
  switch (action.kind) {
    case 'bump_anchor':
      takeIn(draft, id, bumpAnchor(assets, wallet, env, action), action.dryRun);
      return;
    case 'move_asset':
      takeIn(draft, id, moveToSelf(assets, wallet, env, { ...action, feerate: action.feerate ?? env.feerates.normal }), action.dryRun);
      return;
    case 'release_lease':
      release(draft, id, action.outPoint);
      return;
    case 'new_keys': {
      const drawn = drawKeys(assets, env);
      update(draft, { assets: drawn.state });
      reply(draft, id, { kind: 'asset_keys', keys: drawn.keys });
      return;
    }
    default:
      assertNever(action, 'transfer command');
  }
}

function release(draft: Draft, id: CommandId, outPoint: OutPoint): void {
  const { assets } = draft.state;
  if (leaseOf(assets, outPoint) === null) {
    refuse(draft, id, { code: 'NOT_FOUND', message: `nothing holds ${formatOutPoint(outPoint)} back` });
    return;
  }
  update(draft, { assets: released(assets, { outPoint }) });
  reply(draft, id, { kind: 'done' });
}
