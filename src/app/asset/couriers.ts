import type { TxId } from '../../base/ids.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import type { Anchor, AssetState } from '../../node/asset/types.ts';
import { AppError } from '../error.ts';
import type { OperationContext } from '../operation.ts';

const LOOKING_MS = 5_000;

/** A command that is the node itself lets couriers be asked once; a daemon does it all the time. `pauses` of earlier failures are kept or not. */
export async function askCouriers({ runtime, signal, progress }: OperationContext, pauses: 'kept' | 'skipped'): Promise<void> {
  const { custodian } = runtime;
  if (custodian === null || custodian.isLive) return;
  progress('asking couriers');
  // Who only looks is not kept waiting for long.
  await custodian.once({ signal, pauses, ...(pauses === 'kept' ? { patienceMs: LOOKING_MS } : {}) });
}

/** Waits while the couriers are asked, until `pick` finds something; what was begun goes on in any case. Throws TIMEOUT or INTERRUPTED. */
export async function whileCarrying<T>(
  { runtime, signal }: OperationContext,
  pick: (state: AssetState) => T | null,
  about: { readonly message: string; readonly txid?: TxId },
): Promise<T> {
  runtime.custodian?.start();
  try {
    return await runtime.until(({ assets }) => pick(assets), signal);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'TIMEOUT') throw error;
    throw new AppError({
      code: 'TIMEOUT',
      message: about.message,
      hint: 'the daemon, or the next `lnkit asset` command, goes on with it',
      ...(about.txid === undefined ? {} : { details: { txid: formatTxId(about.txid) } }),
    });
  }
}

/** The transfer, or the one of ours that a higher fee put in its place; the one in a block where there is one. */
export function standingFor(state: AssetState, txid: TxId): Anchor | null {
  const first = state.anchors.get(txid);
  if (first === undefined) return null;
  const line = [first];
  for (let at = 0; at < line.length; at++)
    for (const each of state.anchors.values())
      if (each.replaces !== null && formatTxId(each.replaces) === formatTxId((line[at] as Anchor).txid)) line.push(each);
  return line.find(({ block }) => block !== null) ?? first;
}
