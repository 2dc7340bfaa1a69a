import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { assertNever } from '../../base/assert.ts';
import type { CommandId, OutPoint, TxId } from '../../base/ids.ts';
import type { FeeratePerKw } from '../../base/units.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { type Draft, refuse, reply, update } from '../draft.ts';
import { type AnchorPackets, anchorPackets } from './anchor-packets.ts';
import { bumpAnchor } from './bump.ts';
import { type CommitPackets, type Committed, commitPackets } from './commit-packets.ts';
import { lapsed, leaseOf } from './lease.ts';
import { drawKeys, type MoveRequest, moveToSelf, type NewKeys } from './own-keys.ts';
import { fundPacket, type PacketRequest, signPacket } from './packet.ts';
import { type PublishPackets, publishPackets } from './publish-packets.ts';
import { type AcceptRequest, acceptSwap, type OfferRequest, offerSwap, type SwapOffer } from './swap.ts';
import { takeIn } from './take-in.ts';

/** What is asked of transfers besides sending to an address. */
export type TransferAction =
  /** A higher fee for an unconfirmed transaction of ours, by another one in its place. */
  | { readonly kind: 'bump_anchor'; readonly txid: TxId; readonly feerate: FeeratePerKw; readonly dryRun: boolean }
  | { readonly kind: 'release_lease'; readonly outPoint: OutPoint }
  | ({ readonly kind: 'move_asset'; readonly feerate: FeeratePerKw | null; readonly dryRun: boolean } & MoveRequest)
  /** Inputs for a packet, held back from then on. */
  | { readonly kind: 'fund_packet'; readonly request: PacketRequest }
  | { readonly kind: 'sign_packet'; readonly packet: VirtualPacket; readonly openHashTypes: boolean }
  /** Packets that are signed and that the state machine has verified, in one transaction. */
  | ({ readonly kind: 'anchor_packets'; readonly dryRun: boolean } & Unpriced<AnchorPackets>)
  /** The same, in a transaction that others add to and sign before it is published. */
  | ({ readonly kind: 'commit_packets'; readonly funded: boolean } & Omit<CommitPackets, 'feerate'> & {
        readonly feerate: FeeratePerKw | null;
      })
  /** As it came back: packets and signatures of others are verified. */
  | ({ readonly kind: 'publish_packets'; readonly dryRun: boolean } & PublishPackets)
  | { readonly kind: 'offer_swap'; readonly request: OfferRequest; readonly dryRun: boolean }
  /** An offer whose proof file was verified, and whose history is stored. */
  | ({ readonly kind: 'accept_swap'; readonly dryRun: boolean } & Unpriced<AcceptRequest>)
  /** Two keys for a sender who pays to keys, without an address. */
  | { readonly kind: 'new_keys' };

/** null: for confirmation within some blocks. */
type Unpriced<T> = Omit<T, 'feerate'> & { readonly feerate: FeeratePerKw | null };

export type TransferReply =
  | { readonly kind: 'asset_keys'; readonly keys: NewKeys }
  | { readonly kind: 'asset_packet'; readonly packet: VirtualPacket; readonly signed: readonly number[] }
  | { readonly kind: 'asset_commitment'; readonly committed: Committed }
  | { readonly kind: 'asset_offer'; readonly offer: SwapOffer };

export function transferCommand(draft: Draft, id: CommandId, action: TransferAction): void {
  const { assets, wallet } = draft.state;
  const { env } = draft;
  switch (action.kind) {
    case 'bump_anchor':
      takeIn(draft, id, bumpAnchor(assets, wallet, env, action), action.dryRun);
      return;
    case 'move_asset':
      takeIn(draft, id, moveToSelf(assets, wallet, env, { ...action, feerate: action.feerate ?? env.feerates.normal }), action.dryRun);
      return;
    case 'release_lease':
      release(draft, id, action.outPoint);
      return;
    case 'fund_packet': {
      const funded = fundPacket(assets, env, action.request);
      if (!funded.ok) {
        refuse(draft, id, funded.failure);
        return;
      }
      update(draft, { assets: funded.value.state });
      reply(draft, id, { kind: 'asset_packet', packet: funded.value.packet, signed: [] });
      return;
    }
    case 'sign_packet': {
      const signed = signPacket(assets, env, action);
      if (signed.ok) reply(draft, id, { kind: 'asset_packet', ...signed.value });
      else refuse(draft, id, signed.failure);
      return;
    }
    case 'anchor_packets':
      takeIn(draft, id, anchorPackets(assets, wallet, env, { ...action, feerate: action.feerate ?? env.feerates.normal }), action.dryRun);
      return;
    case 'commit_packets':
      commit(draft, id, { ...action, feerate: action.funded ? (action.feerate ?? env.feerates.normal) : null });
      return;
    case 'publish_packets':
      takeIn(draft, id, publishPackets(assets, wallet, env, action), action.dryRun);
      return;
    case 'offer_swap': {
      const made = offerSwap(assets, wallet, env, action.request);
      if (!made.ok) {
        refuse(draft, id, made.failure);
        return;
      }
      if (!action.dryRun) update(draft, { assets: made.value.state, wallet: made.value.wallet });
      reply(draft, id, { kind: 'asset_offer', offer: made.value.offer });
      return;
    }
    case 'accept_swap':
      takeIn(draft, id, acceptSwap(assets, wallet, env, { ...action, feerate: action.feerate ?? env.feerates.normal }), action.dryRun);
      return;
    case 'new_keys': {
      const drawn = drawKeys(assets, env);
      update(draft, { assets: drawn.state });
      reply(draft, id, { kind: 'asset_keys', keys: drawn.keys });
      return;
    }
    default:
      assertNever(action, 'transfer command');
  }
}

function commit(draft: Draft, id: CommandId, part: CommitPackets): void {
  const made = commitPackets(draft.state.assets, draft.state.wallet, draft.env, part);
  if (!made.ok) {
    refuse(draft, id, made.failure);
    return;
  }
  update(draft, { assets: made.value.state, wallet: made.value.wallet });
  reply(draft, id, { kind: 'asset_commitment', committed: made.value.committed });
}

function release(draft: Draft, id: CommandId, outPoint: OutPoint): void {
  const { assets } = draft.state;
  if (leaseOf(assets, outPoint) === null) {
    refuse(draft, id, { code: 'NOT_FOUND', message: `nothing holds ${formatOutPoint(outPoint)} back` });
    return;
  }
  update(draft, { assets: lapsed(assets, outPoint) });
  reply(draft, id, { kind: 'done' });
}
