import { type Bytes, concat } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { SIGHASH, sighashTaproot } from '../../bitcoin/sighash.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { equalOutPoint, type Tx, type TxOutput, txOutputCodec } from '../../bitcoin/tx.ts';
import { encodeWith } from '../../codec/codec.ts';
import { secp } from '../../crypto/ec.ts';
import type { Asset } from '../asset.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { evenKey } from '../keys.ts';
import { outputWithoutAssets } from '../proof/tap-tree.ts';
import type { TapscriptProof } from '../proof/taproot-proof.ts';
import { encodePsbtMaps, entryValue, type PsbtEntry, type PsbtMaps } from './psbt-map.ts';
import { packetSighash, transitionOfPacket, withWitness } from './transition.ts';
import type { VirtualPacket } from './virtual-packet.ts';

/**
 * Assets against bitcoin between two who do not trust each other. The seller signs the asset so that its outputs stay open (SIGHASH_NONE), and the
 * Bitcoin input that holds it so that it is good in every transaction which has the payment at the same index (SIGHASH_SINGLE with
 * ANYONECANPAY). Whoever makes that payment may say where the asset goes. Both in the forms of PSBTs, as tapd's own flow has them: input
 * and payment stand first.
 */

/** Of the asset: nothing of the outputs is signed. */
export const ASSET_HASH_TYPE = SIGHASH.NONE;
/** Of the output that holds it: the payment is. */
export const ANCHOR_HASH_TYPE = SIGHASH.SINGLE | SIGHASH.ANYONECANPAY;

/** What a seller asks for and has signed. */
export interface SwapTerms {
  readonly payment: TxOutput;
  /** How the payment shows that no asset is in it: its internal key (33 bytes) and script tree. null where it is no taproot output. */
  readonly paymentProof: { readonly internalKey: Bytes; readonly tapscriptProof: TapscriptProof } | null;
  /** One signature, with its hash type. */
  readonly assetWitness: readonly Bytes[];
  readonly anchorWitness: readonly Bytes[];
  readonly sequence: number;
  readonly locktime: number;
}

export type SwapFailure = AssetFailure<'MALFORMED' | 'BAD_SIGNATURE' | 'POLICY'>;

const IN = { WITNESS_UTXO: 0x01, SIGHASH: 0x03, TAP_KEY_SIG: 0x13, INTERNAL_KEY: 0x17, MERKLE_ROOT: 0x18 } as const;
const OUT_INTERNAL_KEY = 0x05;
const OUT_TAP_TREE = 0x06;
const entry = (type: number, value: Bytes): PsbtEntry => ({ key: Uint8Array.of(type), value });
const u32le = (value: number): Bytes => Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);

/** The Bitcoin leg as a PSBT: the seller's input and payment, and the output that the buyer will change. */
export function encodeSwapAnchor(part: {
  readonly tx: Tx;
  readonly spent: TxOutput;
  readonly internalKey: Bytes;
  readonly merkleRoot: Bytes;
  readonly signature: Bytes;
  readonly paymentInternalKey: Bytes;
}): Bytes {
  const input = [
    entry(IN.WITNESS_UTXO, encodeWith(txOutputCodec, part.spent)),
    entry(IN.SIGHASH, u32le(ANCHOR_HASH_TYPE)),
    entry(IN.TAP_KEY_SIG, part.signature),
    entry(IN.INTERNAL_KEY, xOnly(part.internalKey)),
    entry(IN.MERKLE_ROOT, part.merkleRoot),
  ];
  const outputs = part.tx.outputs.map((_, i) => (i === 0 ? [entry(OUT_INTERNAL_KEY, xOnly(part.paymentInternalKey))] : []));
  return encodePsbtMaps({ tx: part.tx, global: [], inputs: [input], outputs });
}

/** The bytes under the signature of the input that holds the asset. */
export const swapAnchorHash = (tx: Tx, spent: TxOutput): Bytes =>
  sighashTaproot({ tx: { ...tx, inputs: tx.inputs.slice(0, 1) }, index: 0, prevouts: [spent], hashType: ANCHOR_HASH_TYPE });

/**
 * Verifies both legs of an offer against the asset and the output that a verified proof shows, and gives its terms. Nothing that the offer says of
 * itself is relied on. Fails with MALFORMED, BAD_SIGNATURE, or POLICY for what could not be completed safely.
 */
export function checkSwapOffer(part: {
  readonly packet: VirtualPacket;
  readonly anchor: PsbtMaps;
  /** As the verified proof has them. */
  readonly asset: Asset;
  readonly outPoint: Tx['inputs'][number]['prevout'];
  readonly spent: TxOutput;
}): Result<SwapTerms, SwapFailure> {
  const { packet, anchor, asset, outPoint, spent } = part;
  const [payment] = anchor.tx.outputs;
  const [input] = anchor.tx.inputs;
  const [virtual] = packet.inputs;
  if (packet.inputs.length !== 1 || virtual === undefined || input === undefined || payment === undefined || anchor.tx.inputs.length !== 1)
    return refuse('MALFORMED', 'an offer has one asset, one input and a payment');
  if (!equalOutPoint(input.prevout, outPoint) || !equalOutPoint(virtual.prevId.outPoint, outPoint))
    return refuse('MALFORMED', 'the offer spends another output than its proof shows');
  if (anchor.tx.version !== 2 || anchor.tx.locktime !== 0)
    return refuse('POLICY', 'the transaction of the offer is locked, or of another version');
  // BIP 68: a sequence with its highest bit free would hold the transaction back.
  if (input.sequence < 0x80000000) return refuse('POLICY', 'the input of the offer is locked');
  const paymentProof = paymentProofOf(payment, anchor.outputs[0] ?? []);
  if (!paymentProof.ok) return paymentProof;
  const signature = entryValue(anchor.inputs[0] ?? [], IN.TAP_KEY_SIG);
  const outputKey = witnessProgram(spent.script)?.program;
  if (signature === null || signature.length !== 65 || signature[64] !== ANCHOR_HASH_TYPE || outputKey === undefined)
    return refuse('BAD_SIGNATURE', 'the output is not signed so that a buyer can add to the transaction');
  if (!secp.schnorrVerify(signature.subarray(0, 64), swapAnchorHash(anchor.tx, spent), outputKey))
    return refuse('BAD_SIGNATURE', 'the signature over the payment does not verify');
  // The asset of the proof, whatever the packet shows in its place.
  const witness = witnessOf({ ...packet, inputs: [{ ...virtual, asset }] });
  if (!witness.ok) return witness;
  return ok({
    payment,
    paymentProof: paymentProof.value,
    assetWitness: [witness.value],
    anchorWitness: [signature],
    sequence: input.sequence,
    locktime: anchor.tx.locktime,
  });
}

/** Whoever completes the transaction must show that the payment holds no asset. */
function paymentProofOf(payment: TxOutput, entries: readonly PsbtEntry[]): Result<SwapTerms['paymentProof'], SwapFailure> {
  const program = witnessProgram(payment.script);
  if (program === null) return refuse('POLICY', 'the payment goes to no segwit address');
  if (program.version !== 1) return ok(null);
  const key = entryValue(entries, OUT_INTERNAL_KEY);
  const internalKey = key?.length === 32 && secp.isPublicKey(evenKey(key)) ? evenKey(key) : null;
  if (internalKey === null) return refuse('POLICY', 'the offer does not show that its payment holds no asset');
  const shown = outputWithoutAssets({ script: payment.script, internalKey, tapTree: entryValue(entries, OUT_TAP_TREE) });
  if (!shown.ok) return refuse('POLICY', `the offer does not show that its payment holds no asset: ${shown.failure.message}`);
  return ok({ internalKey, tapscriptProof: shown.value });
}

function witnessOf(packet: VirtualPacket): Result<Bytes, SwapFailure> {
  const read = transitionOfPacket(packet);
  if (!read.ok) return refuse('MALFORMED', read.failure.message);
  const { root, outputs } = read.value;
  if (outputs.length !== 1 || root.lockTime !== 0n || root.relativeLockTime !== 0n)
    return refuse('POLICY', 'an offer sells the whole of one asset, without locks');
  const [witness, ...more] = root.prevWitnesses[0]?.txWitness ?? [];
  if (witness === undefined || more.length > 0 || witness.length !== 65 || witness[64] !== ASSET_HASH_TYPE)
    return refuse('BAD_SIGNATURE', 'the asset is not signed so that a buyer can say where it goes');
  const hash = packetSighash(withWitness(packet, { index: 0, witness: [] }), { index: 0, hashType: ASSET_HASH_TYPE });
  if (!hash.ok) return refuse('MALFORMED', hash.failure.message);
  const key = packet.inputs[0]?.prevId.scriptKey;
  if (key === undefined || !secp.schnorrVerify(witness.subarray(0, 64), hash.value, xOnly(key)))
    return refuse('BAD_SIGNATURE', 'the signature over the asset does not verify');
  return ok(witness);
}

/** A signature with its hash type. */
export const typed = (signature: Bytes, hashType: number): Bytes => concat(signature, Uint8Array.of(hashType));
