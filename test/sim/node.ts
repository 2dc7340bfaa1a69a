import { toHex } from '../../src/base/bytes.ts';
import type { CommandId, NodeId } from '../../src/base/ids.ts';
import type { Result } from '../../src/base/result.ts';
import { blocks, feeratePerKw, height, msat, unixTime } from '../../src/base/units.ts';
import { DEFAULT_LIMITS } from '../../src/bolt/channel/limits.ts';
import type { ChannelLimits, Feerates } from '../../src/bolt/channel/types.ts';
import type { Batch } from '../../src/node/batch.ts';
import { DEFAULT_POLICY } from '../../src/node/own-gossip.ts';
import { batchOf, loadState, prune } from '../../src/node/persist.ts';
import { step } from '../../src/node/step.ts';
import type {
  Address,
  NodeCommand,
  NodeEffect,
  NodeEnv,
  NodeFailure,
  NodeInput,
  NodeReply,
  NodeState,
  Planner,
} from '../../src/node/types.ts';
import type { Identity } from './identity.ts';
import type { Rng } from './random.ts';
import type { MemoryStore } from './store.ts';

/** Where a process may die. */
export const CRASH_POINTS = ['before_commit', 'after_commit', 'half_effects'] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Bugs that a test plants, to see that they are found. */
export type Planted = 'sent_before_commit' | 'htlc_lost_over_restart' | 'settled_twice';

/** Of a real node, but with small delays: the simulation does not wait for 720 blocks. */
export const DELAY = 9;
const LIMITS: ChannelLimits = {
  ...DEFAULT_LIMITS,
  toSelfDelay: blocks(DELAY),
  maxHtlcValueInFlight: msat(2_000_000_000n),
  maxAcceptedHtlcs: 30,
};

/** What the node's surroundings give it. */
export interface Surroundings {
  now(): number;
  feerates(): Feerates;
  plan: Planner;
  act(node: SimNode, effect: NodeEffect): void;
  /** After each commit, before effects leave. */
  committed(node: SimNode, before: NodeState, after: NodeState, batch: Batch): void;
  readonly planted: Planted | null;
}

type Reply = Result<NodeReply, NodeFailure>;

/** A whole node: its state, its store, what waits for it, and the loop of the runtime: step, commit, then act. */
export class SimNode {
  readonly name: string;
  readonly index: number;
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly identity: Identity;
  readonly inbox: NodeInput[] = [];
  readonly rng: Rng;
  readonly store: MemoryStore;
  /** Null while the process is not running. */
  state: NodeState | null;
  crashes = 0;
  readonly #around: Surroundings;
  readonly #replies = new Map<CommandId, (reply: Reply) => void>();
  #nextCommand = 1;

  constructor(part: {
    readonly identity: Identity;
    readonly index: number;
    readonly rng: Rng;
    readonly around: Surroundings;
    readonly store: MemoryStore;
  }) {
    this.identity = part.identity;
    this.name = part.identity.name;
    this.index = part.index;
    this.nodeId = part.identity.keys.nodeId;
    this.address = { host: `node-${this.name.toLowerCase()}`, port: 9735 };
    this.rng = part.rng;
    this.#around = part.around;
    this.store = part.store;
    this.state = this.#load();
  }

  /** With planted bugs that make memory another than the store, it would be that which is found. */
  get isComparable(): boolean {
    return this.#around.planted !== 'settled_twice';
  }

  get isUp(): boolean {
    return this.state !== null;
  }

  get live(): NodeState {
    if (this.state === null) throw new Error(`${this.name} is down`);
    return this.state;
  }

  command(command: NodeCommand, done: (reply: Reply) => void = () => {}): void {
    const id = this.#nextCommand++ as CommandId;
    this.#replies.set(id, done);
    this.inbox.push({ kind: 'command', id, command });
  }

  env(): NodeEnv {
    const { keys, walletKeys } = this.identity;
    return {
      now: unixTime(this.#around.now()),
      height: this.live.cursor.at(-1)?.height ?? height(0),
      feerates: this.#around.feerates(),
      keys,
      walletKeys,
      random: (length) => this.rng.bytes(length),
      limits: LIMITS,
      plan: this.#around.plan,
      defaultPolicy: DEFAULT_POLICY,
      network: 'regtest',
      alias: this.name,
      addresses: [],
    };
  }

  /** Takes up to `count` of what waits through one step. Returns false where the process died in it. */
  turn(count: number, crash: CrashPoint | null): boolean {
    const before = this.live;
    const inputs = this.inbox.splice(0, count);
    const after = step(before, inputs, this.env());
    const batch = batchOf(before, after.state, after.effects);
    const early = this.#around.planted === 'sent_before_commit';
    if (early) {
      this.state = after.state;
      for (const effect of after.effects) this.#act(effect);
    }
    if (crash === 'before_commit') return false;
    this.store.commit(batch);
    this.state = after.state;
    this.#around.committed(this, before, after.state, batch);
    if (crash === 'after_commit') return false;
    const leaving = crash === 'half_effects' ? after.effects.slice(0, this.rng.below(after.effects.length)) : after.effects;
    if (!early) for (const effect of leaving) this.#act(effect);
    if (crash === 'half_effects') return false;
    const pruned = prune(this.state, before);
    this.state = this.#around.planted === 'settled_twice' ? withInvoicesOpen(pruned, after.state) : pruned;
    return true;
  }

  #act(effect: NodeEffect): void {
    if (effect.kind === 'reply') {
      this.#replies.get(effect.id)?.(effect.result);
      this.#replies.delete(effect.id);
    }
    this.#around.act(this, effect);
  }

  /** The process is gone, and with it everything that was not committed. */
  die(): void {
    this.state = null;
    this.inbox.length = 0;
    this.#replies.clear();
    this.crashes++;
  }

  start(): void {
    const loaded = this.#load();
    this.state = this.#around.planted === 'htlc_lost_over_restart' ? withoutAnHtlc(loaded) : loaded;
  }

  /** What the store holds now, through the codecs. */
  stored(): NodeState {
    return this.#load();
  }

  #load(): NodeState {
    const { keys, walletKeys } = this.identity;
    const loaded = loadState(this.store.load(), { network: 'regtest', keys, walletKeys });
    if (!loaded.ok) throw new Error(`${this.name}: the store does not decode at ${loaded.failure.path}: ${loaded.failure.message}`);
    return loaded.value;
  }
}

/** Planted: the newest HTLC of some channel is forgotten. */
function withoutAnHtlc(state: NodeState): NodeState {
  for (const [key, channel] of state.channels.entries()) {
    const { phase } = channel.durable;
    if (phase.kind !== 'active' || phase.commitments.htlcs.length === 0) continue;
    const commitments = { ...phase.commitments, htlcs: phase.commitments.htlcs.slice(0, -1) };
    return {
      ...state,
      channels: state.channels.set(key, { ...channel, durable: { ...channel.durable, phase: { ...phase, commitments } } }),
    };
  }
  return state;
}

/** Planted: what was settled may be paid once more. */
function withInvoicesOpen(pruned: NodeState, before: NodeState): NodeState {
  let { invoices } = pruned;
  for (const [key, invoice] of before.invoices.entries())
    if (invoice.state === 'settled') invoices = invoices.set(key, { ...invoice, state: 'open' });
  return { ...pruned, invoices };
}

export const feeratesAt = (normal: number): Feerates => ({
  background: feeratePerKw(Math.max(253, normal >> 1)),
  normal: feeratePerKw(normal),
  priority: feeratePerKw(normal * 2),
  minimum: feeratePerKw(253),
});

export const short = (bytes: Uint8Array): string => toHex(bytes).slice(0, 8);
