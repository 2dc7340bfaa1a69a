import { expect, test } from 'vitest';
import { utf8 } from '../../../src/base/bytes.ts';
import type { PaymentHash, Preimage } from '../../../src/base/ids.ts';
import { blocks, height, type Msat, msat } from '../../../src/base/units.ts';
import { buildOnion } from '../../../src/bolt/onion/packet.ts';
import { encodePayload } from '../../../src/bolt/onion/payload.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { feed } from '../../../src/node/channels.ts';
import { newDraft } from '../../../src/node/draft.ts';
import type { Invoice } from '../../../src/node/types.ts';
import { type TestNode, World } from './kit.ts';

/** Alice has one or two channels to Bob, who is paid. */
function scene(channels = 1) {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const ids = Array.from({ length: channels }, () => world.open(alice, bob));
  return { world, alice, bob, ids };
}

interface Part {
  readonly amount: bigint;
  readonly total?: bigint;
  readonly cltv?: number;
  readonly secret?: Uint8Array | null;
  readonly keysend?: Preimage;
  readonly channel?: number;
  /** What the onion says, where it is not what the HTLC has. */
  readonly told?: { readonly amount?: bigint; readonly cltv?: number };
}

let sessions = 0;

/** One HTLC from Alice to Bob, whatever it says. */
function send(part: { readonly world: World; readonly alice: TestNode; readonly bob: TestNode }, hash: PaymentHash, say: Part): void {
  const { world, alice, bob } = part;
  const seen = alice.channels()[say.channel ?? 0];
  if (seen === undefined) throw new Error('no channel');
  const cltvExpiry = height(say.cltv ?? world.height + 43);
  const payload = encodePayload({
    amtToForward: msat(say.told?.amount ?? say.amount),
    outgoingCltvValue: height(say.told?.cltv ?? cltvExpiry),
    ...(say.secret == null ? {} : { paymentData: { paymentSecret: say.secret, totalMsat: msat(say.total ?? say.amount) } }),
    ...(say.keysend === undefined ? {} : { keysendPreimage: say.keysend }),
  });
  const onion = buildOnion({
    sessionKey: sha256(utf8(`session ${sessions++}`)),
    hops: [{ nodeId: bob.nodeId, payload }],
    associatedData: hash,
  });
  if (!onion.ok) throw new Error('no onion');
  const draft = newDraft(alice.state, alice.fullEnv());
  const added = feed(draft, seen.channelId, {
    ...{ kind: 'add_htlc', id: -1 as never, amountMsat: msat(say.amount), paymentHash: hash, cltvExpiry },
    ...{ onion: onion.value.packet, pathKey: null, origin: { kind: 'payment', paymentHash: hash, part: 0 } },
  });
  if (added?.ok !== true) throw new Error(added?.failure.message ?? 'not added');
  alice.state = draft.state;
  for (const effect of draft.effects) world.act(alice, effect);
  // The step that signs what was added.
  alice.step({ kind: 'tick' });
  world.settle();
}

const preimageOf = (tag: string): Preimage => sha256(utf8(tag)) as Preimage;
const hashOf = (preimage: Preimage): PaymentHash => sha256(preimage) as PaymentHash;
const offered = (node: TestNode): number => node.channels().reduce((sum, seen) => sum + seen.htlcs.length, 0);
const balance = (node: TestNode): bigint => node.channels().reduce((sum, seen) => sum + seen.localMsat, 0n);
const stateOf = (node: TestNode, { paymentHash }: Invoice) => node.state.invoices.get(paymentHash)?.state ?? node.invoiceRow(paymentHash);

test('an invoice is settled by one HTLC and takes no second one', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob);
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 100_000n, secret });
  expect(stateOf(at.bob, invoice)).toBe('settled');
  expect(balance(at.bob)).toBe(100_000n);
  send(at, invoice.paymentHash, { amount: 100_000n, secret });
  expect(balance(at.bob)).toBe(100_000n);
  expect(offered(at.alice)).toBe(0);
});

test('each rule of the last node refuses the HTLC and leaves the invoice open', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob);
  const secret = invoice.paymentSecret;
  const expiry = at.world.height + 43;
  const wrong: { readonly [what: string]: Part } = {
    'another secret': { amount: 100_000n, secret: new Uint8Array(32) },
    'no secret': { amount: 100_000n, secret: null },
    'less than the invoice': { amount: 99_999n, secret },
    'more than twice': { amount: 200_001n, secret },
    'a total below the invoice': { amount: 50_000n, total: 50_000n, secret },
    'less than the onion says': { amount: 100_000n, secret, told: { amount: 100_001n } },
    'sooner than the onion says': { amount: 100_000n, secret, told: { cltv: expiry + 1 } },
    'too soon': { amount: 100_000n, secret, cltv: at.world.height + 39 },
    'a keysend for an invoice of another preimage': { amount: 100_000n, secret: null, keysend: preimageOf('other') },
  };
  for (const [what, part] of Object.entries(wrong)) {
    send(at, invoice.paymentHash, part);
    expect([what, balance(at.bob), offered(at.alice), stateOf(at.bob, invoice)]).toEqual([what, 0n, 0, 'open']);
  }
  send(at, invoice.paymentHash, { amount: 200_000n, secret });
  expect(stateOf(at.bob, invoice)).toBe('settled');
});

test('parts are held until the set is complete, one with another total is refused, and all are settled together', () => {
  const at = scene(2);
  const invoice = at.world.invoice(at.bob);
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 60_000n, total: 100_000n, secret });
  expect([offered(at.alice), balance(at.bob)]).toEqual([1, 0n]);
  send(at, invoice.paymentHash, { amount: 40_000n, total: 100_001n, secret, channel: 1 });
  expect([offered(at.alice), balance(at.bob)]).toEqual([1, 0n]);
  send(at, invoice.paymentHash, { amount: 39_999n, total: 100_000n, secret, channel: 1 });
  expect(stateOf(at.bob, invoice)).toBe('open');
  send(at, invoice.paymentHash, { amount: 1n, total: 100_000n, secret, channel: 1 });
  expect([offered(at.alice), balance(at.bob), stateOf(at.bob, invoice)]).toEqual([0, 100_000n, 'settled']);
});

test('an incomplete set is given back after a minute, and the invoice can be paid afterwards', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob);
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 60_000n, total: 100_000n, secret });
  at.world.tick(59);
  expect(offered(at.alice)).toBe(1);
  at.world.tick(1);
  expect([offered(at.alice), stateOf(at.bob, invoice)]).toEqual([0, 'open']);
  send(at, invoice.paymentHash, { amount: 100_000n, secret });
  expect(stateOf(at.bob, invoice)).toBe('settled');
});

test('an incomplete set whose first part has no longer the least delta is given back: its preimage would come too late', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob, { minFinalCltvExpiryDelta: blocks(18) });
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 60_000n, total: 100_000n, secret, cltv: at.world.height + 18 });
  expect(offered(at.alice)).toBe(1);
  at.world.mine();
  expect([offered(at.alice), stateOf(at.bob, invoice)]).toEqual([0, 'open']);
});

test('an expired invoice takes nothing', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob, { expirySeconds: 10 });
  at.world.now += 10;
  send(at, invoice.paymentHash, { amount: 100_000n, secret: invoice.paymentSecret });
  expect([balance(at.bob), offered(at.alice)]).toEqual([0n, 0]);
  at.world.tick();
  expect(stateOf(at.bob, invoice)).toBe('expired');
});

test('a hold invoice waits for its preimage, and is settled with it', () => {
  const at = scene();
  const preimage = preimageOf('held');
  const invoice = at.world.invoice(at.bob, { holdHash: hashOf(preimage) });
  expect(at.bob.command({ kind: 'settle_invoice', preimage })).toMatchObject({ ok: false, failure: { code: 'POLICY' } });
  send(at, invoice.paymentHash, { amount: 100_000n, secret: invoice.paymentSecret });
  expect([stateOf(at.bob, invoice), offered(at.alice), balance(at.bob)]).toEqual(['accepted', 1, 0n]);
  expect(at.bob.command({ kind: 'settle_invoice', preimage: preimageOf('other') })).toMatchObject({ ok: false });
  expect(at.bob.command({ kind: 'settle_invoice', preimage })).toMatchObject({ ok: true });
  at.world.settle();
  expect([stateOf(at.bob, invoice), offered(at.alice), balance(at.bob)]).toEqual(['settled', 0, 100_000n]);
});

test('what is held is given back so early that one settled a block before is still gone in time without a force close', () => {
  for (const settles of [true, false]) {
    const at = scene();
    const preimage = preimageOf('held');
    const invoice = at.world.invoice(at.bob, { holdHash: hashOf(preimage) });
    send(at, invoice.paymentHash, { amount: 100_000n, secret: invoice.paymentSecret, cltv: at.world.height + 43 });
    at.world.mine(21);
    expect(stateOf(at.bob, invoice)).toBe('accepted');
    if (settles) {
      // The peer does not answer for two blocks: nothing is at stake yet.
      at.world.hold = () => true;
      at.bob.command({ kind: 'settle_invoice', preimage });
      at.world.mine(2);
      at.world.hold = null;
      at.world.settle();
      expect([at.bob.channels()[0]?.closing ?? null, balance(at.bob)]).toEqual([null, 100_000n]);
    } else {
      at.world.mine(1);
      expect([stateOf(at.bob, invoice), offered(at.alice), balance(at.bob)]).toEqual(['cancelled', 0, 0n]);
    }
  }
});

test('a settled HTLC that the peer does not take off is claimed on chain before its expiry', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob);
  at.world.hold = (from, message) => from === at.bob && message.name === 'update_fulfill_htlc';
  send(at, invoice.paymentHash, { amount: 100_000n, secret: invoice.paymentSecret, cltv: at.world.height + 43 });
  at.world.hold = () => true;
  at.world.mine(24);
  expect(at.bob.channels()[0]?.closing ?? null).toBe(null);
  at.world.mine(1);
  expect(at.bob.channels()[0]?.closing?.how).toBe('local_force');
});

test('a part whose channel goes to the chain counts no more, so that the rest does not buy the preimage', () => {
  const at = scene(2);
  const invoice = at.world.invoice(at.bob);
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 90_000n, total: 100_000n, secret });
  at.alice.command({ kind: 'force_close_channel', channelId: at.ids[0] as never });
  at.world.hold = (_, message) => message.name === 'error';
  at.world.mine(1);
  expect(at.bob.channels().find((seen) => seen.closing !== null)?.closing?.how).toBe('remote_force');
  send(at, invoice.paymentHash, { amount: 10_000n, total: 100_000n, secret, channel: 1 });
  expect([stateOf(at.bob, invoice), at.bob.sent('update_fulfill_htlc').length]).toEqual(['open', 0]);
});

test('a complete hold set that loses a part is given back as a whole', () => {
  const at = scene(2);
  const preimage = preimageOf('held');
  const invoice = at.world.invoice(at.bob, { holdHash: hashOf(preimage) });
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 90_000n, total: 100_000n, secret });
  send(at, invoice.paymentHash, { amount: 10_000n, total: 100_000n, secret, channel: 1 });
  expect(stateOf(at.bob, invoice)).toBe('accepted');
  at.bob.command({ kind: 'force_close_channel', channelId: at.ids[0] as never });
  at.world.settle();
  expect(stateOf(at.bob, invoice)).toBe('cancelled');
  expect(at.bob.command({ kind: 'settle_invoice', preimage })).toMatchObject({ ok: false });
  expect(at.alice.channels().find((seen) => seen.closing === null)?.htlcs).toEqual([]);
});

test('a spontaneous payment is taken whole, never in parts, and with the least delta', () => {
  const at = scene();
  const keysend = preimageOf('gift');
  const hash = hashOf(keysend);
  send(at, hash, { amount: 50_000n, total: 100_000n, secret: new Uint8Array(32).fill(1), keysend });
  expect([offered(at.alice), at.bob.invoiceRow(hash)]).toEqual([0, null]);
  send(at, hash, { amount: 50_000n, keysend, cltv: at.world.height + 17 });
  expect([offered(at.alice), at.bob.invoiceRow(hash)]).toEqual([0, null]);
  send(at, hash, { amount: 50_000n, keysend: preimageOf('another gift') });
  expect([offered(at.alice), at.bob.invoiceRow(hash)]).toEqual([0, null]);
  send(at, hash, { amount: 50_000n, keysend, cltv: at.world.height + 18 });
  expect([offered(at.alice), at.bob.invoiceRow(hash), balance(at.bob)]).toEqual([0, 'settled', 50_000n]);
});

test('an invoice that has ended is neither paid by its preimage once more nor made again', () => {
  const at = scene();
  const preimage = preimageOf('sold');
  const invoice = at.world.invoice(at.bob, { preimage });
  at.bob.env = { hasInvoice: (hash) => at.bob.invoiceRow(hash) !== null };
  send(at, invoice.paymentHash, { amount: 100_000n, secret: invoice.paymentSecret });
  expect(stateOf(at.bob, invoice)).toBe('settled');
  send(at, invoice.paymentHash, { amount: 1_000n, keysend: preimage });
  expect(balance(at.bob)).toBe(100_000n);
  expect(() => at.world.invoice(at.bob, { preimage })).toThrow('no invoice');
});

test('an invoice asks for a delta within which it can be claimed, a hold invoice for more', () => {
  const { world, bob } = scene();
  const make = (delta: number, holdHash: PaymentHash | null = null): boolean => {
    try {
      world.invoice(bob, { minFinalCltvExpiryDelta: blocks(delta), holdHash });
      return true;
    } catch {
      return false;
    }
  };
  const hash = hashOf(preimageOf('held'));
  expect([make(17), make(18), make(1440), make(1441), make(29, hash), make(30, hash)]).toEqual([false, true, true, false, false, true]);
});

test('a cancelled invoice gives its parts back, and a set that ended takes no late part', () => {
  const at = scene();
  const invoice = at.world.invoice(at.bob);
  const secret = invoice.paymentSecret;
  send(at, invoice.paymentHash, { amount: 60_000n, total: 100_000n, secret });
  expect(at.bob.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash })).toMatchObject({ ok: true });
  at.world.settle();
  expect([offered(at.alice), stateOf(at.bob, invoice)]).toEqual([0, 'cancelled']);
  send(at, invoice.paymentHash, { amount: 100_000n, secret });
  expect([offered(at.alice), balance(at.bob)]).toEqual([0, 0n as Msat]);
});
