// Reads the compressed snapshot of the main network's topology (see test/data/topology/README.md).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const TOPOLOGY_DIRECTORY = join(import.meta.dirname, '../../data/topology');

/** Channel `i` joins `start[i]` and `end[i]`. Tables by direction have index `2 * i + d`; of disabled directions they hold 0. */
export interface Topology {
  readonly nodes: number;
  readonly channels: number;
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly disabled: Uint8Array;
  readonly capacitySat: Float64Array;
  readonly htlcMinimumMsat: Float64Array;
  /** As it stands: 0 for the capacity, 1 for 99 % of it, else msat. */
  readonly htlcMaximumRaw: Float64Array;
  readonly feeBaseMsat: Float64Array;
  readonly feeProportionalMillionths: Float64Array;
  readonly cltvExpiryDelta: Float64Array;
  readonly uncompressedBytes: number;
  /** Offsets after the channel ends, after the disabled list, and of the end. */
  readonly sections: { readonly ends: number; readonly disabled: number; readonly all: number };
}

const HEADER = 'GOSSMAP_COMPRESSv1\0';

export function readTopology(path = join(TOPOLOGY_DIRECTORY, 'gossip-store-2026-02-03.compressed')): Topology {
  const bytes = gunzipSync(readFileSync(path));
  if (bytes.subarray(0, HEADER.length).toString('latin1') !== HEADER) throw new Error('not a compressed gossmap');
  let at = HEADER.length;
  const bigsize = (): number => {
    const first = bytes.readUInt8(at++);
    if (first < 0xfd) return first;
    const length = first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
    const value = length === 8 ? Number(bytes.readBigUInt64BE(at)) : bytes.readUIntBE(at, length);
    at += length;
    return value;
  };
  const indexes = (count: number): Uint32Array => Uint32Array.from({ length: count }, bigsize);
  const table = (count: number): Float64Array => {
    const values = Float64Array.from({ length: bigsize() }, bigsize);
    return Float64Array.from({ length: count }, () => values[bigsize()] as number);
  };
  const channels = bigsize();
  const start = indexes(channels);
  const end = indexes(channels);
  const endsAt = at;
  const disabled = new Uint8Array(2 * channels);
  for (let edge = bigsize(); edge < 2 * channels; edge = bigsize()) disabled[edge] = 1;
  const disabledAt = at;
  const capacitySat = table(channels);
  const [htlcMinimumMsat, htlcMaximumRaw, feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta] = [0, 1, 2, 3, 4].map(() =>
    table(2 * channels),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes left over`);
  return {
    nodes: 1 + end.reduce((a, b) => Math.max(a, b), 0),
    channels,
    start,
    end,
    disabled,
    capacitySat,
    htlcMinimumMsat,
    htlcMaximumRaw,
    feeBaseMsat,
    feeProportionalMillionths,
    cltvExpiryDelta,
    uncompressedBytes: bytes.length,
    sections: { ends: endsAt, disabled: disabledAt, all: at },
  };
}

/** `htlc_maximum_msat` of a direction. */
export function htlcMaximumMsat(topology: Topology, edge: number): number {
  const raw = topology.htlcMaximumRaw[edge] as number;
  const capacity = topology.capacitySat[edge >> 1] as number;
  return raw === 0 ? capacity * 1000 : raw === 1 ? capacity * 990 : raw;
}
