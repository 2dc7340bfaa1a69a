import { assertNever } from '../../base/assert.ts';
import type { CommandId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import { type FeeratePerKw, type Sat, sat } from '../../base/units.ts';
import { type Draft, emit, refuse, reply, update } from '../draft.ts';
import type { NodeFailure } from '../types.ts';
import { addUnconfirmed, handOut } from '../wallet/wallet.ts';
import type { Funding } from './anchor-tx.ts';
import { type CustodyAction, custodyCommand } from './custody.ts';
import type { FileParts } from './history.ts';
import { addSeedling, buildMinting } from './mint.ts';
import { type AddressRequest, importFile, newAddress } from './receive.ts';
import { buildTransfer, type TransferRequest } from './transfer.ts';
import { type Anchor, ASSET_OUTPUT_SAT, type AssetAddress, type AssetState, type Holding, type Seedling } from './types.ts';

export interface AssetCommand {
  readonly kind: 'asset';
  readonly what: AssetAction;
}

export type AssetAction =
  /** A dry run tells what minting the batch with it would cost. */
  | { readonly kind: 'add_seedling'; readonly seedling: Seedling; readonly dryRun: boolean }
  | { readonly kind: 'cancel_batch' }
  | { readonly kind: 'mint_batch'; readonly feerate: FeeratePerKw | null; readonly dryRun: boolean }
  | { readonly kind: 'new_address'; readonly request: AddressRequest }
  /** A file that was verified, and whose history is stored; `unspent` says whether the chain still has its last output. */
  | { readonly kind: 'import_file'; readonly file: FileParts; readonly unspent: boolean }
  | {
      readonly kind: 'transfer';
      readonly request: Omit<TransferRequest, 'feerate'>;
      readonly feerate: FeeratePerKw | null;
      readonly dryRun: boolean;
    }
  | CustodyAction;

/** What a transaction with assets costs on the chain. */
export interface AnchorCost {
  readonly feeSat: Sat;
  readonly weight: number;
  /** Bitcoin that the outputs with assets hold. */
  readonly lockedSat: Sat;
}

export type AssetReply =
  | { readonly kind: 'asset_batch'; readonly seedlings: readonly Seedling[]; readonly cost: AnchorCost | null }
  | {
      readonly kind: 'asset_anchor';
      readonly anchor: Anchor;
      readonly holdings: readonly Holding[];
      readonly cost: AnchorCost;
      readonly published: boolean;
    }
  | { readonly kind: 'asset_address'; readonly address: AssetAddress }
  | { readonly kind: 'asset_import'; readonly holding: Holding | null; readonly ours: boolean };

export function assetCommand(draft: Draft, id: CommandId, action: AssetAction): void {
  switch (action.kind) {
    case 'add_seedling':
      add(draft, id, action);
      return;
    case 'cancel_batch':
      cancel(draft, id);
      return;
    case 'mint_batch': {
      const feerate = action.feerate ?? draft.env.feerates.normal;
      send(draft, id, buildMinting(draft.state.assets, draft.state.wallet, draft.env, { feerate }), action.dryRun);
      return;
    }
    case 'transfer': {
      const request = { ...action.request, feerate: action.feerate ?? draft.env.feerates.normal };
      send(draft, id, buildTransfer(draft.state.assets, draft.state.wallet, draft.env, request), action.dryRun);
      return;
    }
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
    case 'delivered':
    case 'not_delivered':
    case 'redeliver':
    case 'arrived':
    case 'not_proved':
    case 'import_files':
      custodyCommand(draft, id, action);
      return;
    default:
      assertNever(action, 'asset command');
  }
}

function add(draft: Draft, id: CommandId, { seedling, dryRun }: Extract<AssetAction, { kind: 'add_seedling' }>): void {
  const added = addSeedling(draft.state.assets, seedling);
  if (!added.ok) {
    refuse(draft, id, added.failure);
    return;
  }
  const { seedlings } = added.value;
  if (!dryRun) {
    update(draft, { assets: added.value });
    reply(draft, id, { kind: 'asset_batch', seedlings, cost: null });
    return;
  }
  const minting = buildMinting(added.value, draft.state.wallet, draft.env, { feerate: draft.env.feerates.normal });
  if (!minting.ok) {
    refuse(draft, id, minting.failure);
    return;
  }
  reply(draft, id, { kind: 'asset_batch', seedlings, cost: costOf(minting.value.funding) });
}

function cancel(draft: Draft, id: CommandId): void {
  const { assets } = draft.state;
  if (assets.seedlings.length === 0) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no batch is pending' });
    return;
  }
  update(draft, { assets: { ...assets, seedlings: [] } });
  reply(draft, id, { kind: 'asset_batch', seedlings: assets.seedlings, cost: null });
}

interface Built {
  readonly state: AssetState;
  readonly anchor: Anchor;
  readonly holdings: readonly Holding[];
  readonly funding: Funding;
}

/**
 * Takes in a signed transaction: the assets, the coins that it spends and the keys that it used change in one commit, and it is published
 * after that. From then on the wallet publishes it again until a block has it, so that no crash makes a second one.
 */
function send(draft: Draft, id: CommandId, built: Result<Built, NodeFailure>, dryRun: boolean): void {
  if (!built.ok) {
    refuse(draft, id, built.failure);
    return;
  }
  const { state, anchor, holdings, funding } = built.value;
  if (!dryRun) {
    const { walletKeys, now } = draft.env;
    const { wallet } = draft.state;
    const handed = funding.change === null ? wallet : handOut(wallet, walletKeys, funding.change.path);
    update(draft, { assets: state, wallet: addUnconfirmed(handed, walletKeys, { tx: anchor.tx, now, label: 'asset' }) });
    emit(draft, { kind: 'publish', tx: anchor.tx, label: 'asset' });
  }
  reply(draft, id, { kind: 'asset_anchor', anchor, holdings, cost: costOf(funding), published: !dryRun });
}

export const costOf = ({ feeSat, weight, outputs }: Funding): AnchorCost => ({
  feeSat,
  weight,
  lockedSat: sat(ASSET_OUTPUT_SAT * BigInt(outputs)),
});
