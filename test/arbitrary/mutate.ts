import { type Bytes, concat } from '../../src/base/bytes.ts';

/** Numbers that are likely to sit on a boundary. */
const EDGES = [0, 1, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff];

/** One to three changes of the kinds that break parsers: flipped bits, cut or grown ends, removed, doubled and overwritten stretches. */
export function mutate(bytes: Bytes, random: () => number): Bytes {
  let out = bytes;
  for (let changes = 1 + (random() % 3); changes > 0; changes--) out = change(out, random);
  return out;
}

function change(bytes: Bytes, random: () => number): Bytes {
  const at = bytes.length === 0 ? 0 : random() % bytes.length;
  const length = random() % 40;
  switch (random() % 8) {
    case 0:
      return overwrite(bytes, at, [(bytes[at] ?? 0) ^ (1 << (random() & 7))]);
    case 1:
      return overwrite(bytes, at, [EDGES[random() % EDGES.length] as number]);
    case 2:
      return overwrite(bytes, at, [0xff, 0xff, 0xff, 0xff].slice(0, 1 + (random() & 3)));
    case 3:
      return bytes.slice(0, at);
    case 4:
      return concat(bytes, noise(length, random));
    case 5:
      return concat(bytes.subarray(0, at), bytes.subarray(at + length));
    case 6:
      return concat(bytes.subarray(0, at + length), bytes.subarray(at));
    default:
      return concat(bytes.subarray(0, at), noise(length, random), bytes.subarray(at));
  }
}

function overwrite(bytes: Bytes, at: number, values: readonly number[]): Bytes {
  const out = bytes.slice();
  values.forEach((value, i) => {
    if (at + i < out.length) out[at + i] = value;
  });
  return out;
}

export const noise = (length: number, random: () => number): Bytes => Uint8Array.from({ length }, () => random() & 0xff);
