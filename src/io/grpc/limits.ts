/** Peers of one network count as one: an IPv6 subscriber has 2^64 addresses. */
export function peerOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!plain.includes(':')) return plain;
  const [head = ''] = plain.split('::');
  return `${head.split(':').slice(0, 4).join(':')}::/64`;
}

export interface RateOptions {
  readonly perSecond: number;
  /** So many at once, after a rest. */
  readonly burst: number;
  /** More peers than this are not told apart: the longest silent are forgotten. */
  readonly maxPeers: number;
}

/** Token buckets. Times in milliseconds. */
export class PeerRates {
  readonly #options: RateOptions;
  readonly #buckets = new Map<string, { readonly tokens: number; readonly at: number }>();

  constructor(options: RateOptions) {
    this.#options = options;
  }

  /** So long the peer must wait for its turn, which is taken; null where that is longer than `patience`, and nothing is taken. */
  take(peer: string, part: { readonly now: number; readonly patience: number }): number | null {
    const { perSecond, burst, maxPeers } = this.#options;
    const known = this.#buckets.get(peer) ?? { tokens: burst, at: part.now };
    const tokens = Math.min(burst, known.tokens + (Math.max(0, part.now - known.at) * perSecond) / 1000) - 1;
    const wait = tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / perSecond);
    if (wait > part.patience) return null;
    this.#buckets.delete(peer);
    this.#buckets.set(peer, { tokens, at: part.now });
    const oldest = this.#buckets.size > maxPeers ? this.#buckets.keys().next() : undefined;
    if (oldest?.value !== undefined) this.#buckets.delete(oldest.value);
    return wait;
  }
}
