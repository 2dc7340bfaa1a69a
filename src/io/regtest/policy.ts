import type { Bytes } from '../../base/bytes.ts';
import { dustLimit } from '../../bitcoin/fees.ts';
import { classifyScript, OP, parseScript, witnessProgram } from '../../bitcoin/script.ts';
import { encodeTxWithoutWitness, type Tx, type TxInput, type TxOutput, txWeight } from '../../bitcoin/tx.ts';

/** What Bitcoin Core relays by default. Each check gives Core's reject reason, or null where there is nothing to object to. */

export const MAX_STANDARD_WEIGHT = 400_000;
const MIN_STANDARD_SIZE = 65;
const MAX_SCRIPTSIG = 1650;
const MAX_OP_RETURN = 83;
const MAX_P2WSH_SCRIPT = 3600;
const MAX_WITNESS_ITEMS = 100;
const MAX_WITNESS_ITEM = 80;
const ANNEX_TAG = 0x50;
const TAPSCRIPT_LEAF = 0xc0;

export function checkStandard(tx: Tx): string | null {
  if (tx.version < 1 || tx.version > 3) return 'version';
  if (txWeight(tx) > MAX_STANDARD_WEIGHT) return 'tx-size';
  // CVE-2017-12842: a transaction of 64 bytes looks like an inner node of the merkle tree.
  if (encodeTxWithoutWitness(tx).length < MIN_STANDARD_SIZE) return 'tx-size-small';
  for (const input of tx.inputs) {
    if (input.scriptSig.length > MAX_SCRIPTSIG) return 'scriptsig-size';
    if (!isPushOnly(input.scriptSig)) return 'scriptsig-not-pushonly';
  }
  let returns = 0;
  for (const output of tx.outputs) {
    const kind = standardOutput(output.script);
    if (kind === null) return 'scriptpubkey';
    if (kind === 'op_return') returns++;
    else if (output.amount < dustLimit(output.script)) return 'dust';
  }
  return returns > 1 ? 'multi-op-return' : null;
}

/** Whether the kinds of the spent outputs and the shape of the witnesses are relayed. */
export function checkInputsStandard(tx: Tx, spent: readonly TxOutput[]): string | null {
  for (const [i, input] of tx.inputs.entries()) {
    const output = spent[i] as TxOutput;
    const kind = standardOutput(output.script);
    if (kind === null || kind === 'op_return' || kind === 'witness_unknown') return 'bad-txns-nonstandard-inputs';
    if (!isWitnessStandard(input, output.script)) return 'bad-witness-nonstandard';
  }
  return null;
}

type OutputKind = 'op_return' | 'witness_unknown' | 'p2a' | 'known';

function standardOutput(script: Bytes): OutputKind | null {
  const { kind } = classifyScript(script);
  switch (kind) {
    case 'op_return':
      return script.length <= MAX_OP_RETURN && isPushOnly(script.subarray(1)) ? 'op_return' : null;
    case 'nonstandard':
      return isPayToPublicKey(script) || isBareMultisig(script) ? 'known' : null;
    case 'witness_unknown':
    case 'p2a':
      return kind;
    default:
      return 'known';
  }
}

/** P2PKH and P2SH scripts are pushes, P2SH-wrapped programs included, so that one look at the last push finds the program. */
function isWitnessStandard(input: TxInput, output: Bytes): boolean {
  if (input.witness.length === 0) return true;
  let program = output;
  if (classifyScript(output).kind === 'p2a') return false;
  if (classifyScript(output).kind === 'p2sh') {
    const last = parseScript(input.scriptSig)?.at(-1);
    if (last === undefined || typeof last === 'number') return false;
    program = last;
  }
  const witness = witnessProgram(program);
  if (witness === null) return false;
  if (witness.version === 0 && witness.program.length === 32) {
    if ((input.witness.at(-1) as Bytes).length > MAX_P2WSH_SCRIPT) return false;
    const stack = input.witness.slice(0, -1);
    return stack.length <= MAX_WITNESS_ITEMS && stack.every((item) => item.length <= MAX_WITNESS_ITEM);
  }
  if (witness.version === 1 && witness.program.length === 32 && program === output) {
    const last = input.witness.at(-1) as Bytes;
    if (input.witness.length >= 2 && last[0] === ANNEX_TAG) return false;
    if (input.witness.length < 2 || ((last[0] ?? 0) & 0xfe) !== TAPSCRIPT_LEAF) return last.length > 0;
    return input.witness.slice(0, -2).every((item) => item.length <= MAX_WITNESS_ITEM);
  }
  return true;
}

function isPushOnly(script: Bytes): boolean {
  const items = parseScript(script);
  return items?.every((item) => typeof item !== 'number' || item <= OP[16]) ?? false;
}

function isPayToPublicKey(script: Bytes): boolean {
  const items = parseScript(script);
  const key = items?.[0];
  return items?.length === 2 && items[1] === OP.CHECKSIG && typeof key !== 'number' && (key?.length === 33 || key?.length === 65);
}

/** Up to three keys of a bare multisig output. */
function isBareMultisig(script: Bytes): boolean {
  const items = parseScript(script);
  if (items === null || items.length < 4 || items.length > 6 || items.at(-1) !== OP.CHECKMULTISIG) return false;
  const [first, count, keys] = [items[0], items.at(-2), items.slice(1, -2)];
  if (typeof first !== 'number' || typeof count !== 'number') return false;
  const [m, n] = [first - 0x50, count - 0x50];
  return m >= 1 && m <= n && n === keys.length && keys.every((key) => typeof key !== 'number' && (key.length === 33 || key.length === 65));
}
