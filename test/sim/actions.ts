import { toHex } from '../../src/base/bytes.ts';
import type { NodeId, PaymentHash, Preimage } from '../../src/base/ids.ts';
import { blocks, feeratePerKw, type Msat, msat, sat, unixTime } from '../../src/base/units.ts';
import type { ChannelView } from '../../src/bolt/channel/types.ts';
import { view } from '../../src/bolt/channel/view.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import type { Invoice, PayCommand } from '../../src/node/types.ts';
import { peekChange } from '../../src/node/wallet/wallet.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

/** An invoice that somebody may pay. */
export interface Offer {
  readonly payee: SimNode;
  readonly invoice: Invoice;
  /** Of a hold invoice: known to the merchant, not to the payee's node. */
  readonly held: Preimage | null;
}

/** What users of the nodes do, at random. */
export class Users {
  readonly #world: World;
  /** Pairs of nodes that may have channels. */
  readonly pairs: readonly (readonly [SimNode, SimNode])[];
  readonly offers: Offer[] = [];

  constructor(world: World, pairs: readonly (readonly [SimNode, SimNode])[]) {
    this.#world = world;
    this.pairs = pairs;
  }

  /** Every user wants to be connected; trust for zero-conf is at random. */
  begin(): void {
    const { rng } = this.#world;
    for (const [a, b] of this.pairs) {
      if (rng.chance(0.4)) {
        a.command({ kind: 'trust_peer', peer: b.nodeId, trusted: true });
        b.command({ kind: 'trust_peer', peer: a.nodeId, trusted: true });
      }
      a.command({ kind: 'connect_peer', peer: b.nodeId, address: b.address });
      if (rng.chance(0.3)) b.command({ kind: 'connect_peer', peer: a.nodeId, address: a.address });
    }
  }

  act(): void {
    const { rng } = this.#world;
    const pair = rng.pick(this.pairs);
    const live = this.#channelsOf(pair);
    if (live.length === 0 || (live.length < 3 && rng.chance(0.06))) {
      this.open(pair);
      return;
    }
    const what = rng.weighted({
      invoice: 4,
      pay: 8,
      keysend: 2,
      settle: 2,
      cancel: 0.6,
      fee: 0.7,
      close: 0.5,
      force: 0.35,
      policy: 0.3,
      disconnect: 0.3,
      coins: 0.4,
    });
    this.#world.count(`action ${what}`);
    const acts: Readonly<Record<typeof what, () => void>> = {
      invoice: () => this.#invoice(),
      pay: () => this.#pay(),
      keysend: () => this.#keysend(),
      settle: () => this.settleHeld(),
      cancel: () => this.#cancel(),
      fee: () => this.#fee(pair),
      close: () => this.#close(pair),
      force: () => this.#force(pair),
      policy: () => this.#policy(pair),
      disconnect: () => this.#disconnect(pair),
      coins: () => this.#coins(),
    };
    acts[what]();
  }

  #channelsOf([a, b]: readonly [SimNode, SimNode]): readonly ChannelView[] {
    if (!a.isUp) return [];
    const ended = ['closing', 'force_closing', 'closed', 'data_loss'];
    return [...a.live.channels.values()].map(view).filter((seen) => this.#world.nodeOf(seen.peer) === b && !ended.includes(seen.phase));
  }

  open([x, y]: readonly [SimNode, SimNode]): void {
    const { rng } = this.#world;
    const [funder, fundee] = rng.chance(0.7) ? [x, y] : [y, x];
    if (!funder.isUp) return;
    const capacity = rng.chance(0.05) ? 20_000_000 + rng.below(10_000_000) : 60_000 + rng.below(1_500_000);
    const isPublic = rng.chance(0.5);
    const zeroConf = !isPublic && funder.live.peers.get(fundee.nodeId)?.trustedForZeroConf === true && rng.chance(0.7);
    this.#world.count(zeroConf ? 'open zero-conf' : isPublic ? 'open public' : 'open private');
    funder.command({
      kind: 'open_channel',
      peer: fundee.nodeId,
      capacity: sat(capacity),
      pushMsat: rng.chance(0.6) ? msat(Math.floor(capacity * 1000 * 0.4 * (rng.below(1000) / 1000))) : msat(0),
      isPublic,
      zeroConf,
      feerate: null,
      closeTo: null,
    });
  }

  #amount(): Msat {
    const { rng } = this.#world;
    // Dust, small, and such as need several parts.
    return msat(
      rng.weighted({ dust: 2, small: 5, large: 3 }) === 'dust'
        ? 1 + rng.below(400_000)
        : rng.chance(0.6)
          ? rng.between(400_000, 30_000_000)
          : rng.between(30_000_000, 900_000_000),
    );
  }

  #invoice(): void {
    const { rng, up } = this.#world;
    if (up.length === 0) return;
    const payee = rng.pick(up);
    const held = rng.chance(0.3) ? (rng.bytes(32) as Preimage) : null;
    payee.command(
      {
        kind: 'create_invoice',
        amountMsat: this.#amount(),
        description: 'simulated',
        expirySeconds: rng.chance(0.1) ? rng.between(20, 200) : 3600,
        minFinalCltvExpiryDelta: blocks(60),
        privateHints: rng.chance(0.5),
        holdHash: held === null ? null : (sha256(held) as PaymentHash),
        preimage: null,
      },
      (reply) => {
        if (!reply.ok || reply.value.kind !== 'invoice') return;
        const { invoice } = reply.value;
        this.offers.push({ payee, invoice, held });
        this.#world.monitor.owed.set(toHex(invoice.paymentHash), { payee, amountMsat: invoice.amountMsat as bigint });
        if (rng.chance(0.7)) this.#pay(this.offers.at(-1) ?? null);
      },
    );
  }

  #pay(offer: Offer | null = this.#someOffer()): void {
    const { rng, monitor } = this.#world;
    if (offer === null) return;
    const payers = this.#payersOf(offer);
    if (payers.length === 0) return;
    const payer = rng.pick(payers);
    const { invoice, payee } = offer;
    // A new round of a payment that failed.
    monitor.payments.delete(`${payer.name} ${toHex(invoice.paymentHash)}`);
    payer.command(
      payCommand({
        paymentHash: invoice.paymentHash,
        destination: payee.nodeId,
        amountMsat: invoice.amountMsat as Msat,
        paymentSecret: invoice.paymentSecret,
        keysendPreimage: null,
        finalCltvDelta: invoice.minFinalCltvExpiryDelta,
        maxParts: rng.pick([1, 4, 8]),
        bolt11: invoice.bolt11,
        retryUntil: this.#world.now + rng.between(10, 120),
      }),
      (reply) => {
        if (reply.ok) this.#world.count('payment begun');
      },
    );
  }

  /** Now and then one that is paid already: a careless second payer must get its money back. */
  #someOffer(): Offer | null {
    const { rng, monitor } = this.#world;
    const paid = this.offers.filter(({ payee, invoice }) => payee.store.row('invoice', invoice.paymentHash)?.state === 'settled');
    const again = paid.filter((offer) => this.#payersOf(offer).length > 0 && monitor.owed.has(toHex(offer.invoice.paymentHash)));
    if (again.length > 0 && rng.chance(0.3)) return rng.pick(again);
    return this.offers.length === 0 ? null : rng.pick(this.offers);
  }

  /** A payment hash is paid once by one node: what is settled or under way is only looked at. */
  #payersOf({ payee, invoice }: Offer): readonly SimNode[] {
    const { monitor, up } = this.#world;
    return up.filter((node) => {
      const before = monitor.payments.get(`${node.name} ${toHex(invoice.paymentHash)}`);
      return node !== payee && (before === undefined || before.status === 'failed');
    });
  }

  #keysend(): void {
    const { rng, up, monitor } = this.#world;
    if (up.length < 2) return;
    const payer = rng.pick(up);
    const payee = rng.pick(up.filter((node) => node !== payer));
    const preimage = rng.bytes(32) as Preimage;
    const paymentHash = sha256(preimage) as PaymentHash;
    const amountMsat = this.#amount();
    monitor.owed.set(toHex(paymentHash), { payee, amountMsat });
    payer.command(
      payCommand({
        paymentHash,
        destination: payee.nodeId,
        amountMsat,
        paymentSecret: null,
        keysendPreimage: preimage,
        finalCltvDelta: blocks(60),
        maxParts: 1,
        bolt11: null,
        retryUntil: this.#world.now + 60,
      }),
    );
  }

  /** The merchant gives the preimage of an invoice whose payment is held, or thinks better of it. */
  settleHeld(): void {
    const { rng } = this.#world;
    for (const { payee, invoice, held } of this.offers) {
      if (held === null || !payee.isUp || payee.live.invoices.get(invoice.paymentHash)?.state !== 'accepted') continue;
      this.#world.count('hold invoice decided');
      if (rng.chance(0.7)) payee.command({ kind: 'settle_invoice', preimage: held });
      else payee.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash });
    }
  }

  #cancel(): void {
    const { rng } = this.#world;
    if (this.offers.length === 0) return;
    const { payee, invoice } = rng.pick(this.offers);
    if (payee.isUp) payee.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash });
  }

  #fee(pair: readonly [SimNode, SimNode]): void {
    const { rng } = this.#world;
    if (rng.chance(0.5)) {
      this.#world.feerate = rng.between(300, 8_000);
      return;
    }
    for (const seen of this.#channelsOf(pair)) {
      const funder = seen.isFunder ? pair[0] : pair[1];
      if (funder.isUp) funder.command({ kind: 'update_fee', channelId: seen.channelId, feerate: feeratePerKw(rng.between(300, 6_000)) });
    }
  }

  #close(pair: readonly [SimNode, SimNode]): void {
    const { rng } = this.#world;
    const seen = rng.pick(this.#channelsOf(pair));
    const closer = rng.pick(pair);
    if (!closer.isUp) return;
    const feerate = rng.chance(0.5) ? null : feeratePerKw(rng.between(400, 5_000));
    closer.command({ kind: 'close_channel', channelId: seen.channelId, script: null, feerate });
  }

  /** Force closes are for channels without HTLCs: claiming those on chain is not yet part of the node. */
  #force(pair: readonly [SimNode, SimNode]): void {
    const { rng } = this.#world;
    for (const { channelId } of this.#channelsOf(pair)) {
      const closer = rng.pick(pair);
      if (!closer.isUp || !this.#isEmpty(pair, channelId)) continue;
      this.#world.monitor.mayForceClose.add(toHex(channelId));
      this.#world.count('force close asked');
      closer.command({ kind: 'force_close_channel', channelId });
      return;
    }
  }

  /** Neither side has an HTLC in the channel, and none is on its way. */
  #isEmpty([a, b]: readonly [SimNode, SimNode], channelId: ChannelView['channelId']): boolean {
    const empty = (node: SimNode): boolean => {
      const channel = node.isUp ? node.live.channels.get(channelId) : undefined;
      return channel !== undefined && view(channel).htlcs.length === 0 && node.inbox.length === 0;
    };
    return empty(a) && empty(b) && this.#world.network.isQuiet(a, b);
  }

  #policy(pair: readonly [SimNode, SimNode]): void {
    const { rng } = this.#world;
    const seen = rng.pick(this.#channelsOf(pair));
    const node = rng.pick(pair);
    const policy = { feeBaseMsat: msat(rng.below(3000)), feeProportionalMillionths: rng.below(500) };
    if (node.isUp) node.command({ kind: 'set_policy', channelId: seen.channelId, policy });
  }

  #disconnect(pair: readonly [SimNode, SimNode]): void {
    const [a, b] = pair;
    if (a.isUp) a.command({ kind: 'disconnect_peer', peer: b.nodeId });
  }

  /** A payment on the chain from one wallet to another. */
  #coins(): void {
    const { rng, up } = this.#world;
    if (up.length < 2) return;
    const from = rng.pick(up);
    const to = rng.pick(up.filter((node) => node !== from));
    const { script } = peekChange(to.live.wallet, to.identity.walletKeys, 'p2wpkh');
    from.command({ kind: 'send_coins', outputs: [{ script, amount: sat(rng.between(10_000, 5_000_000)) }], feerate: null, dryRun: false });
  }
}

function payCommand(part: {
  readonly paymentHash: PaymentHash;
  readonly destination: NodeId;
  readonly amountMsat: Msat;
  readonly paymentSecret: Uint8Array | null;
  readonly keysendPreimage: Preimage | null;
  readonly finalCltvDelta: Invoice['minFinalCltvExpiryDelta'];
  readonly maxParts: number;
  readonly bolt11: string | null;
  readonly retryUntil: number;
}): PayCommand {
  const { retryUntil, ...given } = part;
  return {
    kind: 'pay',
    payment: {
      ...given,
      maxFeeMsat: msat(part.amountMsat / 20n + 20_000n),
      paymentMetadata: null,
      key: null,
      hints: [],
      outgoing: [],
      excludedNodes: [],
      excludedChannels: [],
      multipart: part.keysendPreimage === null,
      retryUntil: unixTime(retryUntil),
    },
  };
}
