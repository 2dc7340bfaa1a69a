import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import type { UnixTime } from '../../base/units.ts';
import { NETWORK_PARAMS, type Network } from '../../bitcoin/network.ts';
import { rangeReplies } from '../../bolt/gossip/answer.ts';
import { decodeFlags, decodeScids } from '../../bolt/gossip/encoding.ts';
import { CHANNEL_ANNOUNCEMENT, CHANNEL_UPDATE, messageTypeOf, NODE_ANNOUNCEMENT, readGossip, scidOf } from '../../bolt/gossip/raw.ts';
import { isVersion2Type, problemOfVersion2 } from '../../bolt/gossip/version-2.ts';
import { type CostModel, DEFAULT_COSTS } from '../../bolt/route/cost.ts';
import { FlowSearcher } from '../../bolt/route/flow.ts';
import { Graph } from '../../bolt/route/graph.ts';
import { Knowledge, type Outcome, type TriedHop } from '../../bolt/route/knowledge.ts';
import { type PlanOptions, planQuickly, planRoutes } from '../../bolt/route/plan.ts';
import { Searcher } from '../../bolt/route/search.ts';
import { encodeMessage, type Message, type MessageNamed } from '../../bolt/wire/message.ts';
import type { NodeEffect, Planner } from '../../node/types.ts';
import type { ChainSource } from '../chain/source.ts';
import { Answers } from './answers.ts';
import { applyBlock, type BlockChange } from './blocks.ts';
import { GraphDatabase } from './database.ts';
import { fundingCheck } from './funding.ts';
import { type Imported, type ImportFailure, importFile, type Tell } from './import.ts';
import { type Accepted, Intake, type Origin, type Refusal } from './intake.ts';
import { GossipPeer } from './peer.ts';
import { MOST_PRUNED, Pruner } from './prune.ts';
import { Relay } from './relay.ts';
import { loadSnapshot, saveSnapshot, saveSnapshotInTurns } from './snapshot-file.ts';
import { SyncKeeper } from './sync-keeper.ts';
import { pooledVerifier, type Verifier } from './verifier.ts';

export type GossipEffect = Extract<NodeEffect, { kind: 'gossip' | 'gossip_malformed' | 'announce' | 'peer_ready' | 'peer_gone' }>;

/** The owner of the graph. Nothing here throws because of what a peer, a file or the chain says. */
export interface GossipService {
  /** Routes over the present graph, own channels and hints. Synchronous. */
  readonly plan: Planner;
  handle(effect: GossipEffect): void;
  /**
   * The bytes of a channel_announcement, channel_update or node_announcement of a peer, type included: the same as `handle` without decoding and
   * encoding, which a network's worth of gossip feels. The same messages of version 2 are counted. Returns whether it was one of these.
   */
  receive(link: number, bytes: Bytes): boolean;
  /** A block that was connected or taken back: outpoints spent in it close channels, or open them again. */
  block(change: BlockChange): void;
  /** About once a second. */
  tick(now: UnixTime): void;
  status(): GossipStatus;
  /** Messages that wait to be verified. */
  readonly waiting: number;
  /** null, or, where so much waits that soon nothing more is kept, when that is over: a reader of sockets does not read gossip until then. */
  room(): Promise<void> | null;
  /** Learns what the connected peers know, at once. Resolves with true when a peer was asked to the end, false at the time limit. */
  sync(timeoutMs: number): Promise<boolean>;
  /** Takes in a file of gossip, and tells now and then how much of it: Core Lightning's gossip_store, LDK's Rapid Gossip Sync, or length-prefixed messages. */
  importGossip(path: string, tell?: Tell): Promise<Result<Imported, ImportFailure>>;
  /** Learns what a path of ours could carry: from a part's success or failure, or a probe. */
  learn(hops: readonly TriedHop[], outcome: Outcome): void;
  /** What was learned, as it now stands. */
  knowledge(): Knowledge;
  /** The graph, loaded when it was not yet. It changes under the reader. */
  graph(): Graph;
  close(): Promise<void>;
}

export interface GossipStatus {
  readonly nodes: number;
  readonly channels: number;
  readonly updates: number;
  /** A peer was asked for all it knows, and answered. */
  readonly synced: boolean;
  readonly peers: number;
  /** Messages that wait to be verified. */
  readonly waiting: number;
  /** Channels that came of those that the present sync asks for. */
  readonly sync: { readonly done: number; readonly total: number } | null;
  readonly accepted: number;
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
}

export interface GossipOptions {
  /** Where `graph.db` stands; made when first written. */
  readonly directory: string;
  readonly network: Network;
  readonly nodeId: NodeId;
  send(link: number, peer: NodeId, message: Message): void;
  /** A peer that breaks the rules. */
  punish(link: number, peer: NodeId, why: string): void;
  now(): UnixTime;
  /** Where funding outputs are looked up; null: they are assumed to be valid. */
  readonly chain: ChainSource | null;
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** Unsent bytes of a link: gossip waits while there are many. */
  backlog?(link: number): number;
  /** Seconds between two batches of relayed gossip; 60, and 1 on regtest. */
  readonly relaySeconds?: number;
  /** New channels that a peer may tell of by itself in ten minutes; 100,000 unless said otherwise. */
  readonly maxUnasked?: number;
  /** The cost model of routes. */
  readonly costs?: CostModel;
  /** Uniform in [0, 1): hides in the expiries how far the destination is. */
  random?(): number;
}

const RELAY_SECONDS = 60;
/** BOLT 7, "Recommendations for Routing": expiries of a route look as if it went on for another hop or two. */
const SHADOW_BLOCKS = [0, 40, 80, 144];
const FORGIVE_SECONDS = 600;
/**
 * Twice what the main network has: a node may answer our filter with all that it knows, and no honest one knows more. Measured (bench `flood`),
 * where nobody asks the chain: so many made-up channels, each signed as it should be, hold 16 MiB and
 * cost 40 s of verifying on two cores; memory peaks at 420 MiB in between. The peer is let go 1,000 later, and what has no update within the hour
 * is forgotten. More than 500,000 channels are kept of nobody.
 */
const MAX_UNASKED = 100_000;
/** In ten minutes. A peer that learns a network of ten times today's from us asks 100. */
const MAX_QUESTIONS = 1_000;
/** With more messages waiting no new query is sent: the largest answer is 25,000 more, and more than 50,000 are not kept. */
const HOLD_ABOVE = 8_192;
/** A peer that tells all it knows at once, unasked, is slowed down here before anything of it is lost. */
const READ_BELOW = 40_000;
const PRUNE_SECONDS = 3600;
const MAX_WAITING_BLOCKS = 12;
/** So many rows take some milliseconds: the event loop is not held up for longer. */
const FLUSH_AT = 1_000;
/** A daemon that is killed loses what came since: the next start then reads the database instead, a second or so. */
const SNAPSHOT_SECONDS = 600;

export async function openGossip(options: GossipOptions): Promise<GossipService> {
  return new Service(options);
}

interface Loaded {
  readonly graph: Graph;
  readonly database: GraphDatabase;
  readonly intake: Intake;
  readonly answers: Answers;
  readonly knowledge: Knowledge;
}

class Service implements GossipService {
  readonly #options: GossipOptions;
  readonly #chainHash: Bytes;
  readonly #peers = new Map<number, GossipPeer>();
  readonly #relay = new Relay();
  readonly #keeper: SyncKeeper;
  readonly #searcher = new Searcher();
  readonly #flows = new FlowSearcher();
  readonly #verifier: Verifier = pooledVerifier();
  readonly #refused: Partial<Record<Refusal, number>> = {};
  #accepted = 0;
  #loaded: Loaded | null = null;
  /** Blocks that came before the graph was needed. */
  #blocks: BlockChange[] = [];
  #lastRelay = 0;
  #lastForgiven = 0;
  #lastPrune = 0;
  readonly #pruner = new Pruner();
  #savedAt = { generation: -1, time: 0 };
  #isSaving = false;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#chainHash = NETWORK_PARAMS[options.network].chainHash;
    this.#keeper = new SyncKeeper({
      chainHash: this.#chainHash,
      peers: this.#peers,
      log: options.log,
      now: () => options.now(),
      room: () => ((this.#loaded?.intake.waiting ?? 0) <= HOLD_ABOVE ? null : (this.#loaded as Loaded).intake.room(HOLD_ABOVE / 2)),
    });
  }

  readonly plan: Planner = (query) => {
    const options = this.#planOptions();
    if (this.#loaded === null) {
      // A direct channel or a hint from our peer needs no graph, and reading one costs more than such a payment.
      const direct = planQuickly(query, { ...options, graph: EMPTY_GRAPH });
      if (direct !== null) return ok(direct);
    }
    const { graph, knowledge } = this.#load();
    return planRoutes(query, { ...options, graph, knowledge: { learned: knowledge, now: this.#options.now() } });
  };

  #planOptions(): Omit<PlanOptions, 'graph'> {
    const shadowBlocks = SHADOW_BLOCKS[Math.floor((this.#options.random ?? Math.random)() * SHADOW_BLOCKS.length)] ?? 0;
    return {
      self: this.#options.nodeId,
      model: this.#options.costs ?? DEFAULT_COSTS,
      searcher: this.#searcher,
      flows: this.#flows,
      shadowBlocks,
    };
  }

  handle(effect: GossipEffect): void {
    if (this.#closed) return;
    switch (effect.kind) {
      case 'peer_ready':
        this.#peerReady(effect);
        return;
      case 'peer_gone':
        this.#peerGone(effect.link);
        return;
      case 'announce':
        this.#load().intake.submit(encodeMessage(effect.message), { kind: 'own' });
        this.#relay.flush(this.#peers.values());
        return;
      case 'gossip':
        this.#gossip(effect);
        return;
      case 'gossip_malformed':
        this.#onRefused(isVersion2Type(effect.type) ? 'version_2_malformed' : 'malformed', { ...effect, kind: 'peer' });
        return;
    }
  }

  receive(link: number, bytes: Bytes): boolean {
    const type = messageTypeOf(bytes);
    const isGossip = type === CHANNEL_ANNOUNCEMENT || type === CHANNEL_UPDATE || type === NODE_ANNOUNCEMENT || isVersion2Type(type);
    if (!isGossip) return false;
    const peer = this.#peers.get(link);
    if (this.#closed || peer === undefined) return true;
    const { intake, graph } = this.#load();
    const origin = { kind: 'peer', link: peer.link, peer: peer.peer } as const;
    const scid = type === NODE_ANNOUNCEMENT ? null : scidOf(bytes);
    peer.sync.hear(scid, this.#options.now());
    if (type === CHANNEL_ANNOUNCEMENT) {
      const isNew = scid !== null && graph.findChannel(scid) === -1;
      if (isNew && !peer.sync.isAskedFor(scid) && ++peer.unasked > (this.#options.maxUnasked ?? MAX_UNASKED)) {
        this.#onRefused('rate_limited', origin);
        return true;
      }
    }
    intake.submit(bytes, origin);
    return true;
  }

  block(change: BlockChange): void {
    if (this.#closed) return;
    if (this.#loaded === null) {
      this.#blocks.push(change);
      // Blocks are large: they are not gathered for as long as nobody asks for a route.
      if (this.#blocks.length >= MAX_WAITING_BLOCKS) this.#load();
      return;
    }
    this.#applyBlock(change, this.#loaded);
  }

  tick(now: UnixTime): void {
    if (this.#closed) return;
    this.#keeper.tick(now);
    if (now - this.#lastForgiven >= FORGIVE_SECONDS) {
      this.#lastForgiven = now;
      for (const peer of this.#peers.values()) peer.forgive();
    }
    const every = this.#options.relaySeconds ?? (this.#options.network === 'regtest' ? 1 : RELAY_SECONDS);
    if (now - this.#lastRelay >= every) {
      this.#lastRelay = now;
      this.#relay.flush(this.#peers.values());
    }
    if (this.#loaded === null) return;
    if (now - this.#lastPrune >= PRUNE_SECONDS) this.#prune(this.#loaded, now);
    this.#loaded.database.flush();
    if (now - this.#savedAt.time >= SNAPSHOT_SECONDS && this.#keeper.isQuiet) this.#saveSnapshotInTurns(this.#loaded);
  }

  get waiting(): number {
    return this.#loaded?.intake.waiting ?? 0;
  }

  room(): Promise<void> | null {
    const intake = this.#loaded?.intake;
    return intake === undefined || intake.waiting <= READ_BELOW ? null : intake.room(READ_BELOW / 2);
  }

  status(): GossipStatus {
    const { graph, intake } = this.#load();
    let updates = 0;
    for (let edge = 0; edge < 2 * graph.channels; edge++) updates += (graph.edgeFlags[edge] as number) & 1;
    return {
      nodes: graph.nodes,
      channels: graph.liveChannels,
      updates,
      synced: this.#keeper.synced,
      peers: this.#peers.size,
      waiting: intake.waiting,
      sync: this.#keeper.progress,
      accepted: this.#accepted,
      refused: { ...this.#refused },
    };
  }

  async sync(timeoutMs: number): Promise<boolean> {
    this.#load();
    const asked = await this.#keeper.syncNow(this.#options.now(), timeoutMs);
    await this.#load().intake.idle();
    return asked;
  }

  async importGossip(path: string, tell?: Tell): Promise<Result<Imported, ImportFailure>> {
    const { intake, database } = this.#load();
    const imported = await importFile(path, intake, this.#chainHash, tell);
    database.flush();
    return imported;
  }

  learn(hops: readonly TriedHop[], outcome: Outcome): void {
    const { knowledge, database } = this.#load();
    for (const edge of knowledge.learn(this.#options.nodeId, hops, outcome, this.#options.now())) database.write({ kind: 'known', edge });
  }

  knowledge(): Knowledge {
    return this.#load().knowledge;
  }

  graph(): Graph {
    return this.#load().graph;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // Blocks that nobody needed the graph for still close channels.
    if (this.#blocks.length > 0 && this.#loaded === null) this.#load();
    await this.#loaded?.intake.idle();
    this.#closed = true;
    for (const peer of this.#peers.values()) peer.leave();
    this.#peers.clear();
    this.#keeper.close();
    await this.#verifier.close();
    if (this.#loaded === null) return;
    await this.#saving;
    const due = this.#dueSnapshot(this.#loaded);
    if (due !== null) saveSnapshot(this.#snapshotPath, due.graph, due.generation);
    this.#loaded.database.close();
  }

  #prune({ graph, database, knowledge }: Loaded, now: UnixTime): void {
    const self = graph.findNode(this.#options.nodeId);
    const isOwn = (channel: number): boolean => graph.node1[channel] === self || graph.node2[channel] === self;
    const gone = this.#pruner.prune(graph, database, now, isOwn);
    for (const scid of gone) this.#keeper.bury(scid);
    // More than a turn's worth: the next tick goes on.
    if (gone.length < MOST_PRUNED) this.#lastPrune = now;
    if (gone.length > 0) this.#options.log('debug', `${gone.length} channels without news for two weeks are forgotten`);
    for (const edge of knowledge.forget(now)) database.write({ kind: 'forgotten', ...edge });
  }

  get #snapshotPath(): string {
    return join(this.#options.directory, 'graph.snapshot');
  }

  /** What is to be written, only where the database changed since. */
  #dueSnapshot({ graph, database }: Loaded): { readonly graph: Graph; readonly generation: number } | null {
    database.flush();
    const { generation } = database;
    if (generation === this.#savedAt.generation && existsSync(this.#snapshotPath)) return null;
    this.#savedAt = { generation, time: this.#options.now() };
    return { graph: graph.channelsGone > 0 ? graph.compact() : graph, generation };
  }

  #saveSnapshotInTurns(loaded: Loaded): void {
    if (this.#isSaving) return;
    const due = this.#dueSnapshot(loaded);
    if (due === null) return;
    this.#isSaving = true;
    this.#saving = saveSnapshotInTurns(this.#snapshotPath, due.graph, due.generation)
      .catch((error: unknown) => {
        this.#savedAt = { ...this.#savedAt, generation: -1 };
        this.#options.log('warn', `the snapshot of the graph was not written: ${(error as Error).message}`);
      })
      .finally(() => {
        this.#isSaving = false;
      });
  }

  #load(): Loaded {
    if (this.#loaded !== null) return this.#loaded;
    const options = this.#options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const database = new GraphDatabase(join(options.directory, 'graph.db'));
    const { generation } = database;
    const graph = loadSnapshot(this.#snapshotPath, generation) ?? database.loadGraph();
    this.#savedAt = { generation, time: options.now() };
    const intake = new Intake({
      self: options.nodeId,
      chainHash: this.#chainHash,
      graph,
      database,
      verifier: this.#verifier,
      funding: options.chain === null ? null : fundingCheck(options.chain),
      now: () => options.now(),
      onAccepted: (accepted) => this.#onAccepted(accepted),
      onRefused: (refusal, _message, origin) => this.#onRefused(refusal, origin),
    });
    const knowledge = new Knowledge();
    for (const edge of database.knowledge()) knowledge.restore(edge);
    this.#loaded = { graph, database, intake, answers: new Answers(graph, database), knowledge };
    this.#keeper.graph = graph;
    for (const change of this.#blocks.splice(0)) this.#applyBlock(change, this.#loaded);
    return this.#loaded;
  }

  #onAccepted({ message, origin }: Accepted): void {
    this.#accepted++;
    if (origin.kind !== 'file') this.#relay.add(message, origin.kind === 'peer' ? origin.link : null);
    const loaded = this.#loaded as Loaded;
    if (loaded.database.pendingWrites >= FLUSH_AT) loaded.database.flush();
    if (origin.kind === 'own' && message.kind === 'channel_announcement') void this.#lookUpOwn(message.bytes);
  }

  /** The capacity of an own channel, and the transaction whose spending closes it. */
  async #lookUpOwn(announcement: Bytes): Promise<void> {
    const message = readGossip(announcement);
    if (this.#options.chain === null || message?.kind !== 'channel_announcement') return;
    const funding = await fundingCheck(this.#options.chain).check(message);
    if (this.#closed || funding.kind !== 'confirmed') return;
    const { graph, database } = this.#load();
    const channel = graph.findChannel(message.scid);
    if (channel === -1) return;
    graph.setCapacity(channel, 1000 * Number(funding.capacity));
    database.write({
      kind: 'channel',
      scid: message.scid,
      message: announcement,
      capacitySat: Number(funding.capacity),
      txid: funding.txid,
    });
  }

  #onRefused(refusal: Refusal, origin: Origin): void {
    this.#refused[refusal] = (this.#refused[refusal] ?? 0) + 1;
    if (origin.kind !== 'peer') return;
    const peer = this.#peers.get(origin.link);
    if (peer?.blame(refusal) === true) this.#punish(peer, `gossip refused: ${refusal.replaceAll('_', ' ')}`);
  }

  #punish(peer: GossipPeer, why: string): void {
    this.#options.log('info', `gossip of ${toHex(peer.peer)}: ${why}`);
    this.#peerGone(peer.link);
    this.#loaded?.intake.drop(peer.link);
    this.#options.punish(peer.link, peer.peer, why);
  }

  #peerReady(effect: Extract<GossipEffect, { kind: 'peer_ready' }>): void {
    const { link, peer, features } = effect;
    const known = new GossipPeer({
      link,
      peer,
      features,
      chainHash: this.#chainHash,
      choose: (offered) => this.#keeper.choose(offered, this.#options.now()),
      readyAt: this.#options.now(),
      send: (message) => this.#options.send(link, peer, message),
      backlog: () => this.#options.backlog?.(link) ?? 0,
    });
    this.#peers.set(link, known);
    this.#keeper.arrived(known, this.#options.now());
  }

  #peerGone(link: number): void {
    const peer = this.#peers.get(link);
    if (peer === undefined) return;
    this.#peers.delete(link);
    peer.leave();
    this.#keeper.left(peer, this.#options.now());
  }

  #gossip(effect: Extract<GossipEffect, { kind: 'gossip' }>): void {
    const peer = this.#peers.get(effect.link);
    if (peer === undefined) return;
    const { message } = effect;
    switch (message.name) {
      case 'channel_announcement':
      case 'channel_update':
      case 'node_announcement':
        this.receive(effect.link, encodeMessage(message));
        return;
      case 'announcement_signatures_2':
      case 'channel_announcement_2':
      case 'node_announcement_2':
      case 'channel_update_2':
        this.#onRefused(problemOfVersion2(message) === null ? 'version_2' : 'version_2_malformed', { ...effect, kind: 'peer' });
        return;
      case 'reply_channel_range':
      case 'reply_short_channel_ids_end': {
        if (!equal(message.chainHash, this.#chainHash)) return;
        this.#load();
        const why = this.#keeper.reply(peer, message, this.#options.now());
        if (why !== null) this.#punish(peer, why);
        return;
      }
      case 'query_channel_range':
      case 'query_short_channel_ids':
      case 'gossip_timestamp_filter': {
        const why = this.#answer(peer, message);
        if (why !== null) this.#punish(peer, why);
        return;
      }
      default:
        return;
    }
  }

  #answer(
    peer: GossipPeer,
    message: MessageNamed<'query_channel_range'> | MessageNamed<'query_short_channel_ids'> | MessageNamed<'gossip_timestamp_filter'>,
  ): string | null {
    const isOurs = equal(message.chainHash, this.#chainHash);
    switch (message.name) {
      case 'query_channel_range':
        // BOLT 7: "if it has not sent all reply_channel_range to a previously received query_channel_range ... MAY close the connection"
        if (peer.answeringRange) return 'a second query_channel_range before the first was answered';
        peer.answeringRange = true;
        peer.stream(this.#answerRange(peer, message));
        return this.#charge(peer);
      case 'query_short_channel_ids': {
        const scids = decodeScids(message.encodedShortIds);
        if (!scids.ok) return `query_short_channel_ids: ${scids.failure.message}`;
        const record = message.tlvs.queryFlags;
        const flags = record === undefined ? null : decodeFlags(record, scids.value.length);
        if (flags !== null && !flags.ok) return `query_short_channel_ids: ${flags.failure.message}`;
        // BOLT 7: "if it has not sent reply_short_channel_ids_end to a previously received query_short_channel_ids ... MAY close"
        if (peer.answering) return 'a second query_short_channel_ids before the first was answered';
        peer.answering = true;
        peer.stream(this.#answerScids(peer, message, isOurs ? scids.value : [], flags?.value ?? null));
        return this.#charge(peer);
      }
      case 'gossip_timestamp_filter':
        if (!isOurs) return null;
        peer.filter = { first: message.firstTimestamp, range: message.timestampRange };
        // BOLT 7: "this filter replaces any previous one": so does what is sent for it.
        peer.replay(message.timestampRange > 0 ? this.#load().answers.since(peer.filter) : null);
        return this.#charge(peer);
    }
  }

  /** Each question may cost a walk over the whole graph: honest peers ask some dozens in a sync of ours, and a few times an hour. */
  #charge(peer: GossipPeer): string | null {
    return ++peer.questions > MAX_QUESTIONS ? 'more questions about the graph than anybody needs' : null;
  }

  *#answerRange(peer: GossipPeer, query: MessageNamed<'query_channel_range'>): IterableIterator<Message | null> {
    // BOLT 7: of an unknown chain we know nothing, and say so.
    const isOurs = equal(query.chainHash, this.#chainHash);
    const replies = rangeReplies(query, isOurs ? yield* this.#load().answers.inRange(query) : []);
    for (const reply of replies) {
      if (reply.syncComplete === 1) peer.answeringRange = false;
      yield reply;
    }
  }

  *#answerScids(
    peer: GossipPeer,
    query: MessageNamed<'query_short_channel_ids'>,
    scids: readonly bigint[],
    flags: readonly number[] | null,
  ): IterableIterator<Message> {
    if (scids.length > 0) yield* this.#load().answers.channels(scids, flags);
    peer.answering = false;
    const fullInformation = equal(query.chainHash, this.#chainHash) ? 1 : 0;
    yield { name: 'reply_short_channel_ids_end', chainHash: query.chainHash, fullInformation, tlvs: {} };
  }

  #applyBlock(change: BlockChange, { graph, database }: Loaded): void {
    applyBlock(change, { graph, database, log: this.#options.log });
  }
}

const EMPTY_GRAPH = new Graph();
