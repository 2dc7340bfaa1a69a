import { type Bytes, EMPTY, equal } from '../../base/bytes.ts';
import { OP, push, readScriptNumber, scriptNumber } from '../../bitcoin/script.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import { BINARY, bool, HASHES, Invalid, isTrue, STACK_OPS, Stack, UNARY } from './script-stack.ts';

/** The stack machine of tapscript (BIP 342), with minimal pushes and a clean stack at the end. */

export interface MachineEnv {
  readonly tx: Tx;
  readonly index: number;
  /** False for an empty signature; throws `Invalid` for one that does not verify. */
  readonly checkSignature: (signature: Bytes, key: Bytes, codeSeparator: number) => boolean;
}

export const MAX_ELEMENT = 520;
export const MAX_STACK = 1000;

interface Step {
  readonly opcode: number;
  readonly data: Bytes | null;
}

/** Opcodes and their data; throws where a push passes the end. */
function* steps(script: Bytes): IterableIterator<Step> {
  for (let at = 0; at < script.length; ) {
    const opcode = script[at++] as number;
    if (opcode === 0 || opcode > OP.PUSHDATA4) {
      yield { opcode, data: null };
      continue;
    }
    let length = opcode;
    if (opcode >= OP.PUSHDATA1) {
      const width = 1 << (opcode - OP.PUSHDATA1);
      if (at + width > script.length) throw new Invalid('a push passes the end of the script');
      length = 0;
      for (let i = width - 1; i >= 0; i--) length = length * 256 + (script[at + i] as number);
      at += width;
    }
    if (at + length > script.length) throw new Invalid('a push passes the end of the script');
    yield { opcode, data: script.slice(at, at + length) };
    at += length;
  }
}

/** BIP 342: opcodes kept for later. */
const isSuccessOp = (op: number): boolean =>
  op === 80 ||
  op === 98 ||
  (op >= 126 && op <= 129) ||
  (op >= 131 && op <= 134) ||
  op === 137 ||
  op === 138 ||
  op === 141 ||
  op === 142 ||
  (op >= 149 && op <= 153) ||
  (op >= 187 && op <= 254);

/** Whether a script has one of them, as far as it can be read. */
export function isSuccess(script: Bytes): boolean {
  for (const { opcode } of steps(script)) if (isSuccessOp(opcode)) return true;
  return false;
}

/** Runs `script` on `stack`; returns where it holds, throws `Invalid` where it does not. */
export function runScript(script: Bytes, stack: Bytes[], env: MachineEnv): void {
  const machine = new Machine(stack, env);
  let position = 0;
  for (const step of steps(script)) machine.step(step, position++);
  machine.finish();
}

class Machine {
  readonly #stack: Stack;
  readonly #branches: boolean[] = [];
  readonly #env: MachineEnv;
  #codeSeparator = 0xffffffff;

  constructor(items: Bytes[], env: MachineEnv) {
    this.#stack = new Stack(items);
    this.#env = env;
  }

  step({ opcode, data }: Step, position: number): void {
    if (data !== null && data.length > MAX_ELEMENT) throw new Invalid('a push of more than 520 bytes');
    const isActive = this.#branches.every(Boolean);
    if (opcode >= OP.IF && opcode <= OP.ENDIF) this.#branch(opcode, isActive);
    else if (isActive && data !== null) this.#pushData(opcode, data);
    else if (isActive && opcode === OP.CODESEPARATOR) this.#codeSeparator = position;
    else if (isActive) this.#execute(opcode);
    if (this.#stack.size > MAX_STACK) throw new Invalid('the stack is too large');
  }

  finish(): void {
    if (this.#branches.length > 0) throw new Invalid('an OP_IF is not closed');
    const { items } = this.#stack;
    if (items.length !== 1) throw new Invalid(`stack must contain exactly one item (contains ${items.length})`);
    if (!isTrue(items[0] as Bytes)) throw new Invalid('the script ends with false');
  }

  #branch(opcode: number, isActive: boolean): void {
    if (opcode === 0x65 || opcode === 0x66) throw new Invalid('a reserved opcode');
    if (opcode === OP.IF || opcode === OP.NOTIF) {
      let value = false;
      if (isActive) {
        const item = this.#stack.pop();
        // BIP 342: the argument is empty or 1.
        if (item.length > 1 || (item.length === 1 && item[0] !== 1)) throw new Invalid('the argument of OP_IF is not minimal');
        value = (item.length === 1) === (opcode === OP.IF);
      }
      this.#branches.push(value);
      return;
    }
    const last = this.#branches.pop();
    if (last === undefined) throw new Invalid('an OP_ELSE or OP_ENDIF without OP_IF');
    if (opcode === OP.ELSE) this.#branches.push(!last);
  }

  #pushData(opcode: number, data: Bytes): void {
    const shortest = push(data);
    const isMinimal = shortest[0] === opcode && shortest.length > 1;
    if (!isMinimal) throw new Invalid('a push is not minimal');
    this.#stack.push(data);
  }

  #execute(opcode: number): void {
    if (opcode === 0) this.#stack.push(EMPTY);
    else if (opcode === OP['1NEGATE']) this.#stack.push(scriptNumber(-1));
    else if (opcode >= OP[1] && opcode <= OP[16]) this.#stack.push(scriptNumber(opcode - 0x50));
    else if (!this.#stackOp(opcode) && !this.#numberOp(opcode) && !this.#cryptoOp(opcode)) this.#controlOp(opcode);
  }

  #stackOp(opcode: number): boolean {
    const run = STACK_OPS.get(opcode);
    if (run !== undefined) run(this.#stack);
    else if (opcode === OP.EQUALVERIFY) this.#verify(equal(this.#stack.pop(), this.#stack.pop()), 'OP_EQUALVERIFY failed');
    else return false;
    return true;
  }

  #numberOp(opcode: number): boolean {
    const one = UNARY.get(opcode);
    if (one !== undefined) {
      this.#stack.push(scriptNumber(one(this.#stack.number())));
      return true;
    }
    const two = BINARY.get(opcode);
    if (two !== undefined) {
      const b = this.#stack.number();
      this.#stack.push(scriptNumber(two(this.#stack.number(), b)));
      return true;
    }
    if (opcode === 0x9d) {
      const [b, a] = [this.#stack.number(), this.#stack.number()];
      this.#verify(a === b, 'OP_NUMEQUALVERIFY failed');
      return true;
    }
    if (opcode !== 0xa5) return false;
    const [most, least, value] = [this.#stack.number(), this.#stack.number(), this.#stack.number()];
    this.#stack.push(bool(least <= value && value < most));
    return true;
  }

  #cryptoOp(opcode: number): boolean {
    const hash = HASHES.get(opcode);
    if (hash !== undefined) {
      this.#stack.push(hash(this.#stack.pop()));
      return true;
    }
    if (opcode === OP.CHECKSIG || opcode === OP.CHECKSIGVERIFY) {
      const [key, signature] = [this.#stack.pop(), this.#stack.pop()];
      const isValid = this.#env.checkSignature(signature, key, this.#codeSeparator);
      if (opcode === OP.CHECKSIG) this.#stack.push(bool(isValid));
      else this.#verify(isValid, 'OP_CHECKSIGVERIFY failed');
      return true;
    }
    if (opcode !== OP.CHECKSIGADD) return false;
    const [key, count, signature] = [this.#stack.pop(), this.#stack.number(), this.#stack.pop()];
    this.#stack.push(scriptNumber(count + (this.#env.checkSignature(signature, key, this.#codeSeparator) ? 1 : 0)));
    return true;
  }

  #controlOp(opcode: number): void {
    if (opcode === OP.NOP) return;
    if (opcode === OP.VERIFY) this.#verify(isTrue(this.#stack.pop()), 'OP_VERIFY failed');
    else if (opcode === OP.CHECKLOCKTIMEVERIFY) this.#checkLockTime();
    else if (opcode === OP.CHECKSEQUENCEVERIFY) this.#checkSequence();
    else throw new Invalid(opcode === OP.RETURN ? 'OP_RETURN' : `opcode 0x${opcode.toString(16)} is disabled, unknown or discouraged`);
  }

  /** BIP 65. */
  #checkLockTime(): void {
    const wanted = this.#lock();
    const { tx, index } = this.#env;
    const isSameKind = wanted < 500_000_000 === tx.locktime < 500_000_000;
    const isFinal = tx.inputs[index]?.sequence === 0xffffffff;
    this.#verify(isSameKind && wanted <= tx.locktime && !isFinal, 'OP_CHECKLOCKTIMEVERIFY failed');
  }

  /** BIP 112. */
  #checkSequence(): void {
    const wanted = BigInt(this.#lock());
    if ((wanted & (1n << 31n)) !== 0n) return;
    const sequence = BigInt(this.#env.tx.inputs[this.#env.index]?.sequence ?? 0);
    const isSeconds = 1n << 22n;
    const isOff = this.#env.tx.version < 2 || (sequence & (1n << 31n)) !== 0n;
    const isSameKind = (wanted & isSeconds) === (sequence & isSeconds);
    this.#verify(!isOff && isSameKind && (wanted & 0xffffn) <= (sequence & 0xffffn), 'OP_CHECKSEQUENCEVERIFY failed');
  }

  /** The argument of a lock stays on the stack; five bytes, not negative. */
  #lock(): number {
    const value = readScriptNumber(this.#stack.at(0), 5);
    if (value === null || value < 0) throw new Invalid('the argument of a lock is no valid number');
    return value;
  }

  #verify(holds: boolean, message: string): void {
    if (!holds) throw new Invalid(message);
  }
}
