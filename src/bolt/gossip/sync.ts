// Learning the graph of a peer (BOLT 7, "Query Messages"): which channels it knows in all blocks, then those that we lack, one open query of
// each kind at a time. A pure state machine: one for each peer, fed with replies and time.
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { UnixTime } from '../../base/units.ts';
import { MAX_MESSAGE_LENGTH, type MessageNamed } from '../wire/message.ts';
import { decodeScids, decodeTimestamps, encodeFlags, encodeScids } from './encoding.ts';

/** A peer that says next to nothing for so long has stalled. One that answers slowly but steadily (lnd: 50 KiB/s, 150 messages) has not. */
export const STALL_SECONDS = 60;
/** What a peer must say in that time; a query's last message counts by itself. */
const LEAST_MESSAGES = 10;
/** No query takes longer: with as many channels as fit a message lnd needs two or three minutes. */
const QUERY_SECONDS = 1800;
/** A peer that lists so many channels must know at least one of them. */
const MANY = 100;
/** More than the main network will have for years; a peer that lists more is lying. */
const MAX_SCIDS = 2_000_000;
/** As many as fit a message beside type, chain hash, lengths and the record of flags: each takes 8 bytes and one of flags. */
const SCIDS_PER_QUERY = Math.floor((MAX_MESSAGE_LENGTH - 2 - 32 - 2 - 1 - 8) / 9);

export const WANT_ANNOUNCEMENT = 1;
export const WANT_UPDATE_1 = 2;
export const WANT_UPDATE_2 = 4;
export const WANT_NODE_1 = 8;
export const WANT_NODE_2 = 16;
const WANT_ALL = 31;

export type SyncPhase =
  | { readonly kind: 'idle' }
  | Asking
  /** Nobody waits for the open query any more; until it is answered the peer may not be asked again (BOLT 7). */
  | { readonly kind: 'abandoned'; readonly query: Asking['kind'] }
  | { readonly kind: 'done'; readonly at: UnixTime };

/** Which query is open, since when, and what came in the present window of `STALL_SECONDS`. */
interface Asking {
  readonly kind: 'range' | 'scids';
  readonly asked: UnixTime;
  readonly window: UnixTime;
  readonly messages: number;
}

const asking = (kind: Asking['kind'], now: UnixTime): Asking => ({ kind, asked: now, window: now, messages: 0 });

/** One channel that the peer has, with what it says of its updates (0 where it does not). */
export interface Offered {
  readonly scid: bigint;
  readonly timestamp1: number;
  readonly timestamp2: number;
  readonly checksum1: number;
  readonly checksum2: number;
  /** The peer told timestamps: without them a known channel is not asked for again. */
  readonly dated: boolean;
}

/** Query flags for what we want of a channel; 0 for nothing. */
export type Choose = (offered: Offered) => number;

export type Query = MessageNamed<'query_channel_range'> | MessageNamed<'query_short_channel_ids'>;

export class PeerSync {
  readonly #chainHash: Bytes;
  readonly #choose: Choose;
  /** The peer negotiated gossip_queries_ex: timestamps, checksums and flags may be used. */
  readonly #extended: boolean;
  phase: SyncPhase = { kind: 'idle' };
  /** Short channel ids to ask for and their flags. */
  #wanted: { readonly scid: bigint; readonly flags: number }[] = [];
  #next = 0;
  /** What the open query asks for. */
  #asked: ReadonlySet<bigint> = new Set();
  /** Those of them of which nothing came yet. */
  #unanswered = new Set<bigint>();
  #seen = 0;
  #lastFirstBlock = -1;

  constructor(options: { readonly chainHash: Bytes; readonly extended: boolean; readonly choose: Choose }) {
    this.#chainHash = options.chainHash;
    this.#extended = options.extended;
    this.#choose = options.choose;
  }

  get isRunning(): boolean {
    return this.phase.kind === 'range' || this.phase.kind === 'scids';
  }
  /** No query is open. */
  get isFree(): boolean {
    return this.phase.kind === 'idle' || this.phase.kind === 'done';
  }
  /** Channels asked for and come, of those to be asked for; null where the peer still tells which there are. */
  get progress(): { readonly done: number; readonly total: number } | null {
    return this.phase.kind === 'scids' ? { done: this.#next - this.#unanswered.size, total: this.#wanted.length } : null;
  }

  /** Asks for everything the peer knows. */
  start(now: UnixTime): MessageNamed<'query_channel_range'> {
    this.#wanted = [];
    this.#next = 0;
    this.#seen = 0;
    this.#lastFirstBlock = -1;
    this.phase = asking('range', now);
    return {
      name: 'query_channel_range',
      chainHash: this.#chainHash as MessageNamed<'query_channel_range'>['chainHash'],
      firstBlocknum: 0,
      numberOfBlocks: 0xffffffff,
      tlvs: this.#extended ? { queryOption: 3n } : {},
    };
  }

  /** The open query asks for this channel. */
  isAskedFor(scid: bigint): boolean {
    return this.phase.kind === 'scids' && this.#asked.has(scid);
  }

  /** A message of gossip of this peer arrived, about a channel or a node (null): it is at work. */
  hear(scid: bigint | null, now: UnixTime): void {
    const { phase } = this;
    if (phase.kind !== 'range' && phase.kind !== 'scids') return;
    if (scid !== null) this.#unanswered.delete(scid);
    const messages = phase.messages + 1;
    this.phase = messages < LEAST_MESSAGES ? { ...phase, messages } : { ...phase, window: now, messages: 0 };
  }

  /** What happened up to now is not the peer's doing: we slept, or held the query back. */
  forgive(now: UnixTime): void {
    const { phase } = this;
    if (phase.kind === 'range' || phase.kind === 'scids') this.phase = asking(phase.kind, now);
  }

  stalled(now: UnixTime): boolean {
    const { phase } = this;
    if (phase.kind !== 'range' && phase.kind !== 'scids') return false;
    return now - phase.window >= STALL_SECONDS || now - phase.asked >= QUERY_SECONDS;
  }

  /** Somebody else is asked instead. */
  abandon(): void {
    const { phase } = this;
    if (phase.kind === 'range' || phase.kind === 'scids') this.phase = { kind: 'abandoned', query: phase.kind };
    this.#wanted = [];
    this.#next = 0;
  }

  onRangeReply(reply: MessageNamed<'reply_channel_range'>, now: UnixTime): Result<Query | null, string> {
    const isLast = reply.syncComplete === 1 || reply.firstBlocknum + reply.numberOfBlocks >= 0xffffffff;
    if (this.phase.kind === 'abandoned' && this.phase.query === 'range') {
      if (isLast) this.phase = { kind: 'idle' };
      return ok(null);
    }
    if (this.phase.kind !== 'range') return fail('reply_channel_range without a query');
    // Replies are rare and large: each by itself is a sign of life.
    this.phase = { ...this.phase, window: now, messages: 0 };
    // BOLT 7: successive replies "MUST have first_blocknum equal or greater than the previous first_blocknum"
    if (reply.firstBlocknum < this.#lastFirstBlock) return fail('reply_channel_range goes back');
    const offered = offeredOf(reply);
    if (!offered.ok) return offered;
    const isEmpty = offered.value.length === 0 && reply.firstBlocknum === this.#lastFirstBlock;
    if (isEmpty && !isLast) return fail('reply_channel_range that says nothing');
    this.#lastFirstBlock = reply.firstBlocknum;
    this.#seen += offered.value.length;
    if (this.#seen > MAX_SCIDS) return fail(`lists more than ${MAX_SCIDS} channels`);
    for (const channel of offered.value) {
      const flags = this.#choose(channel);
      if (flags !== 0) this.#wanted.push({ scid: channel.scid, flags });
    }
    return ok(isLast ? this.#ask(now) : null);
  }

  onScidsEnd(_reply: MessageNamed<'reply_short_channel_ids_end'>, now: UnixTime): Result<Query | null, string> {
    if (this.phase.kind === 'abandoned' && this.phase.query === 'scids') {
      this.phase = { kind: 'idle' };
      return ok(null);
    }
    if (this.phase.kind !== 'scids') return fail('reply_short_channel_ids_end without a query');
    const isNothing = this.#asked.size >= MANY && this.#unanswered.size === this.#asked.size;
    if (isNothing) return fail(`lists ${this.#asked.size} channels and knows none of them`);
    return ok(this.#ask(now));
  }

  #ask(now: UnixTime): MessageNamed<'query_short_channel_ids'> | null {
    const chunk = this.#wanted
      .slice(this.#next, this.#next + SCIDS_PER_QUERY)
      .sort((a, b) => (a.scid < b.scid ? -1 : a.scid > b.scid ? 1 : 0));
    if (chunk.length === 0) {
      this.#wanted = [];
      this.#next = 0;
      this.phase = { kind: 'done', at: now };
      return null;
    }
    this.#next += chunk.length;
    this.#asked = new Set(chunk.map(({ scid }) => scid));
    this.#unanswered = new Set(this.#asked);
    this.phase = asking('scids', now);
    const unique = chunk.filter(({ scid }, i) => scid !== chunk[i - 1]?.scid);
    const withFlags = this.#extended && unique.some(({ flags }) => flags !== WANT_ALL);
    return {
      name: 'query_short_channel_ids',
      chainHash: this.#chainHash as MessageNamed<'query_short_channel_ids'>['chainHash'],
      encodedShortIds: encodeScids(unique.map(({ scid }) => scid)),
      tlvs: withFlags ? { queryFlags: { encodingType: 0, encodedQueryFlags: encodeFlags(unique.map(({ flags }) => flags)) } } : {},
    };
  }
}

/** What a reply lists, with timestamps and checksums where it has them for every channel. */
export function offeredOf(reply: MessageNamed<'reply_channel_range'>): Result<readonly Offered[], string> {
  const scids = decodeScids(reply.encodedShortIds);
  if (!scids.ok) return fail(`reply_channel_range: ${scids.failure.message}`);
  const count = scids.value.length;
  const told = reply.tlvs.timestampsTlv === undefined ? null : decodeTimestamps(reply.tlvs.timestampsTlv, count);
  if (told !== null && !told.ok) return fail(`reply_channel_range: ${told.failure.message}`);
  const checksums = reply.tlvs.checksumsTlv ?? null;
  if (checksums !== null && checksums.length !== count) return fail('reply_channel_range: not two checksums for each channel');
  return ok(
    scids.value.map((scid, i) => ({
      scid,
      timestamp1: told?.value[i]?.node1 ?? 0,
      timestamp2: told?.value[i]?.node2 ?? 0,
      checksum1: checksums?.[i]?.checksumNodeId1 ?? 0,
      checksum2: checksums?.[i]?.checksumNodeId2 ?? 0,
      dated: told !== null,
    })),
  );
}

export { WANT_ALL };
