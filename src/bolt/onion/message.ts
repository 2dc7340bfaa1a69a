import type { Bytes } from '../../base/bytes.ts';
import { EMPTY } from '../../base/bytes.ts';
import type { NodeId, ShortChannelId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Codec, decodeWith, encodeWith, restBytes } from '../../codec/codec.ts';
import { type TlvValues, tlvStream } from '../../codec/tlv.ts';
import { type BlindedHop, type BlindedPath, blindedPathCodec, unblind } from './blinding.ts';
import { type BuildOnionFailure, buildOnion, type Ecdh, frameLength, PAYMENT_PAYLOADS_LENGTH, peelOnion } from './packet.ts';

/** BOLT 4: "SHOULD set onion_message_packet len to 1366 or 32834." */
const LARGE_PAYLOADS_LENGTH = 32_768;
const NO_BYTES = EMPTY;

const tlvs = {
  replyPath: [2n, blindedPathCodec as Codec<BlindedPath>],
  encryptedRecipientData: [4n, restBytes],
  invoiceRequest: [64n, restBytes],
  invoice: [66n, restBytes],
  invoiceError: [68n, restBytes],
} as const;

/** BOLT 4, `onionmsg_tlv`: the TLV stream for one hop of an onion message. The BOLT 12 payloads stay encoded. */
export const messagePayloadCodec: Codec<MessagePayload> = tlvStream(tlvs);
export type MessagePayload = TlvValues<typeof tlvs>;
/** What the final node gets. */
export type MessageContent = Omit<MessagePayload, 'encryptedRecipientData'>;

/** BOLT 4, the fields of `onion_message`. */
export interface OnionMessage {
  readonly pathKey: NodeId;
  readonly packet: Bytes;
}

/** Builds the onion message that goes along `path` from `pathKey` on; the first hop of the path is the node that it is sent to. */
export function buildOnionMessage(part: {
  readonly sessionKey: Bytes;
  readonly pathKey: NodeId;
  readonly path: readonly BlindedHop[];
  readonly content: MessageContent;
}): Result<OnionMessage, BuildOnionFailure> {
  const { sessionKey, pathKey, path, content } = part;
  const hops = path.map(({ blindedNodeId, encryptedRecipientData }, i) => ({
    nodeId: blindedNodeId,
    payload: encodeWith(messagePayloadCodec, { ...(i === path.length - 1 ? content : {}), encryptedRecipientData }),
  }));
  const needed = hops.reduce((sum, { payload }) => sum + frameLength(payload), 0);
  const payloadsLength = needed <= PAYMENT_PAYLOADS_LENGTH ? PAYMENT_PAYLOADS_LENGTH : LARGE_PAYLOADS_LENGTH;
  const built = buildOnion({ sessionKey, hops, associatedData: NO_BYTES, payloadsLength });
  return built.ok ? ok({ pathKey, packet: built.value.packet }) : built;
}

export type ReceivedMessage =
  | {
      readonly kind: 'forward';
      readonly to: { readonly nodeId: NodeId } | { readonly shortChannelId: ShortChannelId };
      readonly message: OnionMessage;
    }
  /** `pathId` is what we put into our own path, null where there is none: whoever reads it decides whether the message is a reply to ours. */
  | { readonly kind: 'final'; readonly pathId: Bytes | null; readonly content: MessageContent };

/** Why a message is to be ignored (BOLT 4 never answers one with an error). */
export type IgnoredMessage =
  | 'onion'
  | 'payload'
  | 'recipient_data'
  | 'unknown_feature'
  | 'extra_fields'
  | 'path_id_on_the_way'
  | 'no_next_node'
  | 'several_payloads';

/** Reads an onion message at this node (BOLT 4, "Onion Messages"). */
export function peelOnionMessage(
  message: { readonly pathKey: Bytes; readonly packet: Bytes },
  ecdh: Ecdh,
): Result<ReceivedMessage, IgnoredMessage> {
  const { pathKey, packet } = message;
  const peeled = peelOnion({ packet, ecdh, associatedData: NO_BYTES, pathKey });
  if (!peeled.ok) return fail('onion');
  const { payload, nextPacket, blindingSecret } = peeled.value;
  const decoded = decodeWith(messagePayloadCodec, payload);
  if (!decoded.ok) return fail('payload');
  const { encryptedRecipientData, ...content } = decoded.value;
  if (encryptedRecipientData === undefined) return fail('recipient_data');
  const opened = unblind({ pathKey, encryptedRecipientData, ecdh, blindingSecret });
  if (!opened.ok) return fail('recipient_data');
  const { data, nextPathKey } = opened.value;
  // BOLT 4: "MUST ignore the message if allowed_features.features contains an unknown feature bit (even if it is odd)": there are none yet.
  if (data.allowedFeatures?.some((byte) => byte !== 0)) return fail('unknown_feature');

  if (nextPacket === null) {
    // BOLT 4: "if the onionmsg_tlv contains more than one payload field: MUST ignore the message."
    const payloads = [content.invoiceRequest, content.invoice, content.invoiceError].filter((field) => field !== undefined);
    if (payloads.length > 1) return fail('several_payloads');
    return ok({ kind: 'final', pathId: data.pathId ?? null, content });
  }
  // BOLT 4: "if the onionmsg_tlv contains other tlv fields than encrypted_recipient_data: MUST ignore the message."
  if (Object.keys(content).length > 0) return fail('extra_fields');
  if (data.pathId !== undefined) return fail('path_id_on_the_way');
  const onward = { pathKey: nextPathKey, packet: nextPacket };
  if (data.nextNodeId !== undefined) return ok({ kind: 'forward', to: { nodeId: data.nextNodeId }, message: onward });
  if (data.shortChannelId !== undefined) return ok({ kind: 'forward', to: { shortChannelId: data.shortChannelId }, message: onward });
  return fail('no_next_node');
}
