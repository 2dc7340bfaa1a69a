// How much of the onion a route takes. BOLT 4: 1300 bytes hold every hop's payload, each with its length in front and an HMAC of 32 bytes behind.
import { extraOf, isExtra, type Problem, sourceOf } from './problem.ts';

export interface OnionRoom {
  /** What all payloads may take. */
  readonly bytes: number;
  /** What the last node's payload takes; of no account where a blinded path ends the route. */
  readonly finalBytes: number;
  /** The highest expiry on the route: every payload is counted as if it carried this one. */
  readonly maxCltvExpiry: number;
}

export const ONION_BYTES = 1300;
/** BOLT 4: an onion was made for 20 hops, and nobody needs more. */
export const MAX_HOPS = 20;
/** An amount, an expiry, a payment secret with the total: what a node that issued an invoice gets. */
export const USUAL_FINAL_BYTES = 1 + 10 + 6 + 42 + 32;

/** Length, HMAC, `short_channel_id`, and type and length of the two numbers. */
const FIXED_BYTES = 1 + 32 + 10 + 2 + 2;

/** What the payload of a node takes that forwards `amountMsat`. */
export const forwardBytes = (amountMsat: number, room: OnionRoom): number =>
  FIXED_BYTES + truncatedBytes(amountMsat) + truncatedBytes(room.maxCltvExpiry);

/** BOLT 1, `tu64`: leading zeros are left out. */
function truncatedBytes(value: number): number {
  let bytes = 0;
  for (let left = value; left >= 1; left /= 256) bytes++;
  return bytes;
}

/** Onion hops of a path, and what their payloads take. */
export function onionOf(
  problem: Problem,
  path: { readonly edges: readonly number[]; readonly amountsMsat: readonly number[] },
  room: OnionRoom,
): { readonly hops: number; readonly bytes: number } {
  const last = path.edges.at(-1) as number;
  const tail = isExtra(problem, last) ? extraOf(problem, last).tail : null;
  let bytes = tail === null ? room.finalBytes : tail.onionBytes;
  path.edges.forEach((edge, i) => {
    if (sourceOf(problem, edge) === problem.source || (edge === last && tail !== null)) return;
    bytes += forwardBytes(path.amountsMsat[i] as number, room);
  });
  return { hops: tail === null ? path.edges.length : path.edges.length - 1 + tail.hops, bytes };
}
