import { type Bytes, fromHex, reversed } from '../../src/base/bytes.ts';
import type { PaymentHash, Preimage, TxId } from '../../src/base/ids.ts';
import { blocks, feeratePerKw, height, msat, sat } from '../../src/base/units.ts';
import type { CommitmentFormat, CommitmentParams, CommitmentSpec, DirectedHtlc } from '../../src/bolt/channel/commitment.ts';
import type { Basepoints } from '../../src/bolt/channel/keys.ts';
import { decodeDer } from '../../src/crypto/der.ts';
import { secp } from '../../src/crypto/ec.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import legacy from './bolt03-commitment-legacy.json' with { type: 'json' };

/** The channel of BOLT 3's appendices C and F. Its private keys end in the compression byte 01. */
const { params: given } = legacy;

export const privateKey = (text: string): Bytes => fromHex(text.slice(0, 64));

export const secrets = {
  localFundingKey: privateKey(given.local_funding_privkey),
  remoteFundingKey: privateKey(given.internal.remote_funding_privkey),
  /** Also the base of its HTLC keys. */
  localPaymentSecret: privateKey(given.internal.local_payment_basepoint_secret),
  remotePaymentSecret: privateKey(given.internal.remote_payment_basepoint_secret),
  localDelayedSecret: privateKey(given.internal.local_delayed_payment_basepoint_secret),
  remoteRevocationSecret: privateKey(given.internal.remote_revocation_basepoint_secret),
  localPerCommitmentSecret: privateKey(given.internal.local_per_commitment_secret),
};

export const perCommitmentPoint = fromHex(given.internal.local_per_commitment_point);

const local: Basepoints = {
  fundingPubkey: fromHex(given.local_funding_pubkey),
  revocationBasepoint: secp.publicKey(new Uint8Array(32).fill(9)),
  paymentBasepoint: fromHex(given.local_payment_basepoint),
  delayedPaymentBasepoint: fromHex(given.internal.local_delayed_payment_basepoint),
  htlcBasepoint: fromHex(given.local_htlc_basepoint),
};

const remote: Basepoints = {
  fundingPubkey: fromHex(given.remote_funding_pubkey),
  revocationBasepoint: fromHex(given.internal.remote_revocation_basepoint),
  paymentBasepoint: fromHex(given.remote_payment_basepoint),
  delayedPaymentBasepoint: secp.publicKey(new Uint8Array(32).fill(8)),
  htlcBasepoint: fromHex(given.remote_htlc_basepoint),
};

export const commitmentNumber = BigInt(given.commitment_number);

export function fixtureParams(format: CommitmentFormat, dustLimit: number = given.local_dust_limit_satoshi): CommitmentParams {
  return {
    fundingOutpoint: { txid: reversed(fromHex(given.funding_tx_id)) as TxId, vout: given.funding_output_index },
    capacity: sat(given.funding_amount_satoshi),
    format,
    ownerIsFunder: true,
    owner: local,
    other: remote,
    ownerDustLimit: sat(dustLimit),
    ownerToSelfDelay: blocks(given.local_delay),
  };
}

export const preimages: readonly Preimage[] = given.htlcs.map((htlc) => fromHex(htlc.payment_preimage) as Preimage);

export const htlcs: readonly DirectedHtlc[] = given.htlcs.map((htlc, i) => ({
  htlc: {
    id: BigInt(htlc.id),
    amountMsat: msat(htlc.amount_msat),
    paymentHash: sha256(preimages[i] as Bytes) as PaymentHash,
    cltvExpiry: height(htlc.expiry),
  },
  offered: htlc.direction === 'local->remote',
}));

/** Which of the seven HTLCs a case uses: the last of each file has 1, 5 and 6, those before 0 to 4. */
export function caseHtlcs(name: string): readonly DirectedHtlc[] {
  if (name.startsWith('simple')) return [];
  const indices = name.includes('same amount and preimage') ? [1, 5, 6] : [0, 1, 2, 3, 4];
  return indices.map((i) => htlcs[i] as DirectedHtlc);
}

export const caseSpec = (given: {
  readonly name: string;
  readonly to_local_msat: number;
  readonly to_remote_msat: number;
  readonly local_feerate_per_kw: number;
}): CommitmentSpec => ({
  toLocalMsat: msat(given.to_local_msat),
  toRemoteMsat: msat(given.to_remote_msat),
  feerate: feeratePerKw(given.local_feerate_per_kw),
  htlcs: caseHtlcs(given.name),
});

export function compact(der: string): Bytes {
  const signature = decodeDer(fromHex(der));
  if (signature === null) throw new Error('not a signature');
  return signature;
}
