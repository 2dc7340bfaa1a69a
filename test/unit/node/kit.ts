// Whole nodes over a link in memory: every message goes through its bytes, time and blocks come when a test says so.
import { type Bytes, equal, toHex, utf8 } from '../../../src/base/bytes.ts';
import type { BlockHash, ChannelId, CommandId, NodeId, PaymentHash, TxId } from '../../../src/base/ids.ts';
import { fail, ok, type Result } from '../../../src/base/result.ts';
import { blocks, feeratePerKw, type Height, height, type Msat, msat, sat, unixTime } from '../../../src/base/units.ts';
import { type HdKeys, hdKeys, type KeyPath } from '../../../src/bitcoin/hd.ts';
import { type Tx, txInput } from '../../../src/bitcoin/tx.ts';
import { DEFAULT_LIMITS } from '../../../src/bolt/channel/limits.ts';
import type { ChannelView, TxLabel } from '../../../src/bolt/channel/types.ts';
import { view } from '../../../src/bolt/channel/view.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/bolt/wire/message.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import type { Batch, Row, StoredState } from '../../../src/node/batch.ts';
import { DEFAULT_POLICY } from '../../../src/node/own-gossip.ts';
import type { firstHops } from '../../../src/node/pay.ts';
import { batchOf, loadState, prune } from '../../../src/node/persist.ts';
import { step } from '../../../src/node/step.ts';
import type {
  Invoice,
  NodeCommand,
  NodeEffect,
  NodeEnv,
  NodeFailure,
  NodeInput,
  NodeReply,
  NodeState,
  PayCommand,
  Planner,
  Route,
  RouteHop,
} from '../../../src/node/types.ts';
import { newScript } from '../../../src/node/wallet/wallet.ts';

export const NOTHING_STORED = { channels: [], extras: [], payments: [], invoices: [], forwards: [], peers: [], meta: new Map() };
export const START = 1_700_000_000;

const identities = new Map<string, HdKeys>();

/** A node's keys: each derived once, because a restart asks for all of the wallet's scripts. */
function keysOf(name: string): HdKeys {
  const known = identities.get(name);
  if (known !== undefined) return known;
  const keys = hdKeys(sha256(utf8(`node ${name}`)), 'regtest');
  const once = <K, T>(derive: (key: K) => T): ((key: K) => T) => {
    const made = new Map<string, T>();
    return (key) => {
      const text = JSON.stringify(key);
      const value = made.get(text) ?? derive(key);
      made.set(text, value);
      return value;
    };
  };
  const wallet = {
    ...keys.wallet,
    script: once((path: KeyPath) => keys.wallet.script(path)),
    publicKey: once((path: KeyPath) => keys.wallet.publicKey(path)),
  };
  const remembered = { ...keys, wallet, channelSecrets: once((index: number) => keys.channelSecrets(index)) };
  identities.set(name, remembered);
  return remembered;
}

export class TestNode {
  readonly name: string;
  readonly keys: HdKeys;
  readonly nodeId: NodeId;
  readonly world: World;
  state: NodeState;
  env: Partial<NodeEnv> = {};
  readonly inbox: NodeInput[] = [];
  /** Every effect, as it left. */
  readonly effects: NodeEffect[] = [];
  readonly batches: Batch[] = [];
  readonly replies = new Map<CommandId, Result<NodeReply, NodeFailure>>();
  #random = 0;

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
    this.keys = keysOf(name);
    this.nodeId = this.keys.nodeId;
    const loaded = loadState(NOTHING_STORED, { network: 'regtest', keys: this.keys, walletKeys: this.keys.wallet });
    if (!loaded.ok) throw new Error(loaded.failure.message);
    this.state = { ...loaded.value, cursor: [{ height: height(world.height), hash: world.hash }] };
  }

  fullEnv(): NodeEnv {
    const rate = feeratePerKw(1000);
    return {
      now: unixTime(this.world.now),
      height: this.state.cursor.at(-1)?.height ?? height(0),
      feerates: { background: rate, normal: rate, priority: rate, minimum: feeratePerKw(253) },
      keys: this.keys,
      walletKeys: this.keys.wallet,
      random: (length) => {
        const out = new Uint8Array(length);
        for (let i = 0; i < length; i += 32) out.set(sha256(utf8(`${this.name} ${this.#random++}`)).subarray(0, length - i), i);
        return out;
      },
      limits: { ...DEFAULT_LIMITS, minDepth: blocks(1) },
      plan: this.world.planFor(this),
      defaultPolicy: DEFAULT_POLICY,
      network: 'regtest',
      alias: this.name,
      addresses: [],
      ...this.env,
    };
  }

  /** One step over these inputs, committed; its effects take place. */
  step(...inputs: readonly NodeInput[]): readonly NodeEffect[] {
    const before = this.state;
    const after = step(before, inputs, this.fullEnv());
    this.batches.push(batchOf(before, after.state, after.effects));
    this.state = prune(after.state, before);
    for (const effect of after.effects) {
      this.effects.push(effect);
      if (effect.kind === 'reply') this.replies.set(effect.id, effect.result);
      this.world.act(this, effect);
    }
    return after.effects;
  }

  #commands = 0;
  command(command: NodeCommand): Result<NodeReply, NodeFailure> | null {
    const id = ++this.#commands as CommandId;
    this.step({ kind: 'command', id, command });
    return this.replies.get(id) ?? null;
  }

  /** The process dies, and another one begins from what was committed. */
  restart(): void {
    for (const wire of this.world.wires.filter(({ ends }) => ends.includes(this))) this.world.drop(wire.number, this);
    const loaded = loadState(stored(this), { network: 'regtest', keys: this.keys, walletKeys: this.keys.wallet });
    if (!loaded.ok) throw new Error(`${loaded.failure.path}: ${loaded.failure.message}`);
    this.state = loaded.value;
  }

  channels(): readonly ChannelView[] {
    return [...this.state.channels.values()].map(view);
  }
  channelWith(other: TestNode): ChannelView {
    const found = this.channels().find((seen) => equal(seen.peer, other.nodeId));
    if (found === undefined) throw new Error(`${this.name} has no channel with ${other.name}`);
    return found;
  }
  session(other: TestNode) {
    return this.state.peers.get(other.nodeId)?.session;
  }
  link(other: TestNode): number {
    const session = this.session(other);
    if (session?.kind !== 'up' && session?.kind !== 'greeting') throw new Error(`${this.name} has no link to ${other.name}`);
    return session.link;
  }
  /** What this node sent, by name. */
  sent(name: Message['name']): readonly Message[] {
    return this.effects.flatMap((effect) => (effect.kind === 'send' && effect.message.name === name ? [effect.message] : []));
  }
  logs(): string {
    return this.effects.flatMap((effect) => (effect.kind === 'log' ? [effect.text] : [])).join('\n');
  }
  /** The invoice as last committed, in memory or not. */
  invoiceRow(hash: PaymentHash): string | null {
    for (const batch of this.batches.toReversed())
      for (const row of batch.rows) if (row.table === 'invoice' && equal(row.key, hash)) return row.state;
    return null;
  }
  paymentRow(hash: PaymentHash): string | null {
    for (const batch of this.batches.toReversed())
      for (const row of batch.rows) if (row.table === 'payment' && equal(row.key, hash)) return row.status;
    return null;
  }
}

/** What a store gives back of these batches: the newest row of each key. */
export function stored(of: TestNode): StoredState {
  const tables = new Map<string, Map<string, Row>>();
  for (const { rows } of of.batches)
    for (const row of rows) {
      const table = tables.get(row.table) ?? new Map<string, Row>();
      tables.set(row.table, table);
      if (row.blob === null) table.delete(toHex(row.key));
      else table.set(toHex(row.key), row);
    }
  const blobs = (table: string, keep: (row: Row) => boolean = () => true): Bytes[] =>
    [...(tables.get(table)?.values() ?? [])].filter(keep).map((row) => row.blob as Bytes);
  return {
    channels: blobs('channel', (row) => row.table === 'channel' && 'closed' in row && !row.closed),
    extras: blobs('extras'),
    payments: blobs('payment', (row) => 'status' in row && row.status === 'pending'),
    invoices: blobs('invoice', (row) => 'state' in row && (row.state === 'open' || row.state === 'accepted')),
    forwards: [...(tables.get('forward')?.values() ?? [])].map((row) => ({ key: row.key, blob: row.blob as Bytes })),
    peers: blobs('peer'),
    meta: new Map([...(tables.get('meta')?.values() ?? [])].map((row) => [new TextDecoder().decode(row.key), row.blob as Bytes])),
  };
}

interface Wire {
  readonly number: number;
  readonly ends: readonly [TestNode, TestNode];
}

export class World {
  now = START;
  height: Height = height(500);
  hash = sha256(utf8('block 500')) as BlockHash;
  readonly nodes: TestNode[] = [];
  readonly wires: Wire[] = [];
  readonly mempool: Tx[] = [];
  readonly published: { readonly tx: Tx; readonly label: TxLabel }[] = [];
  /** Messages that are held back: true keeps the message on the wire. */
  hold: ((from: TestNode, message: Message) => boolean) | null = null;
  /** Routes by name of nodes, for payments over hops. */
  paths: (readonly TestNode[])[] = [];
  queue: {
    readonly to: TestNode;
    readonly input: NodeInput;
    readonly link: number;
    readonly from: TestNode;
    readonly message: Message;
  }[] = [];
  #next = 1;

  node(name: string): TestNode {
    const made = new TestNode(name, this);
    this.nodes.push(made);
    return made;
  }

  connect(a: TestNode, b: TestNode): number {
    const number = this.wire(a, b);
    a.step({ kind: 'link_up', link: number, peer: b.nodeId, inbound: false, address: { host: b.name, port: 9735 } });
    b.step({ kind: 'link_up', link: number, peer: a.nodeId, inbound: true, address: null });
    this.settle();
    return number;
  }
  /** A link that neither end has heard of yet. */
  wire(a: TestNode, b: TestNode): number {
    const number = this.#next++;
    this.wires.push({ number, ends: [a, b] });
    return number;
  }
  cut(number: number, why = 'cut'): void {
    const at = this.wires.findIndex((wire) => wire.number === number);
    if (at < 0) return;
    const [wire] = this.wires.splice(at, 1) as [Wire];
    this.queue = this.queue.filter((item) => item.link !== number);
    const [a, b] = wire.ends;
    a.step({ kind: 'link_down', link: number, peer: b.nodeId, why });
    b.step({ kind: 'link_down', link: number, peer: a.nodeId, why });
  }

  /** Everything as it is now; calling what comes back brings it back. */
  snapshot(): () => void {
    const { now, height: at, hash } = this;
    const [wires, queue] = [[...this.wires], [...this.queue]];
    const nodes = this.nodes.map((node) => ({ node, state: node.state, batches: node.batches.length, effects: node.effects.length }));
    return () => {
      Object.assign(this, { now, height: at, hash, queue: [...queue] });
      this.wires.splice(0, this.wires.length, ...wires);
      for (const { node, state, batches, effects } of nodes) {
        node.state = state;
        node.batches.length = batches;
        node.effects.length = effects;
      }
    };
  }

  /** One end is gone; the other hears of it. */
  drop(number: number, gone: TestNode): void {
    const at = this.wires.findIndex((wire) => wire.number === number);
    const [wire] = this.wires.splice(at, 1) as [Wire];
    this.queue = this.queue.filter((item) => item.link !== number);
    const other = wire.ends[0] === gone ? wire.ends[1] : wire.ends[0];
    other.step({ kind: 'link_down', link: number, peer: gone.nodeId, why: 'the process is gone' });
  }
  get waiting(): number {
    return this.queue.length;
  }
  /** Delivers one message. */
  deliver(): void {
    const item = this.queue.shift();
    if (item !== undefined) item.to.step(item.input);
  }

  act(node: TestNode, effect: NodeEffect): void {
    if (effect.kind === 'send') {
      const wire = this.wires.find((each) => each.number === effect.link);
      const to = wire?.ends.find((end) => end !== node);
      if (to === undefined) return;
      const decoded = decodeMessage(encodeMessage(effect.message));
      if (!decoded.ok) throw new Error(`${effect.message.name} does not decode`);
      const input: NodeInput = { kind: 'message', link: effect.link, peer: node.nodeId, message: decoded.value };
      this.queue.push({ to, input, link: effect.link, from: node, message: effect.message });
    }
    if (effect.kind !== 'publish') return;
    this.mempool.push(effect.tx);
    this.published.push({ tx: effect.tx, label: effect.label });
  }

  /** Delivers until nothing waits; what is held back stays. */
  settle(): void {
    for (let i = 0; i < 10_000; i++) {
      const at = this.queue.findIndex((item) => !this.#isHeld(item));
      if (at < 0) return;
      const [item] = this.queue.splice(at, 1);
      if (item !== undefined) item.to.step(item.input);
    }
    throw new Error('messages go on for ever');
  }

  /** What is behind a message that is held back waits as well: a link keeps the order. */
  #isHeld(item: (typeof this.queue)[number]): boolean {
    for (const each of this.queue) {
      if (each.link === item.link && each.from === item.from && this.hold?.(each.from, each.message) === true) return true;
      if (each === item) return false;
    }
    return false;
  }

  tick(seconds = 1): void {
    this.now += seconds;
    for (const node of this.nodes) node.step({ kind: 'tick' });
    this.settle();
  }

  mine(count = 1, txs: readonly Tx[] = this.mempool.splice(0)): void {
    for (let i = 0; i < count; i++) {
      this.height = height(this.height + 1);
      this.hash = sha256(utf8(`block ${this.height}`)) as BlockHash;
      const block = { kind: 'block', height: this.height, hash: this.hash, time: unixTime(this.now), txs: i === 0 ? txs : [] } as const;
      for (const node of this.nodes) node.step(block);
      this.settle();
    }
  }

  fund(node: TestNode, amount = 10_000_000n): void {
    const fresh = newScript(node.state.wallet, node.keys.wallet, 'p2wpkh');
    node.state = { ...node.state, wallet: fresh.wallet };
    const txid = sha256(utf8(`coin ${this.height} ${node.name}`)) as TxId;
    const inputs = [txInput({ txid, vout: 0 }, 0xffffffff, [new Uint8Array(64)])];
    this.mine(1, [{ version: 2, inputs, outputs: [{ amount: sat(amount), script: fresh.script }], locktime: 0 }]);
  }

  /** An open channel from `a` to `b`, both connected. */
  open(
    a: TestNode,
    b: TestNode,
    part: { readonly capacity?: bigint; readonly push?: bigint; readonly isPublic?: boolean } = {},
  ): ChannelId {
    if (a.session(b)?.kind !== 'up') this.connect(a, b);
    this.fund(a);
    const before = new Set(a.channels().map((seen) => toHex(seen.channelId)));
    a.command({
      kind: 'open_channel',
      peer: b.nodeId,
      capacity: sat(part.capacity ?? 1_000_000n),
      pushMsat: msat(part.push ?? 0n),
      isPublic: part.isPublic ?? false,
      zeroConf: false,
      feerate: null,
      closeTo: null,
    });
    this.settle();
    this.mine(6);
    const made = a.channels().find((seen) => !before.has(toHex(seen.channelId)));
    if (made?.usable !== true) throw new Error(`the channel did not open: ${a.logs()}`);
    return made.channelId;
  }

  invoice(node: TestNode, part: Partial<Extract<NodeCommand, { kind: 'create_invoice' }>> = {}): Invoice {
    const answer = node.command({
      ...{ kind: 'create_invoice', amountMsat: msat(100_000), description: '', expirySeconds: 3600, minFinalCltvExpiryDelta: null },
      ...{ privateHints: false, holdHash: null, preimage: null },
      ...part,
    });
    if (answer?.ok !== true || answer.value.kind !== 'invoice') throw new Error('no invoice');
    return answer.value.invoice;
  }

  payment(to: TestNode, invoice: Invoice, change: Partial<PayCommand['payment']> = {}): PayCommand {
    return {
      kind: 'pay',
      payment: {
        ...{
          paymentHash: invoice.paymentHash,
          destination: to.nodeId,
          amountMsat: invoice.amountMsat ?? msat(0),
          maxFeeMsat: msat(50_000),
        },
        ...{ maxParts: 4, bolt11: invoice.bolt11, paymentSecret: invoice.paymentSecret, paymentMetadata: null, keysendPreimage: null },
        ...{ key: null, finalCltvDelta: invoice.minFinalCltvExpiryDelta, hints: [], outgoing: [], excludedNodes: [], excludedChannels: [] },
        ...{ multipart: true, retryUntil: unixTime(this.now + 60) },
        ...change,
      },
    };
  }

  /** Direct channels, then the paths that a test gave; one part each, as much as a first hop sends. */
  planFor(node: TestNode): Planner {
    return (query) => {
      const routes: Route[] = [];
      let left: bigint = query.amountMsat;
      for (const first of query.firstHops) {
        if (left === 0n || routes.length >= query.maxParts) break;
        if (query.lessons.some((lesson) => lesson.scid === first.scid && lesson.failsFromMsat !== null)) continue;
        const path = this.paths.find(([a, b]) => a === node && b !== undefined && equal(b.nodeId, first.peer));
        const direct = equal(first.peer, query.destination);
        if (!direct && (path === undefined || !equal((path.at(-1) as TestNode).nodeId, query.destination))) continue;
        const along = direct ? [] : (path as readonly TestNode[]).slice(1);
        const amount = first.sendableMsat - 10_000n < left ? first.sendableMsat - 10_000n : left;
        if (amount <= 0n) continue;
        const hops = hopsOf(along, { first, amount: msat(amount), expiry: query.finalCltvExpiry });
        routes.push({ channelId: first.channelId, hops });
        left -= amount;
      }
      return left === 0n ? ok(routes) : fail({ code: 'NO_ROUTE', message: 'no route', hint: '' });
    };
  }
}

function hopsOf(
  along: readonly TestNode[],
  part: { readonly first: ReturnType<typeof firstHops>[number]; readonly amount: Msat; readonly expiry: Height },
): Route['hops'] {
  const hops: RouteHop[] = [];
  let [amount, expiry] = [part.amount as bigint, part.expiry as number];
  for (let i = along.length - 1; i > 0; i--) {
    const [from, to] = [along[i - 1] as TestNode, along[i] as TestNode];
    const seen = from.channelWith(to);
    const scid = seen.localAlias ?? seen.scid;
    const policy = from.state.extras.get(seen.channelId)?.policy ?? DEFAULT_POLICY;
    if (scid === null) throw new Error('a channel without a name');
    hops.unshift({ nodeId: to.nodeId, scid, amountMsat: msat(amount), cltvExpiry: height(expiry) });
    amount += policy.feeBaseMsat + (amount * BigInt(policy.feeProportionalMillionths)) / 1_000_000n;
    expiry += policy.cltvExpiryDelta;
  }
  return [{ nodeId: part.first.peer, scid: part.first.scid, amountMsat: msat(amount), cltvExpiry: height(expiry) }, ...hops];
}
