import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import type { Bytes } from '../../base/bytes.ts';
import { classifyScript } from '../../bitcoin/script.ts';
import { encodeTx, type Tx, type TxOutput } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';

/**
 * Real script checks by bitcore-lib's interpreter, which shares no code with what lnkit signs with: a second opinion on every spend.
 * The library takes 0.2 s to load, so it is loaded with the first check.
 */

/** Consensus: P2SH, DERSIG, NULLDUMMY, CLTV, CSV, WITNESS, TAPROOT. */
export const CONSENSUS_FLAGS = (1 << 0) | (1 << 2) | (1 << 4) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 17);
/** P2SH, STRICTENC, DERSIG, LOW_S, NULLDUMMY, MINIMALDATA, CLTV, CSV, WITNESS, NULLFAIL, TAPROOT. */
export const STANDARD_FLAGS =
  (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 14) | (1 << 17);
/**
 * What Bitcoin Core's mempool asks besides (MINIMALIF, WITNESS_PUBKEYTYPE, and the DISCOURAGE_ flags: upgradable no-ops, witness programs,
 * leaf versions, OP_SUCCESS and key types).
 */
export const POLICY_FLAGS = STANDARD_FLAGS | (1 << 13) | (1 << 15) | (1 << 7) | (1 << 12) | (1 << 18) | (1 << 19) | (1 << 20);

/** The parts of bitcore-lib 11 that are used here; it comes without types. */
interface Bitcore {
  readonly Transaction: {
    new (raw: Buffer): { readonly inputs: { output: unknown }[] };
    readonly Output: new (output: { satoshis: number; script: Buffer }) => unknown;
  };
  readonly Script: { new (raw: Buffer): unknown; readonly Interpreter: new () => BitcoreInterpreter };
  readonly crypto: { readonly Schnorr: { verify(key: Buffer, message: Buffer, signature: { toBuffer(): Buffer }): boolean } };
}
interface BitcoreInterpreter {
  errstr: string;
  verify(scriptSig: unknown, script: unknown, tx: unknown, index: number, flags: number, witness: Buffer[], satoshis: number): boolean;
}

let library: Bitcore | null = null;
function load(): Bitcore {
  if (library !== null) return library;
  library = createRequire(import.meta.url)('bitcore-lib') as Bitcore;
  // One key in 256 begins with a zero byte, and the library finds every signature of such a key wrong.
  const { Schnorr } = library.crypto;
  const verify = Schnorr.verify;
  Schnorr.verify = (key, message, signature) =>
    key[0] === 0 ? secp.schnorrVerify(signature.toBuffer().subarray(0, 64), message, key) : verify(key, message, signature);
  return library;
}

export interface ScriptFault {
  /** Of the first bad input. */
  readonly index: number;
  readonly reason: string;
}

/** Runs the scripts of every input against the outputs that they spend, given in order. Null where all hold. */
export function checkScripts(tx: Tx, spent: readonly TxOutput[], flags: number = STANDARD_FLAGS): ScriptFault | null {
  const { Transaction, Script } = load();
  try {
    const parsed = new Transaction(toBuffer(encodeTx(tx)));
    spent.forEach((output, index) => {
      const input = parsed.inputs[index];
      if (input !== undefined) input.output = new Transaction.Output({ satoshis: Number(output.amount), script: toBuffer(output.script) });
    });
    for (const [index, output] of spent.entries()) {
      const input = tx.inputs[index];
      if (input === undefined) return { index, reason: 'no such input' };
      const interpreter = new Script.Interpreter();
      const [scriptSig, script] = [new Script(toBuffer(input.scriptSig)), new Script(toBuffer(output.script))];
      const witness = input.witness.map(toBuffer);
      if (!interpreter.verify(scriptSig, script, parsed, index, flagsFor(output, flags), witness, Number(output.amount)))
        return { index, reason: interpreter.errstr || 'SCRIPT_ERR_EVAL_FALSE' };
    }
  } catch (error) {
    // bitcore-lib throws on scripts that it cannot parse; to the chain that is a script that fails.
    return { index: 0, reason: `SCRIPT_ERR_UNKNOWN_ERROR: ${error instanceof Error ? error.message : String(error)}` };
  }
  return null;
}

/** Pay-to-anchor is a witness program that bitcore-lib does not know, and Bitcoin Core does not discourage. */
const flagsFor = (output: TxOutput, flags: number): number => (classifyScript(output.script).kind === 'p2a' ? flags & ~(1 << 12) : flags);

const toBuffer = (bytes: Bytes): Buffer => Buffer.from(bytes);
