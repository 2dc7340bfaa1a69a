import { open, seal } from '../../src/crypto/chacha.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { loadNative } from '../../src/crypto/native.ts';
import { nobleSecp } from '../../src/crypto/noble.ts';
import type { Secp256k1 } from '../../src/crypto/secp256k1.ts';
import { type Bench, inTurns, median, pseudoRandom, rate } from './harness.ts';

const ROUND = { least: 150, stride: 8 } as const;
const KEYS = 64;

/** Curve operations by either backend in turns, over many keys; hashes and the AEAD, which have one backend. */
export const bench: Bench = {
  summary: 'operations a second of one core, by op and backend',
  parameters: ['op', 'backend'],
  async run({ report, note, runs, only }) {
    const native = loadNative();
    if (native === null) note('the native library does not load here');
    const backends = [native, nobleSecp].filter((backend) => backend !== null);
    const wanted = backends.filter(({ name }) => name === (only('backend') ?? name));
    const rounds = runs(7);
    for (const op of OPS.filter((name) => name === (only('op') ?? name))) {
      const cases = Object.fromEntries(wanted.map((backend) => [backend.name, preparedFor(backend)[op]]));
      const samples = await inTurns(rounds, Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, () => rate(run, ROUND)])));
      for (const [backend, values] of Object.entries(samples))
        report({ metric: 'per_s', value: median(values), unit: '1/s', n: rounds, op, backend });
    }
    for (const [op, run] of Object.entries(plainOps()).filter(([name]) => name === (only('op') ?? name))) {
      const { values } = await inTurns(rounds, { values: () => rate(run, ROUND) });
      report({ metric: 'per_s', value: median(values), unit: '1/s', n: rounds, op, backend: 'noble' });
    }
  },
};

const OPS = ['public_key', 'sign', 'verify', 'recover', 'ecdh', 'public_add_tweak', 'schnorr_sign', 'schnorr_verify'] as const;
type Run = (i: number) => void;

/** What each operation works on is made before, and its answer is looked at: a refusal would be fast. */
function preparedFor(backend: Secp256k1): { readonly [op in (typeof OPS)[number]]: Run } {
  const random = pseudoRandom(0x21);
  const all = Array.from({ length: KEYS }, () => {
    const privateKey = random(32);
    const hash = random(32);
    const publicKey = backend.publicKey(privateKey);
    const { signature, recovery } = backend.signRecoverable(hash, privateKey);
    const schnorr = backend.schnorrSign(hash, privateKey, new Uint8Array(32));
    return { privateKey, hash, publicKey, signature, recovery, schnorr, xOnly: publicKey.slice(1), tweak: random(32) };
  });
  const pick = (i: number) => all[i % KEYS] as (typeof all)[number];
  const aux = new Uint8Array(32);
  return {
    public_key: (i) => void backend.publicKey(pick(i).privateKey),
    sign: (i) => void backend.sign(pick(i).hash, pick(i).privateKey),
    verify: (i) => must(backend.verify(pick(i).signature, pick(i).hash, pick(i).publicKey)),
    recover: (i) => must(backend.recover(pick(i).signature, pick(i).recovery, pick(i).hash) !== null),
    ecdh: (i) => must(backend.ecdh(pick(i).publicKey, pick(i + 1).privateKey) !== null),
    public_add_tweak: (i) => must(backend.publicAddTweak(pick(i).publicKey, pick(i).tweak) !== null),
    schnorr_sign: (i) => void backend.schnorrSign(pick(i).hash, pick(i).privateKey, aux),
    schnorr_verify: (i) => must(backend.schnorrVerify(pick(i).schnorr, pick(i).hash, pick(i).xOnly)),
  };
}

function plainOps(): { readonly [op: string]: Run } {
  const random = pseudoRandom(0x22);
  const [key, nonce, short, message, long] = [random(32), random(12), random(64), random(1452), random(65_519)];
  const sealed = seal({ key, nonce }, message);
  return {
    sha256_64: () => void sha256(short),
    sha256_1452: () => void sha256(message),
    seal_1452: () => void seal({ key, nonce }, message),
    open_1452: () => must(open({ key, nonce }, sealed) !== null),
    seal_65519: () => void seal({ key, nonce }, long),
  };
}

function must(held: boolean): void {
  if (!held) throw new Error('an operation refused what is valid');
}
