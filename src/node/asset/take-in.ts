import type { CommandId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { type Draft, emit, refuse, reply, update } from '../draft.ts';
import type { NodeFailure } from '../types.ts';
import type { Wallet } from '../wallet/types.ts';
import { addUnconfirmed, handOut } from '../wallet/wallet.ts';
import type { Funding } from './anchor-tx.ts';
import { type Anchor, ASSET_OUTPUT_SAT, type AssetState, type Holding } from './types.ts';

/** What a transaction with assets costs on the chain. */
export interface AnchorCost {
  readonly feeSat: Sat;
  readonly weight: number;
  /** Bitcoin that the outputs with assets hold. */
  readonly lockedSat: Sat;
}

/** A signed transaction that changes nothing until it is taken in. */
export interface Built {
  readonly state: AssetState;
  readonly anchor: Anchor;
  readonly holdings: readonly Holding[];
  readonly funding: Funding;
  /** Missing: the wallet stays as it is until the transaction is added to it. */
  readonly wallet?: Wallet;
}

/**
 * Takes in a signed transaction: the assets, the coins that it spends and the keys that it used change in one commit, and it is published
 * after that. From then on the wallet publishes it again until a block has it, so that no crash makes a second one.
 */
export function takeIn(draft: Draft, id: CommandId, built: Result<Built, NodeFailure>, dryRun: boolean): void {
  if (!built.ok) {
    refuse(draft, id, built.failure);
    return;
  }
  const { state, anchor, holdings, funding, wallet = draft.state.wallet } = built.value;
  if (!dryRun) {
    const { walletKeys, now } = draft.env;
    const handed = funding.change === null ? wallet : handOut(wallet, walletKeys, funding.change.path);
    update(draft, { assets: state, wallet: addUnconfirmed(handed, walletKeys, { tx: anchor.tx, now, label: 'asset' }) });
    emit(draft, { kind: 'publish', tx: anchor.tx, label: 'asset' });
  }
  reply(draft, id, { kind: 'asset_anchor', anchor, holdings, cost: costOf(funding), published: !dryRun });
}

export const costOf = ({ feeSat, weight, outputs }: Pick<Funding, 'feeSat' | 'weight' | 'outputs'>): AnchorCost => ({
  feeSat,
  weight,
  lockedSat: sat(ASSET_OUTPUT_SAT * BigInt(outputs)),
});
