import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { compare, fromBigInt } from '../../../../src/base/bytes.ts';
import type { NodeId } from '../../../../src/base/ids.ts';
import { type Msat, type UnixTime, unixTime } from '../../../../src/base/units.ts';
import { NETWORK_PARAMS } from '../../../../src/bitcoin/network.ts';
import { encodeBits } from '../../../../src/bolt/wire/features.ts';
import { encodeMessage, type Message, type MessageNamed } from '../../../../src/bolt/wire/message.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { sha256d } from '../../../../src/crypto/hash.ts';
import { type GossipOptions, type GossipService, openGossip } from '../../../../src/io/gossip/service.ts';

export const NOW = 1_800_000_000;
const { chainHash } = NETWORK_PARAMS.regtest;

export interface Party {
  readonly secret: Uint8Array;
  readonly id: NodeId;
}

export const party = (n: number): Party => {
  const secret = fromBigInt(BigInt(n) + 1n, 32);
  return { secret, id: secp.publicKey(secret) as NodeId };
};

const signedFrom = (message: Message): number => (message.name === 'channel_announcement' ? 258 : 66);
const sign = (message: Message, secret: Uint8Array): Uint8Array =>
  secp.sign(sha256d(encodeMessage(message).subarray(signedFrom(message))), secret);

export function announcement(
  a: Party,
  b: Party,
  scid: bigint,
  part: Partial<MessageNamed<'channel_announcement'>> = {},
  /** Whose keys the funding output has; those of the nodes unless told otherwise. */
  funders: readonly [Party, Party] | null = null,
): MessageNamed<'channel_announcement'> {
  const [first, second] = compare(a.id, b.id) < 0 ? [a, b] : [b, a];
  const [funder1, funder2] = funders ?? [first, second];
  const unsigned: MessageNamed<'channel_announcement'> = {
    name: 'channel_announcement',
    nodeSignature1: new Uint8Array(64),
    nodeSignature2: new Uint8Array(64),
    bitcoinSignature1: new Uint8Array(64),
    bitcoinSignature2: new Uint8Array(64),
    features: new Uint8Array(0),
    chainHash,
    shortChannelId: scid as never,
    nodeId1: first.id,
    nodeId2: second.id,
    bitcoinKey1: funder1.id,
    bitcoinKey2: funder2.id,
    tlvs: {},
    ...part,
  };
  const one = sign(unsigned, first.secret);
  const two = sign(unsigned, second.secret);
  const [three, four] = funders === null ? [one, two] : [sign(unsigned, funder1.secret), sign(unsigned, funder2.secret)];
  return { ...unsigned, nodeSignature1: one, nodeSignature2: two, bitcoinSignature1: three, bitcoinSignature2: four };
}

/** The update of `from` for its channel with `to`. */
export function update(
  from: Party,
  to: Party,
  scid: bigint,
  part: Partial<MessageNamed<'channel_update'>> = {},
): MessageNamed<'channel_update'> {
  const unsigned: MessageNamed<'channel_update'> = {
    name: 'channel_update',
    signature: new Uint8Array(64),
    chainHash,
    shortChannelId: scid as never,
    timestamp: NOW - 100,
    messageFlags: 1,
    cltvExpiryDelta: 40,
    htlcMinimumMsat: 1n as Msat,
    feeBaseMsat: 1000,
    feeProportionalMillionths: 100,
    htlcMaximumMsat: 1_000_000_000n as Msat,
    tlvs: {},
    ...part,
    channelFlags: (compare(from.id, to.id) < 0 ? 0 : 1) | (part.channelFlags ?? 0),
  };
  return { ...unsigned, signature: sign(unsigned, from.secret) };
}

export function nodeAnnouncement(of: Party, timestamp = NOW - 50, addresses = new Uint8Array(0)): MessageNamed<'node_announcement'> {
  const unsigned: MessageNamed<'node_announcement'> = {
    name: 'node_announcement',
    signature: new Uint8Array(64),
    features: new Uint8Array(0),
    timestamp,
    nodeId: of.id,
    rgbColor: new Uint8Array(3),
    alias: new Uint8Array(32),
    addresses,
    tlvs: {},
  };
  return { ...unsigned, signature: sign(unsigned, of.secret) };
}

/** Announcement and both updates. */
export const channel = (a: Party, b: Party, scid: bigint): readonly Message[] => [
  announcement(a, b, scid),
  update(a, b, scid),
  update(b, a, scid),
];

const root = mkdtempSync(join(tmpdir(), 'lnkit-gossip-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

export interface Harness {
  readonly service: GossipService;
  readonly sent: { readonly link: number; readonly message: Message }[];
  readonly punished: string[];
  readonly clock: { now: UnixTime };
  readonly directory: string;
}

export async function open(self: Party, part: Partial<GossipOptions> = {}): Promise<Harness> {
  const directory = part.directory ?? mkdtempSync(join(root, 'node-'));
  const sent: Harness['sent'] = [];
  const punished: string[] = [];
  const clock = { now: unixTime(NOW) };
  const service = await openGossip({
    directory,
    network: 'regtest',
    nodeId: self.id,
    send: (link, _peer, message) => void sent.push({ link, message }),
    punish: (_link, _peer, why) => void punished.push(why),
    now: () => clock.now,
    chain: null,
    log: () => {},
    random: () => 0,
    ...part,
  });
  return { service, sent, punished, clock, directory };
}

export const GOSSIP_FEATURES = encodeBits([7, 11]);

/** Two services that hear each other. */
export async function connect(
  a: { self: Party; part?: Partial<GossipOptions> },
  b: { self: Party; part?: Partial<GossipOptions> },
): Promise<readonly [Harness, Harness]> {
  const ends: Harness[] = [];
  const deliver = (to: number, from: Party) => (_link: number, _peer: NodeId, message: Message) => {
    setImmediate(() => ends[to]?.service.handle({ kind: 'gossip', link: 1, peer: from.id, message }));
  };
  ends.push(await open(a.self, { ...a.part, send: deliver(1, a.self) }));
  ends.push(await open(b.self, { ...b.part, send: deliver(0, b.self) }));
  ends[0]?.service.handle({ kind: 'peer_ready', link: 1, peer: b.self.id, features: GOSSIP_FEATURES });
  ends[1]?.service.handle({ kind: 'peer_ready', link: 1, peer: a.self.id, features: GOSSIP_FEATURES });
  return ends as unknown as readonly [Harness, Harness];
}
