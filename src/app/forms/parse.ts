import { type Bytes, equal, fromHex, toHex, tryHex } from '../../base/bytes.ts';
import { type ChannelId, formatScid, type NodeId, type PaymentHash, parseScid, type ShortChannelId } from '../../base/ids.ts';
import { type FeeratePerKw, type Msat, msat, type Sat, sat } from '../../base/units.ts';
import { decodeAddressFor } from '../../bitcoin/address.ts';
import { fromSatPerVbyte } from '../../bitcoin/fees.ts';
import type { Network } from '../../bitcoin/network.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { Channel, ChannelView } from '../../bolt/channel/types.ts';
import { view } from '../../bolt/channel/view.ts';
import { secp } from '../../crypto/ec.ts';
import type { NodeState } from '../../node/types.ts';
import { notFound, usage } from '../define.ts';
import { AppError } from '../error.ts';

const DEFAULT_PORT = 9735;

/** A node id in hexadecimal. Throws USAGE. */
export function nodeIdOf(text: string): NodeId {
  const bytes = tryHex(text);
  if (bytes === null || !secp.isPublicKey(bytes))
    throw usage(`"${text}" is not a node id`, 'a node id is a public key, 66 hexadecimal digits');
  return bytes as NodeId;
}

export interface PeerAddress {
  readonly nodeId: NodeId;
  /** null where only the node is named. */
  readonly address: { readonly host: string; readonly port: number } | null;
}

/** `NODE_ID`, `NODE_ID@HOST` or `NODE_ID@HOST:PORT`. Throws USAGE. */
export function peerOf(text: string): PeerAddress {
  const at = text.indexOf('@');
  if (at === -1) return { nodeId: nodeIdOf(text), address: null };
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]+)(?::(\d{1,5}))?$/.exec(text.slice(at + 1));
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (match === null || port < 1 || port > 65535) throw usage(`"${text}" is not a peer`, 'a peer is NODE_ID@HOST:PORT');
  return { nodeId: nodeIdOf(text.slice(0, at)), address: { host: (match[1] as string).replace(/^\[|\]$/g, ''), port } };
}

/** The one channel that a channel id (or the beginning of one), a short channel id or a funding output names. Throws NOT_FOUND or USAGE. */
export function channelOf(state: NodeState, text: string): { readonly channel: Channel; readonly seen: ChannelView } {
  const scid = parseScid(text);
  const wanted = text.toLowerCase();
  const found: { readonly channel: Channel; readonly seen: ChannelView }[] = [];
  for (const channel of state.channels.values()) {
    const seen = view(channel);
    const names = [seen.scid, seen.localAlias, seen.remoteAlias];
    const byScid = scid !== null && names.includes(scid);
    const byId = /^[0-9a-f]{8,64}$/.test(wanted) && toHex(seen.channelId).startsWith(wanted);
    const byOutput = seen.fundingOutpoint !== null && formatOutPoint(seen.fundingOutpoint) === wanted;
    if (byScid || byId || byOutput) found.push({ channel, seen });
  }
  if (found.length > 1) throw usage(`"${text}" names ${found.length} channels`, 'give more of the channel id');
  if (found[0] === undefined) throw notFound(`there is no channel ${text}`, '`lnkit channel list` shows them');
  return found[0];
}

/** A short channel id, or that of the channel which the text names otherwise. */
export function scidOf(state: NodeState, text: string): ShortChannelId {
  const scid = parseScid(text);
  if (scid !== null) return scid;
  const { seen } = channelOf(state, text);
  const own = seen.scid ?? seen.remoteAlias ?? seen.localAlias;
  if (own === null) throw notFound(`channel ${text} has no short channel id yet`);
  return own;
}

export const hashOf = (text: string): PaymentHash => fromHex(text) as PaymentHash;
export const channelIdOf = (text: string): ChannelId => fromHex(text) as ChannelId;

/** The output script of an address of this network. Throws MALFORMED, CHECKSUM or WRONG_NETWORK. */
export function scriptOf(text: string, network: Network): Bytes {
  const address = decodeAddressFor(text, network);
  if (!address.ok) throw new AppError({ code: address.failure.code, message: `${text}: ${address.failure.message}` });
  return address.value.script;
}

/** sat/vB as typed to sat/kw; null stays null. Throws USAGE below 1 sat/vB, which no node relays. */
export function feerateOf(satPerVbyte: number | undefined): FeeratePerKw | null {
  if (satPerVbyte === undefined) return null;
  if (satPerVbyte < 1) throw usage(`${satPerVbyte} sat/vB is below what nodes relay`, 'give at least 1');
  return fromSatPerVbyte(satPerVbyte);
}

export const msatOfJson = (value: number | bigint): Msat => msat(value);
export const satOfJson = (value: number | bigint): Sat => sat(value);

/** What people call a channel: its short channel id once it has one, else the beginning of its id. */
export function channelName(seen: ChannelView): string {
  const scid = seen.scid ?? seen.localAlias;
  return scid === null ? toHex(seen.channelId).slice(0, 16) : formatScid(scid);
}

export const sameNode = (a: NodeId, b: NodeId): boolean => equal(a, b);
