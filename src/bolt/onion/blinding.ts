import { assert } from '../../base/assert.ts';
import { type Bytes, EMPTY } from '../../base/bytes.ts';
import type { NodeId, ShortChannelId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Blocks, Height, Msat } from '../../base/units.ts';
import { type Codec, decodeWith, encodeWith, list, restBytes, struct, tu32, tu64, u8, u16, u32, u64, varBytes } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { type TlvValues, tlvStream } from '../../codec/tlv.ts';
import { open, seal } from '../../crypto/chacha.ts';
import { secp } from '../../crypto/ec.ts';
import { nodeId } from '../wire/types.ts';
import { blindingFactor, deriveKey } from './keys.ts';
import type { Ecdh } from './packet.ts';

const point: Codec<NodeId> = nodeId;

export interface PaymentRelay {
  readonly cltvExpiryDelta: number;
  readonly feeProportionalMillionths: number;
  readonly feeBaseMsat: number;
}

const tlvs = {
  padding: [1n, restBytes],
  shortChannelId: [2n, u64 as Codec<ShortChannelId>],
  nextNodeId: [4n, point],
  pathId: [6n, restBytes],
  nextPathKeyOverride: [8n, point],
  paymentRelay: [10n, struct({ cltvExpiryDelta: u16, feeProportionalMillionths: u32, feeBaseMsat: tu32 }) as Codec<PaymentRelay>],
  paymentConstraints: [12n, struct({ maxCltvExpiry: u32 as Codec<number> as Codec<Height>, htlcMinimumMsat: tu64 as Codec<Msat> })],
  allowedFeatures: [14n, restBytes],
} as const;

/** BOLT 4, `encrypted_data_tlv`: what the recipient tells one node of a blinded path. */
export const recipientDataCodec: Codec<RecipientData> = tlvStream(tlvs);
export type RecipientData = TlvValues<typeof tlvs>;

export interface BlindedHop {
  readonly blindedNodeId: NodeId;
  readonly encryptedRecipientData: Bytes;
}

/** BOLT 4 `sciddir_or_pubkey`: the introduction point, or a channel with the end (0 or 1) that it is at. */
export type FirstNode = { readonly nodeId: NodeId } | { readonly shortChannelId: ShortChannelId; readonly direction: 0 | 1 };

/** BOLT 4, `blinded_path`. */
export interface BlindedPath {
  readonly firstNode: FirstNode;
  readonly firstPathKey: NodeId;
  readonly path: readonly BlindedHop[];
}

const firstNode: Codec<FirstNode> = {
  write(to, value) {
    if ('nodeId' in value) to.bytes(value.nodeId);
    else to.u8(value.direction).u64(value.shortChannelId);
  },
  read(from) {
    const head = from.u8();
    if (head <= 1) return { direction: head as 0 | 1, shortChannelId: from.u64() as ShortChannelId };
    if (head !== 2 && head !== 3) throw new CodecError('neither a channel nor a node id');
    const id = new Uint8Array(33);
    id[0] = head;
    id.set(from.take(32), 1);
    return { nodeId: id as Bytes as NodeId };
  },
};

export const blindedPathCodec: Codec<BlindedPath> = struct({
  firstNode,
  firstPathKey: point,
  path: list(u8, struct({ blindedNodeId: point, encryptedRecipientData: varBytes(u16) })),
});

export interface BuiltBlindedPath {
  readonly path: BlindedPath;
  /** The path key that the last node will be given: the recipient may keep it to recognise the path. */
  readonly lastPathKey: NodeId;
}

/**
 * Builds a blinded path (BOLT 4, "Route Blinding") over `hops`, of which the first is the introduction point and the last usually ourselves.
 * `sessionKey` is a private key that is never used again. Null where a node id is no point.
 */
export function buildBlindedPath(part: {
  readonly sessionKey: Bytes;
  readonly hops: readonly { readonly nodeId: NodeId; readonly data: RecipientData }[];
}): BuiltBlindedPath | null {
  const { sessionKey, hops } = part;
  const first = hops[0];
  assert(first !== undefined, 'a blinded path has a hop');
  const path: BlindedHop[] = [];
  let privateKey = sessionKey;
  let pathKey = secp.publicKey(privateKey) as NodeId;
  const firstPathKey = pathKey;
  for (const [i, { nodeId: id, data }] of hops.entries()) {
    const secret = secp.ecdh(id, privateKey);
    const blindedNodeId = secret === null ? null : blindedIdOf(id, secret);
    if (secret === null || blindedNodeId === null) return null;
    const plaintext = encodeWith(recipientDataCodec, data);
    path.push({ blindedNodeId, encryptedRecipientData: seal({ key: deriveKey('rho', secret), nonce: NONCE }, plaintext) });
    if (i === hops.length - 1) break;
    privateKey = secp.privateMultiply(privateKey, blindingFactor(pathKey, secret));
    pathKey = secp.publicKey(privateKey) as NodeId;
  }
  return { path: { firstNode: { nodeId: first.nodeId }, firstPathKey, path }, lastPathKey: pathKey };
}

/** A key is used for one plaintext only, so BOLT 4 takes a nonce of zeros. */
const NONCE = new Uint8Array(12);

const blindedIdOf = (id: NodeId, secret: Bytes): NodeId | null =>
  secp.publicMultiply(id, deriveKey('blinded_node_id', secret)) as NodeId | null;

/** The private key behind this node's blinded id, for signing with it (BOLT 12 invoices). */
export const blindedPrivateKey = (privateKey: Bytes, blindingSecret: Bytes): Bytes =>
  secp.privateMultiply(privateKey, deriveKey('blinded_node_id', blindingSecret));

/** The same data with padding, so that every hop's stream has one length: the longest's, or a few bytes more. */
export function padRecipientData(hops: readonly RecipientData[]): readonly RecipientData[] {
  const lengths = hops.map((data) => encodeWith(recipientDataCodec, { ...data, padding: EMPTY }).length);
  // From 253 bytes on a record's length takes three bytes, so that 253 and 254 bytes more cannot be reached.
  let target = Math.max(...lengths);
  while (lengths.some((length) => target - length === 253 || target - length === 254)) target++;
  return hops.map((data, i) => {
    const missing = target - (lengths[i] as number);
    return { ...data, padding: new Uint8Array(missing < 253 ? missing : missing - 2) };
  });
}

export interface Unblinded {
  readonly data: RecipientData;
  /** To be sent along to the next node. */
  readonly nextPathKey: NodeId;
  readonly blindingSecret: Bytes;
}

export type UnblindFailure =
  | { readonly kind: 'invalid_path_key' | 'not_for_us' }
  | { readonly kind: 'malformed'; readonly message: string };

/** Opens the recipient's data at a hop (BOLT 4, "The reader of the encrypted_recipient_data"). `blindingSecret` where peeling already gave it. */
export function unblind(part: {
  readonly pathKey: Bytes;
  readonly encryptedRecipientData: Bytes;
  readonly ecdh: Ecdh;
  readonly blindingSecret?: Bytes | null;
}): Result<Unblinded, UnblindFailure> {
  const { pathKey, encryptedRecipientData, ecdh } = part;
  const blindingSecret = part.blindingSecret ?? ecdh(pathKey);
  if (blindingSecret === null) return fail({ kind: 'invalid_path_key' });
  const plaintext = open({ key: deriveKey('rho', blindingSecret), nonce: NONCE }, encryptedRecipientData);
  if (plaintext === null) return fail({ kind: 'not_for_us' });
  const decoded = decodeWith(recipientDataCodec, plaintext);
  if (!decoded.ok) return fail({ kind: 'malformed', message: `${decoded.failure.path}: ${decoded.failure.message}` });
  const data = decoded.value;
  // BOLT 4: "MUST return an error if ... encrypted_recipient_data contains both short_channel_id and next_node_id."
  if (data.shortChannelId !== undefined && data.nextNodeId !== undefined)
    return fail({ kind: 'malformed', message: 'both a channel and a node come next' });
  const nextPathKey = data.nextPathKeyOverride ?? (secp.publicMultiply(pathKey, blindingFactor(pathKey, blindingSecret)) as NodeId | null);
  if (nextPathKey === null || !secp.isPublicKey(nextPathKey)) return fail({ kind: 'invalid_path_key' });
  return ok({ data, nextPathKey, blindingSecret });
}

/** BOLT 4: what a hop of a blinded path forwards of what it got. Null where the fee or the delta is more than what came. */
export function relayed(
  htlc: { readonly amountMsat: Msat; readonly cltvExpiry: Height },
  relay: PaymentRelay,
): { readonly amtToForward: Msat; readonly outgoingCltvValue: Height } | null {
  const afterBase = htlc.amountMsat - BigInt(relay.feeBaseMsat);
  const outgoingCltvValue = (htlc.cltvExpiry - relay.cltvExpiryDelta) as Height;
  if (afterBase <= 0n || outgoingCltvValue < 0) return null;
  const rate = BigInt(relay.feeProportionalMillionths);
  const amtToForward = ((afterBase * MILLION + MILLION + rate - 1n) / (MILLION + rate)) as Msat;
  return { amtToForward, outgoingCltvValue };
}

const MILLION = 1_000_000n;

/** BOLT 4: what the hops of a path ask for together, as the sender is told. `relays` in the order of the path, without the recipient. */
export function totalRelay(relays: readonly PaymentRelay[], minFinalCltvExpiryDelta: Blocks): PaymentRelay {
  let base = 0n;
  let rate = 0n;
  let cltvExpiryDelta: number = minFinalCltvExpiryDelta;
  // The rules run from the recipient backwards: each hop takes its fee of what those behind it take too.
  for (const relay of relays.toReversed()) {
    const hopRate = BigInt(relay.feeProportionalMillionths);
    base = (BigInt(relay.feeBaseMsat) * MILLION + base * (MILLION + hopRate) + MILLION - 1n) / MILLION;
    rate = ((rate + hopRate) * MILLION + rate * hopRate + MILLION - 1n) / MILLION;
    cltvExpiryDelta += relay.cltvExpiryDelta;
  }
  return { cltvExpiryDelta, feeProportionalMillionths: Number(rate), feeBaseMsat: Number(base) };
}
