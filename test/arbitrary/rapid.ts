import { equal } from '../../src/base/bytes.ts';
import type { NodeId } from '../../src/base/ids.ts';
import type { RapidSnapshot, RapidUpdate } from '../../src/bolt/gossip/rapid.ts';
import { encodeAddresses } from '../../src/bolt/wire/address.ts';
import { bigsize } from '../../src/codec/codec.ts';
import { Writer } from '../../src/codec/writer.ts';

/** What a server of version 2 may add where we do not look. */
export interface RapidExtras {
  readonly defaults?: readonly Uint8Array[];
  readonly more?: Uint8Array;
}

const UNKNOWN_MAXIMUM = 0xffffffffffffffffn;
const wide = (value: number): bigint => (value === Number.POSITIVE_INFINITY ? UNKNOWN_MAXIMUM : BigInt(value));

/** A Rapid Gossip Sync snapshot as a server writes it: nodes of whom nothing is told are those of channels. Updates in ascending order. */
export function encodeRapid(snapshot: RapidSnapshot, extras: RapidExtras = {}): Uint8Array {
  const to = new Writer()
    .bytes(Uint8Array.of(0x4c, 0x44, 0x4b, snapshot.version))
    .bytes(snapshot.chainHash)
    .u32(snapshot.timestamp);
  const ids: NodeId[] = [];
  for (const id of [...snapshot.nodes.map(({ nodeId }) => nodeId), ...snapshot.channels.flatMap((c) => [c.nodeId1, c.nodeId2])])
    if (!ids.some((known) => equal(known, id))) ids.push(id);
  writeNodes(to, snapshot, ids, extras);
  to.u32(snapshot.channels.length);
  let last = 0n;
  for (const { scid, features, nodeId1, nodeId2, capacitySat } of snapshot.channels) {
    to.u16(features.length).bytes(features);
    bigsize.write(to, scid - last);
    last = scid;
    const index = (id: NodeId): bigint => BigInt(ids.findIndex((known) => equal(known, id)));
    bigsize.write(to, index(nodeId1));
    bigsize.write(to, index(nodeId2) | (capacitySat === null ? 0n : 1n << 63n));
    if (capacitySat === null) continue;
    const more = new Writer();
    bigsize.write(more, BigInt(capacitySat));
    more.bytes(extras.more ?? new Uint8Array(0));
    to.u16(more.length).bytes(more.done());
  }
  writeUpdates(to, snapshot, extras);
  return to.done();
}

function writeNodes(to: Writer, { version, nodes }: RapidSnapshot, ids: readonly NodeId[], { defaults = [], more }: RapidExtras): void {
  if (version === 2) to.u8(defaults.length);
  if (version === 2) for (const features of defaults) to.u16(features.length).bytes(features);
  to.u32(ids.length);
  for (const id of ids) {
    const told = nodes.find(({ nodeId }) => equal(nodeId, id));
    if (version === 1) {
      to.bytes(id);
      continue;
    }
    const usual = told?.features === null || told === undefined ? -1 : defaults.findIndex((one) => equal(one, told.features as Uint8Array));
    const marker = told === undefined || told.features === null ? 0 : usual === -1 ? 7 : usual + 1;
    const bits = (marker << 3) | (told !== undefined && told.addresses !== null ? 4 : 0) | (more === undefined ? 0 : 0x80);
    to.u8((id[0] as number) | bits).bytes(id.subarray(1));
    if (told !== undefined && told.addresses !== null) {
      to.u8(told.addresses.length);
      for (const address of told.addresses) {
        const bytes = encodeAddresses([address]);
        to.u8(bytes.length).bytes(bytes);
      }
    }
    if (marker === 7) to.u16(told?.features?.length ?? 0).bytes(told?.features ?? new Uint8Array(0));
    if (more !== undefined) to.u16(more.length).bytes(more);
  }
}

function writeUpdates(to: Writer, { version, updates }: RapidSnapshot, { more }: RapidExtras): void {
  const rows = version === 2 && more !== undefined ? 2 * updates.length : updates.length;
  to.u32(rows);
  if (rows === 0) return;
  to.u16(40).u64(1n).u32(1000).u32(100).u64(UNKNOWN_MAXIMUM);
  let last = 0n;
  for (const update of updates) {
    bigsize.write(to, update.scid - last);
    last = update.scid;
    writeUpdate(to, update);
    if (rows === updates.length || more === undefined) continue;
    to.u8(0).u8(update.direction).u16(more.length).bytes(more);
  }
}

/** Fields that equal the defaults above are left out; where any is null it is incremental. */
function writeUpdate(to: Writer, update: RapidUpdate): void {
  const {
    cltvExpiryDelta: cltv,
    htlcMinimumMsat: minimum,
    feeBaseMsat: base,
    feeProportionalMillionths: rate,
    htlcMaximumMsat: maximum,
  } = update;
  const incremental = [cltv, minimum, base, rate, maximum].includes(null);
  const stands = (value: number | null, usual: number): boolean => value !== null && (incremental || value !== usual);
  const bit = (is: boolean, value: number): number => (is ? value : 0);
  to.u8(
    update.direction |
      bit(update.disabled, 2) |
      bit(incremental, 0x80) |
      bit(stands(cltv, 40), 0x40) |
      bit(stands(minimum, 1), 0x20) |
      bit(stands(base, 1000), 0x10) |
      bit(stands(rate, 100), 0x08) |
      bit(stands(maximum, Number.POSITIVE_INFINITY), 0x04),
  );
  if (stands(cltv, 40)) to.u16(cltv as number);
  if (stands(minimum, 1)) to.u64(wide(minimum as number));
  if (stands(base, 1000)) to.u32(base as number);
  if (stands(rate, 100)) to.u32(rate as number);
  if (stands(maximum, Number.POSITIVE_INFINITY)) to.u64(wide(maximum as number));
}
