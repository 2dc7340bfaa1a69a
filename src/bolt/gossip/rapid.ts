// LDK's Rapid Gossip Sync, version 1: a server's digest of the graph, without signatures. Who takes it trusts the server.
import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash, NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { bigsize, bigsizeNumber } from '../../codec/codec.ts';
import { CodecError, Reader, within } from '../../codec/reader.ts';

export interface RapidChannel {
  readonly scid: bigint;
  readonly features: Bytes;
  readonly nodeId1: NodeId;
  readonly nodeId2: NodeId;
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
  readonly chainHash: BlockHash;
  /** The newest that the server had seen. */
  readonly timestamp: number;
  readonly channels: readonly RapidChannel[];
  readonly updates: readonly RapidUpdate[];
}

const PREFIX = [0x4c, 0x44, 0x4b];
const VERSION = 1;
const INCREMENTAL = 0x80;

export const isRapid = (bytes: Bytes): boolean => PREFIX.every((byte, i) => bytes[i] === byte);

export function decodeRapid(bytes: Bytes): Result<RapidSnapshot, string> {
  try {
    const reader = new Reader(bytes);
    const prefix = reader.take(4);
    if (!isRapid(prefix)) return fail('not a Rapid Gossip Sync snapshot');
    if (prefix[3] !== VERSION) return fail(`Rapid Gossip Sync of version ${prefix[3]}; version ${VERSION} is understood`);
    const chainHash = reader.take(32).slice() as BlockHash;
    const timestamp = reader.u32();
    const count = reader.u32();
    if (count * 33 > reader.left) return fail('more nodes than bytes');
    const nodes = Array.from({ length: count }, () => reader.take(33) as NodeId);
    const channels = within('channels', () => readChannels(reader, nodes));
    return ok({ chainHash, timestamp, channels, updates: within('updates', () => readUpdates(reader)) });
  } catch (error) {
    if (error instanceof CodecError) return fail(`${error.path}: ${error.message}`);
    throw error;
  }
}

function readChannels(reader: Reader, nodes: readonly NodeId[]): readonly RapidChannel[] {
  const channels: RapidChannel[] = [];
  const count = reader.u32();
  for (let i = 0, scid = 0n; i < count; i++) {
    const features = reader.take(reader.u16());
    scid += bigsize.read(reader);
    const [nodeId1, nodeId2] = [nodes[bigsizeNumber.read(reader)], nodes[bigsizeNumber.read(reader)]];
    if (nodeId1 === undefined || nodeId2 === undefined) throw new CodecError('a channel of no node');
    if (scid >> 64n !== 0n) throw new CodecError('short channel id out of range');
    channels.push({ scid, features, nodeId1, nodeId2 });
  }
  return channels;
}

const msat = (value: bigint): number => (value === 0xffffffffffffffffn ? Number.POSITIVE_INFINITY : Number(value));

function readUpdates(reader: Reader): readonly RapidUpdate[] {
  const count = reader.u32();
  if (count === 0) return [];
  const cltv = reader.u16();
  const minimum = msat(reader.u64());
  const [base, rate] = [reader.u32(), reader.u32()];
  const maximum = msat(reader.u64());
  const updates: RapidUpdate[] = [];
  for (let i = 0, scid = 0n; i < count; i++) {
    scid += bigsize.read(reader);
    const flags = reader.u8();
    const otherwise = <T>(value: T): T | null => ((flags & INCREMENTAL) === 0 ? value : null);
    const has = (bit: number): boolean => (flags & bit) !== 0;
    updates.push({
      scid,
      direction: (flags & 1) as 0 | 1,
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
