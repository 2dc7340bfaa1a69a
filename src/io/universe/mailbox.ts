import { type Bytes, concat, fromBigInt } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { encodeBlockHeader } from '../../bitcoin/block.ts';
import { encodeTx } from '../../bitcoin/tx.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Address, type Channel, openChannel, STATUS } from '../grpc/client.ts';
import type { UniverseFailure } from './contract.ts';
import { failed, universeFailure } from './failure.ts';
import type { Mailbox, MailboxMessage, OutPointProof } from './mailbox-contract.ts';
import { bytes } from './wire.ts';

export interface RemoteMailbox extends Mailbox {
  /** Whether it answers; its clock in unix seconds, and how many messages wait in it for everybody. */
  info(): Promise<Result<{ readonly serverTime: number; readonly messages: bigint }, UniverseFailure>>;
  close(): void;
}

/** tapd takes no larger message. */
export const MAX_PAYLOAD = 65_536;
/** tapd removes no more with one call. */
export const MAX_REMOVALS = 1_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_ANSWER = 64 * 1024 * 1024;

/** What proves that a receiver may remove messages: SHA-256 of its key (33 bytes) and the ids as they were given. */
export const removalChallenge = (receiverKey: Bytes, ids: readonly bigint[]): Bytes =>
  sha256(concat(receiverKey, ...ids.map((id) => fromBigInt(id, 8))));

/** What is signed for a challenge: tapd lets lnd sign, and lnd hashes what it is given once more. */
export const signedDigest = (challenge: Bytes): Bytes => sha256(challenge);

interface Received {
  readonly response_type?: 'challenge' | 'auth_success' | 'messages' | 'eos';
  readonly challenge?: { readonly challenge_hash: Bytes };
  readonly messages?: { readonly messages: readonly { message_id: string; encrypted_payload: Bytes; arrival_timestamp: string }[] };
}

/** A mailbox server far away. Connects with the first call; the certificate is not verified, for messages are encrypted and receivers sign. */
export const openMailbox = (address: Address, options: { readonly timeoutMs?: number } = {}): RemoteMailbox =>
  new GrpcMailbox(address, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);

type Answer<T> = Promise<Result<T, UniverseFailure>>;

class GrpcMailbox implements RemoteMailbox {
  readonly #channel: Channel;
  readonly #place: string;
  readonly #timeoutMs: number;

  constructor(address: Address, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#channel = openChannel('mailbox', address, { maxReceive: MAX_ANSWER, timeoutMs });
    this.#place = `the mailbox at ${address.host}:${address.port}`;
  }

  async info(): Answer<{ readonly serverTime: number; readonly messages: bigint }> {
    const answer = await this.#ask<{ readonly server_time: string; readonly message_count: string }>('MailboxInfo', {});
    return answer.ok ? ok({ serverTime: Number(answer.value.server_time), messages: BigInt(answer.value.message_count) }) : answer;
  }

  async send({ receiverKey, encryptedPayload, proof }: Parameters<Mailbox['send']>[0]): Answer<bigint> {
    if (encryptedPayload.length > MAX_PAYLOAD)
      return failed('TOO_LARGE', `a message of ${encryptedPayload.length} bytes, at most ${MAX_PAYLOAD}`);
    const request = { receiver_id: receiverKey, encrypted_payload: encryptedPayload, tx_proof: rpcOutPointProof(proof) };
    const answer = await this.#ask<{ readonly message_id: string }>('SendMessage', request);
    return answer.ok ? ok(BigInt(answer.value.message_id)) : answer;
  }

  async receive({ receiverKey, afterId, sign, onMessages, signal }: Parameters<Mailbox['receive']>[0]): Answer<null> {
    // Without any place to begin at, nothing that waits already is sent.
    const init = {
      receiver_id: receiverKey,
      start_message_id_exclusive: afterId.toString(),
      start_block_height_inclusive: afterId === 0n ? 1 : 0,
    };
    const slow = handshakeTimer(this.#timeoutMs, signal);
    const place = this.#place;
    let [answered, failure] = [false, null as UniverseFailure | null];
    const stream = await this.#channel.converse<Received>({
      method: 'ReceiveMessages',
      first: { init },
      signal: slow.signal,
      answer(message, write, end) {
        const give = (code: UniverseFailure['code'], why: string): void => {
          failure = { code, message: `${place} ${why}` };
          end({ status: STATUS.CANCELLED, message: why });
        };
        switch (message.response_type) {
          case 'challenge': {
            const challenge = bytes(message.challenge?.challenge_hash);
            // It is asked for once and has 32 bytes: nobody gets signatures of ours at will.
            if (answered || challenge?.length !== 32) return give('PROTOCOL', 'sent a challenge that is none');
            answered = true;
            return write({ auth_sig: { signature: sign(signedDigest(challenge)) } });
          }
          case 'auth_success':
            return slow.done();
          case 'messages': {
            const messages = (message.messages?.messages ?? []).map(readMessage);
            if (messages.some(({ encryptedPayload }) => encryptedPayload.length > MAX_PAYLOAD))
              return give('PROTOCOL', 'sent a message that is too large');
            return messages.length === 0 ? undefined : onMessages(messages);
          }
          case 'eos':
            return give('UNREACHABLE', 'is going down');
          default:
            return give('PROTOCOL', 'sent something unknown');
        }
      },
    });
    slow.done();
    if (failure !== null) return { ok: false, failure };
    if (slow.expired()) return failed('TIMEOUT', `${this.#place} did not let us in within ${this.#timeoutMs / 1000} s`);
    return stream.ok ? stream : { ok: false, failure: universeFailure(stream.failure, this.#place) };
  }

  async remove({ receiverKey, ids, sign }: Parameters<Mailbox['remove']>[0]): Answer<null> {
    if (ids.length === 0) return ok(null);
    if (ids.length > MAX_REMOVALS) return failed('TOO_LARGE', `${ids.length} messages to remove, at most ${MAX_REMOVALS} at once`);
    const signature = sign(signedDigest(removalChallenge(receiverKey, ids)));
    const answer = await this.#ask('RemoveMessage', { receiver_id: receiverKey, message_ids: ids.map(String), signature });
    return answer.ok ? ok(null) : answer;
  }

  close(): void {
    this.#channel.close();
  }

  async #ask<A>(method: string, request: object): Answer<A> {
    const answer = await this.#channel.call<A>(method, request);
    return answer.ok ? answer : { ok: false, failure: universeFailure(answer.failure, this.#place) };
  }
}

/** Ends with `outer`, or when the server has not let us in after `timeoutMs`. */
function handshakeTimer(timeoutMs: number, outer: AbortSignal) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  return { signal: AbortSignal.any([outer, late.signal]), done: () => clearTimeout(timer), expired: () => late.signal.aborted };
}

const readMessage = (rpc: { message_id: string; encrypted_payload: Bytes; arrival_timestamp: string }): MailboxMessage => ({
  id: BigInt(rpc.message_id),
  encryptedPayload: Uint8Array.from(rpc.encrypted_payload),
  arrivedAt: Number(rpc.arrival_timestamp),
});

export const rpcOutPointProof = (proof: OutPointProof): object => ({
  raw_tx_data: encodeTx(proof.tx),
  raw_block_header_data: encodeBlockHeader(proof.blockHeader),
  block_height: proof.blockHeight,
  merkle_proof: { sibling_hashes: proof.txMerkleProof.nodes, bits: proof.txMerkleProof.bits },
  claimed_outpoint: { txid: proof.outPoint.txid, output_index: proof.outPoint.vout },
  internal_key: proof.internalKey,
  merkle_root: proof.merkleRoot,
});
