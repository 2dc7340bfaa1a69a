import { type Asset, prevIdHash } from '../../asset/asset.ts';
import { tapscriptPreimageCodec } from '../../asset/commitment/sibling.ts';
import { TAP_VERSION } from '../../asset/commitment/tap-commitment.ts';
import { type PacketTransition, packetId, transitionOfPacket } from '../../asset/packet/transition.ts';
import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { encodeWith } from '../../codec/codec.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import type { Wallet } from '../wallet/types.ts';
import { fundAnchor } from './anchor-tx.ts';
import { assemble, fitSums, type OwnKeys, type Placed, type Site, type Transfer } from './assemble.ts';
import { anchorOf } from './files.ts';
import { NO_BASE } from './holding.ts';
import { leaseOf, released } from './lease.ts';
import { type OwnKeyIndexes, ownKeyIndexes } from './own-keys.ts';
import { companions, isHeld } from './select.ts';
import { inputsOf, reAnchor } from './transfer.ts';
import type { AssetState, Holding } from './types.ts';

export interface AnchorPackets {
  /** Signed, and verified by the state machine. */
  readonly packets: readonly [VirtualPacket, ...VirtualPacket[]];
  readonly feerate: FeeratePerKw;
  readonly note: string | null;
}

/**
 * Commits to signed packets in one transaction: their outputs where they say, what stood beside their inputs with us. All inputs are outputs of
 * ours. Fails with MALFORMED, POLICY, NOT_FOUND or INSUFFICIENT_FUNDS.
 */
export function anchorPackets(state: AssetState, wallet: Wallet, env: NodeEnv, part: AnchorPackets): Result<Transfer, NodeFailure> {
  const prepared = preparePackets(state, env, part.packets);
  if (!prepared.ok) return prepared;
  const { read, active, beside, own, sites, home, draw } = prepared.value;
  const { feerate, note } = part;
  const { height } = env;
  const assetInputs = inputsOf(active);
  const funded = fundAnchor(wallet, env.walletKeys, { assetInputs, outputs: sites.length, feerate, height, leases: state.leases });
  if (!funded.ok) return funded;
  const placed: Placed[] = read.flatMap((each) => placedOf(each, own));
  placed.push(...beside.map((holding) => ({ ...reAnchor(holding, env, draw), outputIndex: home })));
  const fits = fitSums(placed);
  if (!fits.ok) return fits;
  const rest = { funding: funded.value, kind: 'send', commitmentVersion: versionOf(part.packets), note, locktime: height } as const;
  return ok(assemble(freed(state, part.packets), env, { placed, sites, ...rest, nextKeyIndex: draw() }));
}

/** Of the commitments, as the packets have it; null for that of the assets. */
export const versionOf = (packets: AnchorPackets['packets']): number | null => (packets[0].version === 1 ? TAP_VERSION.V2 : null);
export const freed = (state: AssetState, packets: AnchorPackets['packets']): AssetState =>
  packets.reduce((now, packet) => released(now, { id: packetId(packet) }), state);

/** What packets make of a transaction, before anything is known of who pays for it. */
export interface Prepared {
  readonly read: readonly Read[];
  /** What the packets spend. */
  readonly active: readonly Holding[];
  /** What stands beside that and has to move along. */
  readonly beside: readonly Holding[];
  readonly own: OwnKeyIndexes;
  /** By output index, from 0. */
  readonly sites: readonly Site[];
  /** The output of ours that takes what stands beside; -1 where there is none, and nothing to take. */
  readonly home: number;
  /** The next key that was never handed out. */
  readonly draw: () => number;
}

/** Fails with MALFORMED, POLICY or NOT_FOUND. */
export function preparePackets(state: AssetState, env: NodeEnv, packets: AnchorPackets['packets']): Result<Prepared, NodeFailure> {
  const read = readAll(state, env, packets);
  if (!read.ok) return read;
  const active = read.value.flatMap(({ holdings }) => holdings);
  if (new Set(active.map(({ key }) => toHex(key))).size !== active.length) return bad('an asset is an input of two packets');
  const beside = companions(state, active).filter((holding) => isHeld(state, holding));
  let index = state.nextKeyIndex;
  const draw = (): number => index++;
  const own = ownKeyIndexes(state, env.walletKeys);
  const found = sitesOf(read.value, own);
  if (!found.ok) return found;
  const sites = [...found.value];
  let home = sites.findIndex(({ internalKeyIndex }) => internalKeyIndex !== null);
  if (beside.length > 0 && home === -1) {
    const internalKeyIndex = draw();
    home =
      sites.push({ internalKey: env.walletKeys.assetKey(internalKeyIndex).publicKey, internalKeyIndex, sibling: null, script: null }) - 1;
  }
  return ok({ read: read.value, active, beside, own, sites, home, draw });
}

interface Read {
  readonly transition: PacketTransition;
  readonly holdings: readonly Holding[];
}

function readAll(state: AssetState, env: NodeEnv, packets: readonly VirtualPacket[]): Result<readonly Read[], NodeFailure> {
  const all: Read[] = [];
  const ids = packets.map(packetId);
  for (const packet of packets) {
    if (packet.version !== packets[0]?.version) return bad('the packets commit in versions that do not go together');
    const transition = transitionOfPacket(packet);
    if (!transition.ok) return bad(transition.failure.message);
    // Bitcoin holds such a transaction back only where it says so itself, and proofs are judged by the block.
    const { lockTime, relativeLockTime } = transition.value.root;
    if (lockTime > BigInt(env.height) || relativeLockTime > 0n)
      return fail({ code: 'POLICY', message: 'the packet may not be anchored yet' });
    const holdings: Holding[] = [];
    for (const { prevId } of packet.inputs) {
      const holding = state.holdings.get(prevIdHash(prevId));
      if (holding === undefined || holding.internalKeyIndex === null)
        return fail({ code: 'NOT_FOUND', message: `no asset of ours is at ${formatOutPoint(prevId.outPoint)}` });
      const lease = leaseOf(state, prevId.outPoint);
      if (!isHeld(state, holding) || holding.spentBy !== null) return fail({ code: 'POLICY', message: 'an input is spent already' });
      if (anchorOf(state, holding).block === null)
        return fail({ code: 'POLICY', message: 'an input is in no block yet', hint: 'wait for a confirmation' });
      // What stands beside an input is in a packet of its own, under the same lease.
      if (lease !== null && !ids.some((id) => equal(lease.id, id)))
        return fail({
          code: 'POLICY',
          message: `${formatOutPoint(prevId.outPoint)} is held back for something else`,
          hint: '`lnkit asset lease list`',
        });
      holdings.push(holding);
    }
    const assets = holdings.map(({ proof }) => proof.asset);
    if (transition.value.inputs.some((asset, i) => !sameAsset(asset, assets[i] as Asset)))
      return bad('an input is not the asset that we hold');
    all.push({ transition: transition.value, holdings });
  }
  return ok(all);
}

const sameAsset = (a: Asset, b: Asset): boolean =>
  a.amount === b.amount && a.version === b.version && equal(a.scriptKey, b.scriptKey) && a.genesis.type === b.genesis.type;

/** What the packets say of the outputs, each once, without gaps from 0. */
function sitesOf(read: readonly Read[], own: OwnKeyIndexes): Result<readonly Site[], NodeFailure> {
  const sites: Site[] = [];
  for (const { transition } of read)
    for (const { output, outputIndex } of transition.outputs) {
      const { anchorInternalKey: internalKey, anchorTapscriptSibling: sibling } = output;
      if (internalKey === null) return bad('an output has no internal key');
      if (outputIndex >= 1000) return bad('an output is at no place of a transaction');
      const there = sites[outputIndex];
      const script = (each: typeof sibling): string => (each === null ? '' : toHex(encodeWith(tapscriptPreimageCodec, each)));
      if (there !== undefined && (!equal(there.internalKey, internalKey) || script(there.sibling) !== script(sibling)))
        return bad(`the packets disagree about output ${outputIndex}`);
      const internalKeyIndex = own.internal.get(toHex(xOnly(internalKey))) ?? null;
      // The signatures of a packet say nothing of internal keys: whoever had it in hand could have put in theirs.
      if (internalKeyIndex === null && own.script.has(toHex(xOnly(output.scriptKey))))
        return fail({ code: 'POLICY', message: `an asset of ours would stand in output ${outputIndex}, which others could spend` });
      if (internalKeyIndex !== null && sibling !== null)
        return fail({ code: 'POLICY', message: `output ${outputIndex} of ours has a script tree that is not ours` });
      sites[outputIndex] = { internalKey, internalKeyIndex, sibling, script: null };
    }
  for (let i = 0; i < sites.length; i++) if (sites[i] === undefined) return bad(`no packet says what is in output ${i}`);
  return ok(sites);
}

export function placedOf({ transition, holdings }: Read, own: OwnKeyIndexes): readonly Placed[] {
  const [first] = holdings;
  if (first === undefined) return [];
  const rootAt = transition.outputs[transition.rootIndex]?.outputIndex ?? 0;
  return transition.outputs.map(({ asset, outputIndex, output }) => ({
    asset,
    outputIndex,
    prevOut: first.facts.outPoint,
    inputs: holdings.map(({ key }) => key),
    base: NO_BASE,
    rootOutputIndex: asset === transition.root ? null : rootAt,
    own: keysOf(own, output.scriptKey),
    delivery: null,
    altLeaves: output.altLeaves,
  }));
}

function keysOf(own: OwnKeyIndexes, scriptKey: Bytes): OwnKeys | null {
  const scriptKeyIndex = own.script.get(toHex(xOnly(scriptKey)));
  return scriptKeyIndex === undefined ? null : { scriptKeyIndex, scriptKeyTweak: null };
}

const bad = (message: string) => fail<NodeFailure>({ code: 'MALFORMED', message });
