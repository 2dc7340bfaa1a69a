// The scripts of BOLT 3, as bytes. "Owner" is the side that may publish the commitment (BOLT 3's "local node"), "other" its peer.
import { type Bytes, compare, concat } from '../../base/bytes.ts';
import { OP, p2wpkhScript, p2wshScript, type ScriptItem, script, scriptNumber } from '../../bitcoin/script.ts';
import { hash160, ripemd160 } from '../../crypto/hash.ts';
import type { CommitmentKeys } from './keys.ts';
import type { Htlc } from './types.ts';

/** What a commitment looks like: `option_static_remotekey`, or `option_anchors` with HTLC transactions that pay no fee. */
export type CommitmentFormat = 'static_remotekey' | 'anchors';

/** The funding output: 2 of 2, keys in lexicographic order. */
export function fundingScript(a: Bytes, b: Bytes): { readonly witnessScript: Bytes; readonly script: Bytes } {
  const [first, second] = compare(a, b) <= 0 ? [a, b] : [b, a];
  const witnessScript = script(OP[2], first, second, OP[2], OP.CHECKMULTISIG);
  return { witnessScript, script: p2wshScript(witnessScript) };
}

/** Witness script of `to_local`, and of the outputs of HTLC transactions. */
export function toLocalScript(keys: Pick<CommitmentKeys, 'revocation' | 'ownerDelayed'>, toSelfDelay: number): Bytes {
  return script(
    ...[OP.IF, keys.revocation, OP.ELSE],
    ...[scriptNumber(toSelfDelay), OP.CHECKSEQUENCEVERIFY, OP.DROP, keys.ownerDelayed, OP.ENDIF, OP.CHECKSIG],
  );
}

/** `to_remote`: its output script, and its witness script where it is P2WSH (anchors). */
export function toRemoteScript(
  otherPayment: Bytes,
  format: CommitmentFormat,
): { readonly script: Bytes; readonly witnessScript: Bytes | null } {
  if (format === 'static_remotekey') return { script: p2wpkhScript(otherPayment), witnessScript: null };
  const witnessScript = script(otherPayment, OP.CHECKSIGVERIFY, OP[1], OP.CHECKSEQUENCEVERIFY);
  return { script: p2wshScript(witnessScript), witnessScript };
}

/** Witness script of the anchor of the side with this funding key. */
export const anchorScript = (fundingPubkey: Bytes): Bytes =>
  script(fundingPubkey, OP.CHECKSIG, OP.IFDUP, OP.NOTIF, OP[16], OP.CHECKSEQUENCEVERIFY, OP.ENDIF);

/** Makes the witness scripts of the HTLCs of one commitment: what they share is laid out once. */
export interface HtlcScripts {
  /** An HTLC that the commitment's owner offers. */
  offered(htlc: Htlc): Bytes;
  /** An HTLC that the commitment's owner is offered. */
  received(htlc: Htlc): Bytes;
}

export function htlcScripts(keys: Pick<CommitmentKeys, 'revocation' | 'ownerHtlc' | 'otherHtlc'>, format: CommitmentFormat): HtlcScripts {
  const head: readonly ScriptItem[] = [
    ...[OP.DUP, OP.HASH160, hash160(keys.revocation), OP.EQUAL, OP.IF, OP.CHECKSIG, OP.ELSE],
    ...[keys.otherHtlc, OP.SWAP, OP.SIZE, scriptNumber(32), OP.EQUAL],
  ];
  const multisig: readonly ScriptItem[] = [OP[2], OP.SWAP, keys.ownerHtlc, OP[2], OP.CHECKMULTISIG, OP.ELSE];
  // BOLT 3: with option_anchors every branch but the penalty's waits for one confirmation.
  const tail: readonly ScriptItem[] = format === 'anchors' ? [OP[1], OP.CHECKSEQUENCEVERIFY, OP.DROP, OP.ENDIF] : [OP.ENDIF];
  const pushOf20 = Uint8Array.of(20);
  const offeredHead = concat(script(...head, OP.NOTIF, OP.DROP, ...multisig, OP.HASH160), pushOf20);
  const offeredTail = script(OP.EQUALVERIFY, OP.CHECKSIG, OP.ENDIF, ...tail);
  const receivedHead = concat(script(...head, OP.IF, OP.HASH160), pushOf20);
  const receivedMiddle = script(OP.EQUALVERIFY, ...multisig, OP.DROP);
  const receivedTail = script(OP.CHECKLOCKTIMEVERIFY, OP.DROP, OP.CHECKSIG, OP.ENDIF, ...tail);
  return {
    offered: (htlc) => concat(offeredHead, paymentHash160(htlc), offeredTail),
    received: (htlc) => concat(receivedHead, paymentHash160(htlc), receivedMiddle, script(scriptNumber(htlc.cltvExpiry)), receivedTail),
  };
}

const paymentHashes = new WeakMap<Htlc, Bytes>();

/** RIPEMD160(payment_hash): the one part of an HTLC's script that is the same in every commitment. */
function paymentHash160(htlc: Htlc): Bytes {
  let hash = paymentHashes.get(htlc);
  if (hash === undefined) {
    hash = ripemd160(htlc.paymentHash);
    paymentHashes.set(htlc, hash);
  }
  return hash;
}
