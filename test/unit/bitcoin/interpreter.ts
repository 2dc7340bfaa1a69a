import { createRequire } from 'node:module';
import { toHex } from '../../../src/base/bytes.ts';
import { encodeTx, type Tx, type TxOutput } from '../../../src/bitcoin/tx.ts';

interface Interpreter {
  errstr: string;
  verify(
    scriptSig: object,
    script: object,
    tx: object,
    index: number,
    flags: number,
    witness: readonly Uint8Array[],
    amount: number,
  ): boolean;
}
interface Bitcore {
  readonly Script: {
    new (hex: string): object;
    Interpreter: new () => Interpreter;
    fromHex(hex: string): object;
  };
  readonly Transaction: {
    new (hex: string): { inputs: { output: object }[] };
    Output: new (part: { satoshis: number; script: object }) => object;
  };
}

let loaded: Bitcore | null = null;

/** P2SH, WITNESS, TAPROOT, CLTV, CSV, DERSIG, LOW_S, NULLDUMMY, STRICTENC, MINIMALDATA, NULLFAIL. */
const FLAGS = 151135;

/** Runs the scripts of every input through bitcore-lib's interpreter; null where all pass, else what failed. */
export function scriptFailure(tx: Tx, prevouts: readonly TxOutput[]): string | null {
  loaded ??= createRequire(import.meta.url)('bitcore-lib') as Bitcore;
  const { Script, Transaction } = loaded;
  const theirs = new Transaction(toHex(encodeTx(tx)));
  prevouts.forEach((prevout, i) => {
    const input = theirs.inputs[i];
    if (input === undefined) throw new Error('more outputs than inputs');
    input.output = new Transaction.Output({ satoshis: Number(prevout.amount), script: Script.fromHex(toHex(prevout.script)) });
  });
  for (const [i, input] of tx.inputs.entries()) {
    const prevout = prevouts[i] as TxOutput;
    const interpreter = new Script.Interpreter();
    const witness = input.witness.map((item) => Buffer.from(item));
    const scriptSig = Script.fromHex(toHex(input.scriptSig));
    if (!interpreter.verify(scriptSig, Script.fromHex(toHex(prevout.script)), theirs, i, FLAGS, witness, Number(prevout.amount)))
      return `input ${i}: ${interpreter.errstr}`;
  }
  return null;
}
