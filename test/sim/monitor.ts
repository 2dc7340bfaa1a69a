import { type Bytes, equal, toHex } from '../../src/base/bytes.ts';
import type { ChannelId, NodeId, PaymentHash, TxId } from '../../src/base/ids.ts';
import { type Tx, txId } from '../../src/bitcoin/tx.ts';
import type { Channel, HtlcOrigin } from '../../src/bolt/channel/types.ts';
import { view } from '../../src/bolt/channel/view.ts';
import type { Message, MessageNamed } from '../../src/bolt/wire/message.ts';
import { printable } from '../../src/bolt/wire/setup.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import type { Batch, Row } from '../../src/node/batch.ts';
import { decodeInvoiceRecord, decodePayment, prune } from '../../src/node/persist.ts';
import type { NodeState, Payment } from '../../src/node/types.ts';
import { durableDifference } from './compare.ts';
import { type SimNode, short } from './node.ts';

/** Something that must never be. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function demand(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Violation(what());
}

/** An HTLC as it was seen on the wire. */
export interface Tracked {
  readonly key: string;
  readonly channelId: ChannelId;
  readonly offerer: SimNode;
  readonly receiver: SimNode;
  readonly id: bigint;
  readonly hash: PaymentHash;
  readonly amountMsat: bigint;
  readonly origin: HtlcOrigin;
  outcome: 'fulfilled' | 'failed' | null;
}

/** So many commits apart are memory and store compared whole; each death compares them as well. */
const COMPARE_EVERY = 40;
/** Of so many commits the channels are kept as old states. */
const OLD_EVERY = 4;

/** Watches what nodes commit, send and publish, and remembers what later must agree with it. */
export class Monitor {
  readonly htlcs = new Map<string, Tracked>();
  /** Last status of each payment that was committed, by payer and hash. */
  readonly payments = new Map<string, Payment>();
  /** What each invoice asks, by hash. */
  readonly owed = new Map<string, { readonly payee: SimNode; readonly amountMsat: bigint }>();
  readonly phases = new Map<string, number>();
  /** Channels that were funded, as their funder stored them. */
  readonly funded = new Map<
    string,
    { readonly funder: SimNode; readonly fundee: SimNode; readonly pushMsat: bigint; readonly fundingTxid: TxId }
  >();
  /** Earlier states of channels without HTLCs: what an old backup would hold. */
  readonly old: { readonly node: SimNode; readonly row: Row & { readonly table: 'channel' }; readonly number: bigint }[] = [];
  /** Channels that may be closed by one side alone. */
  readonly mayForceClose = new Set<string>();
  /** Payments from one wallet to another, by transaction. */
  readonly spends = new Map<string, { readonly node: SimNode; readonly tx: Tx }>();
  readonly #nodeOf: (id: NodeId) => SimNode;
  readonly #count: (what: string) => void;
  readonly #commitments = new Map<string, { readonly node: SimNode; readonly channel: string; readonly number: bigint }>();
  readonly #revokedBelow = new Map<string, bigint>();
  readonly #published = new Map<string, Set<string>>();
  #commits = 0;

  constructor(nodeOf: (id: NodeId) => SimNode, count: (what: string) => void) {
    this.#nodeOf = nodeOf;
    this.#count = count;
  }

  /** What a node has stored when the simulation begins. */
  begins(node: SimNode): void {
    for (const channel of node.live.channels.values()) this.#channelCommitted(node, channel);
  }

  // --- what is committed

  committed(node: SimNode, before: NodeState, after: NodeState, batch: Batch): void {
    for (const [, channel] of after.channels.changesSince(before.channels))
      if (channel !== undefined) this.#channelCommitted(node, channel);
    for (const row of batch.rows) {
      if (row.table === 'channel' && this.#commits % OLD_EVERY === 0) this.#keepOld(node, row, after);
      if (row.table === 'payment') this.#paymentCommitted(node, decodePayment(row.blob));
      if (row.table === 'invoice') decodeInvoiceRecord(row.blob);
    }
    if (++this.#commits % COMPARE_EVERY === 0) this.compareStored(node, after);
  }

  #keepOld(node: SimNode, row: Row & { readonly table: 'channel' }, state: NodeState): void {
    const channel = state.channels.get(row.key);
    const phase = channel?.durable.phase;
    if (channel === undefined || phase?.kind !== 'active' || view(channel).phase !== 'normal' || phase.commitments.htlcs.length > 0) return;
    this.old.push({ node, row, number: phase.commitments.local.number });
  }

  compareStored(node: SimNode, state: NodeState): void {
    if (!node.isComparable) return;
    const found = durableDifference(prune(state), node.stored());
    demand(found === null, () => `${node.name}: memory is not what is stored at ${found}`);
  }

  #channelCommitted(node: SimNode, channel: Channel): void {
    const seen = view(channel);
    this.phases.set(seen.phase, (this.phases.get(seen.phase) ?? 0) + 1);
    const id = toHex(seen.channelId);
    demand(seen.phase !== 'frozen', () => `${node.name}: channel ${id} is frozen: ${channel.durable.frozen}`);
    const { phase, params } = channel.durable;
    if (phase.kind !== 'active' && phase.kind !== 'closing') return;
    const { settled, local } = phase.commitments;
    if (params.isFunder && params.fundingOutpoint !== null && !this.funded.has(id))
      this.funded.set(id, {
        funder: node,
        fundee: this.#nodeOf(params.peer),
        pushMsat: params.pushMsat,
        fundingTxid: params.fundingOutpoint.txid,
      });
    demand(
      settled.localMsat >= 0n && settled.remoteMsat >= 0n && settled.localMsat + settled.remoteMsat === params.capacity * 1000n,
      () => `${node.name}: ${settled.localMsat} and ${settled.remoteMsat} msat in a channel of ${params.capacity} sat`,
    );
    this.#commitments.set(`${node.name} ${toHex(local.txid)}`, { node, channel: id, number: local.number });
    if (phase.kind === 'closing' && (phase.how === 'local_force' || phase.how === 'data_loss' || phase.how === 'revoked'))
      demand(
        this.mayForceClose.has(id) || this.isAbandoned(channel),
        () => `${node.name}: channel ${short(seen.channelId)} closes (${phase.how}): ${phase.why}`,
      );
  }

  /** The funder died before it stored the channel: its funding transaction was never published, and never will be. */
  isAbandoned(channel: Channel): boolean {
    const { params } = channel.durable;
    return !params.isFunder && this.#nodeOf(params.peer).store.row('channel', params.channelId) === undefined;
  }

  #paymentCommitted(node: SimNode, payment: Payment): void {
    const key = `${node.name} ${toHex(payment.paymentHash)}`;
    const before = this.payments.get(key);
    this.payments.set(key, payment);
    const text = `${node.name}: payment ${short(payment.paymentHash)}`;
    demand(before?.status !== 'settled' || payment.status === 'settled', () => `${text} was settled and is ${payment.status}`);
    demand(before?.status !== 'failed' || payment.status !== 'settled', () => `${text} failed and is settled`);
    if (payment.status !== 'settled') return;
    const { preimage } = payment;
    demand(preimage !== null && equal(sha256(preimage), payment.paymentHash), () => `${text} is settled without its preimage`);
    const payee = this.owed.get(toHex(payment.paymentHash))?.payee;
    if (payee !== undefined) demand(this.#isSettledBy(payee, payment.paymentHash), () => `${text} is settled, the payee's invoice is not`);
  }

  #isSettledBy(payee: SimNode, hash: PaymentHash): boolean {
    const row = payee.store.row('invoice', hash);
    return row !== undefined && row.state === 'settled';
  }

  // --- what is sent

  sent(node: SimNode, peer: SimNode, message: Message): void {
    switch (message.name) {
      case 'update_add_htlc':
        this.#added(node, peer, message);
        return;
      case 'update_fulfill_htlc':
        this.#fulfilled(node, peer, message);
        return;
      case 'update_fail_htlc':
      case 'update_fail_malformed_htlc':
        this.#failed(node, peer, message);
        return;
      case 'revoke_and_ack':
        this.#revoked(node, message.channelId);
        return;
      case 'error':
      case 'warning':
        this.#complained(node, message);
        return;
      default:
        return;
    }
  }

  #added(node: SimNode, peer: SimNode, message: MessageNamed<'update_add_htlc'>): void {
    const key = htlcKey(message.channelId, node, message.id);
    const known = this.htlcs.get(key);
    if (known !== undefined) {
      const same = equal(known.hash, message.paymentHash) && known.amountMsat === message.amountMsat && known.outcome === null;
      demand(same, () => `${node.name} adds HTLC ${key} again, otherwise or after its end`);
      return;
    }
    const phase = node.live.channels.get(message.channelId)?.durable.phase;
    const entry =
      phase?.kind === 'active' || phase?.kind === 'closing'
        ? phase.commitments.htlcs.find((each) => each.direction === 'offered' && each.htlc.id === message.id)
        : undefined;
    if (entry?.origin?.kind === 'forward') this.#count('forward');
    else if (
      [...this.htlcs.values()].some((each) => each.offerer === node && each.outcome === null && equal(each.hash, message.paymentHash))
    )
      this.#count('payment in parts');
    demand(entry?.origin != null, () => `${node.name} sends HTLC ${key} that its channel does not hold`);
    this.htlcs.set(key, {
      key,
      channelId: message.channelId,
      offerer: node,
      receiver: peer,
      id: message.id,
      hash: message.paymentHash,
      amountMsat: message.amountMsat,
      origin: entry.origin,
      outcome: null,
    });
  }

  #fulfilled(node: SimNode, peer: SimNode, message: MessageNamed<'update_fulfill_htlc'>): void {
    const htlc = this.#ended(node, peer, message, 'fulfilled');
    const text = `${node.name} fulfils HTLC ${htlc.key}`;
    demand(equal(sha256(message.paymentPreimage), htlc.hash), () => `${text} with a wrong preimage`);
    const onward = this.#onward(htlc);
    if (onward.length > 0) {
      demand(
        onward.some((each) => each.outcome === 'fulfilled'),
        () => `${text} before its onward HTLC was fulfilled`,
      );
      return;
    }
    demand(this.#isSettledBy(node, htlc.hash), () => `${text} and has no settled invoice in its store`);
    const { amountMsat } = this.owed.get(toHex(htlc.hash)) ?? { amountMsat: null };
    if (amountMsat === null) return;
    // Two payers may each have sent parts: what is taken stays below twice the amount (BOLT 4).
    const taken = [...this.htlcs.values()].filter(
      (each) => each.receiver === node && each.outcome === 'fulfilled' && equal(each.hash, htlc.hash),
    );
    const sum = taken.filter((each) => this.#onward(each).length === 0).reduce((total, each) => total + each.amountMsat, 0n);
    demand(sum < 2n * amountMsat, () => `${node.name} took ${sum} msat for an invoice of ${amountMsat}`);
  }

  #failed(node: SimNode, peer: SimNode, message: MessageNamed<'update_fail_htlc' | 'update_fail_malformed_htlc'>): void {
    const htlc = this.#ended(node, peer, message, 'failed');
    for (const each of this.#onward(htlc)) {
      const onChain = view(node.live.channels.get(each.channelId) ?? panic('the onward channel is gone')).closing !== null;
      const isSafe = each.outcome === 'failed' || (each.outcome === null && onChain);
      demand(isSafe, () => `${node.name} fails HTLC ${htlc.key} although its onward HTLC ${each.key} may be claimed (${each.outcome})`);
    }
  }

  #ended(
    node: SimNode,
    peer: SimNode,
    message: { readonly name: string; readonly channelId: ChannelId; readonly id: bigint },
    outcome: 'fulfilled' | 'failed',
  ): Tracked {
    const key = htlcKey(message.channelId, peer, message.id);
    const htlc = this.htlcs.get(key);
    demand(htlc !== undefined, () => `${node.name} sends ${message.name} for HTLC ${key} that was never sent`);
    demand(
      htlc.outcome === null || htlc.outcome === outcome,
      () => `${node.name} sends ${message.name} for HTLC ${key}, which it ${htlc.outcome}`,
    );
    htlc.outcome = outcome;
    return htlc;
  }

  /** The HTLCs that the receiver of one sent on for it. */
  #onward(htlc: Tracked): readonly Tracked[] {
    const found: Tracked[] = [];
    for (const each of this.htlcs.values()) {
      const { origin } = each;
      if (each.offerer !== htlc.receiver || origin.kind !== 'forward') continue;
      if (origin.htlcId === htlc.id && equal(origin.channelId, htlc.channelId)) found.push(each);
    }
    return found;
  }

  #revoked(node: SimNode, channelId: ChannelId): void {
    const phase = node.live.channels.get(channelId)?.durable.phase;
    if (phase?.kind !== 'active' && phase?.kind !== 'closing') return;
    const id = `${node.name} ${toHex(channelId)}`;
    const { number } = phase.commitments.local;
    this.#revokedBelow.set(id, number);
    for (const txid of this.#published.get(id) ?? []) {
      const known = this.#commitments.get(`${node.name} ${txid}`);
      demand(known === undefined || known.number >= number, () => `${node.name} revokes a commitment that it published`);
    }
  }

  #complained(node: SimNode, message: MessageNamed<'error' | 'warning'>): void {
    const channel = node.state?.channels.get(message.channelId);
    // What is unknown, closing or not yet open is no breach of anybody.
    const phase = channel === undefined ? null : view(channel).phase;
    const isExpected = phase === null || phase === 'opening' || phase === 'closing' || phase === 'force_closing' || phase === 'data_loss';
    const allowed = isExpected || phase === 'closed' || this.mayForceClose.has(toHex(message.channelId));
    demand(allowed, () => `${node.name} sends ${message.name} in ${phase}: ${printable(message.data)}`);
  }

  // --- what is published

  published(node: SimNode, tx: Tx, label: string): void {
    const txid = toHex(txId(tx));
    if (label === 'spend') this.spends.set(txid, { node, tx });
    const known = this.#commitments.get(`${node.name} ${txid}`);
    if (known === undefined) return;
    const id = `${node.name} ${known.channel}`;
    this.#published.set(id, (this.#published.get(id) ?? new Set()).add(txid));
    demand(known.number >= (this.#revokedBelow.get(id) ?? 0n), () => `${node.name} publishes its revoked commitment ${known.number}`);
  }

  // --- what must agree

  /** Both ends of a channel in which nothing is under way. */
  agree(a: SimNode, b: SimNode, channelId: ChannelId): void {
    const [mine, theirs] = [a.live.channels.get(channelId), b.live.channels.get(channelId)];
    if (mine === undefined || theirs === undefined) return;
    const [left, right] = [mine.durable.phase, theirs.durable.phase];
    if (left.kind !== 'active' || right.kind !== 'active') return;
    const text = `channel ${short(channelId)} of ${a.name} and ${b.name}`;
    const [l, r] = [left.commitments, right.commitments];
    demand(equal(l.local.txid, r.remote.txid) && equal(l.remote.txid, r.local.txid), () => `${text}: commitments differ`);
    demand(l.local.number === r.remote.number && l.remote.number === r.local.number, () => `${text}: commitment numbers differ`);
    demand(l.settled.localMsat === r.settled.remoteMsat, () => `${text}: ${l.settled.localMsat} is not ${r.settled.remoteMsat}`);
    const ids = (list: typeof l.htlcs, direction: string): string =>
      list
        .flatMap((each) => (each.direction === direction ? [`${each.htlc.id} ${each.htlc.amountMsat}`] : []))
        .sort()
        .join();
    demand(ids(l.htlcs, 'offered') === ids(r.htlcs, 'received'), () => `${text}: HTLCs of ${a.name} differ`);
    demand(ids(l.htlcs, 'received') === ids(r.htlcs, 'offered'), () => `${text}: HTLCs of ${b.name} differ`);
    this.#balance(a, mine);
  }

  /** The balance is what was pushed and what was fulfilled since, counted from the wire. */
  #balance(node: SimNode, channel: Channel): void {
    const { params, phase } = channel.durable;
    if (phase.kind !== 'active') return;
    const held = new Set(phase.commitments.htlcs.map((each) => `${each.direction} ${each.htlc.id}`));
    let expected: bigint = params.isFunder ? params.capacity * 1000n - params.pushMsat : params.pushMsat;
    for (const htlc of this.htlcs.values()) {
      if (!equal(htlc.channelId, params.channelId)) continue;
      const direction = htlc.offerer === node ? 'offered' : 'received';
      if (held.has(`${direction} ${htlc.id}`)) continue;
      demand(htlc.outcome !== null, () => `HTLC ${htlc.key} is gone from a channel at rest without an end`);
      if (htlc.outcome === 'fulfilled') expected += direction === 'offered' ? -htlc.amountMsat : htlc.amountMsat;
    }
    const { localMsat } = phase.commitments.settled;
    demand(localMsat === expected, () => `${node.name} has ${localMsat} msat in ${short(params.channelId)}, the wire says ${expected}`);
  }
}

export const htlcKey = (channelId: Bytes, offerer: SimNode, id: bigint): string => `${toHex(channelId)} ${offerer.name} ${id}`;

function panic(what: string): never {
  throw new Violation(what);
}
