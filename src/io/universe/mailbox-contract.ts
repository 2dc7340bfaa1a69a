// Contract: the mailbox that carries notices of transfers to addresses of version 2 (authmailbox).
import type { TxMerkleProof } from '../../asset/proof/tx-merkle.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import type { BlockHeader } from '../../bitcoin/block.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import type { UniverseFailure } from './contract.ts';

/** Shows that the sender paid for an output on the chain: the mailbox takes one message for each. */
export interface OutPointProof {
  readonly tx: Tx;
  readonly blockHeader: BlockHeader;
  readonly blockHeight: number;
  readonly txMerkleProof: TxMerkleProof;
  readonly outPoint: OutPoint;
  /** 33 bytes. */
  readonly internalKey: Bytes;
  /** Of the output's script tree; empty where it has none. */
  readonly merkleRoot: Bytes;
}

export interface MailboxMessage {
  readonly id: bigint;
  readonly encryptedPayload: Bytes;
  readonly arrivedAt: number;
}

export interface Mailbox {
  /** Resolves with the id of the message. */
  send(part: {
    readonly receiverKey: Bytes;
    readonly encryptedPayload: Bytes;
    readonly proof: OutPointProof;
  }): Promise<Result<bigint, UniverseFailure>>;
  /**
   * Answers the server's challenge with a Schnorr signature and then hands over what waits for the key and what comes, until `signal` aborts
   * (ok) or the stream breaks. `afterId`: messages up to it are not sent again; 0 for everything.
   */
  receive(part: {
    readonly receiverKey: Bytes;
    readonly afterId: bigint;
    /** BIP 340 over exactly these 32 bytes, with the private key of `receiverKey` as it is (no taproot tweak): 64 bytes. */
    sign(digest: Bytes): Bytes;
    onMessages(messages: readonly MailboxMessage[]): void;
    readonly signal: AbortSignal;
  }): Promise<Result<null, UniverseFailure>>;
  /** Removes messages, at most 1,000; `sign` as for `receive`. */
  remove(part: {
    readonly receiverKey: Bytes;
    readonly ids: readonly bigint[];
    sign(digest: Bytes): Bytes;
  }): Promise<Result<null, UniverseFailure>>;
}
