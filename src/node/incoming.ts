import { type Bytes, EMPTY } from '../base/bytes.ts';
import type { ChannelId } from '../base/ids.ts';
import type { ChannelEvent, Htlc } from '../bolt/channel/types.ts';
import { buildFailure } from '../bolt/onion/failure.ts';
import { ecdhWith, peelOnion } from '../bolt/onion/packet.ts';
import { parsePayload } from '../bolt/onion/payload.ts';
import { encodeFailure, FAILURES, type OnionFailure } from '../bolt/wire/failure.ts';
import { sha256 } from '../crypto/hash.ts';
import { feed } from './channels.ts';
import type { Draft } from './draft.ts';
import { forward } from './forward.ts';
import { ownUpdate } from './own-gossip.ts';
import { receive } from './receive.ts';

/** An HTLC of a peer that is committed on both sides, with its onion opened. */
export interface Incoming {
  readonly channelId: ChannelId;
  readonly htlc: Htlc;
  readonly sharedSecret: Bytes;
}

/** Opens the onion of an HTLC and either takes it or sends it on (BOLT 4). */
export function incoming(
  draft: Draft,
  channelId: ChannelId,
  event: Pick<Extract<ChannelEvent, { readonly kind: 'htlc_received' }>, 'htlc' | 'onion' | 'pathKey' | 'overDustExposure'>,
): void {
  const { htlc, onion, pathKey } = event;
  const peeled = peelOnion({ packet: onion, ecdh: ecdhWith(draft.env.keys.nodeSecret), associatedData: htlc.paymentHash, pathKey });
  if (!peeled.ok) {
    const { failure } = peeled;
    if (failure.code === 'invalid_onion_payload') {
      failHtlc(
        draft,
        { channelId, htlc, sharedSecret: failure.sharedSecret },
        { name: 'invalid_onion_payload', type: failure.type, offset: failure.offset },
      );
      return;
    }
    const code = failure.code === 'invalid_path_key' ? FAILURES.invalid_onion_blinding[0] : FAILURES[failure.code][0];
    const sha256OfOnion = failure.code === 'invalid_path_key' ? sha256(onion) : failure.sha256OfOnion;
    feed(draft, channelId, { kind: 'fail_malformed_htlc', htlcId: htlc.id, sha256OfOnion, failureCode: code });
    return;
  }
  const { sharedSecret, payload, nextPacket } = peeled.value;
  const part: Incoming = { channelId, htlc, sharedSecret };
  if (event.overDustExposure) {
    // BOLT 2, max_dust_htlc_exposure_msat: "SHOULD fail this HTLC once it's committed" and reveal no preimage for it.
    if (pathKey === null) failHtlc(draft, part, { name: 'temporary_channel_failure', channelUpdate: ownUpdate(draft, channelId) ?? EMPTY });
    else failBlinded(draft, part, { onion, pathKey });
    return;
  }
  const parsed = parsePayload(payload, { isFinal: nextPacket === null, pathKey });
  if (!parsed.ok) {
    if (parsed.failure.blinded) failBlinded(draft, part, { onion, pathKey });
    else failHtlc(draft, part, { name: 'invalid_onion_payload', type: parsed.failure.type, offset: parsed.failure.offset });
    return;
  }
  switch (parsed.value.kind) {
    case 'final':
      receive(draft, part, parsed.value);
      return;
    case 'forward':
      forward(draft, part, { ...parsed.value, onion: nextPacket as Bytes });
      return;
    default:
      // We make no blinded paths, so nobody has a reason to send along one through us (option_route_blinding is not offered).
      failBlinded(draft, part, { onion, pathKey });
  }
}

/** BOLT 2: inside of a blinded route every failure is invalid_onion_blinding, malformed unless we are the introduction. */
function failBlinded(draft: Draft, part: Incoming, { onion, pathKey }: { readonly onion: Bytes; readonly pathKey: Bytes | null }): void {
  const sha256OfOnion = sha256(onion);
  if (pathKey === null) failHtlc(draft, part, { name: 'invalid_onion_blinding', sha256OfOnion });
  else
    feed(draft, part.channelId, {
      kind: 'fail_malformed_htlc',
      htlcId: part.htlc.id,
      sha256OfOnion,
      failureCode: FAILURES.invalid_onion_blinding[0],
    });
}

/** Fails an incoming HTLC with a message that its origin can read. */
export function failHtlc(draft: Draft, part: Incoming, failure: OnionFailure): void {
  const { packet } = buildFailure({ sharedSecret: part.sharedSecret, message: encodeFailure(failure), holdTime: null });
  feed(draft, part.channelId, { kind: 'fail_htlc', htlcId: part.htlc.id, reason: packet, attributionData: null });
}
