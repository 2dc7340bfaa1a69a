import type { CommandId } from '../base/ids.ts';
import { encodeAddress } from '../bitcoin/address.ts';
import type { Tx } from '../bitcoin/tx.ts';
import type { TxLabel } from '../bolt/channel/types.ts';
import { heldBack } from './asset/lease.ts';
import { type Draft, emit, refuse, reply, update } from './draft.ts';
import type { NodeCommand } from './types.ts';
import { bumpFee } from './wallet/bump.ts';
import { buildSpend } from './wallet/spend.ts';
import type { Spend } from './wallet/types.ts';
import { addUnconfirmed, handOut, newScript } from './wallet/wallet.ts';

export function newAddressCommand(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'new_address' }>): void {
  const next = newScript(draft.state.wallet, draft.env.walletKeys, command.type);
  update(draft, { wallet: next.wallet });
  reply(draft, id, { kind: 'address', script: next.script, address: encodeAddress(next.script, draft.env.network) ?? '' });
}

export function sendCommand(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'send_coins' }>): void {
  const spend = buildSpend(draft.state.wallet, draft.env.walletKeys, {
    outputs: command.outputs,
    feerate: command.feerate ?? draft.env.feerates.normal,
    height: draft.env.height,
    random: draft.env.random,
    held: heldBack(draft.state.assets, draft.env.now),
  });
  if (!spend.ok) refuse(draft, id, spend.failure);
  else finish(draft, id, spend.value, command.dryRun ? 'dry_run' : 'publish');
}

export function bumpCommand(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'bump_fee' }>): void {
  const { txid, feerate, method, dryRun } = command;
  const bump = bumpFee(draft.state.wallet, draft.env.walletKeys, {
    txid,
    feerate,
    method,
    height: draft.env.height,
    random: draft.env.random,
  });
  if (!bump.ok) refuse(draft, id, bump.failure);
  else finish(draft, id, bump.value, dryRun ? 'dry_run' : 'publish');
}

/** Records and publishes what was signed, or only tells what it would cost. */
function finish(draft: Draft, id: CommandId, spend: Spend, what: 'publish' | 'dry_run'): void {
  const published = what === 'publish';
  if (published) {
    const { walletKeys, now } = draft.env;
    const handed = spend.change === null ? draft.state.wallet : handOut(draft.state.wallet, walletKeys, spend.change.path);
    update(draft, { wallet: addUnconfirmed(handed, walletKeys, { tx: spend.tx, now, label: 'spend' }) });
    emit(draft, { kind: 'publish', tx: spend.tx, label: 'spend' });
  }
  reply(draft, id, { kind: 'transaction', tx: spend.tx, feeSat: spend.fee, published });
}

/** A transaction seen in the mempool that pays us. */
export function sightUnconfirmed(draft: Draft, { tx, label = null }: { readonly tx: Tx; readonly label?: TxLabel | null }): void {
  update(draft, { wallet: addUnconfirmed(draft.state.wallet, draft.env.walletKeys, { tx, now: draft.env.now, label }) });
}
