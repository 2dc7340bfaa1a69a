// Two channels wired by an in-memory link: every message goes through its bytes, nothing sleeps, everything replays.
import { expect } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { type Bytes, concat, equal, toHex, utf8 } from '../../src/base/bytes.ts';
import type { BlockHash, CommandId, NodeId, PaymentHash, Preimage } from '../../src/base/ids.ts';
import type { Result } from '../../src/base/result.ts';
import { feeratePerKw, type Height, height, type Msat, msat, sat, unixTime } from '../../src/base/units.ts';
import { equalOutPoint, type Tx, txId, txInput } from '../../src/bitcoin/tx.ts';
import { acceptChannel, channelCodec, openChannel, publishable, step, view, watches } from '../../src/bolt/channel/channel.ts';
import { DEFAULT_LIMITS } from '../../src/bolt/channel/limits.ts';
import type { Active, Channel, Commitments } from '../../src/bolt/channel/state.ts';
import type {
  AcceptRequest,
  ChannelEffect,
  ChannelEvent,
  ChannelFact,
  ChannelInput,
  ChannelLimits,
  ChannelRefusal,
  ChannelReply,
  ChannelSecrets,
  Env,
  Feerates,
  HtlcOrigin,
  OpenRequest,
  TxLabel,
} from '../../src/bolt/channel/types.ts';
import { encodeBits, FEATURES, type FeatureName } from '../../src/bolt/wire/features.ts';
import { decodeMessage, encodeMessage, type Message, type MessageNamed } from '../../src/bolt/wire/message.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { secp } from '../../src/crypto/ec.ts';
import { sha256 } from '../../src/crypto/hash.ts';

export type Name = 'alice' | 'bob';
export const other = (name: Name): Name => (name === 'alice' ? 'bob' : 'alice');

export interface End {
  readonly name: Name;
  env: Env;
  channel: Channel | null;
  readonly inbox: Bytes[];
  readonly events: ChannelEvent[];
  readonly facts: ChannelFact[];
  readonly sent: Message[];
  readonly published: { readonly tx: Tx; readonly label: TxLabel }[];
  readonly replies: Map<number, Result<ChannelReply, ChannelRefusal>>;
  readonly released: Tx[];
  hungUp: string | null;
  connected: boolean;
}

export interface PairOptions {
  readonly features?: readonly FeatureName[];
  readonly capacity?: bigint;
  readonly pushMsat?: bigint;
  readonly isPublic?: boolean;
  readonly zeroConf?: boolean;
  readonly scidAlias?: boolean;
  readonly feerate?: number;
  readonly feerates?: Partial<Feerates>;
  readonly limits?: { readonly alice?: Partial<ChannelLimits>; readonly bob?: Partial<ChannelLimits> };
  readonly closeTo?: Bytes | null;
  readonly upfront?: Bytes | null;
  readonly trusted?: boolean;
  readonly scripts?: { readonly alice?: Bytes; readonly bob?: Bytes };
  readonly seed?: string;
}

export const ANCHORS: readonly FeatureName[] = [
  ...(['option_static_remotekey', 'option_anchors', 'option_shutdown_anysegwit', 'option_channel_type'] as const),
  ...(['option_support_large_channel', 'option_scid_alias', 'option_simple_close', 'option_upfront_shutdown_script'] as const),
];
export const LEGACY: readonly FeatureName[] = ['option_static_remotekey', 'option_channel_type', 'option_upfront_shutdown_script'];

export const featureBits = (names: readonly FeatureName[]): Bytes => encodeBits(names.map((name) => FEATURES[name].bit + 1));

export const p2wpkh = (tag: string): Bytes => concat(Uint8Array.of(0, 20), sha256(utf8(tag)).subarray(0, 20));
export const p2tr = (tag: string): Bytes => concat(Uint8Array.of(0x51, 32), sha256(utf8(tag)));

const HASH = sha256(utf8('regtest')) as BlockHash;
const START: Height = height(1000);

function keysOf(seed: string) {
  const secret = (what: string): Bytes => sha256(utf8(`${seed} ${what}`));
  const nodeSecret = secret('node');
  const made = new Map<number, ChannelSecrets>();
  return {
    nodeId: secp.publicKey(nodeSecret) as NodeId,
    nodeSecret,
    channelSecrets(index: number): ChannelSecrets {
      let secrets = made.get(index);
      if (secrets === undefined) {
        secrets = {
          fundingKey: secret(`funding ${index}`),
          revocationBasepointSecret: secret(`revocation ${index}`),
          paymentBasepointSecret: secret(`payment ${index}`),
          delayedPaymentBasepointSecret: secret(`delayed ${index}`),
          htlcBasepointSecret: secret(`htlc ${index}`),
          commitmentSeed: secret(`commitments ${index}`),
        };
        made.set(index, secrets);
      }
      return secrets;
    },
  };
}

export function makeEnv(seed: string, part: { readonly feerates?: Partial<Feerates>; readonly limits?: Partial<ChannelLimits> } = {}): Env {
  let counter = 0;
  const rate = feeratePerKw(1000);
  return {
    now: unixTime(1_700_000_000),
    height: START,
    feerates: { background: rate, normal: rate, priority: rate, minimum: feeratePerKw(253), ...part.feerates },
    keys: keysOf(seed),
    random(length) {
      const parts: Bytes[] = [];
      for (let size = 0; size < length; size += 32) parts.push(sha256(utf8(`${seed} random ${counter++}`)));
      return concat(...parts).subarray(0, length);
    },
    limits: { ...DEFAULT_LIMITS, ...part.limits },
  };
}

export class Pair {
  readonly ends: { readonly [N in Name]: End };
  readonly options: PairOptions;
  readonly features: Bytes;
  /** Confirmed transactions by block. */
  readonly blocks: { readonly height: Height; readonly txs: readonly Tx[] }[] = [];
  height: Height = START;
  /** Called for each effect before it takes place. */
  onEffect: ((end: End, effect: ChannelEffect) => void) | null = null;
  /** Only this side sees blocks, until it is null again. */
  onlyTo: Name | null = null;
  #commands = 0;

  constructor(options: PairOptions = {}) {
    this.options = options;
    this.features = featureBits(options.features ?? ANCHORS);
    const seed = options.seed ?? 'pair';
    const end = (name: Name): End => ({
      name,
      env: makeEnv(`${seed} ${name}`, {
        ...(options.feerates === undefined ? {} : { feerates: options.feerates }),
        ...(options.limits?.[name] === undefined ? {} : { limits: options.limits[name] as Partial<ChannelLimits> }),
      }),
      channel: null,
      ...{ inbox: [], events: [], facts: [], sent: [], published: [], replies: new Map(), released: [], hungUp: null, connected: true },
    });
    this.ends = { alice: end('alice'), bob: end('bob') };
  }

  get alice(): End {
    return this.ends.alice;
  }
  get bob(): End {
    return this.ends.bob;
  }
  command(): CommandId {
    return ++this.#commands as CommandId;
  }

  openRequest(change: Partial<OpenRequest> = {}): OpenRequest {
    const { options } = this;
    return {
      id: this.command(),
      peer: this.bob.env.keys.nodeId,
      capacity: sat(options.capacity ?? 1_000_000n),
      pushMsat: msat(options.pushMsat ?? 0n),
      isPublic: options.isPublic ?? false,
      zeroConf: options.zeroConf ?? false,
      scidAlias: options.scidAlias ?? false,
      fundingFeerate: feeratePerKw(1000),
      commitmentFeerate: feeratePerKw(options.feerate ?? 1000),
      closeTo: options.closeTo ?? null,
      shutdownScript: options.scripts?.alice ?? p2wpkh('alice'),
      keyIndex: 1,
      features: this.features,
      remoteFeatures: this.features,
      chainHash: HASH,
      ...change,
    };
  }

  acceptRequest(open: MessageNamed<'open_channel'>, change: Partial<AcceptRequest> = {}): AcceptRequest {
    const { options } = this;
    return {
      peer: this.alice.env.keys.nodeId,
      open,
      keyIndex: 7,
      features: this.features,
      remoteFeatures: this.features,
      chainHash: HASH,
      trustedForZeroConf: options.trusted ?? true,
      upfrontShutdownScript: options.upfront ?? null,
      shutdownScript: options.scripts?.bob ?? p2wpkh('bob'),
      ...change,
    };
  }

  /** Alice opens to Bob, up to (not including) the first confirmation. */
  open(): this {
    const started = openChannel(this.openRequest(), this.alice.env);
    if (!started.ok) throw new Error(started.failure.message);
    this.#take(this.alice, started.value);
    return this.settle();
  }

  /** An open channel in normal operation. */
  ready(): this {
    this.open();
    const funding = must(
      this.alice.published.find(({ label }) => label === 'funding'),
      'a funding transaction',
    ).tx;
    this.mine([funding]);
    this.mine([], 5);
    return this.settle();
  }

  channel(name: Name): Channel {
    return must(this.ends[name].channel, `${name} has a channel`);
  }
  active(name: Name): Active {
    const { phase } = this.channel(name).durable;
    if (phase.kind !== 'active') throw new Error(`${name} is ${phase.kind}`);
    return phase;
  }
  view(name: Name) {
    return view(this.channel(name));
  }

  feed(name: Name, input: ChannelInput): this {
    const end = this.ends[name];
    this.#take(end, step(must(end.channel, 'a channel'), input, end.env));
    return this;
  }

  #take(end: End, result: { readonly channel: Channel; readonly effects: readonly ChannelEffect[] }): void {
    end.channel = result.channel;
    for (const effect of result.effects) this.#act(end, effect);
  }

  #act(end: End, effect: ChannelEffect): void {
    this.onEffect?.(end, effect);
    switch (effect.kind) {
      case 'send':
        end.sent.push(effect.message);
        if (end.connected) this.ends[other(end.name)].inbox.push(encodeMessage(effect.message));
        break;
      case 'publish':
        end.published.push(effect);
        break;
      case 'fund':
        this.feed(end.name, { kind: 'funded', tx: fundingTx(effect.amount, effect.script), vout: 1 });
        break;
      case 'release_funding':
        end.released.push(effect.tx);
        break;
      case 'reply':
        end.replies.set(effect.id, effect.result);
        break;
      case 'raise':
        end.events.push(effect.event);
        break;
      case 'record':
        end.facts.push(effect.fact);
        break;
      case 'disconnect':
        end.hungUp = effect.why;
        break;
    }
  }

  /** Delivers one message to `name`; false where none waits. */
  deliver(name: Name): boolean {
    const end = this.ends[name];
    const bytes = end.inbox.shift();
    if (bytes === undefined) return false;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.value.name === 'unknown') throw new Error(`undecodable message to ${name}`);
    const message = decoded.value;
    if (end.channel === null && message.name === 'open_channel') {
      const accepted = acceptChannel(this.acceptRequest(message), end.env);
      if (accepted.ok) this.#take(end, accepted.value);
      else this.ends[other(name)].inbox.push(encodeMessage(accepted.failure.message));
    } else if (end.channel !== null) this.feed(name, { kind: 'message', message });
    return true;
  }

  flush(): this {
    for (const name of ['alice', 'bob'] as const) if (this.ends[name].channel !== null) this.feed(name, { kind: 'flush' });
    return this;
  }

  /** Delivers and flushes until nothing is under way. */
  settle(): this {
    for (let round = 0; ; round++) {
      if (round > 10_000) throw new Error('the channels never settle');
      this.flush();
      const moved = [this.deliver('alice'), this.deliver('bob')].some(Boolean);
      if (!moved) return this;
    }
  }

  /** The connection breaks: what was under way is lost. */
  cut(): this {
    for (const name of ['alice', 'bob'] as const) {
      this.ends[name].inbox.length = 0;
      this.ends[name].connected = false;
      this.feed(name, { kind: 'disconnected' });
    }
    return this;
  }

  /** As after a crash: the channel is what its stored form says. */
  reload(name: Name): this {
    const end = this.ends[name];
    const decoded = decodeWith(channelCodec, encodeWith(channelCodec, must(end.channel, 'a channel')));
    if (!decoded.ok) throw new Error(`${decoded.failure.path}: ${decoded.failure.message}`);
    end.channel = decoded.value;
    return this;
  }

  connect(): this {
    for (const name of ['alice', 'bob'] as const) {
      this.ends[name].connected = true;
      this.ends[name].hungUp = null;
    }
    for (const name of ['alice', 'bob'] as const)
      this.feed(name, { kind: 'connected', features: this.features, remoteFeatures: this.features });
    return this;
  }

  /** A block with these transactions, and then `more` empty ones. */
  mine(txs: readonly Tx[], more = 0): this {
    for (let i = 0; i <= more; i++) {
      this.height = height(this.height + 1);
      this.blocks.push({ height: this.height, txs: i === 0 ? txs : [] });
      for (const name of ['alice', 'bob'] as const) this.#connectBlock(this.ends[name], this.height, i === 0 ? txs : []);
      if (this.alice.connected) this.settle();
    }
    return this;
  }

  /** The blocks from the one with this place in the chain on, once more: for a side that has not seen them. */
  replay(from: number): this {
    for (const block of this.blocks.slice(from))
      for (const name of ['alice', 'bob'] as const) this.#connectBlock(this.ends[name], block.height, block.txs);
    return this;
  }

  #connectBlock(end: End, at: Height, txs: readonly Tx[]): void {
    if (this.onlyTo !== null && this.onlyTo !== end.name) return;
    end.env = { ...end.env, height: at };
    if (end.channel === null) return;
    const { outpoints } = watches(end.channel);
    const matches = txs
      .map((tx, txIndex) => ({ tx, txIndex: txIndex + 1 }))
      .filter(({ tx }) =>
        outpoints.some((outpoint) => equal(outpoint.txid, txId(tx)) || tx.inputs.some(({ prevout }) => equalOutPoint(prevout, outpoint))),
      );
    this.feed(end.name, { kind: 'block', height: at, hash: HASH, matches });
  }

  /** The last block never was. */
  unmine(): this {
    const gone = this.height;
    this.blocks.pop();
    this.height = height(gone - 1);
    for (const name of ['alice', 'bob'] as const) {
      const end = this.ends[name];
      end.env = { ...end.env, height: this.height };
      if (end.channel !== null) this.feed(name, { kind: 'block_disconnected', height: gone });
    }
    return this;
  }

  publishable(name: Name) {
    const end = this.ends[name];
    return publishable(must(end.channel, 'a channel'), end.env);
  }

  // --- payments

  add(from: Name, amountMsat: bigint, part: { readonly secret?: string; readonly cltvExpiry?: number; readonly origin?: HtlcOrigin } = {}) {
    const preimage = sha256(utf8(part.secret ?? `preimage ${this.#commands}`)) as Preimage;
    const paymentHash = sha256(preimage) as PaymentHash;
    const id = this.command();
    this.feed(from, {
      kind: 'add_htlc',
      id,
      amountMsat: msat(amountMsat),
      paymentHash,
      cltvExpiry: height(part.cltvExpiry ?? this.height + 144),
      onion: new Uint8Array(1366).fill(id & 0xff),
      pathKey: null,
      origin: part.origin ?? { kind: 'payment', paymentHash, part: 0 },
    });
    const reply = must(this.ends[from].replies.get(id), 'a reply');
    return { preimage, paymentHash, reply, htlcId: reply.ok && reply.value.kind === 'added' ? reply.value.htlcId : -1n };
  }

  fulfill(by: Name, htlcId: bigint, preimage: Preimage): this {
    return this.feed(by, { kind: 'fulfill_htlc', htlcId, preimage, attributionData: null });
  }
  fail(by: Name, htlcId: bigint): this {
    return this.feed(by, { kind: 'fail_htlc', htlcId, reason: new Uint8Array(292).fill(1), attributionData: null });
  }

  /** A payment from beginning to end. */
  pay(from: Name, amountMsat: bigint): this {
    const { reply, htlcId, preimage } = this.add(from, amountMsat);
    if (!reply.ok) throw new Error(`${reply.failure.rule}: ${reply.failure.message}`);
    this.settle();
    return this.fulfill(other(from), htlcId, preimage).settle();
  }

  eventsOf<K extends ChannelEvent['kind']>(name: Name, kind: K): readonly Extract<ChannelEvent, { readonly kind: K }>[] {
    return this.ends[name].events.filter((event) => event.kind === kind) as never;
  }
  sentBy(name: Name): readonly string[] {
    return this.ends[name].sent.map((message) => message.name);
  }
}

/** A transaction of the wallet: change, then the funding output. */
export function fundingTx(amount: bigint, script: Bytes): Tx {
  const prevout = { txid: sha256(utf8('coin')) as Tx['inputs'][number]['prevout']['txid'], vout: 0 };
  return {
    version: 2,
    inputs: [txInput(prevout, 0xfffffffd, [new Uint8Array(64).fill(1)])],
    outputs: [
      { amount: sat(12_345n), script: p2wpkh('change') },
      { amount: sat(amount), script },
    ],
    locktime: 0,
  };
}

/** What both sides must have in common when nothing is under way. */
export function expectAgreement(pair: Pair): void {
  const [a, b] = [pair.active('alice').commitments, pair.active('bob').commitments];
  expect(a.remoteNext).toBeNull();
  expect(b.remoteNext).toBeNull();
  const txids = (own: Commitments, peer: Commitments): readonly string[] => [toHex(own.local.txid), toHex(peer.remote.txid)];
  for (const [own, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    const [local, remote] = txids(own, peer);
    expect(local).toBe(remote);
    expect(own.local.number).toBe(peer.remote.number);
  }
  expect(a.settled.localMsat).toBe(b.settled.remoteMsat);
  expect(a.settled.remoteMsat).toBe(b.settled.localMsat);
}

export const total = (pair: Pair, name: Name): Msat => {
  const { localMsat, remoteMsat, htlcs } = pair.view(name);
  return msat(localMsat + remoteMsat + htlcs.reduce((sum, { htlc }) => sum + htlc.amountMsat, 0n));
};
