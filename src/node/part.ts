import type { Bytes } from '../base/bytes.ts';
import type { PaymentHash } from '../base/ids.ts';
import type { Result } from '../base/result.ts';
import { type BuildOnionFailure, type BuiltOnion, buildOnion } from '../bolt/onion/packet.ts';
import { feed } from './channels.ts';
import { type Draft, INSIDE } from './draft.ts';
import { type FinalContent, onionHops } from './payloads.ts';
import type { Route } from './types.ts';

/** The onion of one part, under a fresh private key: 32 random bytes are one but for a chance of 2^-128, and the onion's builder checks. */
export const partOnion = (draft: Draft, route: Route, content: FinalContent, hash: Bytes): Result<BuiltOnion, BuildOnionFailure> =>
  buildOnion({ sessionKey: draft.env.random(32), hops: onionHops(route, content), associatedData: hash });

/**
 * Offers a part to our own channel; null where it took it, else why not. The part must be in the state by then: what the channel raises must
 * find it.
 */
export function offerPart(
  draft: Draft,
  onion: Result<BuiltOnion, BuildOnionFailure>,
  { route, paymentHash, part }: { readonly route: Route; readonly paymentHash: PaymentHash; readonly part: number },
): string | null {
  if (!onion.ok) return onion.failure.kind;
  const [{ amountMsat, cltvExpiry }] = route.hops;
  const answer = feed(draft, route.channelId, {
    kind: 'add_htlc',
    id: INSIDE,
    amountMsat,
    paymentHash,
    cltvExpiry,
    onion: onion.value.packet,
    pathKey: null,
    // A restart forgets a probe: then its parts come back to a payment that nobody knows, and that is all.
    origin: { kind: 'payment', paymentHash, part },
  });
  if (answer?.ok === true) return null;
  return answer === null ? 'channel_gone' : answer.failure.rule;
}
