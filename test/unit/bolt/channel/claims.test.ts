import { describe, expect, test } from 'vitest';
import { must } from '../../../../src/base/assert.ts';
import { type Bytes, equal } from '../../../../src/base/bytes.ts';
import type { Preimage, TxId } from '../../../../src/base/ids.ts';
import { type FeeratePerKw, feeratePerKw, height, sat } from '../../../../src/base/units.ts';
import { p2trScript, p2wpkhScript } from '../../../../src/bitcoin/script.ts';
import { signP2wpkhInput } from '../../../../src/bitcoin/sign.ts';
import { type Tx, type TxOutput, txId, txWeight, withWitness } from '../../../../src/bitcoin/tx.ts';
import {
  anchorClaim,
  type Claim,
  claimableAt,
  htlcClaims,
  htlcOutputClaims,
  htlcPenaltyClaims,
  type PublishedCommitment,
  penaltyClaims,
  toLocalClaim,
  toRemoteClaim,
} from '../../../../src/bolt/channel/claims.ts';
import { type CommitmentFormat, commitFee, commitWeight } from '../../../../src/bolt/channel/commitment.ts';
import { perCommitmentSecret } from '../../../../src/bolt/channel/keys.ts';
import { bumpWithAnchor, claimWeight, type FeeInput, htlcTxWithFee, sweep } from '../../../../src/bolt/channel/sweep.ts';
import { completeCommitment, completeHtlc, signCommitment, signHtlcs } from '../../../../src/bolt/channel/transactions.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import { scriptFailure } from '../../bitcoin/interpreter.ts';
import {
  alice,
  aliceParams,
  alicePoint,
  bob,
  build,
  DELAY,
  FORMATS,
  htlc,
  MIXED,
  NUMBER,
  preimageOf,
  secretsOf,
  spec,
} from './transactions-fixture.ts';

const DESTINATION = p2trScript(secp.publicKey(new Uint8Array(32).fill(7)).slice(1));
const FEERATE = feeratePerKw(1000);
/** Blocks after the expiry of every HTLC here. */
const NOW = 1000;

function sweepAll(claims: readonly Claim[], feerate: FeeratePerKw = FEERATE) {
  const swept = sweep({ claims, script: DESTINATION, feerate, locktime: NOW });
  if (!swept.ok) throw new Error('uneconomical');
  return swept.value;
}

/** That the sweep of each claim passes Bitcoin's rules, and that no change to it does. */
function expectSound(claims: readonly Claim[], stranger: Bytes): void {
  const { tx, prevouts } = sweepAll(claims);
  expect(scriptFailure(tx, prevouts)).toBeNull();
  for (const [i, claim] of claims.entries()) {
    const { witness } = must(tx.inputs[i], 'an input');
    const bad: Tx[] = [
      { ...tx, outputs: tx.outputs.map((output) => ({ ...output, amount: sat(output.amount - 1n) })) },
      withWitness(tx, i, witness.slice(1)),
      withWitness(tx, i, witness.with(0, new Uint8Array(0))),
      sweepAll(claims.with(i, { ...claim, privateKey: stranger })).tx,
      sweepAll(claims.with(i, { ...claim, output: { ...claim.output, amount: sat(claim.output.amount + 1n) } })).tx,
    ];
    if (claim.delay > 0) bad.push(sweepAll(claims.with(i, { ...claim, sequence: claim.delay - 1 })).tx);
    if (claim.delay > 0) bad.push(sweepAll(claims.with(i, { ...claim, sequence: 0xfffffffd })).tx);
    if (claim.locktime > 0) {
      const early = sweep({
        claims: claims.map((one) => ({ ...one, locktime: 0 })),
        script: DESTINATION,
        feerate: FEERATE,
        locktime: claim.locktime - 1,
      });
      if (early.ok) bad.push(early.value.tx);
      bad.push(sweepAll(claims.with(i, { ...claim, sequence: 0xffffffff })).tx);
    }
    if (claim.kind === 'htlc_success') {
      bad.push(sweepAll(claims.with(i, { ...claim, trailer: claim.trailer.with(0, preimageOf(99)) })).tx);
      bad.push(sweepAll(claims.with(i, { ...claim, trailer: claim.trailer.with(0, new Uint8Array(0)) })).tx);
    }
    for (const [n, changed] of bad.entries()) expect(scriptFailure(changed, prevouts), `${claim.kind}, change ${n}`).not.toBeNull();
  }
}

const stranger = secretsOf(3);
const allPreimages = (hash: Bytes): Preimage | null =>
  [1, 2, 3, 5].map(preimageOf).find((preimage) => equal(sha256(preimage), hash)) ?? null;

describe.each(FORMATS)('%s', (format: CommitmentFormat) => {
  const params = aliceParams(format);
  const built = build(format);
  const published: PublishedCommitment = { tx: built.tx, params, perCommitmentPoint: alicePoint };
  const htlcTxs = (): readonly Tx[] => {
    const signatures = signHtlcs(built, params, bob.htlcBasepointSecret);
    return built.htlcs.map(({ directed }, i) => {
      const preimage = directed.offered ? null : preimageOf(Number(directed.htlc.id));
      const part = { htlcBasepointSecret: alice.htlcBasepointSecret, otherSignature: signatures[i] as Bytes, preimage };
      return completeHtlc(built, params, i, part);
    });
  };
  const revocation = { secrets: bob, perCommitmentSecret: perCommitmentSecret(alice.commitmentSeed, NUMBER) };

  test('the owner sweeps to_local after its delay', () => {
    const claim = must(toLocalClaim(published, alice), 'to_local');
    expect(claim.outpoint.vout).toBe(built.toLocalIndex);
    expect(claim.delay).toBe(DELAY);
    expectSound([claim], stranger.fundingKey);
    expect(toLocalClaim(published, stranger)?.privateKey).not.toEqual(claim.privateKey);
  });

  test('the other side sweeps to_remote, with anchors after one block', () => {
    const claim = must(toRemoteClaim(built.tx, format, bob), 'to_remote');
    expect(claim.outpoint.vout).toBe(built.toRemoteIndex);
    expect(claim.delay).toBe(format === 'anchors' ? 1 : 0);
    expectSound([claim], stranger.fundingKey);
    expect(toRemoteClaim(built.tx, format, stranger)).toBeNull();
    expect(toRemoteClaim(built.tx, format === 'anchors' ? 'static_remotekey' : 'anchors', bob)).toBeNull();
  });

  test('outputs that are dust give no claim', () => {
    const poor = build(format, spec([], 1000, 10_000_000_000n - 4_000_000n));
    expect(toLocalClaim({ ...published, tx: poor.tx }, alice) === null).toBe(poor.toLocalIndex === null);
    const nothing = build(format, spec([], 1000, 0n));
    expect(toRemoteClaim(nothing.tx, format, bob)).toBeNull();
  });

  test('the owner sweeps the outputs of its HTLC transactions after its delay', () => {
    const claims = htlcTxs().flatMap((tx) => htlcOutputClaims(published, tx, alice));
    expect(claims.length).toBe(MIXED.length);
    expect(claims.every((claim) => claim.delay === DELAY && claim.kind === 'htlc_output')).toBe(true);
    expectSound(claims, stranger.fundingKey);
  });

  test('the other side takes HTLCs with their preimage or after their expiry, several in one sweep', () => {
    const claims = htlcClaims(published, { secrets: bob, htlcs: MIXED, preimage: allPreimages });
    expect(claims.map((claim) => claim.kind).toSorted()).toEqual([
      ...['htlc_success', 'htlc_success', 'htlc_success', 'htlc_timeout', 'htlc_timeout'],
    ]);
    for (const claim of claims) {
      expect(claim.locktime).toBe(claim.kind === 'htlc_timeout' ? claim.htlc?.htlc.cltvExpiry : 0);
      expectSound([claim], stranger.fundingKey);
    }
    const { tx, prevouts } = sweepAll(claims);
    expect(scriptFailure(tx, prevouts)).toBeNull();
    expect(new Set(claims.map((claim) => claim.outpoint.vout)).size).toBe(MIXED.length);
  });

  test('without a preimage an offered HTLC is left to time out', () => {
    const claims = htlcClaims(published, { secrets: bob, htlcs: MIXED, preimage: () => null });
    expect(claims.map((claim) => claim.kind)).toEqual(['htlc_timeout', 'htlc_timeout']);
  });

  test('HTLCs are matched with their outputs in the order of expiry', () => {
    const claims = htlcClaims(published, { secrets: bob, htlcs: MIXED, preimage: allPreimages });
    for (const claim of claims) {
      const own = must(
        built.htlcs.find((one) => one.outputIndex === claim.outpoint.vout),
        'an HTLC',
      );
      expect(claim.htlc?.htlc).toEqual(own.directed.htlc);
    }
  });

  test('trimmed HTLCs give no claim', () => {
    const dust = [htlc(1, 300_000n, true), htlc(2, 300_000n, false)];
    const small = build(format, spec(dust));
    expect(htlcClaims({ ...published, tx: small.tx }, { secrets: bob, htlcs: dust, preimage: allPreimages })).toEqual([]);
  });

  test('a revoked commitment is taken whole: to_local and every HTLC in one transaction', () => {
    const claims = penaltyClaims(published, { ...revocation, htlcs: MIXED });
    expect(claims.length).toBe(1 + MIXED.length);
    expect(claims.every((claim) => claim.delay === 0 && claim.locktime === 0)).toBe(true);
    expectSound(claims, stranger.fundingKey);
    const everything = [...claims, must(toRemoteClaim(built.tx, format, bob), 'to_remote')];
    const { tx, prevouts, fee } = sweepAll(everything);
    expect(scriptFailure(tx, prevouts)).toBeNull();
    const anchors = format === 'anchors' ? 660n : 0n;
    const outputs = built.tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
    expect(must(tx.outputs[0], 'an output').amount).toBe(outputs - anchors - fee);
  });

  test('penalty inputs weigh what BOLT 5 expects, less one byte of signature, short delays and expiries', () => {
    // The specification leaves out the byte of the 1 that takes the revocation branch.
    const expected = { to_local: 324 + 1, offered: 407, received: 413 };
    const anchors = format === 'anchors' ? 3 : 0;
    for (const claim of penaltyClaims(published, { ...revocation, htlcs: MIXED })) {
      const kind = claim.htlc === null ? 'to_local' : claim.htlc.offered ? 'offered' : 'received';
      const difference = expected[kind] + (claim.htlc === null ? 0 : anchors) - claimWeight(claim);
      expect(difference).toBeGreaterThanOrEqual(1);
      expect(difference).toBeLessThanOrEqual(1 + 6);
    }
  });

  test('the outputs of a cheater’s HTLC transactions are taken without delay', () => {
    const claims = htlcTxs().flatMap((tx) => htlcPenaltyClaims(published, tx, revocation));
    expect(claims.length).toBe(MIXED.length);
    expect(claims.every((claim) => claim.kind === 'penalty' && claim.delay === 0)).toBe(true);
    expectSound(claims, stranger.fundingKey);
  });

  test('the secret of another commitment punishes nothing', () => {
    const wrong = { ...revocation, perCommitmentSecret: perCommitmentSecret(alice.commitmentSeed, NUMBER + 1n) };
    expect(() => penaltyClaims(published, { ...wrong, htlcs: [] })).toThrow();
  });

  test('the fee is at least the feerate times the real weight, and at most 2 % more', () => {
    const claims = [...penaltyClaims(published, { ...revocation, htlcs: MIXED }), must(toRemoteClaim(built.tx, format, bob), 'to_remote')];
    for (const feerate of [253, 1000, 12_345]) {
      const { tx, fee } = sweepAll(claims, feeratePerKw(feerate));
      const least = Math.ceil((txWeight(tx) * feerate) / 1000);
      expect(Number(fee)).toBeGreaterThanOrEqual(least);
      expect(Number(fee)).toBeLessThanOrEqual(Math.ceil(least * 1.02));
    }
  });

  test('what costs more than it brings stays out, and a sweep of nothing else is refused', () => {
    const claims = penaltyClaims(published, { ...revocation, htlcs: MIXED });
    const feerate = feeratePerKw(60_000);
    const { tx, left } = sweepAll(claims, feerate);
    expect(left.map((claim) => claim.htlc?.htlc.id)).toEqual([1n]);
    expect(tx.inputs.length).toBe(claims.length - 1);
    const refused = sweep({ claims: left, script: DESTINATION, feerate, locktime: NOW });
    expect(refused).toMatchObject({ ok: false, failure: { kind: 'uneconomical' } });
    expect(sweep({ claims: [], script: DESTINATION, feerate, locktime: NOW }).ok).toBe(false);
  });

  test('a sweep may be mined when delay and lock time have passed, and not a block before', () => {
    const confirmed = height(800);
    expect(claimableAt(must(toLocalClaim(published, alice), 'to_local'), confirmed)).toBe(800 + DELAY);
    const [timeout] = htlcClaims(published, { secrets: bob, htlcs: [htlc(5, 50_000_000n, false)], preimage: () => null });
    expect(claimableAt(must(timeout, 'a claim'), height(100))).toBe(506);
    expect(claimableAt(must(timeout, 'a claim'), confirmed)).toBe(800 + (format === 'anchors' ? 1 : 0));
  });
});

const walletKey = new Uint8Array(32).fill(5);
const walletOutput = (amount: number): TxOutput => ({ amount: sat(amount), script: p2wpkhScript(secp.publicKey(walletKey)) });
const feeInput = (amount: number, id = 1): FeeInput => ({
  outpoint: { txid: sha256(Uint8Array.of(id)) as TxId, vout: 0 },
  output: walletOutput(amount),
  kind: 'p2wpkh',
});
function signWallet(tx: Tx, prevouts: readonly TxOutput[]): Tx {
  return prevouts.reduce((signed, prevout, index) => {
    if (!equal(prevout.script, walletOutput(0).script)) return signed;
    return withWitness(signed, index, signP2wpkhInput({ tx, index, amount: prevout.amount, privateKey: walletKey }));
  }, tx);
}

describe('fees that the wallet adds, with anchors', () => {
  const params = aliceParams('anchors');
  const built = build('anchors');
  const commitment = completeCommitment(built, params, alice.fundingKey, signCommitment(built, params, bob.fundingKey));
  const parent = { weight: commitWeight('anchors', MIXED.length), fee: commitFee('anchors', feeratePerKw(1000), MIXED.length) };
  const source = { inputs: [feeInput(100_000)], changeScript: DESTINATION, feerate: feeratePerKw(5000) };

  test.each([
    ['the owner', alice, built.ownerAnchorIndex],
    ['the other side', bob, built.otherAnchorIndex],
  ] as const)('%s lifts the commitment by its own anchor to the feerate asked for', (_, side, index) => {
    const anchor = must(anchorClaim(commitment, side.fundingKey), 'an anchor');
    expect(anchor.outpoint).toEqual({ txid: txId(commitment), vout: index });
    const bumped = bumpWithAnchor(anchor, parent, source);
    if (!bumped.ok) throw new Error('uneconomical');
    const { tx, prevouts, fee } = bumped.value;
    const signed = signWallet(tx, prevouts);
    expect(scriptFailure(signed, prevouts)).toBeNull();
    expect(
      scriptFailure(withWitness(signed, 0, must(signed.inputs[0], 'an input').witness.with(0, new Uint8Array(0))), prevouts),
    ).not.toBeNull();
    const needed = Math.ceil(((txWeight(commitment) + txWeight(signed)) * 5000) / 1000);
    expect(Number(parent.fee + fee)).toBeGreaterThanOrEqual(needed);
    expect(Number(parent.fee + fee)).toBeLessThanOrEqual(needed * 1.05);
    expect(prevouts.reduce((sum, prevout) => sum + prevout.amount, 0n) - must(tx.outputs[0], 'an output').amount).toBe(fee);
  });

  test('a child of a parent that pays enough still pays for its own relay', () => {
    const bumped = bumpWithAnchor(must(anchorClaim(commitment, alice.fundingKey), 'an anchor'), { ...parent, fee: sat(90_000) }, source);
    if (!bumped.ok) throw new Error('uneconomical');
    const signed = signWallet(bumped.value.tx, bumped.value.prevouts);
    expect(Number(bumped.value.fee)).toBeGreaterThanOrEqual(Math.ceil(txWeight(signed) / 4));
  });

  test('inputs that do not suffice are refused', () => {
    const anchor = must(anchorClaim(commitment, alice.fundingKey), 'an anchor');
    expect(bumpWithAnchor(anchor, parent, { ...source, inputs: [feeInput(5_000)] })).toMatchObject({ ok: false });
    expect(anchorClaim(commitment, stranger.fundingKey)).toBeNull();
    expect(anchorClaim(build('static_remotekey').tx, alice.fundingKey)).toBeNull();
  });

  test.each([
    ['with change', 100_000, 2],
    ['without change where it would be dust', 5_500, 1],
  ] as const)('an HTLC transaction takes fee inputs, %s', (_, amount, outputs) => {
    const signatures = signHtlcs(built, params, bob.htlcBasepointSecret);
    built.htlcs.forEach(({ directed }, i) => {
      const preimage = directed.offered ? null : preimageOf(Number(directed.htlc.id));
      const completion = { htlcBasepointSecret: alice.htlcBasepointSecret, otherSignature: signatures[i] as Bytes, preimage };
      const made = htlcTxWithFee(built, params, i, completion, { ...source, inputs: [feeInput(amount)] });
      if (!made.ok) throw new Error('uneconomical');
      const { tx, prevouts, fee } = made.value;
      expect(tx.outputs.length).toBe(outputs);
      const signed = signWallet(tx, prevouts);
      expect(scriptFailure(signed, prevouts)).toBeNull();
      expect(Number(fee)).toBeGreaterThanOrEqual(Math.ceil((txWeight(signed) * 5000) / 1000));
      const claims = htlcOutputClaims({ tx: commitment, params, perCommitmentPoint: alicePoint }, signed, alice);
      expect(claims.map((claim) => claim.outpoint.vout)).toEqual([0]);
      // Ours is SIGHASH_ALL: nobody attaches anything.
      const attached = { ...signed, outputs: [...signed.outputs, { amount: sat(1), script: DESTINATION }] };
      expect(scriptFailure(attached, prevouts)).not.toBeNull();
      const short = htlcTxWithFee(built, params, i, completion, { ...source, inputs: [feeInput(1_000)] });
      expect(short).toMatchObject({ ok: false, failure: { kind: 'uneconomical' } });
    });
  });
});

test('483 HTLCs in each direction, to_local and to_remote fit one penalty transaction (BOLT 5)', () => {
  const htlcs = Array.from({ length: 966 }, (_, i) => htlc(i, 1_000_000n + BigInt(i), i % 2 === 0));
  const built = build('static_remotekey', spec(htlcs, 253));
  const published = { tx: built.tx, params: aliceParams('static_remotekey'), perCommitmentPoint: alicePoint };
  const claims = penaltyClaims(published, { secrets: bob, perCommitmentSecret: perCommitmentSecret(alice.commitmentSeed, NUMBER), htlcs });
  expect(claims.length).toBe(967);
  const { tx } = sweepAll([...claims, must(toRemoteClaim(built.tx, 'static_remotekey', bob), 'to_remote')], feeratePerKw(253));
  expect(tx.inputs.length).toBe(968);
  expect(txWeight(tx)).toBeLessThanOrEqual(400_000);
});
