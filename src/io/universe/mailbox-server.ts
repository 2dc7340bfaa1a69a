import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bytes, concat, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { ChainSource } from '../chain/source.ts';
import { type GrpcFailure, STATUS } from '../grpc/client.ts';
import type { Listener, Service, Talk, Unary } from '../grpc/server.ts';
import { MAX_PAYLOAD, MAX_REMOVALS, removalChallenge, signedDigest } from './mailbox.ts';
import type { MailboxMessage } from './mailbox-contract.ts';
import { isInChain, outPointFault, type RpcOutPointProof, readOutPointProof } from './mailbox-proof.ts';
import type { MailboxStore, StoreRefusal } from './mailbox-store.ts';

export interface MailboxServerOptions {
  readonly store: MailboxStore;
  readonly chain: ChainSource;
  /** Unix seconds. */
  readonly now: () => number;
  /** So long a receiver has to answer its challenge; 10 s. */
  readonly authTimeoutMs?: number;
  /** Receivers that wait at once; 2,000. */
  readonly maxReceivers?: number;
}

export interface MailboxServer {
  readonly service: Service;
  /** Tells all receivers that it ends. */
  close(): void;
}

/** A payload, and the largest transaction that is relayed. */
const MAX_SEND = 512 * 1024;
/** Who receives says who it is, signs, and is silent. */
const MAX_TALK = 1_024;
/** A client that lost its connection may come back before we see that it went. */
const MAX_PER_RECEIVER = 3;
const AUTH_TIMEOUT_MS = 10_000;
const MAX_RECEIVERS = 2_000;
/** gRPC clients take 4 MB at once. */
const PORTION_BYTES = 1024 * 1024;
const PORTION_MESSAGES = 500;

type Answer = Promise<Result<object, GrpcFailure>>;

const refuse = (status: number, message: string): { readonly ok: false; readonly failure: GrpcFailure } => fail({ status, message });
const invalid = (message: string) => refuse(STATUS.INVALID_ARGUMENT, message);

const REFUSALS: { readonly [R in StoreRefusal]: GrpcFailure } = {
  IN_USE: { status: STATUS.ALREADY_EXISTS, message: 'outpoint in proof already in use' },
  FULL: { status: STATUS.RESOURCE_EXHAUSTED, message: 'the mailbox is full, try again later' },
  RECEIVER_FULL: { status: STATUS.RESOURCE_EXHAUSTED, message: 'too many messages wait for this receiver, try again later' },
};

/** Who waits for messages. */
class Receivers {
  /** Those whose signature held, by their keys. */
  readonly #waiting = new Map<string, Set<Talk>>();
  /** These, and those who have not signed yet. */
  readonly open = new Set<Talk>();

  /** False where enough wait under this key. */
  add(receiver: Bytes, talk: Talk): boolean {
    const key = toHex(receiver);
    const talks = this.#waiting.get(key) ?? new Set();
    if (talks.size >= MAX_PER_RECEIVER) return false;
    this.#waiting.set(key, talks.add(talk));
    return true;
  }
  remove(receiver: Bytes | null, talk: Talk): void {
    this.open.delete(talk);
    const key = receiver === null ? '' : toHex(receiver);
    const talks = this.#waiting.get(key);
    talks?.delete(talk);
    if (talks?.size === 0) this.#waiting.delete(key);
  }
  deliver(receiver: Bytes, message: MailboxMessage): void {
    for (const talk of this.#waiting.get(toHex(receiver)) ?? []) talk.write(portion([message]));
  }
}

/**
 * `authmailboxrpc.Mailbox`. Whoever shows an output that was paid on the chain may leave one message for it; whoever signs with a key gets and
 * removes what lies under it. What is in a message only sender and receiver know.
 */
export function mailboxServer(options: MailboxServerOptions): MailboxServer {
  const { store, now } = options;
  const receivers = new Receivers();
  return {
    service: {
      name: 'mailbox',
      maxBytes: { SendMessage: MAX_SEND, ReceiveMessages: MAX_TALK },
      unary: {
        SendMessage: ((request: SendRequest) => send(options, receivers, request)) as Unary,
        RemoveMessage: ((request: RemoveRequest) => remove(store, request)) as Unary,
        MailboxInfo: async () => ok({ server_time: now(), message_count: store.messages }),
      },
      duplex: { ReceiveMessages: (talk) => receive(options, receivers, talk) },
    },
    close() {
      for (const talk of [...receivers.open]) {
        talk.write({ eos: {} });
        talk.end();
      }
    },
  };
}

/** Looks at what costs nothing first, then at the chain. */
async function send({ store, chain, now }: MailboxServerOptions, receivers: Receivers, request: SendRequest): Answer {
  const [receiver, payload] = [Uint8Array.from(request.receiver_id), Uint8Array.from(request.encrypted_payload)];
  if (!secp.isPublicKey(receiver)) return invalid('receiver_id is no public key');
  if (payload.length === 0) return invalid('empty payload');
  if (payload.length > MAX_PAYLOAD) return invalid(`message too long, max ${MAX_PAYLOAD} bytes`);
  const proof = readOutPointProof(request.tx_proof ?? null);
  if (!proof.ok) return invalid(proof.failure);
  const fault = outPointFault(proof.value);
  if (fault !== null) return invalid(`error validating proof: ${fault}`);
  const there = await isInChain(chain, proof.value);
  if (!there.ok) return refuse(STATUS.UNAVAILABLE, 'the chain cannot be asked, try again later');
  if (!there.value) return refuse(STATUS.UNAVAILABLE, 'the block of the proof is not in the chain (yet), try again later');
  const { outPoint, blockHeight } = proof.value;
  const message = { receiver, payload, outPoint, blockHeight, arrivedAt: now() };
  const added = store.add(message);
  if (!added.ok) return fail(REFUSALS[added.failure]);
  const { id, isNew } = added.value;
  if (isNew) receivers.deliver(receiver, { id, encryptedPayload: payload, arrivedAt: message.arrivedAt });
  return ok({ message_id: id.toString() });
}

async function remove(store: MailboxStore, request: RemoveRequest): Answer {
  const receiver = Uint8Array.from(request.receiver_id);
  if (!secp.isPublicKey(receiver)) return invalid('receiver_id is no public key');
  if (request.message_ids.length === 0) return ok({});
  if (request.message_ids.length > MAX_REMOVALS) return invalid(`too many message IDs, max ${MAX_REMOVALS}`);
  const ids = request.message_ids.map(BigInt);
  if (!isSigned(request.signature, removalChallenge(receiver, ids), receiver)) return refuse(STATUS.UNAUTHENTICATED, 'signature not valid');
  return ok({ num_removed: store.remove(receiver, ids) });
}

/** init, our challenge, its signature; then what waits and what comes. */
function receive({ store, authTimeoutMs, maxReceivers }: MailboxServerOptions, receivers: Receivers, talk: Talk): Listener {
  let asked: { readonly init: Init; readonly receiver: Bytes; readonly challenge: Bytes } | null = null;
  let isIn = false;
  const end = (status: number, message: string): void => talk.end({ status, message });
  const late = (): void => end(STATUS.DEADLINE_EXCEEDED, 'no auth received before timeout');
  const timer = setTimeout(late, authTimeoutMs ?? AUTH_TIMEOUT_MS);
  if (receivers.open.size >= (maxReceivers ?? MAX_RECEIVERS)) setImmediate(() => end(STATUS.RESOURCE_EXHAUSTED, 'too many receivers'));
  receivers.open.add(talk);
  return {
    message({ init, auth_sig: signature }: ReceiveRequest) {
      if (init != null) {
        const receiver = Uint8Array.from(init.receiver_id);
        if (asked !== null) return end(STATUS.INVALID_ARGUMENT, 'init was sent already');
        if (!secp.isPublicKey(receiver)) return end(STATUS.INVALID_ARGUMENT, 'receiver_id is no public key');
        // With a nonce of this stream alone: a signature opens no other.
        asked = { init, receiver, challenge: sha256(concat(receiver, Uint8Array.from(randomBytes(32)))) };
        return talk.write({ challenge: { challenge_hash: asked.challenge } });
      }
      if (signature == null || asked === null || isIn) return end(STATUS.INVALID_ARGUMENT, 'unexpected message');
      if (!isSigned(signature.signature, asked.challenge, asked.receiver)) return end(STATUS.UNAUTHENTICATED, 'signature not valid');
      if (!receivers.add(asked.receiver, talk)) return end(STATUS.RESOURCE_EXHAUSTED, 'this receiver waits on other streams already');
      clearTimeout(timer);
      isIn = true;
      talk.write({ auth_success: true });
      for (const messages of portions(backlog(store, asked.receiver, asked.init))) talk.write(portion(messages));
    },
    closed() {
      clearTimeout(timer);
      receivers.remove(asked?.receiver ?? null, talk);
    },
  };
}

/** An output that is missing may come back after a reorganisation; one that was so deep was spent. */
const DEEP = 144;

/** Forgets the messages whose outputs are spent: their receivers have what they told of. Ends with the signal. */
export async function sweepMailbox(part: {
  readonly store: MailboxStore;
  readonly chain: ChainSource;
  readonly signal: AbortSignal;
}): Promise<number> {
  const { store, chain, signal } = part;
  const status = await chain.status();
  if (!status.ok) return 0;
  const upToHeight = status.value.tip.height - DEEP;
  let forgotten = 0;
  for (let afterId = 0n; ; ) {
    const page = store.outPoints({ afterId, upToHeight, limit: 100 });
    for (const { id, outPoint } of page) {
      if (signal.aborted) return forgotten;
      const output = await chain.output(outPoint);
      if (!output.ok) return forgotten;
      if (output.value === null) {
        store.forget(id);
        forgotten += 1;
      }
      // The chain has others to answer too.
      await sleep(5, undefined, { signal }).catch(() => {});
    }
    const last = page.at(-1);
    if (last === undefined) return forgotten;
    afterId = last.id;
  }
}

interface SendRequest {
  readonly receiver_id: Bytes;
  readonly encrypted_payload: Bytes;
  readonly tx_proof?: RpcOutPointProof;
}
interface RemoveRequest {
  readonly receiver_id: Bytes;
  readonly message_ids: readonly string[];
  readonly signature: Bytes;
}
interface Init {
  readonly receiver_id: Bytes;
  readonly start_message_id_exclusive: string;
  readonly start_block_height_inclusive: number;
  readonly start_timestamp_exclusive: string;
}
interface ReceiveRequest {
  readonly init?: Init | null;
  readonly auth_sig?: { readonly signature: Bytes } | null;
}

const isSigned = (signature: Bytes, challenge: Bytes, receiver: Bytes): boolean =>
  signature.length === 64 && secp.schnorrVerify(Uint8Array.from(signature), signedDigest(challenge), receiver.slice(1));

/** What waits already is sent only to who says from where on (tapd: MessageFilter). */
function backlog(store: MailboxStore, receiver: Bytes, init: Init): readonly MailboxMessage[] {
  const [afterId, afterTime] = [BigInt(init.start_message_id_exclusive), Number(init.start_timestamp_exclusive)];
  if (afterId === 0n && afterTime === 0 && init.start_block_height_inclusive === 0) return [];
  return store.find({
    receiver,
    afterId: afterId >= 2n ** 63n ? 2n ** 63n - 1n : afterId,
    fromHeight: init.start_block_height_inclusive,
    afterTime: Math.max(0, afterTime),
  });
}

function* portions(messages: readonly MailboxMessage[]): IterableIterator<readonly MailboxMessage[]> {
  let held: MailboxMessage[] = [];
  let size = 0;
  for (const message of messages) {
    if (held.length > 0 && (held.length >= PORTION_MESSAGES || size + message.encryptedPayload.length > PORTION_BYTES)) {
      yield held;
      [held, size] = [[], 0];
    }
    held.push(message);
    size += message.encryptedPayload.length;
  }
  if (held.length > 0) yield held;
}

const portion = (messages: readonly MailboxMessage[]): object => ({
  messages: {
    messages: messages.map(({ id, encryptedPayload, arrivedAt }) => ({
      message_id: id.toString(),
      encrypted_payload: encryptedPayload,
      arrival_timestamp: arrivedAt,
    })),
  },
});
