import type { Bytes } from '../../../../src/base/bytes.ts';
import type { PaymentHash, Preimage, TxId } from '../../../../src/base/ids.ts';
import { blocks, feeratePerKw, height, msat, sat } from '../../../../src/base/units.ts';
import {
  type BuiltCommitment,
  buildCommitment,
  type CommitmentFormat,
  type CommitmentParams,
  type CommitmentSpec,
  type DirectedHtlc,
} from '../../../../src/bolt/channel/commitment.ts';
import { basepoints, perCommitmentPoint } from '../../../../src/bolt/channel/keys.ts';
import { fundingScript } from '../../../../src/bolt/channel/scripts.ts';
import type { ChannelSecrets } from '../../../../src/bolt/channel/types.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';

/** Secrets of a side, all different. */
export function secretsOf(side: number): ChannelSecrets {
  const secret = (what: number): Bytes => sha256(Uint8Array.of(side, what));
  return {
    fundingKey: secret(1),
    revocationBasepointSecret: secret(2),
    paymentBasepointSecret: secret(3),
    delayedPaymentBasepointSecret: secret(4),
    htlcBasepointSecret: secret(5),
    commitmentSeed: secret(6),
  };
}

export const alice = secretsOf(1);
export const bob = secretsOf(2);
/** All commitments here have this number. */
export const NUMBER = 7n;
export const CAPACITY = sat(10_000_000);
export const DELAY = 144;

/** Alice's commitments; she funded the channel unless told otherwise. */
export function aliceParams(format: CommitmentFormat, ownerIsFunder = true): CommitmentParams {
  return {
    fundingOutpoint: { txid: sha256(Uint8Array.of(42)) as TxId, vout: 1 },
    capacity: CAPACITY,
    format,
    ownerIsFunder,
    owner: basepoints(alice),
    other: basepoints(bob),
    ownerDustLimit: sat(354),
    ownerToSelfDelay: blocks(DELAY),
  };
}

export const alicePoint = perCommitmentPoint(alice.commitmentSeed, NUMBER);
export const preimageOf = (id: number): Preimage => sha256(Uint8Array.of(9, id & 0xff, id >> 8)) as Preimage;

/** An HTLC of Alice's commitment. */
export const htlc = (id: number, amountMsat: bigint, offered: boolean, cltvExpiry = 500 + id): DirectedHtlc => ({
  htlc: {
    id: BigInt(id),
    amountMsat: msat(amountMsat),
    paymentHash: sha256(preimageOf(id)) as PaymentHash,
    cltvExpiry: height(cltvExpiry),
  },
  offered,
});

/** The rest of the capacity is shared: `toRemoteMsat` to Bob, what is left to Alice. */
export function spec(htlcs: readonly DirectedHtlc[], feerate = 1000, toRemoteMsat = 3_000_000_000n): CommitmentSpec {
  const inHtlcs = htlcs.reduce((sum, one) => sum + one.htlc.amountMsat, 0n);
  return {
    toLocalMsat: msat(CAPACITY * 1000n - toRemoteMsat - inHtlcs),
    toRemoteMsat: msat(toRemoteMsat),
    feerate: feeratePerKw(feerate),
    htlcs,
  };
}

/** HTLCs of both directions, with two equal outputs that differ in expiry. */
export const MIXED: readonly DirectedHtlc[] = [
  htlc(1, 20_000_000n, true),
  htlc(2, 30_000_500n, false),
  htlc(3, 40_000_000n, true, 700),
  { ...htlc(3, 40_000_000n, true, 600), htlc: { ...htlc(3, 40_000_000n, true, 600).htlc, id: 4n } },
  htlc(5, 50_000_000n, false),
];

export const build = (format: CommitmentFormat, commitment: CommitmentSpec = spec(MIXED)): BuiltCommitment =>
  buildCommitment(aliceParams(format), NUMBER, alicePoint, commitment);

export const fundingOutput = (params: CommitmentParams) => ({
  amount: params.capacity,
  script: fundingScript(params.owner.fundingPubkey, params.other.fundingPubkey).script,
});

export const FORMATS: readonly CommitmentFormat[] = ['static_remotekey', 'anchors'];
