import { compare, reversed } from '../base/bytes.ts';
import type { OutPoint } from '../base/ids.ts';
import type { TxOutput } from './tx.ts';

/** BIP 69: by transaction id as people read it, then by index. */
export function compareOutPoints(a: OutPoint, b: OutPoint): number {
  return compare(reversed(a.txid), reversed(b.txid)) || a.vout - b.vout;
}

/** BIP 69: by amount, then by script. */
export function compareOutputs(a: TxOutput, b: TxOutput): number {
  if (a.amount !== b.amount) return a.amount < b.amount ? -1 : 1;
  return compare(a.script, b.script);
}
