import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type DecodeFailure, decodeWith } from '../../codec/codec.ts';
import type { MessageDefinition, MessageOf } from '../../codec/message.ts';
import type { TlvFields } from '../../codec/tlv.ts';
import { Writer } from '../../codec/writer.ts';
import * as gossip from './gossip.ts';
import * as open from './open.ts';
import * as setup from './setup.ts';
import type { WireCodec, WireFields } from './types.ts';
import * as update from './update.ts';

/** Every message of BOLTs 1, 2, 4 and 7 that peers send each other, and those of the draft of gossip version 2. */
export const MESSAGES = [
  setup.init,
  setup.error,
  setup.warning,
  setup.ping,
  setup.pong,
  setup.peerStorage,
  setup.peerStorageRetrieval,
  setup.onionMessage,
  open.openChannel,
  open.acceptChannel,
  open.fundingCreated,
  open.fundingSigned,
  open.channelReady,
  open.openChannel2,
  open.acceptChannel2,
  open.txAddInput,
  open.txAddOutput,
  open.txRemoveInput,
  open.txRemoveOutput,
  open.txComplete,
  open.txSignatures,
  open.txInitRbf,
  open.txAckRbf,
  open.txAbort,
  open.stfu,
  open.spliceInit,
  open.spliceAck,
  open.spliceLocked,
  open.shutdown,
  open.closingComplete,
  open.closingSig,
  open.closingSigned,
  update.updateAddHtlc,
  update.updateFulfillHtlc,
  update.updateFailHtlc,
  update.updateFailMalformedHtlc,
  update.updateFee,
  update.startBatch,
  update.commitmentSigned,
  update.revokeAndAck,
  update.channelReestablish,
  gossip.announcementSignatures,
  gossip.channelAnnouncement,
  gossip.nodeAnnouncement,
  gossip.channelUpdate,
  gossip.queryShortChannelIds,
  gossip.replyShortChannelIdsEnd,
  gossip.queryChannelRange,
  gossip.replyChannelRange,
  gossip.gossipTimestampFilter,
  gossip.announcementSignatures2,
  gossip.channelAnnouncement2,
  gossip.nodeAnnouncement2,
  gossip.channelUpdate2,
] as const;

/** A message by its BOLT name: `name`, its fields in camelCase, and its records in `tlvs`. */
export type Message = MessageOf<(typeof MESSAGES)[number]>;
export type MessageName = Message['name'];
export type MessageNamed<N extends MessageName> = Extract<Message, { readonly name: N }>;

/** BOLT 1: the caller ignores one of odd `type` and ends the connection for an even one. */
export interface UnknownMessage {
  readonly name: 'unknown';
  readonly type: number;
  readonly payload: Bytes;
}

/** A definition as those read it that go through the table: fuzzing, JSON, the comparison with the specification. */
export interface AnyMessageDefinition {
  readonly type: number;
  readonly name: MessageName;
  readonly fields: WireFields;
  // biome-ignore lint/suspicious/noExplicitAny: as in AnyFields
  readonly tlvs: { readonly [name: string]: readonly [type: bigint, codec: WireCodec<any>] };
}

/** BOLT 1: a message with its type is at most 65535 bytes. */
export const MAX_MESSAGE_LENGTH = 65535;

type Definition = MessageDefinition<MessageName, WireFields, TlvFields>;
const byType = new Map<number, Definition>(MESSAGES.map((definition) => [definition.type, definition as unknown as Definition]));
const byName = new Map<MessageName, Definition>(MESSAGES.map((definition) => [definition.name, definition as unknown as Definition]));

/** The definitions by name, with their shapes. */
export const messageDefinitions: readonly AnyMessageDefinition[] = MESSAGES as unknown as readonly AnyMessageDefinition[];

/** The bytes of a message, its type in the first two. Throws where a field is out of its range or the whole too long: ours to know. */
export function encodeMessage(message: Message): Bytes {
  const definition = byName.get(message.name) as Definition;
  const writer = new Writer();
  writer.u16(definition.type);
  definition.codec.write(writer, message as never);
  const bytes = writer.done();
  assert(bytes.length <= MAX_MESSAGE_LENGTH, `${message.name} of ${bytes.length} bytes`);
  return bytes;
}

/** What `bytes` say. Accepts exactly the bytes that `encodeMessage` would write for the result. */
export function decodeMessage(bytes: Bytes): Result<Message | UnknownMessage, DecodeFailure> {
  if (bytes.length < 2 || bytes.length > MAX_MESSAGE_LENGTH)
    return fail({ kind: 'malformed', path: 'type', message: `a message of ${bytes.length} bytes` });
  const type = ((bytes[0] as number) << 8) | (bytes[1] as number);
  const payload = bytes.subarray(2);
  const definition = byType.get(type);
  if (definition === undefined) return ok({ name: 'unknown', type, payload: payload.slice() });
  return decodeWith(definition.codec, payload) as Result<Message, DecodeFailure>;
}

/** The number of a message. */
export const messageType = (name: MessageName): number => (byName.get(name) as Definition).type;
