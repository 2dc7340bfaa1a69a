// The exchange of `commitment_signed` and `revoke_and_ack` (BOLT 2, "Committing Updates So Far").
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { height } from '../../base/units.ts';
import { txId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { insertSecret } from '../../crypto/shachain.ts';
import type { MessageNamed } from '../wire/message.ts';
import { type BuiltCommitment, buildCommitment, htlcIsTrimmed, trimRules } from './commitment.ts';
import { fault } from './faults.ts';
import { commitmentKeys, perCommitmentPoint, perCommitmentSecret } from './keys.ts';
import { overDustExposure } from './limits.ts';
import { type Active, type Channel, type ChannelParams, type Commitments, commitmentParams, type LiveHtlc, withPhase } from './state.ts';
import { signCommitment, signHtlcs, verifyCommitmentSignature, verifyHtlcSignatures } from './transactions.ts';
import { type Handled, handled, isReady, raise, send, stepTo } from './turn.ts';
import type { ChannelEffect, ChannelFact, ChannelStep, Env } from './types.ts';
import { advance, type CommitmentView, snapshot, specFor, wouldChange } from './update.ts';

/** Our commitment with this number. */
export function buildLocal(params: ChannelParams, commitments: Commitments, env: Env, view: 'local' | 'localNext'): BuiltCommitment {
  const number = commitments.local.number + (view === 'localNext' ? 1n : 0n);
  const point = perCommitmentPoint(env.keys.channelSecrets(params.keyIndex).commitmentSeed, number);
  return buildCommitment(commitmentParams(params, 'local'), number, point, specFor(snapshot(commitments, view, params.isFunder), 'local'));
}

/** The peer's commitment; `number` and `point` are its own. */
export function buildRemote(
  params: ChannelParams,
  commitments: Commitments,
  which: { readonly view: CommitmentView; readonly number: bigint; readonly point: Bytes },
): BuiltCommitment {
  const spec = specFor(snapshot(commitments, which.view, params.isFunder), 'remote');
  return buildCommitment(commitmentParams(params, 'remote'), which.number, which.point, spec);
}

/**
 * Makes the keys of both sides' next commitments, which are remembered: whoever runs this while the peer is busy has them at hand when its
 * answer comes. Changes nothing else.
 */
export function prepareCommitments(channel: Channel, env: Env): void {
  const { params, phase } = channel.durable;
  if (phase.kind !== 'active' || channel.session.link !== 'established') return;
  const { local, remoteNextPoint } = phase.commitments;
  const { commitmentSeed } = env.keys.channelSecrets(params.keyIndex);
  const [ours, theirs] = [commitmentParams(params, 'local'), commitmentParams(params, 'remote')];
  commitmentKeys(ours.owner, ours.other, perCommitmentPoint(commitmentSeed, local.number + 1n));
  // What the next `revoke_and_ack` tells.
  perCommitmentPoint(commitmentSeed, local.number + 2n);
  if (remoteNextPoint !== null) commitmentKeys(theirs.owner, theirs.other, remoteNextPoint);
}

/** Our signatures of a commitment of the peer. */
export function signRemote(params: ChannelParams, built: BuiltCommitment, env: Env): MessageNamed<'commitment_signed'> {
  const secrets = env.keys.channelSecrets(params.keyIndex);
  const common = commitmentParams(params, 'remote');
  return {
    name: 'commitment_signed',
    channelId: params.channelId,
    signature: signCommitment(built, common, secrets.fundingKey),
    htlcSignature: signHtlcs(built, common, secrets.htlcBasepointSecret),
    tlvs: { fundingTxid: common.fundingOutpoint.txid },
  };
}

/** Whether there is something to sign and the peer has answered the last time. */
export const canSign = (channel: Channel, active: Active): boolean =>
  channel.session.link === 'established' &&
  active.commitments.remoteNext === null &&
  active.commitments.remoteNextPoint !== null &&
  wouldChange(active.commitments, 'sent_commit', channel.durable.params.isFunder);

/** Signs all that waits. */
export function sendCommit(channel: Channel, active: Active, env: Env): ChannelStep {
  const { params } = channel.durable;
  const { commitments } = active;
  const point = must(commitments.remoteNextPoint, 'the next point is known');
  const built = buildRemote(params, commitments, { view: 'remoteNext', number: commitments.remote.number + 1n, point });
  const { commitments: advanced } = advance(commitments, 'sent_commit', params.isFunder);
  const next: Commitments = { ...advanced, remoteNext: { txid: txId(built.tx), sentAfterLocal: commitments.local.number } };
  return stepTo(withPhase(channel, { ...active, commitments: next }), [send(signRemote(params, built, env))]);
}

/** `commitment_signed`: our next commitment is complete, so that the one before is revoked in the same step. */
export function receiveCommit(channel: Channel, active: Active, message: MessageNamed<'commitment_signed'>, env: Env): Handled {
  const { params } = channel.durable;
  const { commitments } = active;
  // Nothing can have been proposed; and a channel that has a second commitment is not forgotten where its funding never confirms.
  if (!isReady(active)) return fault('unexpected_message', 'commitment_signed before channel_ready');
  const common = commitmentParams(params, 'local');
  // BOLT 2: "MUST ignore commitment_signed where funding_txid does not match the current funding transaction" (of a batch).
  const { fundingTxid } = message.tlvs;
  if (fundingTxid !== undefined && !equal(fundingTxid, common.fundingOutpoint.txid)) return handled(channel);
  const built = buildLocal(params, commitments, env, 'localNext');
  if (!verifyCommitmentSignature(built, common, params.remote.basepoints.fundingPubkey, message.signature))
    return fault('bad_signature', `signature of commitment ${built.number} is invalid`);
  if (message.htlcSignature.length !== built.htlcs.length)
    return fault('bad_htlc_signatures', `${message.htlcSignature.length} HTLC signatures for ${built.htlcs.length} HTLC outputs`);
  if (!verifyHtlcSignatures(built, common, message.htlcSignature))
    return fault('bad_htlc_signatures', `an HTLC signature of commitment ${built.number} is invalid`);
  const received = advance(commitments, 'received_commit', params.isFunder).commitments;
  const revoked = advance(received, 'sent_revoke', params.isFunder);
  const next: Commitments = {
    ...revoked.commitments,
    local: { number: built.number, txid: txId(built.tx), signature: message.signature, htlcSignatures: message.htlcSignature },
  };
  const effects = [send(revokeMessage(params, next, env)), ...revoked.gone.flatMap(goneEffects)];
  return handled(withPhase(channel, { ...active, commitments: next }), effects);
}

/** The `revoke_and_ack` that belongs to our latest commitment: it revokes the one before. */
export function revokeMessage(params: ChannelParams, commitments: Commitments, env: Env): MessageNamed<'revoke_and_ack'> {
  const { commitmentSeed } = env.keys.channelSecrets(params.keyIndex);
  const { number } = commitments.local;
  return {
    name: 'revoke_and_ack',
    channelId: params.channelId,
    perCommitmentSecret: perCommitmentSecret(commitmentSeed, number - 1n),
    nextPerCommitmentPoint: perCommitmentPoint(commitmentSeed, number + 1n),
    tlvs: {},
  };
}

export function receiveRevoke(channel: Channel, active: Active, message: MessageNamed<'revoke_and_ack'>): Handled {
  const { params } = channel.durable;
  const { commitments } = active;
  const { remote, remoteNext } = commitments;
  if (remoteNext === null) return fault('unexpected_revocation', 'nothing was signed that could be revoked');
  const { perCommitmentSecret: secret, nextPerCommitmentPoint } = message;
  // BOLT 2: "if per_commitment_secret is not a valid secret key or does not generate the previous per_commitment_point"
  if (!secp.isPrivateKey(secret) || !equal(secp.publicKey(secret), remote.point))
    return fault('bad_revocation', `the secret is not that of commitment ${remote.number}`);
  if (!secp.isPublicKey(nextPerCommitmentPoint)) return fault('bad_point', 'next_per_commitment_point is not a point');
  const secrets = insertSecret(commitments.secrets, secret);
  if (!secrets.ok) return fault('bad_revocation', `the secret of commitment ${remote.number} contradicts an earlier one`);
  const fact = revokedFact(params, commitments);
  const advanced = advance(commitments, 'received_revoke', params.isFunder);
  const next: Commitments = {
    ...advanced.commitments,
    remote: { number: remote.number + 1n, txid: remoteNext.txid, point: must(commitments.remoteNextPoint, 'it was signed with') },
    remoteNext: null,
    remoteNextPoint: nextPerCommitmentPoint,
    secrets: secrets.value,
  };
  const over = advanced.committed.length === 0 ? NONE : overDustExposure(params, next, advanced.committed);
  const effects: ChannelEffect[] = [{ kind: 'record', fact }];
  for (const entry of advanced.committed) effects.push(committedEffect(entry, over));
  for (const entry of advanced.gone) effects.push(...goneEffects(entry));
  return handled(withPhase(channel, { ...active, commitments: next }), effects);
}

const NONE: ReadonlySet<bigint> = new Set();

function committedEffect(entry: LiveHtlc, over: ReadonlySet<bigint>): ChannelEffect {
  const onion = must(entry.onion, 'kept until now');
  return raise({
    kind: 'htlc_received',
    htlc: entry.htlc,
    onion,
    pathKey: entry.pathKey,
    overDustExposure: over.has(entry.htlc.id),
  });
}

function goneEffects(entry: LiveHtlc): readonly ChannelEffect[] {
  const { htlc, origin, removal } = entry;
  if (entry.direction === 'received') return [raise({ kind: 'htlc_removed', htlc, settled: removal?.kind === 'fulfill' })];
  // A preimage that was told once settles the HTLC whatever the peer said afterwards.
  if (removal === null || removal.kind === 'fulfill' || entry.preimage !== null) return [];
  const failure =
    removal.kind === 'fail'
      ? ({ kind: 'reason', reason: removal.reason, attributionData: removal.attributionData } as const)
      : ({ kind: 'malformed', sha256OfOnion: removal.sha256OfOnion, failureCode: removal.failureCode } as const);
  return [raise({ kind: 'htlc_failed', htlc, origin: must(origin, 'an offered HTLC has one'), failure })];
}

/** All that a penalty needs besides the secret: which commitment it was, and the HTLCs that have an output there. */
function revokedFact(params: ChannelParams, commitments: Commitments): ChannelFact {
  const content = snapshot(commitments, 'remotePrevious', params.isFunder);
  const rules = trimRules(commitmentParams(params, 'remote'), content.feerate);
  const htlcs = content.htlcs
    .filter(({ htlc, direction }) => !htlcIsTrimmed({ htlc, offered: direction === 'received' }, rules))
    .map(({ htlc, direction }) => ({ htlc, offeredByUs: direction === 'offered' }));
  return { kind: 'revoked_commitment', commitmentNumber: commitments.remote.number, txid: commitments.remote.txid, htlcs };
}

/** The first height at which one of the HTLCs must have been resolved, else the channel must be failed; null without any. */
export function nextDeadline(commitments: Commitments, grace: { readonly offered: number; readonly fulfilled: number }): number | null {
  let least: number | null = null;
  for (const entry of commitments.htlcs) {
    const at = deadlineOf(entry, grace);
    if (at !== null && (least === null || at < least)) least = at;
  }
  return least;
}

function deadlineOf(entry: LiveHtlc, grace: { readonly offered: number; readonly fulfilled: number }): number | null {
  if (entry.direction === 'offered') return height(entry.htlc.cltvExpiry + grace.offered);
  return entry.preimage === null ? null : height(entry.htlc.cltvExpiry - grace.fulfilled);
}
