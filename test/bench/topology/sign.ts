// Makes from the topology a copy signed with test keys: ordinary gossip of a network of the main network's size, for regtest. The same seed and
// timestamp give the same bytes as the yardstick's generator, so that both sides of a comparison read one file.
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { compare, toHex } from '../../../src/base/bytes.ts';
import { NETWORK_PARAMS } from '../../../src/bitcoin/network.ts';
import { encodeBits } from '../../../src/bolt/wire/features.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { htlcMaximumMsat, readTopology, type Topology } from './read.ts';

export interface SignOptions {
  /** Updates are dated from here back to an hour before. */
  readonly timestamp: number;
  readonly seed?: string;
  readonly heights?: readonly [low: number, high: number];
  /** Only the first so many channels. */
  readonly limit?: number;
  readonly pairs?: number;
}

export interface SignedTopology {
  readonly channelAnnouncements: number;
  readonly channelUpdates: number;
  readonly nodeAnnouncements: number;
  readonly bytes: number;
  readonly sha256: string;
}

const SEED = 'lightning-replica-v1';
const AMOUNTS_SAT = [1_000, 100_000, 1_000_000, 10_000_000];
const NODE_FEATURES = encodeBits([0, 5, 7, 8, 12, 14, 17, 19, 23, 27, 45, 55]);

export interface Key {
  readonly secret: Uint8Array;
  readonly id: Uint8Array;
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const sha256d = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));

function u64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function key(seed: string, kind: string, a: number, b: number): Key {
  const secret = sha256(Buffer.from(`${seed}/${kind}`), u64(a), u64(b));
  return { secret, id: secp.publicKey(secret) };
}

/** The keys of the nodes, by their numbers. */
export const nodeKeys = (nodes: number, seed = SEED): readonly Key[] => Array.from({ length: nodes }, (_, i) => key(seed, 'node', i, 0));

/** One channel as it is announced. */
export interface LaidOut {
  readonly index: number;
  readonly scid: bigint;
  /** Numbers of node 1 and node 2: the smaller key first. */
  readonly ends: readonly [number, number];
  readonly capacitySat: number;
  /** By direction. */
  readonly policies: readonly [LaidOutPolicy, LaidOutPolicy];
}

export interface LaidOutPolicy {
  readonly disabled: boolean;
  /** Seconds before the copy's own timestamp. */
  readonly age: number;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: number;
  readonly htlcMaximumMsat: number;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
}

/** The channels with made-up short channel ids, spread over `heights`; direction 0 of the snapshot is taken to be that of its start. */
export function* layOut(
  topology: Topology,
  keys: readonly Key[],
  options: Pick<SignOptions, 'heights' | 'limit'> = {},
): IterableIterator<LaidOut> {
  const channels = Math.min(options.limit ?? topology.channels, topology.channels);
  const [low, high] = options.heights ?? [1, 100];
  const inBlock = new Map<number, number>();
  for (let index = 0; index < channels; index++) {
    const [a, b] = [topology.start[index] as number, topology.end[index] as number];
    const swap = compare((keys[a] as Key).id, (keys[b] as Key).id) > 0 ? 1 : 0;
    const block = low + Math.floor((index * (high - low + 1)) / channels);
    const txIndex = (inBlock.get(block) ?? 0) + 1;
    inBlock.set(block, txIndex);
    yield {
      index,
      scid: (BigInt(block) << 40n) | (BigInt(txIndex) << 16n) | BigInt(index & 1),
      ends: swap === 1 ? [b, a] : [a, b],
      capacitySat: topology.capacitySat[index] as number,
      policies: [policyOf(topology, 2 * index + swap), policyOf(topology, 2 * index + (1 - swap))],
    };
  }
}

function policyOf(topology: Topology, edge: number): LaidOutPolicy {
  const capacity = (topology.capacitySat[edge >> 1] as number) * 1000;
  const maximum = Math.min(htlcMaximumMsat(topology, edge), capacity);
  return {
    disabled: topology.disabled[edge] === 1,
    age: edge % 3600,
    cltvExpiryDelta: topology.cltvExpiryDelta[edge] as number,
    htlcMinimumMsat: Math.min(topology.htlcMinimumMsat[edge] as number, maximum),
    htlcMaximumMsat: maximum,
    feeBaseMsat: topology.feeBaseMsat[edge] as number,
    feeProportionalMillionths: topology.feeProportionalMillionths[edge] as number,
  };
}

/** Writes `<out>.gossip` (u16 length and message each), `<out>.caps` (u64 scid, u64 sat) and `<out>.pairs.json`. */
export function writeSigned(out: string, options: SignOptions): SignedTopology {
  const topology = readTopology();
  const seed = options.seed ?? SEED;
  const keys = nodeKeys(topology.nodes, seed);
  const file = new Records(`${out}.gossip`);
  const caps: Uint8Array[] = [];
  const counts = { channelAnnouncements: 0, channelUpdates: 0, nodeAnnouncements: 0 };
  const announced = new Uint8Array(topology.nodes);
  for (const channel of layOut(topology, keys, options)) {
    const { index, ends } = channel;
    const [one, two] = ends.map((node) => keys[node] as Key) as [Key, Key];
    const scid = u64(channel.scid);
    file.add(announcement(scid, one, two, key(seed, 'fund', index, 0), key(seed, 'fund', index, 1)));
    counts.channelAnnouncements++;
    caps.push(scid, u64(channel.capacitySat));
    for (const direction of [0, 1] as const) {
      file.add(update(scid, direction, channel.policies[direction], options.timestamp, direction === 0 ? one : two));
      counts.channelUpdates++;
    }
    for (const node of ends) {
      if (announced[node] === 1) continue;
      announced[node] = 1;
      file.add(nodeAnnouncement(node, keys[node] as Key, options.timestamp));
      counts.nodeAnnouncements++;
    }
  }
  const written = file.close();
  writeFileSync(`${out}.caps`, Buffer.concat(caps));
  writeFileSync(`${out}.pairs.json`, JSON.stringify(questions(options), null, 1));
  return { ...counts, ...written };
}

class Records {
  readonly #file: number;
  readonly #hash = createHash('sha256');
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }
  add(message: Uint8Array): void {
    this.#chunks.push(Uint8Array.of(message.length >> 8, message.length & 0xff), message);
    this.#waiting += 2 + message.length;
    if (this.#waiting > 1 << 20) this.#write();
  }
  close(): { bytes: number; sha256: string } {
    this.#write();
    closeSync(this.#file);
    return { bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }
  #write(): void {
    const all = Buffer.concat(this.#chunks);
    this.#hash.update(all);
    writeSync(this.#file, all);
    this.bytes += all.length;
    this.#chunks = [];
    this.#waiting = 0;
  }
}

function signed(type: number, body: Uint8Array, keys: readonly Key[]): Uint8Array {
  const digest = sha256d(body);
  return Buffer.concat([Uint8Array.of(type >> 8, type & 0xff), ...keys.map(({ secret }) => secp.sign(digest, secret)), body]);
}

const { chainHash } = NETWORK_PARAMS.regtest;

function announcement(scid: Uint8Array, one: Key, two: Key, funding1: Key, funding2: Key): Uint8Array {
  const body = Buffer.concat([Uint8Array.of(0, 0), chainHash, scid, one.id, two.id, funding1.id, funding2.id]);
  return signed(256, body, [one, two, funding1, funding2]);
}

function update(scid: Uint8Array, direction: 0 | 1, policy: LaidOutPolicy, timestamp: number, from: Key): Uint8Array {
  const body = Buffer.alloc(72);
  body.set(chainHash, 0);
  body.set(scid, 32);
  body.writeUInt32BE(timestamp - policy.age, 40);
  body[44] = 1;
  body[45] = direction | (policy.disabled ? 2 : 0);
  body.writeUInt16BE(policy.cltvExpiryDelta, 46);
  body.writeBigUInt64BE(BigInt(policy.htlcMinimumMsat), 48);
  body.writeUInt32BE(policy.feeBaseMsat, 56);
  body.writeUInt32BE(policy.feeProportionalMillionths, 60);
  body.writeBigUInt64BE(BigInt(policy.htlcMaximumMsat), 64);
  return signed(258, body, [from]);
}

/** Its one address is a loopback one on the discard port: a node that dials it goes nowhere. */
function nodeAnnouncement(node: number, of: Key, timestamp: number): Uint8Array {
  const alias = Buffer.alloc(32);
  alias.write(`replica-${node}`);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(timestamp - (node % 3600));
  const address = Uint8Array.of(1, 127, 1 + (node >> 16), (node >> 8) & 0xff, node & 0xff, 0, 9);
  const features = Buffer.concat([Uint8Array.of(0, NODE_FEATURES.length), NODE_FEATURES]);
  return signed(257, Buffer.concat([features, head, of.id, of.id.subarray(1, 4), alias, Uint8Array.of(0, 7), address]), [of]);
}

// --- pairs: two nodes with at least two enabled channels and 10M sat of htlc_maximum both ways each

class Reach {
  readonly #out: Float64Array;
  readonly #in: Float64Array;
  readonly #outCount: Uint32Array;
  readonly #inCount: Uint32Array;

  constructor(nodes: number) {
    this.#out = new Float64Array(nodes);
    this.#in = new Float64Array(nodes);
    this.#outCount = new Uint32Array(nodes);
    this.#inCount = new Uint32Array(nodes);
  }
  add(from: number, to: number, maximum: number): void {
    this.#out[from]! += maximum;
    this.#outCount[from]!++;
    this.#in[to]! += maximum;
    this.#inCount[to]!++;
  }
  candidates(): readonly number[] {
    const need = 10_000_000_000;
    return [...this.#out.keys()].filter(
      (i) => this.#outCount[i]! >= 2 && this.#inCount[i]! >= 2 && this.#out[i]! >= need && this.#in[i]! >= need,
    );
  }
}

const MASK = (1n << 64n) - 1n;

function* splitmix(seed: bigint): IterableIterator<bigint> {
  for (let x = seed; ; ) {
    x = (x + 0x9e3779b97f4a7c15n) & MASK;
    let z = x;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    yield z ^ (z >> 31n);
  }
}

/** What is asked of every node in a comparison: the fee limits are lnd's rule, 100 % up to 1,000 sat, 5 % above. */
export interface Questions {
  readonly amounts: readonly { readonly sat: number; readonly fee_limit_msat: number }[];
  readonly pairs: readonly { readonly src: string; readonly dst: string }[];
}

/** Pairs drawn evenly, with a fixed seed, among the nodes that can send and receive 10,000,000 sat. */
export function questions(options: Omit<SignOptions, 'timestamp'> = {}): Questions {
  const topology = readTopology();
  const seed = options.seed ?? SEED;
  const keys = nodeKeys(topology.nodes, seed);
  const reach = new Reach(topology.nodes);
  for (const { ends, policies } of layOut(topology, keys, options))
    for (const direction of [0, 1] as const)
      if (!policies[direction].disabled) reach.add(ends[direction], ends[direction === 0 ? 1 : 0], policies[direction].htlcMaximumMsat);
  const candidates = reach.candidates();
  const random = splitmix(Buffer.from(sha256(Buffer.from(`${seed}/pairs`))).readBigUInt64BE(0));
  const draw = (): number => candidates[Number((random.next().value as bigint) % BigInt(candidates.length))] as number;
  const pairs: { src: string; dst: string }[] = [];
  while (pairs.length < (options.pairs ?? 500) && candidates.length > 1) {
    const [s, d] = [draw(), draw()];
    if (s !== d) pairs.push({ src: toHex((keys[s] as Key).id), dst: toHex((keys[d] as Key).id) });
  }
  return { amounts: AMOUNTS_SAT.map((sat) => ({ sat, fee_limit_msat: sat <= 1000 ? sat * 1000 : sat * 50 })), pairs };
}

if (process.argv[1] === import.meta.filename) {
  const [out, timestamp] = process.argv.slice(2);
  if (out === undefined) throw new Error('usage: node sign.ts OUT [UNIX]');
  process.stdout.write(`${JSON.stringify(writeSigned(out, { timestamp: Number(timestamp ?? Math.floor(Date.now() / 1000)) }))}\n`);
}
