// Reads so many holdings as a store gives them, and prints the memory (KiB) that they then take: node --expose-gc holdings-child.ts FILE COUNT
import { readFileSync } from 'node:fs';
import { readFile } from '../../src/asset/proof/file.ts';
import { decodeProof } from '../../src/asset/proof/proof.ts';
import type { Bytes } from '../../src/base/bytes.ts';
import { bytesMap } from '../../src/base/bytes-map.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { holdingCodec } from '../../src/node/asset/codec.ts';
import { holdingOf } from '../../src/node/asset/holding.ts';
import type { Holding } from '../../src/node/asset/types.ts';

const [, , path = '', count = '0'] = process.argv;
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
const read = readFile(new Uint8Array(readFileSync(path)));
if (!read.ok) throw new Error(read.failure.message);
const records = read.value.map((raw): Bytes => {
  const proof = decodeProof(raw);
  if (!proof.ok) throw new Error(proof.failure.message);
  return encodeWith(holdingCodec, holdingOf(proof.value));
});
collect();
const before = process.memoryUsage().rss;
let held = bytesMap<Bytes, Holding>();
for (let i = 0; i < Number(count); i++) {
  const record = decodeWith(holdingCodec, (records[i % records.length] as Bytes).slice());
  if (!record.ok) throw new Error(record.failure.message);
  // Each in a place of its own, as in a wallet.
  const key = record.value.key.slice();
  new DataView(key.buffer).setUint32(0, i);
  held = held.set(key, record.value);
}
collect();
collect();
process.stdout.write(JSON.stringify({ held: held.size, kib: (process.memoryUsage().rss - before) / 1024 }));
