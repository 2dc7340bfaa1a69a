import type { Bytes } from '../../base/bytes.ts';
import type { NodeId, ShortChannelId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import { type RecipientData, relayed, unblind } from './blinding.ts';
import type { Ecdh } from './packet.ts';
import type { HopPayload } from './payload.ts';

export type BlindedPayload = Extract<HopPayload, { readonly kind: 'blinded_forward' | 'blinded_final' }>;

export type BlindedStep =
  | {
      readonly kind: 'forward';
      readonly to: { readonly shortChannelId: ShortChannelId } | { readonly nodeId: NodeId };
      readonly amtToForward: Msat;
      readonly outgoingCltvValue: Height;
      /** For `update_add_htlc.path_key`. */
      readonly nextPathKey: NodeId;
    }
  /** `pathId` is what the recipient put into its own path: it must be one that belongs to the payment. */
  | {
      readonly kind: 'final';
      readonly pathId: Bytes | null;
      readonly amtToForward: Msat;
      readonly outgoingCltvValue: Height;
      readonly totalMsat: Msat;
    };

/** Why the HTLC is refused; every one is answered `invalid_onion_blinding`, so that nothing is learnt of the path. */
export type BlindedRefusal =
  | 'recipient_data'
  | 'expiry_above_constraint'
  | 'amount_below_constraint'
  | 'unknown_feature'
  | 'no_next_node'
  | 'no_payment_relay'
  | 'relay_exceeds_htlc'
  | 'amount_below_payload'
  | 'expiry_below_payload';

/** What this node is to do with an HTLC of a blinded path (BOLT 4, "payload format", the reader). `htlc` is the one that came in. */
export function resolveBlinded(part: {
  readonly payload: BlindedPayload;
  readonly htlc: { readonly amountMsat: Msat; readonly cltvExpiry: Height };
  readonly ecdh: Ecdh;
  readonly blindingSecret?: Bytes | null;
}): Result<BlindedStep, BlindedRefusal> {
  const { payload, htlc, ecdh, blindingSecret = null } = part;
  const { encryptedRecipientData, pathKey } = payload;
  const opened = unblind({ pathKey, encryptedRecipientData, ecdh, blindingSecret });
  if (!opened.ok) return fail('recipient_data');
  const { data, nextPathKey } = opened.value;
  const refusal = constraintRefusal(data, htlc);
  if (refusal !== null) return fail(refusal);

  if (payload.kind === 'blinded_final') {
    const { amtToForward, outgoingCltvValue, totalMsat } = payload;
    if (htlc.amountMsat < amtToForward) return fail('amount_below_payload');
    // BOLT 4: "MUST return an error if incoming cltv_expiry < outgoing_cltv_value."
    if (htlc.cltvExpiry < outgoingCltvValue) return fail('expiry_below_payload');
    return ok({ kind: 'final', pathId: data.pathId ?? null, amtToForward, outgoingCltvValue, totalMsat });
  }
  const { shortChannelId, nextNodeId, paymentRelay } = data;
  if (shortChannelId === undefined && nextNodeId === undefined) return fail('no_next_node');
  if (paymentRelay === undefined) return fail('no_payment_relay');
  const amounts = relayed(htlc, paymentRelay);
  if (amounts === null) return fail('relay_exceeds_htlc');
  const to = shortChannelId === undefined ? { nodeId: nextNodeId as NodeId } : { shortChannelId };
  return ok({ kind: 'forward', to, ...amounts, nextPathKey });
}

function constraintRefusal(data: RecipientData, htlc: { readonly amountMsat: Msat; readonly cltvExpiry: Height }): BlindedRefusal | null {
  const { paymentConstraints, allowedFeatures } = data;
  if (paymentConstraints !== undefined) {
    if (htlc.cltvExpiry > paymentConstraints.maxCltvExpiry) return 'expiry_above_constraint';
    if (htlc.amountMsat < paymentConstraints.htlcMinimumMsat) return 'amount_below_constraint';
  }
  // BOLT 4: an unknown feature bit is an error "even if it is odd"; BOLT 9 assigns none to blinded paths.
  return allowedFeatures?.some((byte) => byte !== 0) ? 'unknown_feature' : null;
}
