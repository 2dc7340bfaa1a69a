import { decodeTapAddress } from '../../asset/address/address.ts';
import { type Courier, parseCourier } from '../../asset/address/courier.ts';
import type { SendFragment } from '../../asset/fragment.ts';
import { toHex } from '../../base/bytes.ts';
import type { MailboxMessage } from '../../io/universe/mailbox-contract.ts';
import { arrivalStatus, sameOutPoint } from '../../node/asset/arrivals.ts';
import type { AssetAddress } from '../../node/asset/types.ts';
import { type CustodyPorts, type OpenMailbox, tried } from './custody-ports.ts';
import { isForNow, mailboxSigner, placeNotice, readNotice } from './receipt-mailbox.ts';

/** A message that was read, and waits until what it tells of is here. */
interface Notice {
  readonly address: AssetAddress;
  readonly id: bigint;
  readonly fragment: SendFragment;
  /** The chain was seen to hold what it says, and the node knows of it. */
  placed: boolean;
  /** The tip of the chain that did not have it: another one may. */
  missedAt: string | null;
}

interface Stream {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** Reconnecting begins after a second, and comes to once in five minutes. */
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 300;
/** So long it may take until our view of the chain has a block that the sender's has. */
const PLACE_PAUSE_SECONDS = 5;
/** A one-shot command looks into a mailbox for so long; it leaves earlier where nothing (more) comes after it has shown the key. */
const LOOK_MS = 5_000;
const QUIET_MS = 600;
/** Notices that wait: each of them was paid for with an output on the chain, and yet a server could make them up. */
const MOST_NOTICES = 10_000;

/**
 * The mailboxes of addresses of version 2: what is sent to one is known from there only. A message is removed when what it tells of is proved and
 * taken in; before that a restart gets it again.
 */
export class Mailboxes {
  readonly #ports: CustodyPorts;
  readonly #wake: () => void;
  readonly #lookMs: number;
  readonly #streams = new Map<string, Stream>();
  readonly #pauses = new Map<string, { readonly seconds: number; readonly until: number }>();
  readonly #notices = new Map<string, Notice>();
  /** Messages that came to nothing: they stay in the mailbox, and come again with each look. */
  readonly #useless = new Set<string>();
  #placing: Promise<void> = Promise.resolve();
  #placeAgainAt = 0;
  #stopped = false;

  constructor(ports: CustodyPorts, wake: () => void, lookMs = LOOK_MS) {
    this.#ports = ports;
    this.#lookMs = lookMs;
    this.#wake = wake;
  }

  /** Opens the streams that are not open, of every address. */
  keepOpen(): void {
    const { now } = this.#ports.env();
    for (const address of this.#addresses()) {
      const name = toHex(address.script);
      const pause = this.#pauses.get(name);
      if (this.#streams.has(name) || (pause !== undefined && pause.until > now)) continue;
      this.#open(name, address);
    }
    void this.#settle();
  }

  /** When something is to be tried again, in unix seconds; infinite where nothing is. */
  retryAt(): number {
    const streams = [...this.#pauses].flatMap(([name, { until }]) => (this.#streams.has(name) ? [] : [until]));
    const waits = [...this.#notices.values()].some(({ placed }) => !placed);
    return Math.min(...streams, waits ? this.#placeAgainAt : Number.POSITIVE_INFINITY);
  }

  /** For a command that ends: reads what waits, and places it. */
  async lookInto(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#addresses()].map((address) => this.#look(address, signal)));
    await this.#place();
  }

  /** Removes the messages of what was taken in. */
  async removeProved(): Promise<void> {
    const { addresses } = this.#ports.state().assets;
    const done = new Map<string, { readonly address: AssetAddress; readonly ids: bigint[] }>();
    for (const [place, { address, id, fragment }] of this.#notices) {
      const arrival = addresses.get(address.script)?.arrivals.find((each) => sameOutPoint(each.outPoint, fragment.outPoint));
      if (arrival === undefined || arrivalStatus(this.#ports.state().assets, arrival) !== 'completed') continue;
      this.#notices.delete(place);
      const name = toHex(address.script);
      done.set(name, { address, ids: [...(done.get(name)?.ids ?? []), id] });
    }
    for (const { address, ids } of done.values())
      await this.#with(address, async (mailbox) => {
        const sign = mailboxSigner(this.#ports, address);
        // Where it stays there, a restart gets it again and removes it then.
        const removed = await mailbox.remove({ receiverKey: address.script, ids: ids.slice(0, MOST_REMOVED), sign });
        if (!removed.ok) this.#ports.log('debug', `messages stay in the mailbox: ${removed.failure.message}`);
        return null;
      });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { abort } of this.#streams.values()) abort.abort();
    await Promise.race([
      Promise.all([...this.#streams.values()].map(({ ended }) => ended)),
      new Promise<void>((resolve) => setTimeout(resolve, QUIET_MS).unref()),
    ]);
  }

  *#addresses(): IterableIterator<AssetAddress> {
    for (const address of this.#ports.state().assets.addresses.values()) if (address.version === 2) yield address;
  }

  #open(name: string, address: AssetAddress): void {
    const abort = new AbortController();
    const ended = this.#follow(name, address, abort.signal).finally(() => {
      this.#streams.delete(name);
      if (!this.#stopped) this.#wake();
    });
    this.#streams.set(name, { abort, ended });
  }

  async #follow(name: string, address: AssetAddress, signal: AbortSignal): Promise<void> {
    const before = this.#pauses.get(name)?.seconds ?? 0;
    const began = this.#ports.env().now;
    const why = await this.#with(address, (mailbox) => this.#receive(mailbox, address, { signal }));
    if (signal.aborted) return;
    this.#ports.log('debug', `the mailbox of ${address.text.slice(0, 24)}... closed: ${why ?? 'it ended'}`);
    const { now } = this.#ports.env();
    // One that lasted begins anew.
    const seconds =
      now - began > LONGEST_PAUSE_SECONDS
        ? FIRST_PAUSE_SECONDS
        : Math.min(LONGEST_PAUSE_SECONDS, Math.max(FIRST_PAUSE_SECONDS, before * 2));
    this.#pauses.set(name, { seconds, until: now + seconds });
  }

  async #receive(
    mailbox: OpenMailbox,
    address: AssetAddress,
    { signal, onLife }: { readonly signal: AbortSignal; readonly onLife?: () => void },
  ): Promise<string | null> {
    const sign = mailboxSigner(this.#ports, address);
    const ended = await mailbox.receive({
      receiverKey: address.script,
      // Those that are not removed come again: they were not taken in.
      afterId: 0n,
      sign(digest) {
        onLife?.();
        return sign(digest);
      },
      onMessages: (messages) => {
        for (const message of messages) this.#take(address, message);
        onLife?.();
        void this.#settle();
      },
      signal,
    });
    return ended.ok ? null : ended.failure.message;
  }

  async #look(address: AssetAddress, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = setTimeout(() => over.abort(), this.#lookMs);
    let quiet: NodeJS.Timeout | undefined;
    // Whoever has shown the key gets what waits at once.
    const onLife = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => over.abort(), Math.min(QUIET_MS, this.#lookMs));
    };
    const part = { signal: AbortSignal.any([signal, over.signal]), onLife };
    await this.#with(address, (mailbox) => this.#receive(mailbox, address, part));
    clearTimeout(end);
    clearTimeout(quiet);
  }

  #take(address: AssetAddress, message: MailboxMessage): void {
    // By the message, and not by the output: one that lies about an output must not keep out the one that does not.
    const name = `${toHex(address.script)} ${message.id}`;
    if (this.#notices.has(name) || this.#useless.has(name) || this.#notices.size >= MOST_NOTICES) return;
    const fragment = readNotice(this.#ports, address, message);
    if (fragment.ok) {
      this.#notices.set(name, { address, id: message.id, fragment: fragment.value, placed: false, missedAt: null });
      this.#placeAgainAt = 0;
      return;
    }
    this.#ignore(name);
    this.#ports.log('debug', `message ${message.id} of the mailbox is not for us to read: ${fragment.failure.message}`);
  }

  #ignore(name: string): void {
    if (this.#useless.size >= MOST_NOTICES) this.#useless.clear();
    this.#useless.add(name);
  }

  async #settle(): Promise<void> {
    await this.#place();
    await this.removeProved();
  }

  /** One after the other, and no two runs at a time. */
  #place(): Promise<void> {
    this.#placing = this.#placing.then(async () => {
      const { now } = this.#ports.env();
      if (this.#placeAgainAt > now || ![...this.#notices.values()].some(({ placed }) => !placed)) return;
      const found = await this.#ports.chain.tip();
      const tip = found.ok ? toHex(found.value.hash) : '';
      for (const [name, notice] of this.#notices) {
        if (notice.placed || this.#stopped) continue;
        // Each look reads blocks: as long as there is no new one it would find the same.
        if (notice.missedAt === tip) {
          this.#placeAgainAt = now + PLACE_PAUSE_SECONDS;
          continue;
        }
        const address = this.#ports.state().assets.addresses.get(notice.address.script) ?? notice.address;
        const outcome = await tried(() => placeNotice(this.#ports, address, notice.fragment));
        if (outcome.ok) notice.placed = true;
        else if (isForNow(outcome.failure)) {
          this.#placeAgainAt = now + PLACE_PAUSE_SECONDS;
          if (outcome.failure.code === 'NOT_FOUND' && found.ok) notice.missedAt = tip;
        } else {
          this.#ports.log('warn', `a message to ${address.text.slice(0, 24)}... is not true: ${outcome.failure.message}`);
          this.#notices.delete(name);
          this.#ignore(name);
        }
      }
    });
    // A bug in one run ends neither the later ones nor the process.
    this.#placing = this.#placing.catch((error: unknown) => this.#ports.log('warn', `the mailbox: ${(error as Error).message}`));
    return this.#placing;
  }

  /** Null, or why it could not be done. */
  async #with(address: AssetAddress, use: (mailbox: OpenMailbox) => Promise<string | null>): Promise<string | null> {
    const courier = courierOf(address);
    if (courier === null) return 'the address has no mailbox';
    try {
      const mailbox = await this.#ports.openMailbox(courier);
      try {
        return await use(mailbox);
      } finally {
        mailbox.close();
      }
    } catch (error) {
      return (error as Error).message;
    }
  }
}

const MOST_REMOVED = 1_000;

function courierOf(address: AssetAddress): Courier | null {
  const decoded = decodeTapAddress(address.text);
  const courier = decoded.ok ? parseCourier(decoded.value.address.proofCourier) : decoded;
  return courier.ok ? courier.value : null;
}
