// The stored forms of assets, held by files as those of everything else are (`persist.test.ts` says how).
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assetId } from '../../../src/asset/genesis.ts';
import { META_TYPE, type MetaReveal } from '../../../src/asset/proof/meta.ts';
import { type Bytes, fromHex, toHex, utf8 } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { sat, unixTime } from '../../../src/base/units.ts';
import { type Codec, decodeWith, encodeWith } from '../../../src/codec/codec.ts';
import { batchesCodec, groupCodec, type StoredBatches } from '../../../src/node/asset/batch-codec.ts';
import { addressRecordCodec, anchorCodec, holdingCodec, keyHistoryCodec, knownCodec, leasesCodec } from '../../../src/node/asset/codec.ts';
import type { AssetState, Lease, MintBatch, Seedling } from '../../../src/node/asset/types.ts';
import { AssetChain, seedling } from './asset-kit.ts';

const META: MetaReveal = {
  type: META_TYPE.JSON,
  data: utf8('{"a":1}'),
  decimalDisplay: 3,
  universeCommitments: false,
  canonicalUniverses: ['universerpc://universe.example:10029'],
  delegationKey: null,
  unknown: [{ type: 31_337n, value: utf8('odd') }],
};
const SEEDLINGS: readonly Seedling[] = [
  seedling('plain', 7n),
  seedling('grouped', 2n ** 64n - 1n, { group: { kind: 'new' }, meta: META, assetVersion: 1 }),
  seedling('tranche', 1n, { type: 1, group: { kind: 'existing', groupKey: new Uint8Array(33).fill(2) } }),
];

const LEASES: readonly Lease[] = [
  {
    outPoint: { txid: new Uint8Array(32).fill(1) as never, vout: 3 },
    purpose: 'packet',
    id: new Uint8Array(32).fill(2),
    createdAt: unixTime(5),
    expiresAt: unixTime(9),
  },
  {
    outPoint: { txid: new Uint8Array(32).fill(4) as never, vout: 0 },
    purpose: 'swap',
    id: new Uint8Array(32).fill(5),
    createdAt: unixTime(6),
    expiresAt: unixTime(7),
  },
];
const XPUB = 'tpubDCV3vvfcyJVWTHHd5QCbBnBQwBtw6vnLyUHNHaFMVu6yBdCQXqBzJPkLJxyZVKrqPjvJGPMzMzSZ9gLvUhPpJRqyhd4ZAzc2wQxLmM3W1zU';
const external = { xpub: XPUB, masterFingerprint: 0x73c5da0a, path: [86, 1, 0, 0, 5] };
const BATCH: MintBatch = {
  createdAt: unixTime(1_700_000_000),
  seedlings: [
    ...SEEDLINGS,
    seedling('scripted', 2n, { group: { kind: 'scripted', tapscriptRoot: new Uint8Array(32).fill(4) } }),
    seedling('external', 3n, { group: { kind: 'external', key: external, customRoot: new Uint8Array(32).fill(5), groupKey: null } }),
    seedling('further', 4n, { group: { kind: 'external', key: external, customRoot: null, groupKey: new Uint8Array(33).fill(3) } }),
    seedling('member', 5n, { group: { kind: 'member', anchor: utf8('scripted') } }),
  ],
  funding: {
    coins: [{ txid: new Uint8Array(32).fill(6) as TxId, vout: 7 }],
    change: { amount: sat(1_234n), path: { account: 'p2tr', chain: 'change', index: 8 } },
    feeSat: sat(500n),
    weight: 900,
    internalKey: new Uint8Array(33).fill(2),
    internalKeyIndex: 9,
    sibling: { kind: 0, preimage: Uint8Array.of(0xc0, 1, 0x51) },
    keys: Array.from({ length: 7 }, (_, i) => ({ scriptKeyIndex: 10 + i, groupKeyIndex: i === 1 ? 20 : null })),
    witnesses: [[], [new Uint8Array(64).fill(1)], [], [], [], [], []],
  },
};
const BATCHES: StoredBatches = {
  batch: BATCH,
  cancelled: [{ batch: { ...BATCH, seedlings: SEEDLINGS, funding: null }, cancelledAt: unixTime(1_700_000_100) }],
};

/** A life that holds every kind of record; all in it is the same each time. */
function life(): AssetState {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(3);
  for (const each of [seedling('coin', 9n, { meta: META }), seedling('share', 5n, { group: { kind: 'new' } })])
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  const id = assetId((holdings[0] as (typeof holdings)[number]).proof.asset.genesis);
  bob.receive(alice.file(holdings[0] as (typeof holdings)[number]));
  alice.send(bob.address(id, 4n));
  chain.mine();
  const sent = [...alice.assets.holdings.values()].find(({ proof }) => proof.asset.amount === 4n);
  bob.receive(alice.file(sent as NonNullable<typeof sent>));
  const [mine, theirs] = [alice.assets, bob.assets];
  // What came from others has its history in the store.
  let { holdings: all } = mine;
  for (const [key, holding] of theirs.holdings.entries()) if (holding.base.head !== null) all = all.set(key, holding);
  return { ...mine, addresses: theirs.addresses, holdings: all };
}

const state = life();
const sorted = <T>(values: Iterable<T>, codec: Codec<T>): readonly Bytes[] =>
  [...values].map((value) => encodeWith(codec, value)).sort((a, b) => toHex(a).localeCompare(toHex(b)));
// biome-ignore lint/suspicious/noExplicitAny: records of every kind stand in one table
type Form = readonly [name: string, version: number, codec: Codec<any>, blobs: readonly Bytes[]];
/** The newest version of each. */
const FORMS: readonly Form[] = [
  ['asset', 3, holdingCodec, sorted(state.holdings.values(), holdingCodec)],
  ['asset-anchor', 3, anchorCodec, sorted(state.anchors.values(), anchorCodec)],
  ['asset-known', 1, knownCodec, sorted(state.known.values(), knownCodec)],
  ['asset-group', 2, groupCodec, sorted(state.groups.values(), groupCodec)],
  ['asset-address', 2, addressRecordCodec, sorted(state.addresses.values(), addressRecordCodec)],
  ['asset-leases', 1, leasesCodec, [encodeWith(leasesCodec, LEASES)]],
  ['asset-key-history', 1, keyHistoryCodec, [encodeWith(keyHistoryCodec, { start: 7, earlier: [{ from: 0, to: 3 }] })]],
  ['asset-batch', 2, batchesCodec, [encodeWith(batchesCodec, BATCHES)]],
];
const pathOf = (name: string, version: number): string => join(import.meta.dirname, '../../golden', `${name}.v${version}.hex`);
const linesOf = (path: string): readonly string[] => readFileSync(path, 'utf8').trim().split('\n');

test.each(FORMS)('%s of version %i is read as it was written, and written the same', (name, version, codec, blobs) => {
  const path = pathOf(name, version);
  if (!existsSync(path) && process.env['GOLDEN'] === 'write') writeFileSync(path, `${blobs.map(toHex).join('\n')}\n`, { flag: 'wx' });
  const golden = linesOf(path);
  expect(golden).toEqual(blobs.map(toHex));
  for (const line of golden) {
    const read = decodeWith(codec, fromHex(line));
    if (!read.ok) throw new Error(`${read.failure.path}: ${read.failure.message}`);
    expect(toHex(encodeWith(codec, read.value))).toBe(line);
  }
});

const OLDER = FORMS.flatMap(([name, newest, codec]) => Array.from({ length: newest - 1 }, (_, i) => [name, i + 1, newest, codec] as const));
test.each(OLDER)('%s of version %i is read for ever, and written as version %i', (name, version, newest, codec) => {
  for (const line of linesOf(pathOf(name, version))) {
    const read = decodeWith(codec, fromHex(line));
    if (!read.ok) throw new Error(`${read.failure.path}: ${read.failure.message}`);
    const written = encodeWith(codec, read.value);
    expect([fromHex(line)[0], written[0]]).toEqual([version, newest]);
    expect(decodeWith(codec, written)).toEqual(read);
  }
});

test.each(FORMS)('%s: whatever bit flips, reading it fails as a value or gives a record', (_, __, codec, blobs) => {
  const blob = blobs[0] as Bytes;
  fc.assert(
    fc.property(fc.nat(blob.length * 8 - 1), (bit) => {
      const bent = blob.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(typeof decodeWith(codec, bent).ok).toBe('boolean');
    }),
    { numRuns: 200 },
  );
});
