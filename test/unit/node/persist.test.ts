// What is stored must be readable by every later version: the files in test/golden hold each stored form in place. A new version of one gets a
// new file beside the old one, which stays. `GOLDEN=write` makes files that are missing, and never writes over one.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bytes, fromHex, toHex } from '../../../src/base/bytes.ts';
import { bytesMap } from '../../../src/base/bytes-map.ts';
import type { BlockHash, ChannelId, NodeId, PaymentHash, Preimage, ShortChannelId } from '../../../src/base/ids.ts';
import { blocks, height, msat, unixTime } from '../../../src/base/units.ts';
import { channelCodec } from '../../../src/bolt/channel/codec.ts';
import { type Codec, decodeWith, encodeWith } from '../../../src/codec/codec.ts';
import type { Row, StoredState } from '../../../src/node/batch.ts';
import { cursorCodec, extrasCodec, invoiceCodec, numberCodec, paymentCodec, peerCodec } from '../../../src/node/codec.ts';
import { forwardCodec } from '../../../src/node/facts.ts';
import { DOWN } from '../../../src/node/peers.ts';
import { batchOf, decodePayment, loadState, prune } from '../../../src/node/persist.ts';
import type { Invoice, NodeState, Payment } from '../../../src/node/types.ts';
import { walletCodec } from '../../../src/node/wallet/codec.ts';
import { NOTHING_STORED, stored, type TestNode, World } from './kit.ts';

const fill = <T extends Bytes>(n: number, length = 32): T => new Uint8Array(length).fill(n) as Bytes as T;
const scid = (n: bigint): ShortChannelId => n as ShortChannelId;
const node = fill<NodeId>(2, 33);
const hop = { nodeId: node, scid: scid(0x1_0000_0200_0003n), amountMsat: msat(100_100n), cltvExpiry: height(700) };

const payment: Payment = {
  ...{ paymentHash: fill<PaymentHash>(1), status: 'pending', destination: node, amountMsat: msat(100_000n), maxFeeMsat: msat(5_000n) },
  ...{
    maxParts: 16,
    bolt11: 'lnbcrt1…',
    paymentSecret: fill(3),
    paymentMetadata: fill(4, 5),
    keysendPreimage: fill<Preimage>(5),
    key: 'gift',
  },
  ...{
    finalCltvDelta: blocks(40),
    outgoing: [scid(7n)],
    excludedNodes: [fill<NodeId>(3, 33)],
    excludedChannels: [scid(8n)],
    multipart: true,
  },
  hints: [[{ nodeId: node, scid: scid(9n), feeBaseMsat: 1, feeProportionalMillionths: 2, cltvExpiryDelta: 3 }]],
  ...{ createdAt: unixTime(1_700_000_000), retryUntil: unixTime(1_700_000_060), finishedAt: unixTime(1_700_000_009) },
  preimage: fill<Preimage>(6),
  parts: [
    {
      ...{
        id: 0,
        status: 'failed',
        amountMsat: msat(100_000n),
        feeMsat: msat(100n),
        sharedSecrets: [fill(7)],
        sentAt: unixTime(1_700_000_001),
      },
      route: { channelId: fill<ChannelId>(8), hops: [hop] },
      resolvedAt: unixTime(1_700_000_002),
      failure: { hop: -1, reason: 'fee_insufficient', code: 0x100c, final: false },
    },
    {
      ...{
        id: 1,
        status: 'in_flight',
        amountMsat: msat(100_000n),
        feeMsat: msat(0n),
        sharedSecrets: [fill(7)],
        sentAt: unixTime(1_700_000_003),
      },
      route: { channelId: fill<ChannelId>(8), hops: [hop, hop] },
      ...{ resolvedAt: null, failure: null },
    },
  ],
  lessons: [
    { scid: scid(9n), to: node, failsFromMsat: msat(1n), policy: null },
    { scid: scid(9n), to: node, failsFromMsat: null, policy: { feeBaseMsat: 1, feeProportionalMillionths: 2, cltvExpiryDelta: 3 } },
  ],
  error: { code: 'NO_ROUTE', message: 'no route', hint: 'open a channel' },
};

const invoice: Invoice = {
  ...{ paymentHash: fill<PaymentHash>(1), preimage: fill<Preimage>(2), hold: true, paymentSecret: fill(3), bolt11: 'lnbcrt1…' },
  ...{ amountMsat: msat(1_000n), description: 'Kaffee ☕', createdAt: unixTime(1_700_000_000), expiresAt: unixTime(1_700_003_600) },
  ...{ minFinalCltvExpiryDelta: blocks(40), state: 'accepted', receivedMsat: msat(1_000n), settledAt: null },
  htlcs: [
    {
      ...{ channelId: fill<ChannelId>(8), htlcId: 2n ** 40n, amountMsat: msat(1_000n), totalMsat: msat(1_000n), cltvExpiry: height(700) },
      ...{ sharedSecret: fill(9), receivedAt: unixTime(1_700_000_005) },
    },
  ],
};

const policy = {
  feeBaseMsat: msat(1_000n),
  feeProportionalMillionths: 100,
  cltvExpiryDelta: blocks(80),
  htlcMinimumMsat: msat(1n),
  htlcMaximumMsat: null,
};

/** An open channel with an HTLC in it, and the wallet that paid for it. */
function live(): { readonly alice: TestNode; readonly bob: TestNode; readonly world: World } {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  world.open(alice, bob, { isPublic: true });
  world.hold = (from, message) => from === bob && message.name === 'update_fulfill_htlc';
  alice.command(world.payment(bob, world.invoice(bob)));
  world.settle();
  return { world, alice, bob };
}

const { alice, bob } = live();
const channelOf = (of: TestNode) => [...of.state.channels.values()][0];

const SAMPLES: { readonly [name: string]: { readonly codec: Codec<never>; readonly value: unknown } } = {
  'payment.v1': { codec: paymentCodec as Codec<never>, value: payment },
  'invoice.v1': { codec: invoiceCodec as Codec<never>, value: invoice },
  'extras.v1': {
    codec: extrasCodec as Codec<never>,
    value: {
      channelId: fill(1),
      policy,
      updateTimestamp: 1_700_000_000,
      remoteUpdate: fill(1, 9),
      announcement: null,
      openedAt: 1_700_000_000,
    },
  },
  'peer.v1': {
    codec: peerCodec as Codec<never>,
    value: { nodeId: node, address: { host: 'example.org', port: 9735 }, trustedForZeroConf: true, wanted: true, session: DOWN },
  },
  'cursor.v1': { codec: cursorCodec as Codec<never>, value: [{ height: height(500), hash: fill<BlockHash>(1) }] },
  'number.v1': { codec: numberCodec as Codec<never>, value: 7 },
  'forward.v1': {
    codec: forwardCodec as Codec<never>,
    value: {
      ...{ inChannel: fill(1), inHtlcId: 2n, outChannel: fill(3), sharedSecret: fill(4), paymentHash: fill(5) },
      ...{ amountInMsat: msat(1_001n), amountOutMsat: msat(1_000n), createdAt: 1_700_000_000 },
    },
  },
};

const fileOf = (name: string): string => `${import.meta.dirname}/../../golden/${name}.hex`;

function golden(name: string, fresh: () => Bytes): Bytes {
  if (process.env['GOLDEN'] === 'write' && !existsSync(fileOf(name))) writeFileSync(fileOf(name), `${toHex(fresh())}\n`);
  return fromHex(readFileSync(fileOf(name), 'utf8').trim());
}

for (const [name, { codec, value }] of Object.entries(SAMPLES))
  test(`${name} is stored as it ever was`, () => {
    const stored = golden(name, () => encodeWith(codec, value as never));
    const read = decodeWith(codec, stored);
    expect(read).toEqual({ ok: true, value });
    expect(toHex(encodeWith(codec, value as never))).toBe(toHex(stored));
  });

test('a stored wallet of the first version is read, and written as it was', () => {
  const bytes = golden('wallet.v1', () => encodeWith(walletCodec, alice.state.wallet));
  const read = decodeWith(walletCodec, bytes);
  if (!read.ok) throw new Error(`${read.failure.path}: ${read.failure.message}`);
  expect(toHex(encodeWith(walletCodec, read.value))).toBe(toHex(bytes));
});

const load = (of: TestNode, from: StoredState) => loadState(from, { network: 'regtest', keys: of.keys, walletKeys: of.keys.wallet });

test('what the batches of a node wrote is the node', () => {
  for (const each of [alice, bob]) {
    const read = load(each, stored(each));
    if (!read.ok) throw new Error(read.failure.path);
    const rows = (state: NodeState): Row[] => {
      const empty = load(each, NOTHING_STORED);
      if (!empty.ok) throw new Error();
      return [...batchOf(empty.value, state, []).rows].sort((a, b) => (toHex(a.key) < toHex(b.key) ? -1 : 1));
    };
    expect(rows(read.value)).toEqual(rows(each.state));
    expect(read.value.payments.size).toBe(each === alice ? 1 : 0);
  }
});

test('a blob of a later version, a short one and one with more behind it name their place instead of crashing', () => {
  const good = stored(alice);
  const blobs: [string, keyof StoredState][] = [
    ['channel', 'channels'],
    ['extras', 'extras'],
    ['payment', 'payments'],
    ['peer', 'peers'],
  ];
  for (const [name, table] of blobs) {
    const [first, ...others] = good[table] as readonly Bytes[];
    if (first === undefined) throw new Error(`no ${name}`);
    for (const wrong of [Uint8Array.of(99, ...first.subarray(1)), first.subarray(0, -1), Uint8Array.of(...first, 0), new Uint8Array(0)]) {
      const read = load(alice, { ...good, [table]: [wrong, ...others] });
      expect(read).toMatchObject({ ok: false });
      if (!read.ok) expect(read.failure.path.startsWith(name)).toBe(true);
    }
  }
  for (const name of ['wallet', 'cursor', 'key_index'])
    expect(load(alice, { ...good, meta: new Map([...good.meta, [name, Uint8Array.of(99)]]) })).toMatchObject({ ok: false });
  expect(load(alice, { ...good, forwards: [{ key: fill(1, 40), blob: Uint8Array.of(99) }] })).toMatchObject({ ok: false });
});

test('whatever bits of a stored state flip, reading it does not throw', () => {
  const good = stored(alice);
  const forms: readonly (readonly [Codec<never>, Bytes | undefined])[] = [
    [channelCodec as Codec<never>, good.channels[0]],
    [walletCodec as Codec<never>, good.meta.get('wallet')],
    ...Object.values(SAMPLES).map(({ codec, value }) => [codec, encodeWith(codec, value as never)] as const),
  ];
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...forms), flips, ([codec, bytes], changes) => {
      const damaged = (bytes as Bytes).slice();
      for (const [at, bits] of changes) damaged[at % damaged.length] = (damaged[at % damaged.length] as number) ^ bits;
      decodeWith(codec, damaged);
    }),
    { numRuns: 5_000 },
  );
});

test('a damaged payment that a list meets has the code of a damaged store', () => {
  expect(() => decodePayment(Uint8Array.of(99))).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }) as Error);
});

test('a finished payment stays in memory as long as one of its parts is in flight', () => {
  const empty = load(alice, NOTHING_STORED);
  if (!empty.ok) throw new Error();
  const settled: Payment = { ...payment, status: 'settled', error: null };
  const state = { ...empty.value, payments: bytesMap([[payment.paymentHash, settled]]) };
  const [row] = batchOf(empty.value, state, []).rows;
  expect(row).toMatchObject({ table: 'payment', status: 'pending' });
  expect(prune(state).payments.size).toBe(1);
  const done = { ...settled, parts: settled.parts.map((part) => ({ ...part, status: 'settled' as const })) };
  expect(prune({ ...state, payments: bytesMap([[payment.paymentHash, done]]) }).payments.size).toBe(0);
});

test('a change of nothing that is stored makes no row', () => {
  const before = alice.state;
  const channel = channelOf(alice);
  if (channel === undefined) throw new Error();
  const [[id]] = [...before.channels.entries()] as [[ChannelId, never]];
  const session = { ...channel, session: { ...channel.session, height: height(1) } };
  expect(batchOf(before, { ...before, channels: before.channels.set(id, session) }, []).rows).toEqual([]);
});
