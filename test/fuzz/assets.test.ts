// Everything that comes from outside in assets, bent from every vector file: flipped, cut, grown, swapped, inflated. It is refused by a code or read as what
// it would write again; it never throws, and no input takes long or much. FUZZ_SEED=<number> replays a run, FUZZ_RUNS=<number> sets the mutations of each input.
import { readFileSync } from 'node:fs';
import { base64, bech32m } from '@scure/base';
import { expect, test } from 'vitest';
import { commitmentOf } from '../../src/app/forms/supply.ts';
import { decodeTapAddress, decodeTapAddressFor, encodeTapAddress } from '../../src/asset/address/address.ts';
import { assetLeaf, decodeAsset, encodeAsset } from '../../src/asset/asset-codec.ts';
import { assetHtlcCodec, decodeBlob, encodeBlob, rfqAcceptCodec, rfqRejectCodec, rfqRequestCodec } from '../../src/asset/blobs/rfq.ts';
import { assetChannelCommitmentCodec, assetChannelFundingCodec } from '../../src/asset/blobs/state.ts';
import {
  decodeProof as decodeTreeProof,
  encodeProof as encodeTreeProof,
  verifyProof as verifyTreeProof,
} from '../../src/asset/mssmt/proof.ts';
import { signedGroupPsbt } from '../../src/asset/packet/group-psbt.ts';
import { verifyPacket } from '../../src/asset/packet/transition.ts';
import { decodeVirtualPacket, encodeVirtualPacket } from '../../src/asset/packet/virtual-packet.ts';
import { bytesSource, readFile, writeFile } from '../../src/asset/proof/file.ts';
import { decodeMetaReveal, encodeMetaReveal } from '../../src/asset/proof/meta.ts';
import { decodeProof, encodeProof } from '../../src/asset/proof/proof.ts';
import { verifyProof } from '../../src/asset/proof/verify.ts';
import { type FileEnv, verifyFile } from '../../src/asset/proof/verify-file.ts';
import { decodeSupplyLeaf } from '../../src/asset/supply/leaf.ts';
import { interpretTapscript } from '../../src/asset/vm/tapscript.ts';
import { inputSet } from '../../src/asset/vm/virtual-tx.ts';
import { validateTransition } from '../../src/asset/vm/vm.ts';
import { type Bytes, concat, equal, fromHex } from '../../src/base/bytes.ts';
import type { Result } from '../../src/base/result.ts';
import { decodeBlock } from '../../src/bitcoin/block.ts';
import type { Codec } from '../../src/codec/codec.ts';
import { xorshift } from '../arbitrary/message.ts';
import { mutate } from '../arbitrary/mutate.ts';
import { assetOfJson, type JsonAsset, type JsonPrevId, prevIdOfJson } from '../vectors/taproot-assets-json.ts';
import { readHex, readHexDump, readText, readVectors } from '../vectors/taproot-assets-read.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x7fffffff);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);
/** For one input, on a machine that others use too. */
const MOST_MS = 5_000;
const MOST_BYTES = 256 << 20;

const ENV: FileEnv = { interpreter: interpretTapscript, chain: null, isInChain: () => true, isKnownGroup: () => true };
const verifyInput = (file: Bytes) => verifyFile(bytesSource(file), ENV);
type Answer = Result<unknown, { readonly code: string; readonly message: string }>;
/** What may come of one input; throws where the answer does not fit itself. */
type Read = (bytes: Bytes) => Answer;

/** Read, and where it was, written again to what is read alike. */
const stable =
  <T>(read: (bytes: Bytes) => Result<T, { code: string; message: string }>, write: (value: T) => Bytes, then: (value: T) => Answer): Read =>
  (bytes) => {
    const value = read(bytes);
    if (!value.ok) return value;
    expect(read(write(value.value))).toEqual(value);
    return then(value.value);
  };
const fine: Answer = { ok: true, value: null };

const proof: Read = stable(decodeProof, encodeProof, (value) => verifyProof(value, null, { ...ENV, verifyInput }));
const asset: Read = stable(decodeAsset, encodeAsset, assetLeaf);
const packet: Read = stable(decodeVirtualPacket, encodeVirtualPacket, (value) => verifyPacket(value, interpretTapscript));
const file: Read = (bytes) => verifyFile(bytesSource(bytes), ENV);
/** The last transition of the file bent, behind hashes that fit again. */
const tail: Read = (bytes) => verifyFile(bytesSource(writeFile([...PROOFS.slice(0, -1), bytes])), ENV);
const blob =
  <T>(codec: Codec<T>): Read =>
  (bytes) => {
    const value = decodeBlob(codec, bytes);
    if (value.ok) expect(decodeBlob(codec, encodeBlob(codec, value.value))).toEqual(value);
    return value as Answer;
  };
const tree: Read = (bytes) => {
  const value = decodeTreeProof(bytes);
  if (!value.ok) return { ok: false, failure: { code: 'MALFORMED', message: value.failure.message } };
  expect(equal(encodeTreeProof(value.value), bytes) || decodeTreeProof(encodeTreeProof(value.value)).ok).toBe(true);
  verifyTreeProof(value.value, { key: new Uint8Array(32).fill(3), leaf: null, root: { hash: new Uint8Array(32), sum: 0n } });
  return fine;
};
const address: Read = (bytes) => {
  const decoded = decodeTapAddress(bech32m.encode('taprt', bech32m.toWords(bytes), false));
  if (!decoded.ok) return decoded;
  expect(decodeTapAddress(encodeTapAddress(decoded.value.address, 'regtest'))).toEqual(decoded);
  const foreign = decodeTapAddressFor(encodeTapAddress(decoded.value.address, 'regtest'), 'bitcoin');
  expect(foreign.ok ? 'read' : foreign.failure.code).toBe('WRONG_NETWORK');
  return decoded;
};
const addressText: Read = (bytes) => decodeTapAddress(String.fromCharCode(...bytes));
const block: Read = (bytes) => {
  const value = decodeBlock(bytes);
  return value.ok ? fine : { ok: false, failure: { code: 'MALFORMED', message: value.failure.message } };
};

const FILE = readHex('proof/proof-file.hex');
const PROOFS = ((): readonly Bytes[] => {
  const read = readFile(FILE);
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
})();
interface Expected {
  readonly valid_test_cases: readonly { readonly expected: string }[];
}
const expectedOf = (path: string): readonly string[] => readVectors<Expected>(path).valid_test_cases.map(({ expected }) => expected);
const hexOf = (path: string): readonly Bytes[] => expectedOf(path).map(fromHex);
const addressBytes = expectedOf('address/address_tlv_encoding_generated.json').map((text) =>
  bech32m.fromWords(bech32m.decode(text as `${string}1${string}`, false).words),
);
const textBytes = (text: string): Bytes => Uint8Array.from(text, (each) => each.charCodeAt(0));

interface Transition {
  readonly asset: JsonAsset;
  readonly split_set: readonly { readonly value: { readonly asset: JsonAsset; readonly output_index: number } }[] | null;
  readonly input_set: readonly { readonly prev_id: JsonPrevId; readonly asset: JsonAsset }[] | null;
}
const transitions = ['vm/vm_validation_generated.json', 'vm/vm_validation_generated_error_cases.json'].flatMap((path) => {
  const { valid_test_cases: valid, error_test_cases: bad } = readVectors<Record<string, readonly Transition[] | null>>(path);
  return [...(valid ?? []), ...(bad ?? [])].filter((each) => each.asset.script_key && (each.split_set ?? []).length === 0);
});
/** The new asset of a transition bent, its inputs as they are. */
const transition =
  (each: Transition): Read =>
  (bytes) => {
    const next = decodeAsset(bytes);
    if (!next.ok) return next;
    const inputs = inputSet(
      (each.input_set ?? []).map(({ prev_id, asset: spent }) => [prevIdOfJson(prev_id), assetOfJson(spent)] as const),
    );
    return validateTransition({ asset: next.value, splits: [], inputs }, { interpreter: interpretTapscript, height: 100, chain: null });
  };

const supply = (
  JSON.parse(readFileSync(new URL('../data/supply/tapd-0.8.1.json', import.meta.url), 'utf8')) as { commitments: unknown[] }
).commitments
  .flatMap((each) => commitmentOf(JSON.stringify(each)).leaves)
  .map((leaf) => [leaf.raw, (bytes: Bytes) => decodeSupplyLeaf(leaf.kind, bytes)] as const);

const oldPacket = readText('tappsbt/packet.hex').trim();
const packets = [
  ...expectedOf('tappsbt/psbt_encoding_generated.json').map((text) => base64.decode(text)),
  /^[0-9a-f]+$/.test(oldPacket) ? fromHex(oldPacket) : base64.decode(oldPacket),
];
const trees = readVectors<{ valid_test_cases: { inclusion_proofs: { compressed_proof: string }[] }[] }>('mssmt/mssmt_tree_proofs.json')
  .valid_test_cases.flatMap(({ inclusion_proofs: proofs }) => proofs.slice(0, 20))
  .map(({ compressed_proof: text }) => fromHex(text));
const single = ['proof.hex', 'ownership-proof.hex', 'proof-invalid-json-meta-reveal.hex'].map((name) => readHex(`proof/${name}`));
const metas = [...single, ...PROOFS].flatMap((bytes) => {
  const read = decodeProof(bytes);
  return read.ok && read.value.metaReveal !== null ? [encodeMetaReveal(read.value.metaReveal)] : [];
});

type Start = readonly [start: Bytes, read: Read];
const each = (starts: readonly Bytes[], ...reads: readonly Read[]): readonly Start[] =>
  starts.flatMap((start) => reads.map((read) => [start, read] as const));
const CORPUS: Readonly<Record<string, readonly Start[]>> = {
  'addresses, their records and their text': [
    ...each(addressBytes, address),
    ...each(expectedOf('address/address_tlv_encoding_generated.json').map(textBytes), addressText),
  ],
  assets: each([...hexOf('asset/asset_tlv_encoding_generated.json'), readHex('asset/asset.hex')], asset),
  'tree proofs': each(trees, tree),
  'transition proofs': each(
    [...hexOf('proof/proof_tlv_encoding_generated.json'), ...hexOf('proof/proof_tlv_encoding_regtest.json'), ...single],
    proof,
  ),
  'proof files': [...each([FILE], file), ...each(PROOFS.slice(-1), tail)],
  metadata: each(
    metas,
    stable(decodeMetaReveal, encodeMetaReveal, () => fine),
  ),
  'virtual packets': each(packets, packet, signedGroupPsbt),
  transitions: transitions.map((one) => [encodeAsset(assetOfJson(one.asset)), transition(one)] as const),
  'blobs of channels and of rfq': [
    ...each([readHexDump('tapchannelmsg/funding-blob.hexdump')], blob(assetChannelFundingCodec)),
    ...each([readHexDump('tapchannelmsg/commitment-blob.hexdump')], blob(assetChannelCommitmentCodec)),
    ...each([readHexDump('tapchannelmsg/htlc-blob.hexdump')], blob(assetHtlcCodec)),
    ...each([readHex('rfqmsg/compat/v0.8/request.hex')], blob(rfqRequestCodec)),
    ...each([readHex('rfqmsg/compat/v0.8/accept.hex')], blob(rfqAcceptCodec)),
    ...each([readHex('rfqmsg/compat/v0.8/reject.hex')], blob(rfqRejectCodec)),
    ...each([readHex('rfqmsg/compat/v0.8/htlc.hex')], blob(assetHtlcCodec)),
  ],
  'leaves of supplies': supply,
  blocks: each(
    ['12-tx-block', '70-tx-block', 'odd-block'].map((name) => readHex(`proof/${name}.hex`)),
    block,
  ),
};

/** Lengths and counts that promise more than anything has. */
const PROMISES = ['fdffff', 'fe00ffffff', 'feffffffff', 'ff0000000100000000', 'ffffffffffffffffff'].map(fromHex);
function inflate(bytes: Bytes, random: () => number): Bytes {
  const at = random() % (bytes.length + 1);
  const promise = PROMISES[random() % PROMISES.length] as Bytes;
  return concat(bytes.subarray(0, at), promise, bytes.subarray(at + (random() % 2 === 0 ? 1 : promise.length)));
}
/** Two stretches change places. */
function swap(bytes: Bytes, random: () => number): Bytes {
  const cuts = [random(), random(), random()].map((each) => each % (bytes.length + 1)).sort((a, b) => a - b) as [number, number, number];
  const [from, middle, to] = cuts;
  return concat(bytes.subarray(0, from), bytes.subarray(middle, to), bytes.subarray(from, middle), bytes.subarray(to));
}
const BENDS = [mutate, inflate, swap, (bytes: Bytes, random: () => number) => bytes.slice(0, random() % bytes.length)];

test.each(Object.entries(CORPUS))(
  `%s: bent inputs are refused by a code, or read as what they would write (FUZZ_SEED=${SEED})`,
  (_, starts) => {
    const random = xorshift(SEED);
    expect(starts.length).toBeGreaterThan(0);
    const runs = Math.max(RUNS, Math.ceil((RUNS * 8) / starts.length));
    let refused = 0;
    for (const [start, read] of starts)
      for (let run = 0; run < runs; run++) {
        const bytes = (BENDS[run % BENDS.length] as (typeof BENDS)[number])(start, random);
        const [before, began] = [process.memoryUsage().arrayBuffers, performance.now()];
        const answer = read(bytes);
        const took = performance.now() - began;
        if (took > MOST_MS || process.memoryUsage().arrayBuffers - before > MOST_BYTES)
          throw new Error(`${took} ms for ${bytes.length} bytes`);
        if (answer.ok) continue;
        refused++;
        expect(answer.failure.code).toMatch(/^[A-Z][A-Z_]+$/);
        expect(answer.failure.message.length).toBeGreaterThan(0);
      }
    // Otherwise the changes would be too fine to break anything.
    expect(refused).toBeGreaterThan(0);
  },
);

test('a file whose transitions are swapped, doubled, left out or of other files is refused, behind hashes that fit', () => {
  const random = xorshift(SEED);
  for (let run = 0; run < RUNS * 4; run++) {
    const pool = [...PROOFS, ...single];
    const proofs = Array.from({ length: 1 + (random() % 4) }, () => pool[random() % pool.length] as Bytes);
    const isPrefix = proofs.every((bytes, i) => PROOFS[i] !== undefined && equal(bytes, PROOFS[i]));
    const answer = verifyFile(bytesSource(writeFile(proofs)), ENV);
    const isWhole = isPrefix || (proofs.length === 1 && single.some((bytes) => equal(bytes, proofs[0] as Bytes)));
    if (!isWhole) expect(answer.ok ? 'valid' : answer.failure.code).not.toBe('valid');
  }
});

test('a proof whose further inputs are copies of its own file, over and over, is refused before it is followed far', () => {
  const last = decodeProof(PROOFS.at(-1) as Bytes);
  if (!last.ok) throw new Error(last.failure.message);
  let bomb = writeFile(PROOFS);
  for (let depth = 0; depth < 6; depth++) {
    const additionalInputs = Array.from({ length: 3 }, () => bomb);
    bomb = writeFile([...PROOFS.slice(0, -1), encodeProof({ ...last.value, additionalInputs })]);
  }
  const began = performance.now();
  const answer = verifyFile(bytesSource(bomb), ENV);
  expect(answer.ok ? 'valid' : answer.failure.code).toBe('NOT_SPENT');
  expect(performance.now() - began).toBeLessThan(MOST_MS);
});
