// Histories as stored links, and holdings whose proofs rest as bytes: both give back exactly what went in.
import { expect, test } from 'vitest';
import { bytesSource, readFile, writeFile } from '../../../src/asset/proof/file.ts';
import { decodeProof } from '../../../src/asset/proof/proof.ts';
import { type Bytes, toHex } from '../../../src/base/bytes.ts';
import { decodeWith, encodeWith } from '../../../src/codec/codec.ts';
import { holdingCodec } from '../../../src/node/asset/codec.ts';
import { type FileParts, linkedTransitions, takeApart } from '../../../src/node/asset/history.ts';
import { atRest, holdingOf } from '../../../src/node/asset/holding.ts';
import { fileOf, longFile, mint, newWorld, send, transfer } from '../asset/asset-life.ts';

class Links {
  readonly rows = new Map<string, Bytes>();
  written = 0;
  readonly read = (link: Bytes): Bytes | null => this.rows.get(toHex(link)) ?? null;
  take(file: Bytes): FileParts {
    const taken = takeApart(bytesSource(file));
    for (;;) {
      const { value, done } = taken.next();
      if (done !== true) {
        this.rows.set(toHex(value.key), value.blob as Bytes);
        this.written += 1;
      } else if (value.ok) return value.value;
      else throw new Error(value.failure.message);
    }
  }
}
const transitionsOf = (file: Bytes): readonly Bytes[] => {
  const read = readFile(file);
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
};

test('a file comes out of its links as it went in, and a longer one of the same asset shares them', () => {
  const links = new Links();
  const file = longFile(newWorld(), 12);
  const parts = links.take(file);
  expect([...linkedTransitions(links.read, parts.before), parts.last]).toEqual(transitionsOf(file));
  expect([parts.transitions, links.rows.size]).toEqual([12, 11]);
  links.take(writeFile(transitionsOf(file).slice(0, 7)));
  expect(links.rows.size).toBe(11);
});

test('the files of further inputs come out byte for byte', () => {
  const world = newWorld();
  const { sent, change } = send(world, mint(world), 400n);
  const merged = transfer(world, change, transfer(world, sent));
  const links = new Links();
  const parts = links.take(fileOf(merged));
  const last = decodeProof(parts.last);
  if (!last.ok) throw new Error(last.failure.message);
  expect(last.value.additionalInputs.length).toBe(1);
  expect(parts.additionalHeads.map((head) => writeFile(linkedTransitions(links.read, head)))).toEqual(last.value.additionalInputs);
});

test('a lost link is told, never passed over', () => {
  const links = new Links();
  const parts = links.take(longFile(newWorld(), 5));
  links.rows.delete([...links.rows.keys()][1] as string);
  expect(() => linkedTransitions(links.read, parts.before)).toThrow('lost');
});

test('a file that is cut off or forged in the middle gives no parts', () => {
  const file = longFile(newWorld(), 4);
  const bent = file.slice();
  bent[file.length >> 1] = (bent[file.length >> 1] as number) ^ 1;
  for (const bad of [file.subarray(0, -1), bent, writeFile([])]) expect(() => new Links().take(bad)).toThrow();
});

test('a holding at rest is the same holding, whatever is changed beside its proof', () => {
  const [raw] = transitionsOf(longFile(newWorld(), 1));
  const proof = decodeProof(raw as Bytes);
  if (!proof.ok) throw new Error(proof.failure.message);
  const awake = holdingOf(proof.value);
  const resting = atRest(awake);
  expect(resting).toEqual(awake);
  expect(atRest(resting)).toBe(resting);
  expect(atRest({ ...resting, internalKeyIndex: 3 })).toEqual({ ...awake, internalKeyIndex: 3 });
  const blob = encodeWith(holdingCodec, resting);
  expect(blob).toEqual(encodeWith(holdingCodec, awake));
  expect(decodeWith(holdingCodec, blob)).toEqual({ ok: true, value: awake });
});
