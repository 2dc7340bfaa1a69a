// What a peer may do wrong, and what becomes of the channel. Where BOLT 2 leaves the choice, a mistake that a reconnection can mend (updates
// that were not signed are reversed by it) costs a warning and the connection, and only what cannot be mended costs the channel.
import { utf8 } from '../../base/bytes.ts';
import type { ChannelId } from '../../base/ids.ts';
import { fail } from '../../base/result.ts';
import type { Message } from '../wire/message.ts';

/**
 * `warning`: warn and disconnect. `error`: send an error, and leave the next move to the peer. `force_close`: send an error and
 * publish our commitment. While opening, each of them ends the opening with an error.
 */
export type FaultAction = 'warning' | 'error' | 'force_close';

export const FAULTS = {
  /** A message that does not belong to this phase, or before `channel_reestablish`. */
  unexpected_message: 'warning',
  /** `open_channel` and `accept_channel`. */
  bad_parameters: 'error',
  bad_point: 'warning',
  amount_is_zero: 'warning',
  htlc_minimum_msat: 'warning',
  max_accepted_htlcs: 'warning',
  max_htlc_value_in_flight_msat: 'warning',
  channel_reserve_satoshis: 'warning',
  cltv_expiry: 'warning',
  htlc_id: 'warning',
  unknown_htlc: 'warning',
  bad_preimage: 'warning',
  badonion_bit: 'warning',
  update_fee_by_fundee: 'warning',
  update_fee_range: 'warning',
  update_fee_unaffordable: 'warning',
  update_after_shutdown: 'warning',
  bad_signature: 'warning',
  bad_htlc_signatures: 'warning',
  /** BOLT 2: "MUST send an `error` and fail the channel." */
  bad_revocation: 'force_close',
  unexpected_revocation: 'warning',
  batch_size: 'warning',
  bad_shutdown_script: 'warning',
  closing_fee: 'force_close',
  closing_fee_not_between: 'warning',
  closing_dust: 'force_close',
  closing_signature: 'warning',
  closing_script: 'warning',
  bad_announcement: 'warning',
  /** BOLT 2: "if `next_commitment_number` is zero: MUST immediately fail the channel and broadcast". */
  commitment_number_zero: 'force_close',
  /** The peer's secret is not ours although it claims to know it. */
  reestablish_mismatch: 'force_close',
  /** The peer lost states: it is given the time to say so itself by an `error`. */
  peer_is_behind: 'error',
  /** The peer claims that we lost states, and does not prove it. */
  peer_is_ahead: 'error',
} as const satisfies { readonly [name: string]: FaultAction };

export type FaultName = keyof typeof FAULTS;

export interface Fault {
  readonly name: FaultName;
  readonly message: string;
}

/** A peer's breach, as a returned failure. */
export const fault = (name: FaultName, message: string): { readonly ok: false; readonly failure: Fault } => fail({ name, message });

/** BOLT 1: `error` and `warning` carry text for people. */
export const errorMessage = (channelId: ChannelId, text: string): Message => ({
  name: 'error',
  channelId,
  data: utf8(text),
  tlvs: {},
});
export const warningMessage = (channelId: ChannelId, text: string): Message => ({
  name: 'warning',
  channelId,
  data: utf8(text),
  tlvs: {},
});
