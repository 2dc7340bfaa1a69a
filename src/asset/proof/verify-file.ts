import { type Bytes, toHex } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { refuse } from '../failure.ts';
import { type ByteSource, bytesSource, openFile } from './file.ts';
import { decodeProof, type Proof } from './proof.ts';
import { type AssetSnapshot, type ProofFailure, type VerifyEnv, verifyProof } from './verify.ts';

export interface FileEnv extends Omit<VerifyEnv, 'verifyInput'> {
  /** Leaves the last transition's header and merkle proof unchecked: its anchor is not confirmed yet. */
  readonly lastIsUnconfirmed?: boolean;
}

/** Files within files: each merge of inputs nests once more. */
const MAX_DEPTH = 64;

/**
 * Verifies a proof file transition by transition. Only one of them is in memory, with a snapshot of the one before, so that a file of any number
 * takes the memory of its largest proof.
 */
export function verifyFile(source: ByteSource, env: FileEnv): Result<AssetSnapshot, ProofFailure> {
  return toTheEnd(verifySteps(source, env));
}

/** A transition that is verified next. */
export interface FileStep {
  readonly raw: Bytes;
  /** Of the file up to and with it. */
  readonly hash: Bytes;
  readonly proof: Proof;
}

/** The same one transition at a time: each is shown before it is verified, so that what it needs of the chain can be looked up meanwhile. */
export function verifySteps(source: ByteSource, env: FileEnv): Generator<FileStep, Result<AssetSnapshot, ProofFailure>> {
  return verifyAt(source, env, 0);
}

function toTheEnd(steps: ReturnType<typeof verifySteps>): Result<AssetSnapshot, ProofFailure> {
  for (;;) {
    const { value, done } = steps.next();
    if (done === true) return value;
  }
}

function* verifyAt(source: ByteSource, env: FileEnv, depth: number): Generator<FileStep, Result<AssetSnapshot, ProofFailure>> {
  if (depth > MAX_DEPTH) return refuse('TOO_DEEP', `proof files nest more than ${MAX_DEPTH} times`);
  const cursor = openFile(source);
  if (!cursor.ok) return cursor;
  // A group whose first asset this very file proves is known from there on.
  const groups = new Set<string>();
  const isKnownGroup = (key: Bytes): boolean => groups.has(toHex(key)) || env.isKnownGroup(key);
  const verifyInput = (file: Bytes): ReturnType<typeof toTheEnd> => {
    const { lastIsUnconfirmed: _, ...inner } = env;
    return toTheEnd(verifyAt(bytesSource(file), { ...inner, isKnownGroup }, depth + 1));
  };
  const common: VerifyEnv = { ...env, isKnownGroup, verifyInput };
  let snapshot: AssetSnapshot | null = null;
  for (let index = 0; ; index++) {
    const raw = cursor.value.next();
    if (!raw.ok) return raw;
    if (raw.value === null) return snapshot === null ? refuse('EMPTY', 'the proof file is empty') : ok(snapshot);
    const proof = decodeProof(raw.value);
    if (!proof.ok) return at(index, proof.failure);
    yield { raw: raw.value, hash: cursor.value.hash(), proof: proof.value };
    const isUnconfirmed = env.lastIsUnconfirmed === true && index === cursor.value.count - 1;
    const verified = verifyProof(proof.value, snapshot, isUnconfirmed ? { ...common, isInChain: null } : common);
    if (!verified.ok) return at(index, verified.failure);
    snapshot = verified.value;
    const { groupKey } = snapshot.asset;
    if (proof.value.groupKeyReveal !== null && groupKey !== null) groups.add(toHex(groupKey));
  }
}

const at = (index: number, failure: ProofFailure): ReturnType<typeof refuse<ProofFailure['code']>> =>
  refuse(failure.code, `transition ${index}: ${failure.message}`);

/** A transition and all those in the files of its further inputs: what its verification will ask the chain about. */
export function* nestedProofs(proof: Proof, depth = 0): IterableIterator<Proof> {
  yield proof;
  if (depth >= MAX_DEPTH) return;
  for (const file of proof.additionalInputs) yield* proofsOfFile(bytesSource(file), depth + 1);
}

/** The same for a whole file; what does not decode is left for the verification to refuse. */
export function* proofsOfFile(source: ByteSource, depth = 0): IterableIterator<Proof> {
  const cursor = openFile(source);
  if (!cursor.ok) return;
  for (;;) {
    const raw = cursor.value.next();
    if (!raw.ok || raw.value === null) return;
    const proof = decodeProof(raw.value);
    if (!proof.ok) return;
    yield* nestedProofs(proof.value, depth);
  }
}
