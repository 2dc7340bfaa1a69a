import { type Bytes, concat, equal, toHex } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { SIGHASH } from '../../bitcoin/sighash.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Asset, equalPrevId, isSplitWitness, prevIdHash, prevIdOf, splitOf } from '../asset.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { inputSet, prevOutput, virtualSighash, virtualTx } from '../vm/virtual-tx.ts';
import { type VmFailure, validateTransition } from '../vm/vm.ts';
import type { ScriptInterpreter } from '../vm/witness.ts';
import { entryValue, type PsbtEntry } from './psbt-map.ts';
import { encodeVirtualPacket, OUTPUT_TYPE, type VirtualInput, type VirtualOutput, type VirtualPacket } from './virtual-packet.ts';

/** What a funded packet says: the transition of one asset, its inputs in order, and who may sign for each. */
export interface PacketTransition {
  /** The new asset, or the root of the split: the witnesses of the inputs stand in it. */
  readonly root: Asset;
  readonly rootIndex: number;
  readonly inputs: readonly Asset[];
  readonly outputs: readonly { readonly asset: Asset; readonly outputIndex: number; readonly output: VirtualOutput }[];
}

type Failure = AssetFailure<'MALFORMED' | 'BAD_SIGNATURE'>;

/** More would be no packet of this world: each input brings a proof. */
const MAX_INPUTS = 500;

/** What names a packet whatever is signed in it: its inputs. 32 bytes. */
export const packetId = (packet: Pick<VirtualPacket, 'inputs'>): Bytes =>
  sha256(concat(...packet.inputs.map(({ prevId }) => prevIdHash(prevId))));

/** Reads a packet whose inputs are known and whose outputs are prepared. What it says is coherent; witnesses and proofs are not verified. */
export function transitionOfPacket(packet: VirtualPacket): Result<PacketTransition, Failure> {
  const { inputs, outputs } = packet;
  const bad = (message: string) => refuse('MALFORMED', message);
  if (inputs.length === 0 || inputs.length > MAX_INPUTS || outputs.length === 0) return bad('the packet is not funded');
  const roots = [...outputs.entries()].filter(([, { asset }]) => asset !== null && splitOf(asset) === null);
  const [first] = roots;
  if (roots.length !== 1 || first === undefined) return bad('a packet has one output that carries the witnesses');
  const [rootIndex, { asset: root }] = first;
  if (root === null) return bad('an output is not prepared');
  const read: PacketTransition['outputs'][number][] = [];
  for (const output of outputs) {
    const { asset } = output;
    if (asset === null) return bad('an output is not prepared');
    if (asset.amount !== output.amount || !equal(xOnly(asset.scriptKey), xOnly(output.scriptKey)))
      return bad('an output has another amount or key than its asset');
    if (output.anchorOutputIndex > 0xffffn) return bad('an output is at no place of a transaction');
    const split = splitOf(asset);
    if (split !== null && !sameButWitnesses(split.rootAsset, root)) return bad('an output belongs to another split');
    read.push({ asset, outputIndex: Number(output.anchorOutputIndex), output });
  }
  if (root.prevWitnesses.length !== inputs.length) return bad('the witnesses are not those of the inputs');
  const assets: Asset[] = [];
  for (const [i, { prevId, asset }] of inputs.entries()) {
    if (asset === null || !equalPrevId(prevId, prevIdOf(asset, prevId.outPoint))) return bad(`input ${i} is not the asset that it names`);
    const named = root.prevWitnesses[i]?.prevId ?? null;
    if (named === null || !equalPrevId(named, prevId)) return bad(`witness ${i} is that of another input`);
    assets.push(asset);
  }
  return ok({ root, rootIndex, inputs: assets, outputs: read });
}

const sameButWitnesses = (a: Asset, b: Asset): boolean => {
  const [x, y] = [a.splitCommitmentRoot, b.splitCommitmentRoot];
  const sameRoot = x === null || y === null ? x === y : x.sum === y.sum && equal(x.hash, y.hash);
  return sameRoot && a.amount === b.amount && a.lockTime === b.lockTime && equal(a.scriptKey, b.scriptKey);
};

/** The hash type that an input asks for (BIP 174, 0x03); DEFAULT where it says nothing. */
export function hashTypeOf({ standard }: Pick<VirtualInput, 'standard'>): number {
  const value = entryValue(standard, 0x03);
  return value === null || value.length !== 4 ? SIGHASH.DEFAULT : (value[0] as number);
}

/** What the key of input `index` signs; `leafHash` for a script path. */
export function packetSighash(
  packet: VirtualPacket,
  part: { readonly index: number; readonly hashType?: number; readonly leafHash?: Bytes },
): Result<Bytes, Failure> {
  const read = transitionOfPacket(packet);
  if (!read.ok) return read;
  const { root, inputs } = read.value;
  const spent = inputs[part.index];
  const input = packet.inputs[part.index];
  if (spent === undefined || input === undefined) return refuse('MALFORMED', `there is no input ${part.index}`);
  const set = inputSet(packet.inputs.map((each, i) => [each.prevId, inputs[i] as Asset] as const));
  const virtual = virtualTx(root, set);
  if (!virtual.ok) return refuse('MALFORMED', virtual.failure.message);
  const { hashType = hashTypeOf(input), leafHash, index } = part;
  const leaf = leafHash === undefined ? {} : { leafHash };
  return ok(virtualSighash({ tx: virtual.value.tx, asset: root, index, prevOut: prevOutput(spent), hashType, ...leaf }));
}

/** With the witness of one input, in the root and in the root that every output of the split carries. */
export function withWitness(packet: VirtualPacket, part: { readonly index: number; readonly witness: readonly Bytes[] }): VirtualPacket {
  const placed = (asset: Asset): Asset => ({
    ...asset,
    prevWitnesses: asset.prevWitnesses.map((each, i) => (i === part.index ? { ...each, txWitness: part.witness } : each)),
  });
  const updated = (asset: Asset | null): Asset | null => {
    if (asset === null) return null;
    if (splitOf(asset) === null) return placed(asset);
    const prevWitnesses = asset.prevWitnesses.map((each) =>
      isSplitWitness(each)
        ? { ...each, splitCommitment: { ...each.splitCommitment, rootAsset: placed(each.splitCommitment.rootAsset) } }
        : each,
    );
    return { ...asset, prevWitnesses };
  };
  const outputs = packet.outputs.map((output) => ({ ...output, asset: updated(output.asset), splitAsset: updated(output.splitAsset) }));
  return { ...packet, outputs };
}

/** Which inputs have a witness. */
export function signedInputs(packet: VirtualPacket): readonly boolean[] {
  const root = packet.outputs.find(({ asset }) => asset !== null && splitOf(asset) === null)?.asset ?? null;
  return packet.inputs.map((_, i) => (root?.prevWitnesses[i]?.txWitness.length ?? 0) > 0);
}

/** With a signature that somebody made elsewhere for the key path of an input; it is verified. 64 bytes, or 65 with a hash type. */
export function withSignature(
  packet: VirtualPacket,
  part: { readonly index: number; readonly signature: Bytes },
): Result<VirtualPacket, Failure> {
  const { index, signature } = part;
  const input = packet.inputs[index];
  if (input === undefined) return refuse('MALFORMED', `there is no input ${index}`);
  const hashType = signature.length === 65 ? (signature[64] as number) : SIGHASH.DEFAULT;
  const defined = hashType === SIGHASH.DEFAULT || ((hashType & 0x7c) === 0 && (hashType & 3) !== 0);
  if ((signature.length !== 64 && signature.length !== 65) || !defined || (signature.length === 65 && hashType === SIGHASH.DEFAULT))
    return refuse('BAD_SIGNATURE', `input ${index} has no signature of BIP 341`);
  const hash = packetSighash(packet, { index, hashType });
  if (!hash.ok) return hash;
  if (!secp.schnorrVerify(signature.subarray(0, 64), hash.value, xOnly(input.prevId.scriptKey)))
    return refuse('BAD_SIGNATURE', `the signature of input ${index} does not verify`);
  return ok(withWitness(packet, { index, witness: [signature] }));
}

const TAP_KEY_SIG = 0x13;

/** With the signatures that signers left in the entries of BIP 371, where an input has no witness yet. */
export function withEntries(packet: VirtualPacket): Result<VirtualPacket, Failure> {
  let next = packet;
  for (const [index, isSigned] of signedInputs(packet).entries()) {
    const signature = isSigned ? null : entryValue((packet.inputs[index] as VirtualInput).standard, TAP_KEY_SIG);
    if (signature === null) continue;
    const signed = withSignature(next, { index, signature });
    if (!signed.ok) return signed;
    next = signed.value;
  }
  return ok(next);
}

/** All witnesses that copies of one packet have: each of several parties has signed its own inputs. */
export function combinePackets(packets: readonly [VirtualPacket, ...VirtualPacket[]]): Result<VirtualPacket, Failure> {
  let [combined, ...others] = packets;
  const bare = (packet: VirtualPacket): string => toHex(encodeVirtualPacket(stripped(packet)));
  const same = bare(combined);
  for (const other of others) {
    if (bare(other) !== same) return refuse('MALFORMED', 'the packets are not copies of one');
    const root = other.outputs.find(({ asset }) => asset !== null && splitOf(asset) === null)?.asset;
    for (const [index, isSigned] of signedInputs(combined).entries()) {
      const witness = root?.prevWitnesses[index]?.txWitness ?? [];
      if (!isSigned && witness.length > 0) combined = withWitness(combined, { index, witness });
    }
  }
  return ok(combined);
}

function stripped(packet: VirtualPacket): VirtualPacket {
  let bare: VirtualPacket = {
    ...packet,
    inputs: packet.inputs.map((input) => ({ ...input, standard: input.standard.filter(isNoSignature) })),
  };
  for (const index of packet.inputs.keys()) bare = withWitness(bare, { index, witness: [] });
  return bare;
}
const isNoSignature = ({ key }: PsbtEntry): boolean => key[0] !== TAP_KEY_SIG;

/** Verifies by the state machine that a signed packet moves its inputs to its outputs: amounts, split proofs and every witness. */
export function verifyPacket(packet: VirtualPacket, interpreter: ScriptInterpreter): Result<PacketTransition, Failure | VmFailure> {
  const read = transitionOfPacket(packet);
  if (!read.ok) return read;
  const { root, inputs, outputs } = read.value;
  const set = inputSet(packet.inputs.map(({ prevId }, i) => [prevId, inputs[i] as Asset] as const));
  if (set.size !== inputs.length) return refuse('MALFORMED', 'an input stands twice in the packet');
  const splits = outputs.filter(({ asset }) => asset !== root).map(({ asset, outputIndex }) => ({ asset, outputIndex }));
  for (const { asset } of splits) {
    const signed = splitOf(asset)?.rootAsset.prevWitnesses.map(({ txWitness }) => txWitness.map(toHex).join()) ?? [];
    const own = root.prevWitnesses.map(({ txWitness }) => txWitness.map(toHex).join());
    if (signed.join('/') !== own.join('/')) return refuse('BAD_SIGNATURE', 'an output of the split carries other witnesses than its root');
  }
  const sum = (assets: readonly Asset[]): bigint => assets.reduce((total, { amount }) => total + amount, 0n);
  if (sum(inputs) !== sum(outputs.map(({ asset }) => asset))) return refuse('MALFORMED', 'the outputs have not the units of the inputs');
  const isSplitRoot = packet.outputs[read.value.rootIndex]?.type === OUTPUT_TYPE.SPLIT_ROOT;
  if (splits.length > 0 && !isSplitRoot) return refuse('MALFORMED', 'the root of the split is not marked as such');
  const valid = validateTransition({ asset: root, splits, inputs: set }, { interpreter, height: 0, chain: null });
  return valid.ok ? read : valid;
}
