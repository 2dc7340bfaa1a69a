// Gossip version 2, a draft (lightning/bolts pull request 1059): its messages are read and counted. Until their signatures and outputs can be
// validated nothing of them reaches the graph, and nothing is passed on.
import { type Bytes, compare } from '../../base/bytes.ts';
import { decodeMessage, type Message, type MessageName, type MessageNamed, messageType } from '../wire/message.ts';
import { messageTypeOf } from './raw.ts';

type Version2Name = 'announcement_signatures_2' | 'channel_announcement_2' | 'node_announcement_2' | 'channel_update_2';
type Version2 = MessageNamed<Version2Name>;

/** Records without which a message means nothing. The others have defaults or may be missing. */
const REQUIRED: { readonly [N in Version2Name]: readonly (keyof MessageNamed<N>['tlvs'])[] } = {
  announcement_signatures_2: ['channelId', 'shortChannelId', 'partialSignature'],
  channel_announcement_2: ['features', 'shortChannelId', 'capacitySatoshis', 'nodeId1', 'nodeId2', 'outpoint', 'signature'],
  node_announcement_2: ['features', 'blockHeight', 'nodeId', 'signature'],
  channel_update_2: ['shortChannelId', 'blockHeight', 'htlcMaximumMsat', 'signature'],
};
const TYPES: ReadonlySet<number> = new Set(Object.keys(REQUIRED).map((name) => messageType(name as MessageName)));
const MAX_ALIAS_BYTES = 32;
const MAX_HOSTNAME_BYTES = 255;
const HOSTNAME = /^[a-zA-Z0-9.-]+$/;

export const isVersion2Type = (type: number): boolean => TYPES.has(type);
export const isVersion2 = (message: Message): message is Version2 => message.name in REQUIRED;

/** Whether the bytes of a message of this version are well-formed; null where they are none. */
export function readVersion2(bytes: Bytes): 'well_formed' | 'malformed' | null {
  if (bytes.length < 2 || !isVersion2Type(messageTypeOf(bytes))) return null;
  const decoded = decodeMessage(bytes);
  if (!decoded.ok || decoded.value.name === 'unknown' || !isVersion2(decoded.value)) return 'malformed';
  return problemOfVersion2(decoded.value) === null ? 'well_formed' : 'malformed';
}

/** What is wrong with the content of a message whose records can be read, or null. */
export function problemOfVersion2(message: Version2): string | null {
  const missing = (REQUIRED[message.name] as readonly string[]).find((name) => !(name in message.tlvs));
  if (missing !== undefined) return `no record ${missing.replace(/[A-Z0-9]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  switch (message.name) {
    case 'channel_announcement_2':
      return channelProblem(message);
    case 'node_announcement_2':
      return nodeProblem(message);
    case 'channel_update_2':
    case 'announcement_signatures_2':
      return null;
  }
}

function channelProblem({ tlvs }: MessageNamed<'channel_announcement_2'>): string | null {
  if (compare(tlvs.nodeId1 as Bytes, tlvs.nodeId2 as Bytes) >= 0) return 'the node ids are not in ascending order';
  if ((tlvs.bitcoinKey1 === undefined) !== (tlvs.bitcoinKey2 === undefined)) return 'one Bitcoin key without the other';
  const output = Number((tlvs.shortChannelId as bigint) & 0xffffn);
  return output === tlvs.outpoint?.outputIndex ? null : 'outpoint and short channel id name different outputs';
}

function nodeProblem({ tlvs }: MessageNamed<'node_announcement_2'>): string | null {
  const { alias, dnsHostname } = tlvs;
  if (alias !== undefined && (alias.length === 0 || alias.length > MAX_ALIAS_BYTES)) return `an alias of ${alias.length} bytes`;
  if (alias !== undefined && !isUtf8(alias)) return 'the alias is not UTF-8';
  if (dnsHostname === undefined) return null;
  const [host, port] = [dnsHostname.subarray(0, -2), dnsHostname.subarray(-2)];
  if (host.length === 0 || host.length > MAX_HOSTNAME_BYTES) return `a host name of ${host.length} bytes`;
  if (!HOSTNAME.test(String.fromCharCode(...host))) return 'a host name with other characters than BOLT 7 allows';
  return port[0] === 0 && port[1] === 0 ? 'a host name with port 0' : null;
}

function isUtf8(bytes: Bytes): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
