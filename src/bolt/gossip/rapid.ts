// LDK's Rapid Gossip Sync, versions 1 and 2: a server's digest of the graph, without signatures. Who takes it trusts the server. The format is
// that of LDK's lightning-rapid-gossip-sync: version 2 adds what nodes announce, capacities, and room for data of later servers.
import { type Bytes, compare } from '../../base/bytes.ts';
import type { BlockHash, NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { bigsize, bigsizeNumber } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { decodeAddresses, type NetAddress } from '../wire/address.ts';

export interface RapidChannel {
  readonly scid: bigint;
  readonly features: Bytes;
  /** The smaller id. */
  readonly nodeId1: NodeId;
  readonly nodeId2: NodeId;
  /** In sat; null: the server does not say. */
  readonly capacitySat: number | null;
}

/** What a node announced; null: as before. */
export interface RapidNode {
  readonly nodeId: NodeId;
  readonly features: Bytes | null;
  readonly addresses: readonly NetAddress[] | null;
}

/** Fields that an incremental update does not mention are null: they stay as they are. */
export interface RapidUpdate {
  readonly scid: bigint;
  readonly direction: 0 | 1;
  readonly disabled: boolean;
  readonly cltvExpiryDelta: number | null;
  readonly htlcMinimumMsat: number | null;
  readonly feeBaseMsat: number | null;
  readonly feeProportionalMillionths: number | null;
  /** Infinity: the server knows none. */
  readonly htlcMaximumMsat: number | null;
}

export interface RapidSnapshot {
  readonly version: 1 | 2;
  readonly chainHash: BlockHash;
  /** The newest that the server had seen. */
  readonly timestamp: number;
  /** Those of whom it tells more than the id. */
  readonly nodes: readonly RapidNode[];
  readonly channels: readonly RapidChannel[];
  readonly updates: readonly RapidUpdate[];
}

const PREFIX = [0x4c, 0x44, 0x4b];
const INCREMENTAL = 0x80;
const NODE_ID_BYTES = 33;
/** Bits of the first byte of a node id, in version 2; its last two bits are the id's own. */
const HAS_ADDRESSES = 0x04;
const FEATURES_SHIFT = 3;
const HAS_MORE = 0x80;
/** The features are not one of the defaults, but follow. */
const OTHER_FEATURES = 7;
/** On the second node of a channel, in version 2: the capacity and what later servers add follow. */
const CHANNEL_HAS_MORE = 1n << 63n;
/** More than any node has; with more an announcement would not fit a message. */
const MAX_FEATURE_BYTES = 1024;
const MAX_ADDRESSES = 32;
/** 21 million bitcoin. */
const MAX_SAT = 2_100_000_000_000_000n;

export const isRapid = (bytes: Bytes): boolean => PREFIX.every((byte, i) => bytes[i] === byte);

/** The whole of a snapshot, unpacked. Parts are views on `bytes`. */
export function decodeRapid(bytes: Bytes): Result<RapidSnapshot, string> {
  const steps = readRapid(bytes);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in steps of some milliseconds, for whoever has other things to do in between. */
export function* readRapid(bytes: Bytes): Generator<void, Result<RapidSnapshot, string>> {
  let part = 'head';
  try {
    const reader = new Reader(bytes);
    const prefix = reader.take(4);
    if (!isRapid(prefix)) return fail('not a Rapid Gossip Sync snapshot');
    const version = prefix[3];
    if (version !== 1 && version !== 2) return fail(`Rapid Gossip Sync of version ${version}; 1 and 2 are understood`);
    const chainHash = reader.take(32).slice() as BlockHash;
    const timestamp = reader.u32();
    part = 'nodes';
    const { ids, nodes } = version === 1 ? readIds(reader) : yield* readNodes(reader);
    part = 'channels';
    const channels = yield* readChannels(reader, ids, version);
    part = 'updates';
    const updates = yield* readUpdates(reader, version);
    return ok({ version, chainHash, timestamp, nodes, channels, updates });
  } catch (error) {
    if (error instanceof CodecError) return fail(`${part}: ${error.message}`);
    throw error;
  }
}

/** So many items take some milliseconds. */
const STEP = 4096;

interface Nodes {
  readonly ids: readonly NodeId[];
  readonly nodes: readonly RapidNode[];
}

function countOfNodes(reader: Reader): number {
  const count = reader.u32();
  if (count * NODE_ID_BYTES > reader.left) throw new CodecError('more nodes than bytes');
  return count;
}

function readIds(reader: Reader): Nodes {
  const ids = Array.from({ length: countOfNodes(reader) }, () => checkedId(reader.take(NODE_ID_BYTES)));
  return { ids, nodes: [] };
}

function checkedId(bytes: Bytes): NodeId {
  if (bytes[0] !== 2 && bytes[0] !== 3) throw new CodecError('a node id that is no point');
  return bytes as NodeId;
}

function* readNodes(reader: Reader): Generator<void, Nodes> {
  const defaults = Array.from({ length: reader.u8() }, () => features(reader));
  const count = countOfNodes(reader);
  const ids: NodeId[] = [];
  const nodes: RapidNode[] = [];
  for (let i = 0; i < count; i++) {
    if (i % STEP === STEP - 1) yield;
    const id = reader.take(NODE_ID_BYTES).slice();
    const bits = id[0] as number;
    id[0] = bits & 3;
    const nodeId = checkedId(id);
    ids.push(nodeId);
    const addresses = (bits & HAS_ADDRESSES) === 0 ? null : readAddresses(reader);
    const announced = readFeatures(reader, (bits >> FEATURES_SHIFT) & 7, defaults);
    if (addresses !== null || announced !== null) nodes.push({ nodeId, features: announced, addresses });
    if ((bits & HAS_MORE) !== 0) reader.take(moreLength(reader));
  }
  return { ids, nodes };
}

/** Each address behind its length: one that is not understood is passed over. */
function readAddresses(reader: Reader): readonly NetAddress[] {
  const addresses = Array.from({ length: reader.u8() }, () => decodeAddresses(reader.take(reader.u8()))).flat();
  return addresses.slice(0, MAX_ADDRESSES);
}

function features(reader: Reader): Bytes {
  const length = reader.u16();
  if (length > MAX_FEATURE_BYTES) throw new CodecError(`features of ${length} bytes`);
  return reader.take(length);
}

/** By `marker`: 0 nothing new, 1 to 6 one of the defaults, 7 they follow. */
function readFeatures(reader: Reader, marker: number, defaults: readonly Bytes[]): Bytes | null {
  if (marker === 0) return null;
  if (marker === OTHER_FEATURES) return features(reader);
  const chosen = defaults[marker - 1];
  if (chosen === undefined) throw new CodecError('features that are none of the defaults');
  return chosen;
}

/** LDK's length of a list of bytes: 16 bits, and 64 more behind the largest of those. No snapshot is that long. */
function moreLength(reader: Reader): number {
  const length = reader.u16();
  if (length === 0xffff) throw new CodecError('more additional data than a snapshot holds');
  return length;
}

function* readChannels(reader: Reader, ids: readonly NodeId[], version: 1 | 2): Generator<void, readonly RapidChannel[]> {
  const channels: RapidChannel[] = [];
  const count = reader.u32();
  for (let i = 0, scid = 0n; i < count; i++) {
    if (i % STEP === STEP - 1) yield;
    const offered = features(reader);
    scid += bigsize.read(reader);
    if (scid >> 64n !== 0n) throw new CodecError('short channel id out of range');
    const a = ids[bigsizeNumber.read(reader)];
    const second = bigsize.read(reader);
    const hasMore = version === 2 && (second & CHANNEL_HAS_MORE) !== 0n;
    const b = ids[Number(hasMore ? second ^ CHANNEL_HAS_MORE : second)];
    if (a === undefined || b === undefined) throw new CodecError('a channel of no node');
    const capacitySat = hasMore ? readCapacity(reader) : null;
    const order = compare(a, b);
    if (order === 0) throw new CodecError('a channel of a node with itself');
    channels.push({ scid, features: offered, nodeId1: order < 0 ? a : b, nodeId2: order < 0 ? b : a, capacitySat });
  }
  return channels;
}

function readCapacity(reader: Reader): number {
  const capacity = bigsize.read(new Reader(reader.take(moreLength(reader))));
  if (capacity > MAX_SAT) throw new CodecError('more capacity than there are coins');
  return Number(capacity);
}

const msat = (value: bigint): number => (value === 0xffffffffffffffffn ? Number.POSITIVE_INFINITY : Number(value));

function* readUpdates(reader: Reader, version: 1 | 2): Generator<void, readonly RapidUpdate[]> {
  const count = reader.u32();
  if (count === 0) return [];
  const cltv = reader.u16();
  const minimum = msat(reader.u64());
  const [base, rate] = [reader.u32(), reader.u32()];
  const maximum = msat(reader.u64());
  const updates: RapidUpdate[] = [];
  let last = -1;
  for (let i = 0, scid = 0n; i < count; i++) {
    if (i % STEP === STEP - 1) yield;
    const delta = bigsize.read(reader);
    scid += delta;
    if (scid >> 64n !== 0n) throw new CodecError('short channel id out of range');
    const flags = reader.u8();
    const direction = (flags & 1) as 0 | 1;
    // Version 2: what stands where a second update of the same direction would is data of later servers.
    const isMore = version === 2 && delta === 0n && direction === last;
    last = direction;
    if (isMore) {
      reader.take(moreLength(reader));
      continue;
    }
    const otherwise = <T>(value: T): T | null => ((flags & INCREMENTAL) === 0 ? value : null);
    const has = (bit: number): boolean => (flags & bit) !== 0;
    updates.push({
      scid,
      direction,
      disabled: has(2),
      cltvExpiryDelta: has(0x40) ? reader.u16() : otherwise(cltv),
      htlcMinimumMsat: has(0x20) ? msat(reader.u64()) : otherwise(minimum),
      feeBaseMsat: has(0x10) ? reader.u32() : otherwise(base),
      feeProportionalMillionths: has(0x08) ? reader.u32() : otherwise(rate),
      htlcMaximumMsat: has(0x04) ? msat(reader.u64()) : otherwise(maximum),
    });
  }
  return updates;
}
