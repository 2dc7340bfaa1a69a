import { assertNever } from '../../base/assert.ts';
import type { CommandId } from '../../base/ids.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { type Draft, refuse, reply, update } from '../draft.ts';
import { type CustodyAction, custodyCommand } from './custody.ts';
import type { FileParts } from './history.ts';
import { withoutExpired } from './lease.ts';
import { type MintAction, type MintReply, mintCommand } from './mint-commands.ts';
import { type OwnershipAction, type OwnershipReply, proveOwnership } from './ownership.ts';
import { type RebaseAction, rebase } from './rebase.ts';
import { type AddressRequest, importFile, newAddress } from './receive.ts';
import { type RestoreAction, restore } from './restore.ts';
import { type AnchorCost, takeIn } from './take-in.ts';
import { buildTransfer, type TransferRequest } from './transfer.ts';
import { type TransferAction, type TransferReply, transferCommand } from './transfer-commands.ts';
import type { Anchor, AssetAddress, Holding } from './types.ts';

export interface AssetCommand {
  readonly kind: 'asset';
  readonly what: AssetAction;
}

export type AssetAction =
  | MintAction
  | { readonly kind: 'new_address'; readonly request: AddressRequest }
  /** A file that was verified, and whose history is stored; `unspent` says whether the chain still has its last output. */
  | { readonly kind: 'import_file'; readonly file: FileParts; readonly unspent: boolean }
  | {
      readonly kind: 'transfer';
      readonly request: Omit<TransferRequest, 'feerate'>;
      readonly feerate: FeeratePerKw | null;
      readonly dryRun: boolean;
    }
  | OwnershipAction
  | RestoreAction
  | RebaseAction
  | CustodyAction
  | TransferAction;

export type AssetReply =
  | MintReply
  | {
      readonly kind: 'asset_anchor';
      readonly anchor: Anchor;
      readonly holdings: readonly Holding[];
      readonly cost: AnchorCost;
      readonly published: boolean;
    }
  | { readonly kind: 'asset_address'; readonly address: AssetAddress }
  | { readonly kind: 'asset_import'; readonly holding: Holding | null; readonly ours: boolean }
  | OwnershipReply
  | TransferReply;

export function assetCommand(draft: Draft, id: CommandId, action: AssetAction): void {
  const { assets } = draft.state;
  const current = withoutExpired(assets, draft.env.now);
  if (current !== assets) update(draft, { assets: current });
  switch (action.kind) {
    case 'add_seedling':
    case 'fund_batch':
    case 'seal_batch':
    case 'show_batch':
    case 'cancel_batch':
    case 'mint_batch':
      mintCommand(draft, id, action);
      return;
    case 'transfer': {
      const request = { ...action.request, feerate: action.feerate ?? draft.env.feerates.normal };
      takeIn(draft, id, buildTransfer(draft.state.assets, draft.state.wallet, draft.env, request), action.dryRun);
      return;
    }
    case 'prove_ownership':
      proveOwnership(draft, id, action);
      return;
    case 'new_address': {
      const made = newAddress(draft.state.assets, draft.env, action.request);
      if (!made.ok) {
        refuse(draft, id, made.failure);
        return;
      }
      update(draft, { assets: made.value.state });
      reply(draft, id, { kind: 'asset_address', address: made.value.address });
      return;
    }
    case 'import_file': {
      const imported = importFile(draft.state.assets, draft.env, action);
      if (!imported.ok) {
        refuse(draft, id, imported.failure);
        return;
      }
      update(draft, { assets: imported.value.state });
      const { holding, ours } = imported.value;
      reply(draft, id, { kind: 'asset_import', holding, ours });
      return;
    }
    case 'rebase':
      rebase(draft, id, action);
      return;
    case 'restore':
      restore(draft, id, action);
      return;
    case 'delivered':
    case 'not_delivered':
    case 'redeliver':
    case 'arrived':
    case 'not_proved':
    case 'proved':
    case 'import_files':
      custodyCommand(draft, id, action);
      return;
    case 'bump_anchor':
    case 'release_lease':
    case 'move_asset':
    case 'new_keys':
    case 'fund_packet':
    case 'sign_packet':
    case 'anchor_packets':
    case 'commit_packets':
    case 'publish_packets':
    case 'offer_swap':
    case 'accept_swap':
      transferCommand(draft, id, action);
      return;
    default:
      assertNever(action, 'asset command');
  }
}
