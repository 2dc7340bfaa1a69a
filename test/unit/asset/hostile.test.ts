import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Asset, genesisWitness } from '../../../src/asset/asset.ts';
import { decodeAsset, encodeAsset } from '../../../src/asset/asset-codec.ts';
import { checkName } from '../../../src/asset/genesis.ts';
import { emptyTree, prove } from '../../../src/asset/mssmt/tree.ts';
import { decodeVirtualPacket } from '../../../src/asset/packet/virtual-packet.ts';
import { bytesSource, openFile, readFile, writeFile } from '../../../src/asset/proof/file.ts';
import {
  checkMeta,
  decimalDisplayOf,
  decodeMetaReveal,
  encodeMetaReveal,
  type MetaReveal,
  withDecimalDisplay,
} from '../../../src/asset/proof/meta.ts';
import { decodeProof, encodeProof, PROOF_MAGIC } from '../../../src/asset/proof/proof.ts';
import { verifyFile } from '../../../src/asset/proof/verify-file.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { encodeWith } from '../../../src/codec/codec.ts';
import { rawTlvStream } from '../../../src/codec/tlv.ts';
import { Writer } from '../../../src/codec/writer.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import { fileOf, mint, newWorld, send, transfer, valid } from './asset-life.ts';

const world = newWorld();
const { sent } = send(world, transfer(world, mint(world)), 400n);
const PROOF = sent.proofs.at(-1) as Uint8Array;
const ENV = { interpreter: checkScripts, chain: null, isInChain: () => true, isKnownGroup: () => true };

/** Bytes with some changed, cut out, or put in. */
const damaged = (original: Uint8Array) =>
  fc
    .array(fc.tuple(fc.nat(original.length - 1), fc.nat(255), fc.constantFrom('set', 'cut', 'add')), { minLength: 1, maxLength: 4 })
    .map((edits) => {
      let bytes = [...original];
      for (const [at, value, how] of edits) {
        if (how === 'set') bytes[at % bytes.length] = value;
        else if (how === 'cut') bytes = bytes.toSpliced(at % bytes.length, 1 + (value % 40));
        else bytes = bytes.toSpliced(at % bytes.length, 0, ...Array.from({ length: value % 40 }, () => value));
      }
      return Uint8Array.from(bytes);
    });

test('damaged proofs, files, assets and packets are refused or read, and never throw', () => {
  fc.assert(
    fc.property(damaged(PROOF), (bytes) => {
      const proof = decodeProof(bytes);
      // What is read is stable: writing it and reading it again changes nothing more.
      if (proof.ok) expect(decodeProof(encodeProof(proof.value))).toEqual(proof);
      else expect(['MALFORMED', 'TOO_LARGE']).toContain(proof.failure.code);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(damaged(fileOf(sent)), (bytes) => void verifyFile(bytesSource(bytes), ENV)),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(damaged(writeFile([PROOF])), (bytes) => void verifyFile(bytesSource(bytes), ENV)),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(damaged(encodeAsset(sent.asset)), (bytes) => void decodeAsset(bytes)),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => void decodeVirtualPacket(Uint8Array.from([0x70, 0x73, 0x62, 0x74, 0xff, ...bytes])),
    ),
    { numRuns: 200 },
  );
});

test('a damaged proof behind a right hash chain is never accepted as another asset', () => {
  const before = sent.proofs.slice(0, -1);
  fc.assert(
    fc.property(damaged(PROOF), (bytes) => {
      const result = verifyFile(bytesSource(writeFile([...before, bytes])), ENV);
      if (!result.ok) return;
      expect([result.value.asset.amount, result.value.outPoint]).toEqual([sent.asset.amount, sent.outPoint]);
    }),
    { numRuns: 200 },
  );
});

test('assets nested in assets are refused after a few levels', () => {
  const nest = (asset: Asset, times: number): Asset =>
    times === 0
      ? asset
      : nest(
          {
            ...asset,
            prevWitnesses: [{ ...genesisWitness(), splitCommitment: { proof: prove(emptyTree(), new Uint8Array(32)), rootAsset: asset } }],
          },
          times - 1,
        );
  const plain = { ...mint(world).asset };
  const code = (times: number): string => {
    const decoded = decodeAsset(encodeAsset(nest(plain, times)));
    return decoded.ok ? 'ok' : decoded.failure.code;
  };
  expect([code(0), code(1), code(2), code(3), code(30)]).toEqual(['ok', 'ok', 'ok', 'MALFORMED', 'MALFORMED']);
});

test('counts and lengths that promise more than there is are refused before memory is spent', () => {
  const huge = new Writer()
    .u8(0xff)
    .u64(2n ** 40n)
    .done();
  const witnesses = encodeWith(rawTlvStream, [{ type: 11n, value: huge }]);
  expect(decodeAsset(witnesses).ok).toBe(false);
  const inputs = encodeWith(rawTlvStream, [{ type: 19n, value: Uint8Array.from([1, ...huge]) }]);
  expect(decodeProof(Uint8Array.from([...PROOF_MAGIC, ...inputs])).ok).toBe(false);
  const exclusion = encodeWith(rawTlvStream, [{ type: 13n, value: Uint8Array.of(0xfd, 0xff, 0xff) }]);
  expect(decodeProof(Uint8Array.from([...PROOF_MAGIC, ...exclusion])).ok).toBe(false);
  const virtual = {
    size: 600 * 1024 * 1024,
    read: (): Uint8Array => {
      throw new Error('read');
    },
  };
  expect(openFile(virtual)).toMatchObject({ failure: { code: 'TOO_LARGE' } });
});

test('files nested in files are refused beyond a depth', () => {
  let file = fileOf(sent);
  const proof = valid(decodeProof(PROOF));
  for (let i = 0; i < 70; i++) file = writeFile([encodeProof({ ...proof, additionalInputs: [file] })]);
  const result = verifyFile(bytesSource(file), ENV);
  expect(result.ok ? 'ok' : result.failure.code).toBe('TOO_DEEP');
});

test('unknown even records are refused everywhere, unknown odd ones kept', () => {
  const base = encodeAsset(sent.asset);
  const withRecord = (type: bigint): Uint8Array => Uint8Array.from([...base, ...encodeWith(rawTlvStream, [{ type, value: utf8('x') }])]);
  expect(decodeAsset(withRecord(100n)).ok).toBe(false);
  const odd = valid(decodeAsset(withRecord(101n)));
  expect(odd.unknown).toEqual([{ type: 101n, value: utf8('x') }]);
  expect(encodeAsset(odd)).toEqual(withRecord(101n));
});

test('names are 1 to 64 bytes of printable text', () => {
  for (const good of ['a', 'beefbux', 'Ünïcødé ☕', 'a b', 'x'.repeat(64)]) expect(checkName(utf8(good)).ok).toBe(true);
  for (const bad of ['', ' ', '   ', 'a\n', 'a\u200b', 'x'.repeat(65), '\u0000'])
    expect([bad, checkName(utf8(bad)).ok]).toEqual([bad, false]);
  expect(checkName(Uint8Array.of(0xff)).ok).toBe(false);
});

test('metadata: limits, JSON, decimals', () => {
  const meta: MetaReveal = {
    type: 1,
    data: utf8('{"decimal_display":3}'),
    decimalDisplay: null,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  };
  const code = (change: Partial<MetaReveal>): string => {
    const checked = checkMeta({ ...meta, ...change });
    return checked.ok ? 'ok' : checked.failure.code;
  };
  expect([code({}), decimalDisplayOf(meta)]).toEqual(['ok', 3]);
  expect(decimalDisplayOf({ ...meta, decimalDisplay: 0 })).toBe(0);
  for (const data of ['{"decimal_display":13}', '{"decimal_display":1.5}', '{"decimal_display":"3"}', '[3]', 'x'])
    expect(decimalDisplayOf({ ...meta, data: utf8(data) })).toBeNull();
  expect(code({ data: utf8('{') })).toBe('INVALID_META');
  expect(code({ type: 0, data: utf8('{') })).toBe('ok');
  expect(code({ decimalDisplay: 13 })).toBe('INVALID_META');
  expect(code({ type: 0, data: new Uint8Array(1024 * 1024) })).toBe('TOO_LARGE');
  expect(code({ universeCommitments: true })).toBe('INVALID_META');
  expect(code({ canonicalUniverses: [] })).toBe('INVALID_META');
  expect(code({ canonicalUniverses: [`universerpc://${'h'.repeat(300)}:1`] })).toBe('INVALID_META');
  expect(decodeMetaReveal(encodeMetaReveal(meta))).toEqual({ ok: true, value: meta });
  expect(decodeMetaReveal(Uint8Array.of(0, 1, 0, 2, 0, 8, 1, 1)).ok).toBe(false);
});

test('decimals are written as tapd does: the field always, and a member of JSON that has them', () => {
  const meta = (type: number, data: string): MetaReveal => ({
    type,
    data: utf8(data),
    decimalDisplay: null,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  });
  const set = (of: MetaReveal, decimals: number): string => {
    const shown = withDecimalDisplay(of, decimals);
    if (!shown.ok) return shown.failure.code;
    expect([shown.value.decimalDisplay, decimalDisplayOf(shown.value), checkMeta(shown.value).ok]).toEqual([decimals, decimals, true]);
    return new TextDecoder().decode(shown.value.data);
  };
  expect(set(meta(0, 'any'), 3)).toBe('any');
  expect(set(meta(1, '{}'), 3)).toBe('{"decimal_display":3}');
  expect(set(meta(1, ' { "a" : 123456789012345678901234567890 } '), 12)).toBe(
    ' { "a" : 123456789012345678901234567890 ,"decimal_display":12}',
  );
  expect(set(meta(1, '{"decimal_display":4}'), 4)).toBe('{"decimal_display":4}');
  expect(set(meta(1, '{"decimal_display":4}'), 5)).toBe('INVALID_META');
  expect(set(meta(1, '{"a":1}'), 0)).toBe('{"a":1}');
  expect(set(meta(1, '[1]'), 0)).toBe('[1]');
  for (const [of, decimals] of [
    [meta(1, '[1]'), 2],
    [meta(1, 'no'), 2],
    [meta(0, ''), 13],
  ] as const)
    expect(set(of, decimals)).toBe('INVALID_META');
});

test('the hash chain of a file is checked proof by proof', () => {
  const file = writeFile([utf8('one'), utf8('two')]);
  expect(readFile(file)).toEqual({ ok: true, value: [utf8('one'), utf8('two')] });
  const cursor = valid(openFile(bytesSource(file.with(file.length - 1, 0))));
  expect(cursor.next().ok).toBe(true);
  expect(cursor.next()).toMatchObject({ failure: { code: 'CHECKSUM' } });
});
