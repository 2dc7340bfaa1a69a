import { equal, toHex } from '../../src/base/bytes.ts';
import type { ChannelId, NodeId } from '../../src/base/ids.ts';
import { height, satToMsat, unixTime } from '../../src/base/units.ts';
import type { Tx, TxOutput } from '../../src/bitcoin/tx.ts';
import { publishable } from '../../src/bolt/channel/channel.ts';
import { view } from '../../src/bolt/channel/view.ts';
import type { FeatureName } from '../../src/bolt/wire/features.ts';
import type { BlockNode } from '../../src/io/regtest/consensus.ts';
import type { NodeEffect, NodeState } from '../../src/node/types.ts';
import { unconfirmedOwn } from '../../src/node/wallet/coins.ts';
import { SimChain } from './chain.ts';
import { type Scene, START_TIME, theBase } from './identity.ts';
import { Monitor, Violation } from './monitor.ts';
import { type Link, Network } from './network.ts';
import { type CrashPoint, feeratesAt, type Planted, SimNode } from './node.ts';
import { type Edge, planner } from './planner.ts';
import type { Rng } from './random.ts';
import { MemoryStore } from './store.ts';

export interface WorldOptions {
  readonly rng: Rng;
  readonly nodes: number;
  readonly without: ReadonlySet<FeatureName>;
  readonly interpreted: boolean;
  readonly planted: Planted | null;
  /** What earlier nodes left behind; else new nodes with coins. */
  readonly from?: Scene;
  trace(line: () => string): void;
}

/** Nodes, the connections between them, the chain, and the time: everything that happens, happens through here. */
export class World {
  readonly nodes: readonly SimNode[];
  readonly network: Network;
  readonly chain: SimChain;
  readonly monitor: Monitor;
  readonly rng: Rng;
  /** Faults of the surroundings: broadcasts that get lost. */
  faulty = true;
  now: number;
  feerate = 2500;
  readonly counts = new Map<string, number>();
  /** Paid to miners before this simulation began. */
  readonly feesBefore: bigint;
  readonly #began: ReadonlyMap<SimNode, bigint>;
  readonly #trace: (line: () => string) => void;

  constructor(options: WorldOptions) {
    const base = theBase();
    this.rng = options.rng;
    this.#trace = options.trace;
    this.network = new Network(options.rng, options.without);
    const from = options.from ?? base;
    this.now = (from.best.at(-1)?.header.time ?? START_TIME) + 1;
    this.chain = new SimChain({ best: from.best, interpreted: options.interpreted, time: this.now });
    this.monitor = new Monitor(
      (id) => this.nodeOf(id),
      (what) => this.count(what),
    );
    const around = {
      now: () => this.now,
      feerates: () => feeratesAt(this.feerate),
      plan: planner(() => this.edges()),
      act: (node: SimNode, effect: NodeEffect) => this.#act(node, effect),
      committed: (node: SimNode, before: NodeState, after: NodeState, batch: Parameters<Monitor['committed']>[3]) =>
        this.monitor.committed(node, before, after, batch),
      planted: options.planted,
    };
    this.nodes = base.identities.slice(0, options.nodes).map((identity, index) => {
      const store = new MemoryStore(from.stores[index]);
      return new SimNode({ identity, index, rng: options.rng, around, store });
    });
    for (const node of this.nodes) this.monitor.begins(node);
    this.feesBefore = this.chain.fees();
    this.#began = new Map(this.nodes.map((node) => [node, this.#wealth(node)]));
  }

  /** What a node had at the beginning, in satoshi: its wallet, and its side of the channels of the scene as if they had just been funded. */
  began(node: SimNode): bigint {
    return this.#began.get(node) as bigint;
  }

  #wealth(node: SimNode): bigint {
    let wealth = 0n;
    for (const coin of node.live.wallet.coins.values()) if (coin.spentBy === null) wealth += coin.output.amount;
    for (const channel of node.live.channels.values()) if (channel.durable.params.isFunder) wealth += channel.durable.params.capacity;
    return wealth;
  }

  /** What would be left if every process died now. */
  scene(): Scene {
    return { best: [...this.chain.best], stores: this.nodes.map((node) => new MemoryStore(node.store)) };
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  say(line: () => string): void {
    this.#trace(line);
  }

  nodeOf(id: NodeId): SimNode {
    const node = this.nodes.find((each) => equal(each.nodeId, id));
    if (node === undefined) throw new Violation(`no such node: ${toHex(id)}`);
    return node;
  }

  get up(): readonly SimNode[] {
    return this.nodes.filter((node) => node.isUp);
  }

  /** Every channel of every node that runs, in its direction. */
  edges(): readonly Edge[] {
    return this.up.flatMap((node) =>
      [...node.live.channels.values()].flatMap((channel): Edge[] => {
        const seen = view(channel);
        const hidden = seen.channelType.includes('option_scid_alias');
        const scid = hidden ? seen.localAlias : (seen.scid ?? seen.localAlias);
        const policy = node.live.extras.get(seen.channelId)?.policy;
        if (seen.phase !== 'normal' || scid === null || policy === undefined) return [];
        return [{ from: node.nodeId, to: seen.peer, scid, capacityMsat: satToMsat(seen.capacity), policy }];
      }),
    );
  }

  // --- nodes

  /** One step of a node; `crash` ends its process on the way. */
  turn(node: SimNode, count: number, crash: CrashPoint | null): void {
    const kinds = node.inbox
      .slice(0, count)
      .map((input) => (input.kind === 'message' ? input.message.name : input.kind === 'command' ? input.command.kind : input.kind));
    const sawBlock = kinds.includes('block') || kinds.includes('block_disconnected');
    this.say(() => `${node.name} steps over ${kinds.join(', ')}${crash === null ? '' : ` and dies ${crash}`}`);
    if (node.turn(count, crash)) {
      if (sawBlock) this.#synced(node);
      this.checkPairs(node);
      return;
    }
    this.count(`crash ${crash}`);
    if (crash !== 'before_commit') this.monitor.compareStored(node, node.live);
    node.die();
    this.network.gone(node);
  }

  kill(node: SimNode): void {
    this.say(() => `${node.name} dies`);
    this.count('crash idle');
    node.die();
    this.network.gone(node);
  }

  start(node: SimNode): void {
    this.say(() => `${node.name} starts`);
    this.count('start');
    node.start();
    this.#synced(node);
  }

  #act(node: SimNode, effect: NodeEffect): void {
    switch (effect.kind) {
      case 'send':
        this.say(() => `  ${node.name} sends ${effect.message.name}`);
        this.monitor.sent(node, this.nodeOf(effect.peer), effect.message);
        this.count(`sent ${effect.message.name}`);
        this.network.send(node, effect.link, effect.message);
        return;
      case 'close_link':
        this.say(() => `  ${node.name} closes link ${effect.link}: ${effect.why}`);
        this.network.close(node, effect.link);
        return;
      case 'connect':
        this.network.dials.push({ from: node, to: this.nodeOf(effect.peer) });
        return;
      case 'publish':
        this.broadcast(node, effect.tx, effect.label);
        return;
      case 'log':
        this.say(() => `  ${node.name} ${effect.level}: ${effect.text}`);
        if (effect.level === 'error') throw new Violation(`${node.name}: ${effect.text}`);
        return;
      case 'reply':
        if (!effect.result.ok && effect.result.failure.code === 'INTERNAL')
          throw new Violation(`${node.name}: INTERNAL ${effect.result.failure.message}`);
        return;
      default:
        return;
    }
  }

  broadcast(node: SimNode, tx: Tx, label: string): void {
    this.monitor.published(node, tx, label);
    this.count(`published ${label}`);
    if (this.faulty && this.rng.chance(0.1)) return;
    const refused = this.chain.submit(tx);
    if (refused !== null) this.count(`refused ${label} ${refused}`);
    this.say(() => `  ${node.name} publishes ${label}${refused === null ? '' : `, refused: ${refused}`}`);
  }

  /** Whose wallet an output is in; null for channels and strangers. */
  ownerOf(output: TxOutput): SimNode | null {
    return this.nodes.find((node) => node.live.wallet.scripts.has(output.script)) ?? null;
  }

  /** Both ends of every channel of a node agree where nothing is under way between them. */
  checkPairs(node: SimNode): void {
    for (const [channelId, channel] of node.live.channels.entries()) {
      const peer = this.nodeOf(channel.durable.params.peer);
      if (peer.isUp && this.isQuiet(node, peer, channelId)) {
        this.monitor.agree(node, peer, channelId);
        this.count('agreement checked');
      }
    }
  }

  isQuiet(a: SimNode, b: SimNode, channelId: ChannelId): boolean {
    const quiet = (node: SimNode, peer: SimNode): boolean => {
      const channel = node.live.channels.get(channelId);
      const seen = channel === undefined ? null : view(channel);
      const waits = node.inbox.some((input) => input.kind === 'message' && equal(input.peer, peer.nodeId));
      return seen?.connected === true && !seen.busy && !waits;
    };
    return quiet(a, b) && quiet(b, a) && this.network.isQuiet(a, b);
  }

  // --- connections

  cut(link: Link): void {
    this.say(() => `link ${link.number} of ${link.ends[0].name} and ${link.ends[1].name} breaks`);
    this.count('link cut');
    this.network.cut(link);
  }

  /** Answers the oldest attempt to connect. */
  dial(answers: (to: SimNode) => boolean): void {
    const next = this.network.dials.shift();
    if (next === undefined || !next.from.isUp) return;
    const { from, to } = next;
    if (to.isUp && answers(to)) {
      this.say(() => `${from.name} connects to ${to.name}`);
      this.network.connect(from, to);
    } else {
      this.say(() => `${from.name} does not reach ${to.name}`);
      from.inbox.push({ kind: 'link_failed', peer: to.nodeId, why: 'no answer' });
    }
  }

  // --- time and chain

  pass(seconds: number): void {
    this.now += seconds;
    this.chain.setTime(this.now);
    for (const node of this.up) if (!node.inbox.some((input) => input.kind === 'tick')) node.inbox.push({ kind: 'tick' });
  }

  /** Whether a node has not been told of the whole chain yet, and waits for nothing of it. */
  isBehind(node: SimNode): boolean {
    if (node.inbox.some((input) => input.kind === 'block' || input.kind === 'block_disconnected')) return false;
    const last = node.live.cursor.at(-1);
    return last === undefined || !equal(last.hash, this.chain.tip.hash);
  }

  /** Follows the chain from the node's cursor: blocks that are no more are taken back, then at most `count` new ones come. */
  feedBlocks(node: SimNode, count: number): void {
    const cursor = [...node.live.cursor];
    for (let last = cursor.at(-1); last !== undefined && !this.chain.isBest(last.hash, last.height); last = cursor.at(-1)) {
      node.inbox.push({ kind: 'block_disconnected', ...last });
      cursor.pop();
      this.count('block disconnected');
    }
    let at = (cursor.at(-1)?.height ?? 0) + 1;
    for (let i = 0; i < count; i++, at++) {
      const block = this.chain.at(at);
      if (block === null) break;
      node.inbox.push({ kind: 'block', height: height(block.height), hash: block.hash, time: unixTime(block.header.time), txs: block.txs });
    }
  }

  mine(take?: (tx: Tx) => boolean): BlockNode {
    const node = this.chain.mine(take);
    this.count('block mined');
    this.say(() => `block ${node.height} with ${node.txs.length - 1} transactions`);
    return node;
  }

  /** At the tip: what should be known to all is sent again, and payments to us are looked for. */
  #synced(node: SimNode): void {
    const last = node.live.cursor.at(-1);
    if (last === undefined || !equal(last.hash, this.chain.tip.hash)) return;
    for (const entry of unconfirmedOwn(node.live.wallet)) if (entry.tx !== null) this.broadcast(node, entry.tx, entry.label ?? 'spend');
    for (const channel of node.live.channels.values())
      for (const { tx, label } of publishable(channel, node.env())) this.broadcast(node, tx, label);
    for (const { tx } of this.chain.mempool.list())
      if (tx.outputs.some((output) => node.live.wallet.scripts.has(output.script)) && this.rng.chance(0.5))
        node.inbox.push({ kind: 'unconfirmed', tx });
  }
}
