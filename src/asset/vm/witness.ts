import type { Bytes } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { SIGHASH, sighashTaproot } from '../../bitcoin/sighash.ts';
import type { Tx, TxOutput } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { type AssetFailure, refuse } from '../failure.ts';

/**
 * Runs the script of a transaction's inputs against the outputs that they spend; null where all hold. Script path spends go through it, so that
 * the interpreter of the built-in chain, or any other, decides; key path spends are verified here.
 */
export type ScriptInterpreter = (tx: Tx, spent: readonly TxOutput[]) => { readonly reason: string } | null;

type Failure = AssetFailure<'INVALID_WITNESS'>;
const invalid = (why: string): ReturnType<typeof refuse<'INVALID_WITNESS'>> =>
  refuse('INVALID_WITNESS', `invalid transfer asset witness: ${why}`);

/** Whether the witness of a virtual transaction's only input satisfies the taproot output that it spends (BIP 341). */
export function checkWitness(tx: Tx, spent: TxOutput, interpreter: ScriptInterpreter): Result<null, Failure> {
  const witness = tx.inputs[0]?.witness ?? [];
  // BIP 341: of at least two items, a last one that begins with 0x50 is the annex.
  const annex = witness.length >= 2 && witness.at(-1)?.[0] === 0x50 ? witness.at(-1) : undefined;
  const stack = annex === undefined ? witness : witness.slice(0, -1);
  if (stack.length === 0) return invalid('input has no witness');
  if (stack.length === 1) return checkSignature(tx, spent, stack[0] as Bytes, annex);
  const fault = interpreter(tx, [spent]);
  return fault === null ? ok(null) : invalid(fault.reason);
}

function checkSignature(tx: Tx, spent: TxOutput, item: Bytes, annex: Bytes | undefined): Result<null, Failure> {
  const key = witnessProgram(spent.script)?.program;
  if (key === undefined || (item.length !== 64 && item.length !== 65)) return invalid(`a signature of ${item.length} bytes`);
  const hashType = item[64] ?? SIGHASH.DEFAULT;
  // BIP 341: the byte of the default type is left out, and only the defined types are valid.
  const isDefined = item.length === 64 || [0x01, 0x02, 0x03, 0x81, 0x82, 0x83].includes(hashType);
  if (!isDefined) return invalid(`hash type ${hashType}`);
  const hash = sighashTaproot({ tx, index: 0, prevouts: [spent], hashType, ...(annex === undefined ? {} : { annex }) });
  return secp.schnorrVerify(item.subarray(0, 64), hash, key) ? ok(null) : invalid('the signature does not verify');
}
