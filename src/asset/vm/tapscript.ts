import type { Bytes } from '../../base/bytes.ts';
import { equal } from '../../base/bytes.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { SIGHASH, sighashTaproot } from '../../bitcoin/sighash.ts';
import { TAPSCRIPT_LEAF_VERSION, tapBranchHash, tapLeafHash, taprootOutputKey } from '../../bitcoin/taproot.ts';
import { compactSize, type Tx, type TxOutput } from '../../bitcoin/tx.ts';
import { encodeWith } from '../../codec/codec.ts';
import { secp } from '../../crypto/ec.ts';
import { isSuccess, MAX_ELEMENT, MAX_STACK, runScript } from './script-machine.ts';
import { Invalid } from './script-stack.ts';
import type { ScriptInterpreter } from './witness.ts';

/**
 * Tapscript (BIP 342) for virtual transactions, with the standardness rules that tapd applies too. Amounts are whole 64-bit numbers: an asset may
 * have more units than there are satoshi, which an interpreter made for bitcoin need not be able to count.
 */
export const interpretTapscript: ScriptInterpreter = (tx, spent) => {
  try {
    for (const index of tx.inputs.keys()) checkInput(tx, spent, index);
    return null;
  } catch (error) {
    if (error instanceof Invalid) return { reason: error.message };
    throw error;
  }
};

function checkInput(tx: Tx, spent: readonly TxOutput[], index: number): void {
  const output = spent[index];
  const witness = tx.inputs[index]?.witness ?? [];
  const program = output === undefined ? null : witnessProgram(output.script);
  if (program?.version !== 1 || program.program.length !== 32) throw new Invalid('not a taproot output');
  const annex = witness.length >= 2 && witness.at(-1)?.[0] === 0x50 ? witness.at(-1) : undefined;
  const items = annex === undefined ? witness : witness.slice(0, -1);
  const [script, control] = [items.at(-2), items.at(-1)];
  if (script === undefined || control === undefined) throw new Invalid('no script path');
  const leafHash = checkControlBlock(control, script, program.program);
  const stack = items.slice(0, -2);
  if (stack.length > MAX_STACK || stack.some((item) => item.length > MAX_ELEMENT)) throw new Invalid('the witness is too large');
  if (isSuccess(script)) throw new Invalid('an OP_SUCCESS is discouraged');
  // BIP 342: each signature that is checked takes 50 of a budget of 50 and the size of the witness.
  let budget =
    50 +
    witness.reduce(
      (sum, item) => sum + item.length + encodeWith(compactSize, item.length).length,
      encodeWith(compactSize, witness.length).length,
    );
  const checkSignature = (signature: Bytes, key: Bytes, codeSeparator: number): boolean => {
    if (key.length === 0) throw new Invalid('an empty public key');
    if (signature.length > 0) budget -= 50;
    if (budget < 0) throw new Invalid('too many signatures for the size of the witness');
    if (key.length !== 32) throw new Invalid('an unknown kind of public key is discouraged');
    if (signature.length === 0) return false;
    const hashType = signature[64] ?? SIGHASH.DEFAULT;
    const isDefined = signature.length === 64 || (signature.length === 65 && [1, 2, 3, 0x81, 0x82, 0x83].includes(hashType));
    if (!isDefined || ((hashType & 3) === SIGHASH.SINGLE && tx.outputs[index] === undefined))
      throw new Invalid('the hash type is not defined');
    const leaf = { hash: leafHash, codeSeparator };
    const hash = sighashTaproot({ tx, index, prevouts: spent, hashType, leaf, ...(annex === undefined ? {} : { annex }) });
    // A signature that is there and does not verify ends the script (NULLFAIL).
    if (!secp.schnorrVerify(signature.subarray(0, 64), hash, key)) throw new Invalid('the signature does not verify');
    return true;
  };
  runScript(script, [...stack], { tx, index, checkSignature });
}

/** BIP 341: the leaf that the control block proves to be in the output's script tree; returns its hash. */
function checkControlBlock(control: Bytes, script: Bytes, outputKey: Bytes): Bytes {
  const size = control.length - 33;
  if (size < 0 || size % 32 !== 0 || size > 128 * 32) throw new Invalid(`a control block of ${control.length} bytes`);
  const leafVersion = (control[0] as number) & 0xfe;
  if (leafVersion !== TAPSCRIPT_LEAF_VERSION) throw new Invalid('an unknown leaf version is discouraged');
  const leafHash = tapLeafHash(script, leafVersion);
  let root = leafHash;
  for (let at = 33; at < control.length; at += 32) root = tapBranchHash(root, control.slice(at, at + 32));
  const output = taprootOutputKey(control.slice(1, 33), root);
  if (output === null || output.parity !== ((control[0] as number) & 1) || !equal(output.key, outputKey))
    throw new Invalid('the script is not in the tree of the output');
  return leafHash;
}
