// What carries proofs: deliveries and receipts through crashes, reorganisations, couriers that are away and couriers that lie.
import { expect, test } from 'vitest';
import type { KeepingUniverse } from '../../../../src/app/asset/custody-ports.ts';
import { noticeOf } from '../../../../src/app/asset/delivery.ts';
import { decodeTapAddress, decodeTapAddressFor } from '../../../../src/asset/address/address.ts';
import type { UniverseLeaf } from '../../../../src/asset/courier.ts';
import { sealTo } from '../../../../src/asset/fragment-seal.ts';
import { type Bytes, concat, equal } from '../../../../src/base/bytes.ts';
import { ok } from '../../../../src/base/result.ts';
import type { LeafKey, UniverseId, UniverseProof } from '../../../../src/io/universe/contract.ts';
import { arrivalStatus, sameOutPoint } from '../../../../src/node/asset/arrivals.ts';
import { sendRequest } from '../../../../src/node/asset/payout.ts';
import type { Anchor, Arrival, Delivery, Holding } from '../../../../src/node/asset/types.ts';
import { AssetChain, type AssetNode, seedling } from '../../node/asset-kit.ts';
import { FakeServer, Keeper, MAILBOX } from './custody-kit.ts';

const MINT = { kind: 'mint_batch', feerate: null, dryRun: false } as const;
function mint(node: AssetNode, ...seedlings: readonly ReturnType<typeof seedling>[]): readonly Holding[] {
  for (const each of seedlings) node.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = node.told(MINT, 'asset_anchor');
  node.chain.mine();
  return holdings;
}

/** alice with assets, bob who knows of them, and a server that both use. */
function world(...seedlings: readonly ReturnType<typeof seedling>[]) {
  const chain = new AssetChain();
  const server = new FakeServer();
  const [alice, bob] = [new Keeper(chain.node('alice'), server), new Keeper(chain.node('bob'), server)];
  alice.node.fund(6);
  bob.node.fund(3);
  const holdings = mint(alice.node, ...seedlings);
  for (const holding of holdings) bob.node.receive(alice.node.file(holding));
  return { chain, server, alice, bob, holdings, ids: holdings.map(({ facts }) => facts.assetId) };
}
const idOf = (ids: readonly Bytes[], at = 0): Bytes => ids[at] as Bytes;
const delivery = ({ node }: Keeper): Delivery =>
  [...node.assets.anchors.values()].flatMap(({ deliveries }) => deliveries).at(-1) as Delivery;
const sending = ({ node }: Keeper): Anchor => [...node.assets.anchors.values()].find(({ kind }) => kind === 'send') as Anchor;
const arrival = ({ node }: Keeper): Arrival => [...node.assets.addresses.values()].flatMap(({ arrivals }) => arrivals).at(-1) as Arrival;
const status = (keeper: Keeper): string => arrivalStatus(keeper.node.assets, arrival(keeper));

/** An address of version 2, of a group or of one asset. */
function openAddress(node: AssetNode, assetId: Bytes, amount = 0n): string {
  const groupKey = node.assets.known.get(assetId)?.groupKey ?? null;
  const of = groupKey === null ? ({ kind: 'asset', assetId } as const) : ({ kind: 'group', groupKey } as const);
  return node.told({ kind: 'new_address', request: { of, amount, version: 2, assetVersion: 0, courier: MAILBOX } }, 'asset_address').address
    .text;
}
function sendTo(node: AssetNode, text: string, amount?: bigint) {
  const read = decodeTapAddressFor(text, 'regtest');
  if (!read.ok) throw new Error(read.failure.message);
  const recipient = { text, address: read.value, courier: read.value.proofCourier, ...(amount === undefined ? {} : { amount }) };
  const request = sendRequest(node.assets, [recipient]);
  return request.ok ? node.ask({ kind: 'transfer', request: request.value, feerate: null, dryRun: false }) : request.failure.code;
}

test('nothing is delivered before the transfer is in a block; then the receiver finds it, verifies it and has it', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  await alice.work();
  expect([server.calls, delivery(alice).deliveredAt]).toEqual([[], null]);
  chain.mine();
  expect(status(bob)).toBe('confirmed');
  await bob.work();
  expect([status(bob), arrival(bob).attempts, arrival(bob).lastError?.code]).toEqual(['confirmed', 1, 'NOT_FOUND']);
  await alice.work();
  expect(delivery(alice)).toMatchObject({ deliveredAt: 1_700_000_000, attempts: 0 });
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
  // Done is done: nobody is asked again.
  const { length } = server.calls;
  await alice.work();
  await bob.work();
  expect(server.calls.length).toBe(length);
});

test('a courier that is away is tried again after pauses that double, and a restart goes on counting', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  chain.mine();
  server.isAway = true;
  const pauses: number[] = [];
  for (let i = 0; i < 12; i++) {
    await alice.work('kept');
    if (i === 5) alice.restart();
    const { attempts, retryAt } = delivery(alice);
    pauses.push(retryAt - alice.node.now);
    expect(attempts).toBe(i + 1);
    // Not due yet: nothing happens.
    await alice.work('kept');
    expect(delivery(alice).attempts).toBe(i + 1);
    alice.node.now = retryAt;
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
  expect(delivery(alice).lastError).toEqual({ code: 'UNREACHABLE', message: 'nobody answers' });
  server.isAway = false;
  await alice.work('kept');
  expect(delivery(alice)).toMatchObject({ deliveredAt: alice.node.now, lastError: null });
});

const CRASHES = ['delivered', 'not_delivered', 'not_proved', 'import_files', 'arrived', 'proved'] as const;
test.each(CRASHES)('whoever crashes at the commit of %s, and at any after it, ends with the same', async (before) => {
  for (const version of [1, 2] as const) {
    const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
    const to = version === 1 ? bob.node.address(idOf(ids), 4n) : openAddress(bob.node, idOf(ids), 4n);
    sendTo(alice.node, to);
    chain.mine();
    const crash = async (): Promise<void> => {
      for (const keeper of [bob, alice, bob]) {
        keeper.crashBefore = before;
        await keeper.work();
        keeper.restart();
      }
    };
    server.isAway = true;
    await crash();
    server.isAway = false;
    await crash();
    chain.unmine();
    chain.mine();
    await crash();
    for (const keeper of [alice, bob, bob]) await keeper.work();
    expect([delivery(alice).deliveredAt !== null, status(bob), bob.node.amounts()]).toEqual([true, 'completed', [4n]]);
    expect(alice.node.amounts()).toEqual([5n]);
    bob.node.verified(bob.node.file(bob.node.free()[0] as Holding));
  }
});

test('who only looks is not kept waiting by a courier that does not answer, and the pause counts', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  chain.mine();
  server.deliver = () => new Promise(() => {});
  await alice.custodian.once({ signal: new AbortController().signal, pauses: 'kept', patienceMs: 30 });
  expect(delivery(alice)).toMatchObject({ attempts: 1, lastError: { code: 'TIMEOUT' } });
});

test('what was delivered of a block that left the chain is delivered again; who has it proves it anew from the chain alone', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  chain.mine();
  await alice.work();
  await bob.work();
  const [first] = bob.node.free();
  const before = bob.node.file(first as Holding);
  chain.unmine();
  expect([delivery(alice).deliveredAt, bob.node.amounts()]).toEqual([null, []]);
  chain.mine();
  expect(status(bob)).toBe('proof_received');
  server.isAway = true;
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
  const after = bob.node.file([...bob.node.free()][0] as Holding);
  expect(after).not.toEqual(before);
  bob.node.verified(after);
  server.isAway = false;
  await alice.work();
  expect(delivery(alice).deliveredAt).not.toBeNull();
});

test('a receiver who finds the proof of a block that is gone asks until the sender has delivered the new one', async () => {
  const { chain, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  chain.mine();
  await alice.work();
  chain.unmine();
  chain.mine();
  await bob.work();
  expect([status(bob), arrival(bob).lastError?.code]).toEqual(['confirmed', 'NOT_IN_CHAIN']);
  await alice.work();
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
});

test('a history that was reorganised with the transfer is learned anew', async () => {
  const { chain, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(alice.node.address(idOf(ids), 6n));
  chain.mine();
  alice.node.send(bob.node.address(idOf(ids), 2n));
  chain.mine();
  await alice.work();
  await bob.work();
  expect(status(bob)).toBe('completed');
  chain.unmine();
  chain.unmine();
  chain.mine();
  await alice.work();
  await bob.work();
  expect(status(bob)).toBe('completed');
  bob.node.verified(bob.node.file([...bob.node.free()][0] as Holding));
});

const LIES: readonly (readonly [string, (raw: Bytes) => Bytes])[] = [
  ['bytes that are no proof', () => new Uint8Array(40).fill(7)],
  ['an empty answer', () => new Uint8Array()],
  ['a proof with a bent byte', (raw) => raw.map((byte, i) => (i === raw.length >> 1 ? byte ^ 1 : byte))],
  ['a proof that is cut off', (raw) => raw.slice(0, -9)],
  ['a proof with more behind it', (raw) => concat(raw, new Uint8Array(5))],
];
test.each(LIES)('a courier that answers with %s is refused with a code, and asked again', async (_, lie) => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  chain.mine();
  await alice.work();
  server.lie = lie;
  await bob.work();
  expect([status(bob), bob.node.amounts(), arrival(bob).attempts]).toEqual(['confirmed', [], 1]);
  expect(arrival(bob).lastError?.code).toMatch(/^[A-Z_]+$/);
  server.lie = null;
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
});

test("a true proof of another output of the same asset does not pass for the address's", async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  chain.mine();
  await alice.work();
  const others = [...server.leaves.values()].find(({ kind }) => kind === 'issuance')?.proof as Bytes;
  server.lie = () => others;
  await bob.work();
  expect([status(bob), arrival(bob).lastError?.code]).toEqual(['confirmed', 'PEER_ERROR']);
});

test('a group of two tranches goes to one address of version 2 at once, is taken in whole, and is spent onward', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('one', 30n, { group: { kind: 'new' } }));
  const groupKey = alice.node.assets.known.get(idOf(ids))?.groupKey as Bytes;
  mint(alice.node, seedling('two', 20n, { group: { kind: 'existing', groupKey } }));
  const address = openAddress(bob.node, idOf(ids));
  expect(sendTo(alice.node, address)).toBe('USAGE');
  expect(sendTo(alice.node, address, 51n)).toBe('INSUFFICIENT_FUNDS');
  expect(typeof sendTo(alice.node, address, 45n)).toBe('object');
  chain.mine();
  // Nobody can see it on the chain.
  expect(arrival(bob)).toBeUndefined();
  await alice.work();
  expect(sending(alice).deliveries.map(({ deliveredAt }) => deliveredAt)).toEqual([1_700_000_000, 1_700_000_000]);
  expect(server.messages.size).toBe(1);
  await bob.work();
  expect([status(bob), arrival(bob).parts.length, bob.node.amounts()]).toEqual(['completed', 2, [15n, 30n]]);
  expect(server.messages.size).toBe(0);
  bob.restart();
  for (const holding of bob.node.free()) bob.node.verified(bob.node.file(holding));

  // The same address is used again, and what came is spent, both tranches in one transfer.
  sendTo(alice.node, address, 5n);
  chain.mine();
  await alice.work();
  await bob.work();
  expect(bob.node.amounts()).toEqual([5n, 15n, 30n]);
  const back = openAddress(alice.node, idOf(ids));
  expect(typeof sendTo(bob.node, back, 48n)).toBe('object');
  chain.mine();
  await bob.work();
  await alice.work();
  const sum = (node: AssetNode): bigint => node.amounts().reduce((total, each) => total + each, 0n);
  expect([sum(alice.node), sum(bob.node)]).toEqual([48n, 2n]);
  for (const holding of alice.node.free()) alice.node.verified(alice.node.file(holding));
});

test('the mailbox has the word before anybody can see the proofs, whose keys would pay for a message of somebody else', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  sendTo(alice.node, openAddress(bob.node, idOf(ids)), 4n);
  chain.mine();
  const messages: number[] = [];
  const deliver = server.deliver.bind(server);
  server.deliver = (leaves) => {
    messages.push(server.messages.size);
    return deliver(leaves);
  };
  await alice.work();
  expect(messages).toEqual([1]);
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
});

test('with a later tranche the minting that began the group goes to the courier, for it takes no other', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('one', 30n, { group: { kind: 'new' } }));
  const groupKey = alice.node.assets.known.get(idOf(ids))?.groupKey as Bytes;
  const [second] = mint(alice.node, seedling('two', 20n, { group: { kind: 'existing', groupKey } }));
  bob.node.receive(alice.node.file(second as Holding));
  sendTo(alice.node, bob.node.address((second as Holding).facts.assetId, 20n));
  chain.mine();
  await alice.work();
  const minted = (id: Bytes): boolean => [...server.leaves.values()].some(({ kind, assetId }) => kind === 'issuance' && equal(assetId, id));
  expect([minted(idOf(ids)), minted((second as Holding).facts.assetId)]).toEqual([true, true]);
  await bob.work();
  expect(bob.node.amounts()).toEqual([20n]);
  // bob has the first only in his universe.
  const { universe, stored } = keeping();
  stored.push(...[...server.leaves.values()].filter(({ kind }) => kind === 'issuance'));
  bob.universe = universe;
  server.leaves.clear();
  sendTo(bob.node, alice.node.address((second as Holding).facts.assetId, 5n));
  chain.mine();
  await bob.work();
  expect([minted(idOf(ids)), delivery(bob).deliveredAt !== null]).toEqual([true, true]);
});

test('a plain asset and a collectible go to addresses of version 2; the amount of the address holds where it has one', async () => {
  const { chain, alice, bob, ids } = world(seedling('coin', 9n), seedling('portrait', 1n, { type: 1 }));
  const [coin, portrait] = [openAddress(bob.node, idOf(ids, 0), 4n), openAddress(bob.node, idOf(ids, 1), 1n)];
  expect(sendTo(alice.node, coin, 5n)).toBe('USAGE');
  for (const address of [coin, portrait]) {
    expect(typeof sendTo(alice.node, address)).toBe('object');
    chain.mine();
  }
  await alice.work();
  await bob.work();
  expect([bob.node.amounts(), alice.node.amounts()]).toEqual([[1n, 4n], [5n]]);
});

test('a transfer to an own address of version 2 stays ours and can be spent', async () => {
  const { chain, alice, bob, ids } = world(seedling('coin', 9n));
  sendTo(alice.node, openAddress(alice.node, idOf(ids), 4n));
  chain.mine();
  expect(alice.node.amounts()).toEqual([4n, 5n]);
  await alice.work();
  await alice.work();
  expect([status(alice), alice.node.amounts()]).toEqual(['completed', [4n, 5n]]);
  alice.node.send(bob.node.address(idOf(ids), 9n));
  chain.mine();
  await alice.work();
  await bob.work();
  expect(bob.node.amounts()).toEqual([9n]);
});

test('after a reorganisation of a transfer to version 2 the message is not needed again', async () => {
  const { chain, alice, bob, ids } = world(seedling('coin', 9n));
  sendTo(alice.node, openAddress(bob.node, idOf(ids)), 4n);
  chain.mine();
  await alice.work();
  await bob.work();
  expect(status(bob)).toBe('completed');
  chain.unmine();
  expect(status(bob)).toBe('detected');
  chain.mine();
  await alice.work();
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
});

test('messages that nobody can read, that are not true, or that come twice change nothing', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  const address = openAddress(bob.node, idOf(ids));
  const decoded = decodeTapAddress(address);
  const receiver = decoded.ok ? decoded.value.address.scriptKey : new Uint8Array(33);
  sendTo(alice.node, address, 4n);
  chain.mine();
  const anchor = sending(alice);
  const holding = alice.node.assets.holdings.get((anchor.deliveries[0] as Delivery).key) as Holding;
  const { payload } = noticeOf({ anchor, block: anchor.block as NonNullable<Anchor['block']>, holdings: [holding] });
  const fresh = { ephemeral: new Uint8Array(32).fill(9), nonce: new Uint8Array(24).fill(3) };
  const seal = (message: Bytes): Bytes => sealTo(receiver, message, fresh);
  const bent = seal(payload).map((byte, i) => (i === 90 ? byte ^ 1 : byte));
  // Of a fragment: the root of the assets is its last record.
  const elsewhere = payload.map((byte, i) => (i === payload.length - 1 ? byte ^ 1 : byte));
  for (const [i, message] of [new Uint8Array(), new Uint8Array(70), bent, seal(new Uint8Array(3)), seal(elsewhere)].entries())
    server.put(`hostile ${i}`, receiver, message);
  await bob.work();
  expect([arrival(bob), bob.commands]).toEqual([undefined, []]);
  server.put('once', receiver, seal(payload));
  server.put('twice', receiver, seal(payload));
  await bob.work();
  expect([status(bob), bob.commands.filter((kind) => kind === 'arrived').length]).toEqual(['confirmed', 1]);
  await alice.work();
  await bob.work();
  expect([status(bob), bob.node.amounts()]).toEqual(['completed', [4n]]);
});

test('what is minted, sent and left over goes into our own universe once, and again after a reorganisation', async () => {
  const { chain, alice, bob, ids } = world(seedling('coin', 9n));
  const { universe, stored } = keeping();
  alice.universe = universe;
  alice.node.send(bob.node.address(idOf(ids), 9n));
  chain.mine();
  await alice.work();
  // The minting and the units that went to bob; of the tombstone nobody asks.
  expect(new Set(stored.map(({ kind, amount }) => `${kind} ${amount}`))).toEqual(new Set(['issuance 9', 'transfer 9']));
  const { length } = stored;
  await alice.work();
  alice.restart();
  await alice.work();
  expect(stored.length).toBe(length);
  chain.unmine();
  chain.mine();
  await alice.work();
  expect(stored.length).toBeGreaterThan(length);
});

test('a custodian that runs needs nobody to ask it: it delivers at the block, and receives when the proof is there', async () => {
  const { chain, server, alice, bob, ids } = world(seedling('coin', 9n));
  alice.node.send(bob.node.address(idOf(ids), 4n));
  alice.custodian.start();
  bob.custodian.start();
  chain.mine();
  alice.tell();
  await until(() => delivery(alice).deliveredAt !== null);
  bob.tell();
  await until(() => status(bob) === 'completed');
  const open = openAddress(bob.node, idOf(ids));
  bob.tell();
  sendTo(alice.node, open, 3n);
  chain.mine();
  alice.tell();
  await until(() => bob.node.amounts().length === 2);
  await until(() => server.messages.size === 0);
  await alice.custodian.stop();
  await bob.custodian.stop();
});

/** Our own universe, as far as keeping asks it. */
function keeping(): { readonly universe: KeepingUniverse; readonly stored: UniverseLeaf[] } {
  const stored: UniverseLeaf[] = [];
  const query = async (_: UniverseId, { outPoint, scriptKey }: LeafKey) => {
    const found = stored.findLast((leaf) => sameOutPoint(leaf.outPoint, outPoint) && equal(leaf.scriptKey, scriptKey));
    return ok(found === undefined ? null : ({ proof: found.proof, assetId: found.assetId } as UniverseProof));
  };
  const insertMany = async (leaves: readonly UniverseLeaf[]) => {
    stored.push(...leaves);
    return leaves.map((leaf) => ok(leaf));
  };
  const leafKeys = async () => ok(stored.filter(({ kind }) => kind === 'issuance'));
  return { universe: { query, leafKeys, insertMany }, stored };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).toBe(true);
}
