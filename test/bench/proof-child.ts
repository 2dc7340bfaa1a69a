// Verifies the proof file named as argument from disk, and prints whether it holds, the milliseconds, and the most memory in KiB.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { verifyFile } from '../../src/asset/proof/verify-file.ts';
import { interpretTapscript } from '../../src/asset/vm/tapscript.ts';

const file = openSync(process.argv[2] as string, 'r');
const read = (offset: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  readSync(file, bytes, 0, length, offset);
  return bytes;
};
const started = performance.now();
const result = verifyFile(
  { size: fstatSync(file).size, read },
  { interpreter: interpretTapscript, chain: null, isInChain: () => true, isKnownGroup: () => false },
);
const ms = performance.now() - started;
closeSync(file);
process.stdout.write(JSON.stringify({ ok: result.ok, ms, kib: process.resourceUsage().maxRSS }));
