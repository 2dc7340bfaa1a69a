// What comes in is checked in the order of BOLT 7, cheapest first: form, chain, age, then signatures, then the funding output; what passes goes
// into the graph and the database. Messages are applied in the order in which they came.
import { type Bytes, compare, equal } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import type { RapidSnapshot } from '../../bolt/gossip/rapid.ts';
import {
  addressesAreWellFormed,
  isOversized,
  policyOfUpdate,
  type RawChannelAnnouncement,
  type RawChannelUpdate,
  type RawGossip,
  readGossip,
  sameUpdateBody,
} from '../../bolt/gossip/raw.ts';
import { readVersion2 } from '../../bolt/gossip/version-2.ts';
import { CHANNEL_SPENT, CHANNEL_UNROUTABLE, CHANNEL_UNSIGNED, type Graph, nodeFlagsOf } from '../../bolt/route/graph.ts';
import { unassignedRequired } from '../../bolt/wire/features.ts';
import { Blacklist } from './blacklist.ts';
import type { GraphDatabase } from './database.ts';
import { takeDigest } from './digest.ts';
import type { Funding, FundingCheck } from './funding.ts';
import { STALE_SECONDS, UpdateLimit } from './prune.ts';
import type { Verifier, VerifyJob } from './verifier.ts';

/** Who sent it: a peer's link, or we ourselves (no check of signatures or age), or a file. */
export type Origin =
  | { readonly kind: 'peer'; readonly link: number; readonly peer: NodeId }
  | { readonly kind: 'own' }
  | { readonly kind: 'file' };

/** Why a message was not taken. The names are counted and shown. */
export type Refusal =
  | 'malformed'
  /** Of gossip version 2, for which there is no validation yet. */
  | 'version_2'
  | 'version_2_malformed'
  | 'oversized'
  | 'wrong_chain'
  | 'duplicate'
  | 'stale'
  | 'future'
  | 'unknown_channel'
  /** An update of a channel whose funding output is spent. */
  | 'spent'
  | 'unknown_node'
  /** Another announcement of a known channel with other nodes, or another update with the timestamp of the known one. */
  | 'contradicting'
  /** Of a node whose keys are out: two announcements of one channel were signed with them. */
  | 'blacklisted'
  | 'bad_order'
  | 'bad_signature'
  | 'bad_address'
  | 'bad_funding'
  /** The chain could not be asked for the funding output. */
  | 'unchecked'
  /** The funding output has too few confirmations. */
  | 'unconfirmed'
  | 'full'
  | 'overflow'
  | 'rate_limited';

export interface Accepted {
  readonly message: RawGossip;
  readonly origin: Origin;
}

export interface IntakeOptions {
  /** Our own node. */
  readonly self: Bytes;
  readonly chainHash: Bytes;
  readonly graph: Graph;
  readonly database: GraphDatabase;
  readonly verifier: Verifier;
  /** null: funding outputs are assumed to be valid. */
  readonly funding: FundingCheck | null;
  now(): number;
  onAccepted(accepted: Accepted): void;
  onRefused(refusal: Refusal, message: RawGossip | null, origin: Origin): void;
}

interface Item extends VerifyJob {
  readonly origin: Origin;
  /** Of a channel, as a file tells it. */
  readonly capacitySat?: number | undefined;
}

interface Pending {
  readonly message: RawChannelAnnouncement;
  readonly origin: Origin;
}

const REFUSED_FUNDING = { invalid: 'bad_funding', unknown: 'unchecked', early: 'unconfirmed' } as const;
const FUTURE_SECONDS = 86_400;
const BATCH = 512;
/** Messages that may wait for verification: measured, so many channel announcements raise the memory by 200 MiB, mostly views on their parts. */
const MAX_WAITING = 50_000;
/** Ten times today's main network. */
const MAX_CHANNELS = 500_000;

export class Intake {
  readonly #options: IntakeOptions;
  #queue: Item[] = [];
  /** Announced, not yet applied: whose updates must already be verified. Several where peers tell different things: none is proven yet. */
  readonly #pendingChannels = new Map<bigint, readonly Pending[]>();
  readonly #pendingNodes = new Map<string, number>();
  #flying = 0;
  #last: Promise<void> = Promise.resolve();
  #idle: { readonly upTo: number; readonly resolve: () => void }[] = [];
  #queued = 0;
  readonly #dropped = new Set<number>();
  #applied = 0;
  readonly #limit = new UpdateLimit();
  #rooms: { readonly most: number; readonly resolve: () => void }[] = [];
  #scheduled = false;

  readonly #blacklist: Blacklist;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#blacklist = new Blacklist(options);
  }

  /** Messages that are not applied yet. */
  get waiting(): number {
    return this.#queue.length + this.#flying * BATCH;
  }

  /** Resolves when everything that was submitted up to now is applied or refused, whatever comes after it. */
  idle(): Promise<void> {
    const upTo = this.#queued;
    if (this.#applied >= upTo) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push({ upTo, resolve }));
  }

  /** Resolves when at most `most` messages wait: how a reader of a file keeps its memory bounded. */
  room(most: number): Promise<void> {
    if (this.waiting <= most) return Promise.resolve();
    return new Promise((resolve) => this.#rooms.push({ most, resolve }));
  }

  /** What waits of a link is not looked at any more: its peer was let go, and verifying the rest would be what it wanted. */
  drop(link: number): void {
    if (this.#queue.length > 0) this.#dropped.add(link);
  }

  /** Takes in a digest that nobody signed, unless it is too old to be of use, or of the future: then updates would seem old beside it. */
  async takeDigest(digest: RapidSnapshot): Promise<'stale' | 'future' | null> {
    const { graph, database, chainHash } = this.#options;
    const now = this.#options.now();
    if (digest.timestamp < now - STALE_SECONDS) return 'stale';
    if (digest.timestamp > now + FUTURE_SECONDS) return 'future';
    await takeDigest(digest, { graph, database, chainHash, maxChannels: MAX_CHANNELS, isBlacklisted: (id) => this.#blacklist.has(id) });
    return null;
  }

  /** Takes one message as received. Returns whether it was queued. */
  submit(bytes: Bytes, origin: Origin, capacitySat?: number): boolean {
    const message = readGossip(bytes);
    if (message === null) return this.#refuse(refusalOfUnread(bytes), null, origin);
    if (isOversized(message)) return this.#refuse('oversized', message, origin);
    const refusal = this.#precheck(message, origin);
    if (refusal !== null) return this.#refuse(refusal, message, origin);
    if (origin.kind === 'own') {
      this.#apply({ message, updateKey: null, origin }, null);
      return true;
    }
    const limited = this.#limited(message, origin);
    if (limited !== null && !this.#limit.allows(limited, this.#options.now())) return this.#refuse('rate_limited', message, origin);
    if (this.#queue.length >= MAX_WAITING) return this.#refuse('overflow', message, origin);
    this.#queued++;
    this.#queue.push({ message, updateKey: message.kind === 'channel_update' ? this.#signer(message, origin) : null, origin, capacitySat });
    if (message.kind === 'channel_announcement') this.#expect({ message, origin });
    this.#schedule();
    return true;
  }

  /** What of a peer's is counted against its limit, beyond the first: updates by edge, announcements of nodes below zero. */
  #limited(message: RawGossip, origin: Origin): number | null {
    if (origin.kind !== 'peer' || message.kind === 'channel_announcement') return null;
    const { graph } = this.#options;
    if (message.kind === 'node_announcement') {
      const node = graph.findNode(message.nodeId);
      return node === -1 || graph.nodeTimestamp[node] === 0 ? null : -1 - node;
    }
    const channel = graph.findChannel(message.scid);
    const edge = 2 * channel + message.direction;
    return channel === -1 || graph.timestamp[edge] === 0 ? null : edge;
  }

  #refuse(refusal: Refusal, message: RawGossip | null, origin: Origin): false {
    this.#options.onRefused(refusal, message, origin);
    return false;
  }

  #expect(pending: Pending): void {
    const { message } = pending;
    this.#pendingChannels.set(message.scid, [...(this.#pendingChannels.get(message.scid) ?? []), pending]);
    for (const id of [message.nodeId1, message.nodeId2]) {
      const key = textOf(id);
      this.#pendingNodes.set(key, (this.#pendingNodes.get(key) ?? 0) + 1);
    }
  }

  #expectNoMore(message: RawChannelAnnouncement): void {
    const left = (this.#pendingChannels.get(message.scid) ?? []).filter((pending) => pending.message !== message);
    if (left.length === 0) this.#pendingChannels.delete(message.scid);
    else this.#pendingChannels.set(message.scid, left);
    for (const id of [message.nodeId1, message.nodeId2]) {
      const key = textOf(id);
      const nodes = (this.#pendingNodes.get(key) ?? 1) - 1;
      if (nodes === 0) this.#pendingNodes.delete(key);
      else this.#pendingNodes.set(key, nodes);
    }
  }

  #precheck(message: RawGossip, origin: Origin): Refusal | null {
    const { graph } = this.#options;
    switch (message.kind) {
      case 'channel_announcement':
        return this.#precheckAnnouncement(message, origin);
      case 'channel_update':
        return this.#precheckUpdate(message, origin);
      case 'node_announcement': {
        const node = graph.findNode(message.nodeId);
        // BOLT 7: "if node_id is NOT previously known from a channel_announcement message ... SHOULD ignore the message"
        if (node === -1) return this.#pendingNodes.has(textOf(message.nodeId)) ? null : 'unknown_node';
        if (message.timestamp <= (graph.nodeTimestamp[node] as number))
          return message.timestamp === graph.nodeTimestamp[node] ? 'duplicate' : 'stale';
        return message.timestamp > this.#options.now() + FUTURE_SECONDS && origin.kind !== 'own' ? 'future' : null;
      }
    }
  }

  #precheckAnnouncement(message: RawChannelAnnouncement, origin: Origin): Refusal | null {
    const { graph, chainHash } = this.#options;
    // BOLT 7: "if the specified chain_hash is unknown to the receiver: MUST ignore the message"
    if (!equal(message.chainHash, chainHash)) return 'wrong_chain';
    if (compare(message.nodeId1, message.nodeId2) >= 0) return 'bad_order';
    const known = this.#signedChannel(message.scid);
    if (known !== -1 && this.#isOf(known, message)) return 'duplicate';
    // What we say of our own channels needs nobody's consent.
    if (origin.kind === 'own') return null;
    // BOLT 7: "if node_id_1 OR node_id_2 are blacklisted: SHOULD ignore the message"
    if (this.#blacklist.has(message.nodeId1) || this.#blacklist.has(message.nodeId2)) return 'blacklisted';
    if (known !== -1) return this.#canDecide(known, message) ? null : 'contradicting';
    if (this.#pendingChannels.get(message.scid)?.some((pending) => equal(pending.message.bytes, message.bytes)) === true)
      return 'duplicate';
    return graph.liveChannels + this.#pendingChannels.size >= MAX_CHANNELS ? 'full' : null;
  }

  /** The number of a channel whose announcement was signed, or -1. */
  #signedChannel(scid: bigint): number {
    const { graph } = this.#options;
    const channel = graph.findChannel(scid);
    return channel !== -1 && ((graph.channelFlags[channel] as number) & CHANNEL_UNSIGNED) === 0 ? channel : -1;
  }

  #isOf(channel: number, { nodeId1, nodeId2 }: RawChannelAnnouncement): boolean {
    const { graph } = this.#options;
    return equal(graph.nodeIdOf(graph.node1[channel] as number), nodeId1) && equal(graph.nodeIdOf(graph.node2[channel] as number), nodeId2);
  }

  /**
   * Whether a second announcement of a channel, with other nodes, can be judged: by the chain, or because both are signed with the same funding
   * keys. Otherwise, with outputs assumed to be valid, anybody could sign one with keys of their own: to blacklist the nodes of both, as BOLT 7
   * has it for two valid ones, would let one message of one peer take any node out of the graph. Then the first stands.
   */
  #canDecide(known: number, message: RawChannelAnnouncement): boolean {
    const isOwn = [this.#options.graph.node1[known], this.#options.graph.node2[known]].includes(
      this.#options.graph.findNode(this.#options.self),
    );
    return !isOwn && (this.#options.funding !== null || this.#sharesFundingKeys(message));
  }

  #sharesFundingKeys(message: RawChannelAnnouncement): boolean {
    const stored = this.#options.database.channel(message.scid);
    const first = stored === null ? null : readGossip(stored.announcement);
    if (first?.kind !== 'channel_announcement') return false;
    const keys = (of: RawChannelAnnouncement): readonly Bytes[] => [of.bitcoinKey1, of.bitcoinKey2].toSorted(compare);
    return keys(first).every((key, i) => equal(key, keys(message)[i] as Bytes));
  }

  #precheckUpdate(message: RawChannelUpdate, origin: Origin): Refusal | null {
    const { graph, chainHash, database } = this.#options;
    if (!equal(message.chainHash, chainHash)) return 'wrong_chain';
    const channel = graph.findChannel(message.scid);
    if (channel === -1 && !this.#pendingChannels.has(message.scid)) return 'unknown_channel';
    if (origin.kind === 'own') return null;
    const now = this.#options.now();
    if (message.timestamp > now + FUTURE_SECONDS) return 'future';
    if (message.timestamp < now - STALE_SECONDS) return 'stale';
    if (channel === -1) return null;
    // BOLT 7: "if the channel output has been spent: MUST ignore channel_updates, unless they have the disable bit set to 1"
    if (((graph.channelFlags[channel] as number) & CHANNEL_SPENT) !== 0 && !message.disabled) return 'spent';
    const last = graph.timestamp[2 * channel + message.direction] as number;
    if (message.timestamp > last) return null;
    if (message.timestamp < last) return 'stale';
    const stored = database.channel(message.scid)?.updates[message.direction] ?? null;
    return stored === null || sameUpdateBody(stored, message.bytes) ? 'duplicate' : 'contradicting';
  }

  /** BOLT 7: "node_id_1 if the least-significant bit of flags is 0 or node_id_2 otherwise". Of a channel that waits: as the same teller has it. */
  #signer(message: RawChannelUpdate, origin: Origin | null): Bytes | null {
    const { graph } = this.#options;
    const channel = graph.findChannel(message.scid);
    if (channel !== -1) return graph.nodeIdOf(graph.sourceOf(2 * channel + message.direction));
    const pending = origin === null ? [] : (this.#pendingChannels.get(message.scid) ?? []);
    const announcement = (pending.find((one) => sameTeller(one.origin, origin as Origin)) ?? pending[0])?.message;
    if (announcement === undefined) return null;
    return message.direction === 0 ? announcement.nodeId1 : announcement.nodeId2;
  }

  /** Batches start at the end of the turn, so that what arrives together is verified together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#queue.length > 0 && this.#flying < this.#options.verifier.parallel + 1) this.#start(this.#queue.splice(0, BATCH));
    });
  }

  #start(batch: readonly Item[]): void {
    this.#flying++;
    const { verifier } = this.#options;
    const isDropped = ({ origin }: Item): boolean => origin.kind === 'peer' && this.#dropped.has(origin.link);
    const due = this.#dropped.size === 0 ? batch : batch.filter((item) => !isDropped(item));
    if (due !== batch)
      for (const item of batch) if (isDropped(item) && item.message.kind === 'channel_announcement') this.#expectNoMore(item.message);
    const checked = verifier.verify(due).then(async (valid) => ({ valid, funded: await this.#checkFunding(due, valid) }));
    // In the order in which they came, however the workers finish.
    this.#last = this.#last.then(async () => {
      const { valid, funded } = await checked;
      due.forEach((item, i) => {
        this.#finish(item, valid[i] === true, funded.get(item) ?? null);
      });
      this.#flying--;
      this.#applied += batch.length;
      this.#makeRoom();
      if (this.#queue.length > 0) this.#schedule();
      else this.#dropped.clear();
    });
  }

  #makeRoom(): void {
    const due = this.#rooms.filter(({ most }) => this.waiting <= most);
    this.#rooms = this.#rooms.filter((room) => !due.includes(room));
    for (const { resolve } of due) resolve();
    const settled = this.#idle.filter(({ upTo }) => upTo <= this.#applied);
    this.#idle = this.#idle.filter((one) => !settled.includes(one));
    for (const { resolve } of settled) resolve();
  }

  async #checkFunding(batch: readonly Item[], valid: readonly boolean[]): Promise<ReadonlyMap<Item, Funding>> {
    const { funding } = this.#options;
    const results = new Map<Item, Funding>();
    if (funding === null) return results;
    await Promise.all(
      batch.map(async (item, i) => {
        if (valid[i] === true && item.message.kind === 'channel_announcement') results.set(item, await funding.check(item.message));
      }),
    );
    return results;
  }

  #finish(item: Item, isValid: boolean, funding: Funding | null): void {
    const { message, origin } = item;
    if (message.kind === 'channel_announcement') this.#expectNoMore(message);
    if (message.kind === 'channel_update' && !this.#isOfItsNode(item, message)) {
      this.#refuse('unknown_channel', message, origin);
      return;
    }
    if (!isValid) {
      this.#refuse('bad_signature', message, origin);
      return;
    }
    if (funding !== null && funding.kind !== 'confirmed') {
      this.#refuse(REFUSED_FUNDING[funding.kind], message, origin);
      return;
    }
    // The graph may have changed since it was queued.
    const refusal = this.#precheck(message, origin);
    const limited = refusal === null ? this.#limited(message, origin) : null;
    if (refusal !== null) this.#refuse(refusal, message, origin);
    else if (limited !== null && !this.#limit.take(limited, this.#options.now())) this.#refuse('rate_limited', message, origin);
    else if (message.kind === 'channel_announcement' && this.#contradicts(message)) this.#refuse('contradicting', message, origin);
    else this.#apply(item, funding);
  }

  /** An update may have been verified with the key of an announcement that came to nothing: then it says nothing, and that is nobody's fault. */
  #isOfItsNode({ updateKey }: Item, message: RawChannelUpdate): boolean {
    const key = this.#signer(message, null);
    return key !== null && updateKey !== null && equal(key, updateKey);
  }

  /**
   * BOLT 7, of two valid announcements of one channel: "SHOULD blacklist the previous message's node_id_1 and node_id_2, as well as this
   * node_id_1 and node_id_2 AND forget any channels connected to them". Where the funding keys differ the chain has decided for the second.
   */
  #contradicts(message: RawChannelAnnouncement): boolean {
    const { graph } = this.#options;
    const known = this.#signedChannel(message.scid);
    if (known === -1 || !this.#sharesFundingKeys(message)) return false;
    const first = [graph.node1[known], graph.node2[known]].map((node) => graph.nodeIdOf(node as number));
    this.#blacklist.add([...first, message.nodeId1, message.nodeId2]);
    return true;
  }

  #apply({ message, origin, capacitySat: told }: Item, funding: Funding | null): void {
    const { graph, database } = this.#options;
    switch (message.kind) {
      case 'channel_announcement': {
        const flags = unassignedRequired(message.features).length > 0 ? CHANNEL_UNROUTABLE : 0;
        const capacitySat = funding?.kind === 'confirmed' ? Number(funding.capacity) : (told ?? 0);
        // From a digest, or of a block that was reorganised out: its updates go with it.
        const before = graph.findChannel(message.scid);
        if (before !== -1) graph.removeChannel(before);
        if (before !== -1) database.write({ kind: 'remove', scid: message.scid });
        graph.addChannel({ scid: message.scid, a: message.nodeId1, b: message.nodeId2, capacityMsat: 1000 * capacitySat, flags });
        const txid = funding?.kind === 'confirmed' ? funding.txid : null;
        database.write({ kind: 'channel', scid: message.scid, message: message.bytes, capacitySat, txid });
        break;
      }
      case 'channel_update':
        graph.setPolicy(2 * graph.findChannel(message.scid) + message.direction, policyOfUpdate(message.bytes));
        database.write({ kind: 'update', scid: message.scid, direction: message.direction, message: message.bytes });
        break;
      case 'node_announcement': {
        if (!addressesAreWellFormed(message)) {
          this.#refuse('bad_address', message, origin);
          return;
        }
        const flags = nodeFlagsOf(message.features);
        graph.setNode(graph.findNode(message.nodeId), { timestamp: message.timestamp, flags });
        database.write({ kind: 'node', id: message.nodeId, message: message.bytes });
        break;
      }
    }
    this.#options.onAccepted({ message, origin });
  }
}

const sameTeller = (a: Origin, b: Origin): boolean => a.kind === b.kind && (a.kind !== 'peer' || b.kind !== 'peer' || a.link === b.link);

function refusalOfUnread(bytes: Bytes): Refusal {
  const version2 = readVersion2(bytes);
  if (version2 === null) return 'malformed';
  return version2 === 'well_formed' ? 'version_2' : 'version_2_malformed';
}

function textOf(id: Bytes): string {
  return String.fromCharCode(...id);
}
