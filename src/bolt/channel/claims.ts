import { assert, must } from '../../base/assert.ts';
import { type Bytes, EMPTY, equal } from '../../base/bytes.ts';
import { bytesMap } from '../../base/bytes-map.ts';
import type { OutPoint, PaymentHash, Preimage } from '../../base/ids.ts';
import { type Height, height, msatToSat } from '../../base/units.ts';
import { p2wpkhScriptCode, p2wshScript } from '../../bitcoin/script.ts';
import { type Tx, type TxOutput, txId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { hash160 } from '../../crypto/hash.ts';
import type { CommitmentFormat, CommitmentParams, DirectedHtlc } from './commitment.ts';
import { type CommitmentKeys, commitmentKeys, derivePrivateKey, revocationPrivateKey } from './keys.ts';
import { anchorScript, htlcScripts, toLocalScript, toRemoteScript } from './scripts.ts';
import type { ChannelSecrets } from './types.ts';

export type ClaimKind = 'to_local' | 'to_remote' | 'anchor' | 'htlc_output' | 'htlc_success' | 'htlc_timeout' | 'penalty';

/** An output on chain that one signature of ours spends (BOLT 5). Derived when needed and never stored: it holds a private key. */
export interface Claim {
  readonly kind: ClaimKind;
  readonly outpoint: OutPoint;
  readonly output: TxOutput;
  /** What BIP 143 signs: the witness script, or the P2PKH script of a P2WPKH output. */
  readonly scriptCode: Bytes;
  readonly privateKey: Bytes;
  /** What follows the signature in the witness. */
  readonly trailer: readonly Bytes[];
  readonly sequence: number;
  /** Blocks that must pass since the output confirmed (BIP 68); 0 where none. */
  readonly delay: number;
  /** Least lock time of the spending transaction; 0 where none. */
  readonly locktime: number;
  /** The HTLC where the output is one's. */
  readonly htlc: DirectedHtlc | null;
}

/** A commitment on chain. `params.owner` is whose it is, and the point is the owner's. */
export interface PublishedCommitment {
  readonly tx: Tx;
  readonly params: CommitmentParams;
  readonly perCommitmentPoint: Bytes;
}

/** Replaceable (BIP 125), lock time in force, no relative delay. */
const REPLACEABLE = 0xfffffffd;

/** The first block height at which the spend of an output that confirmed at `confirmed` may be mined. */
export function claimableAt(claim: Claim, confirmed: Height): Height {
  // A transaction with a lock time of n may stand in block n + 1 at the earliest.
  return height(Math.max(confirmed + claim.delay, claim.locktime === 0 ? 0 : claim.locktime + 1));
}

/** Our `to_local` on our own commitment, after our delay; null where it was dust. */
export function toLocalClaim(published: PublishedCommitment, secrets: ChannelSecrets): Claim | null {
  return delayedClaims(published, published.tx, secrets, 'to_local')[0] ?? null;
}

/** What our HTLC-timeout or HTLC-success transaction `htlcTx` pays us, after our delay; it may spend several HTLCs at once. */
export function htlcOutputClaims(published: PublishedCommitment, htlcTx: Tx, secrets: ChannelSecrets): readonly Claim[] {
  return delayedClaims(published, htlcTx, secrets, 'htlc_output');
}

/**
 * Our balance on a commitment of the peer; null where it was dust. Needs no per-commitment point: with option_static_remotekey it is found
 * even after a loss of data (BOLT 3, "`remotepubkey` Derivation").
 */
export function toRemoteClaim(tx: Tx, format: CommitmentFormat, secrets: ChannelSecrets): Claim | null {
  const privateKey = secrets.paymentBasepointSecret;
  const publicKey = secp.publicKey(privateKey);
  const { script, witnessScript } = toRemoteScript(publicKey, format);
  const found = outputsPaying(tx, script)[0];
  if (found === undefined) return null;
  const base = { ...found, kind: 'to_remote', privateKey, locktime: 0, htlc: null } as const;
  if (witnessScript === null)
    return { ...base, scriptCode: p2wpkhScriptCode(hash160(publicKey)), trailer: [publicKey], sequence: REPLACEABLE, delay: 0 };
  return { ...base, scriptCode: witnessScript, trailer: [witnessScript], sequence: 1, delay: 1 };
}

/** Our anchor on a commitment of either side, to bump it with; null where there is none. */
export function anchorClaim(tx: Tx, fundingKey: Bytes): Claim | null {
  const witnessScript = anchorScript(secp.publicKey(fundingKey));
  const found = outputsPaying(tx, p2wshScript(witnessScript))[0];
  if (found === undefined) return null;
  return {
    ...found,
    ...{ kind: 'anchor', scriptCode: witnessScript, privateKey: fundingKey, trailer: [witnessScript] },
    ...{ sequence: REPLACEABLE, delay: 0, locktime: 0, htlc: null },
  };
}

/**
 * HTLCs on a commitment of the peer that we may take: those it offered and whose preimage is known, at once; those we offered, from their
 * `cltv_expiry`. With anchors each waits for one confirmation.
 */
export function htlcClaims(
  published: PublishedCommitment,
  part: {
    readonly secrets: ChannelSecrets;
    /** `offered` by the peer, whose commitment it is. */
    readonly htlcs: readonly DirectedHtlc[];
    readonly preimage: (hash: PaymentHash) => Preimage | null;
  },
): readonly Claim[] {
  const keys = keysOf(published);
  const privateKey = derivePrivateKey(part.secrets.htlcBasepointSecret, published.perCommitmentPoint);
  const anchors = published.params.format === 'anchors';
  const claims: Claim[] = [];
  for (const { directed, witnessScript, ...found } of htlcOutputs(published, keys, part.htlcs)) {
    const { offered, htlc } = directed;
    const preimage = offered ? part.preimage(htlc.paymentHash) : null;
    if (offered && preimage === null) continue;
    claims.push({
      ...found,
      kind: offered ? 'htlc_success' : 'htlc_timeout',
      scriptCode: witnessScript,
      privateKey,
      trailer: [preimage ?? EMPTY, witnessScript],
      sequence: anchors ? 1 : REPLACEABLE,
      delay: anchors ? 1 : 0,
      locktime: offered ? 0 : htlc.cltvExpiry,
      htlc: directed,
    });
  }
  return claims;
}

/** What takes everything from a peer that published a revoked commitment. */
export interface Revocation {
  readonly secrets: ChannelSecrets;
  /** The peer's, of the revoked commitment; its point is `perCommitmentPoint` of the published commitment. */
  readonly perCommitmentSecret: Bytes;
}

/** `to_local` and every HTLC of a revoked commitment. `htlcs`: all that it held, `offered` by the peer. Our own `to_remote` is no penalty. */
export function penaltyClaims(
  published: PublishedCommitment,
  part: Revocation & { readonly htlcs: readonly DirectedHtlc[] },
): readonly Claim[] {
  const keys = keysOf(published);
  const base = penaltyBase(keys, part);
  const htlcs = htlcOutputs(published, keys, part.htlcs).map(
    ({ directed, witnessScript, ...found }): Claim => ({
      ...found,
      ...base,
      scriptCode: witnessScript,
      // BOLT 3: the HTLC scripts compare the hash of the revocation key.
      trailer: [keys.revocation, witnessScript],
      htlc: directed,
    }),
  );
  return [...revokedDelayed(published, keys, published.tx, base), ...htlcs];
}

/** The outputs of an HTLC transaction with which the peer spent HTLCs of a revoked commitment. */
export function htlcPenaltyClaims(published: PublishedCommitment, htlcTx: Tx, part: Revocation): readonly Claim[] {
  const keys = keysOf(published);
  return revokedDelayed(published, keys, htlcTx, penaltyBase(keys, part));
}

type PenaltyBase = Pick<Claim, 'kind' | 'privateKey' | 'sequence' | 'delay' | 'locktime'>;

function penaltyBase(keys: CommitmentKeys, { secrets, perCommitmentSecret }: Revocation): PenaltyBase {
  const privateKey = revocationPrivateKey({ revocationBasepointSecret: secrets.revocationBasepointSecret, perCommitmentSecret });
  assert(equal(secp.publicKey(privateKey), keys.revocation), 'the secret is that of the revoked commitment');
  return { kind: 'penalty', privateKey, sequence: REPLACEABLE, delay: 0, locktime: 0 };
}

/** Outputs with `to_local`'s script, by its revocation branch. */
function revokedDelayed(published: PublishedCommitment, keys: CommitmentKeys, tx: Tx, base: PenaltyBase): readonly Claim[] {
  const witnessScript = toLocalScript(keys, published.params.ownerToSelfDelay);
  return outputsPaying(tx, p2wshScript(witnessScript)).map(
    (found): Claim => ({ ...found, ...base, scriptCode: witnessScript, trailer: [Uint8Array.of(1), witnessScript], htlc: null }),
  );
}

/** Outputs with `to_local`'s script, by its delayed branch. */
function delayedClaims(published: PublishedCommitment, tx: Tx, secrets: ChannelSecrets, kind: ClaimKind): readonly Claim[] {
  const delay = published.params.ownerToSelfDelay;
  const witnessScript = toLocalScript(keysOf(published), delay);
  const privateKey = derivePrivateKey(secrets.delayedPaymentBasepointSecret, published.perCommitmentPoint);
  const base = { kind, privateKey, scriptCode: witnessScript, trailer: [EMPTY, witnessScript], sequence: delay, delay } as const;
  return outputsPaying(tx, p2wshScript(witnessScript)).map((found): Claim => ({ ...found, ...base, locktime: 0, htlc: null }));
}

const keysOf = ({ params, perCommitmentPoint }: PublishedCommitment): CommitmentKeys =>
  commitmentKeys(params.owner, params.other, perCommitmentPoint);

interface Found {
  readonly outpoint: OutPoint;
  readonly output: TxOutput;
}

function outputsPaying(tx: Tx, script: Bytes): readonly Found[] {
  const found: Found[] = [];
  tx.outputs.forEach((output, vout) => {
    if (equal(output.script, script)) found.push({ outpoint: { txid: txId(tx), vout }, output });
  });
  return found;
}

/** The outputs of those HTLCs that have one. Trimming need not be known: what is not there is not found. */
function htlcOutputs(
  published: PublishedCommitment,
  keys: CommitmentKeys,
  htlcs: readonly DirectedHtlc[],
): readonly (Found & { readonly directed: DirectedHtlc; readonly witnessScript: Bytes })[] {
  const scripts = htlcScripts(keys, published.params.format);
  const txid = txId(published.tx);
  let free = bytesMap<Bytes, readonly number[]>();
  published.tx.outputs.forEach(({ script }, vout) => {
    free = free.set(script, [...(free.get(script) ?? []), vout]);
  });
  // BOLT 3: equal outputs stand in the order of `cltv_expiry`.
  const ordered = htlcs.toSorted((a, b) => a.htlc.cltvExpiry - b.htlc.cltvExpiry);
  return ordered.flatMap((directed) => {
    const witnessScript = directed.offered ? scripts.offered(directed.htlc) : scripts.received(directed.htlc);
    const script = p2wshScript(witnessScript);
    const amount = msatToSat(directed.htlc.amountMsat);
    const places = free.get(script) ?? [];
    const vout = places.find((place) => published.tx.outputs[place]?.amount === amount);
    if (vout === undefined) return [];
    free = free.set(
      script,
      places.filter((place) => place !== vout),
    );
    return [{ outpoint: { txid, vout }, output: must(published.tx.outputs[vout], 'an output'), directed, witnessScript }];
  });
}
