// `channel_reestablish` (BOLT 2, "Message Retransmission"): what each side has, and what must be sent again, in which order.
import { type Bytes, equal } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { indexOfCommitment, secretAt } from '../../crypto/shachain.ts';
import type { Message, MessageNamed } from '../wire/message.ts';
import { maybeAnnounce, repeatAnnouncement } from './announce.ts';
import { buildRemote, revokeMessage, signRemote } from './commit.ts';
import { type Fault, fault } from './faults.ts';
import { perCommitmentPoint, perCommitmentSecret } from './keys.ts';
import { addMessage, feeMessage, removalMessage } from './normal.ts';
import { channelReadyMessage } from './ready.ts';
import { resendShutdown } from './shutdown.ts';
import { type Active, type Channel, type ChannelParams, type Commitments, type Live, withSession } from './state.ts';
import { andThen, type Handled, handled, isLive, raise, send, stepTo } from './turn.ts';
import type { ChannelStep, Env } from './types.ts';
import { STAGE } from './update.ts';

const NO_SECRET: Bytes = new Uint8Array(32);
const NO_DATA: Bytes = new Uint8Array(0);

/** What we say first on a new connection. */
export function reestablishMessage(params: ChannelParams, live: Live, env: Env): MessageNamed<'channel_reestablish'> {
  const { local, remote, secrets } = live.commitments;
  const { commitmentSeed } = env.keys.channelSecrets(params.keyIndex);
  const last = remote.number === 0n ? null : secretAt(secrets, indexOfCommitment(remote.number - 1n));
  return {
    name: 'channel_reestablish',
    channelId: params.channelId,
    nextCommitmentNumber: local.number + 1n,
    nextRevocationNumber: remote.number,
    yourLastPerCommitmentSecret: last ?? NO_SECRET,
    myCurrentPerCommitmentPoint: perCommitmentPoint(commitmentSeed, local.number),
    tlvs: {},
  };
}

/** What the peer lacks. `late`: it proved that we lack something ourselves. */
type Comparison =
  | { readonly kind: 'in_step'; readonly resendCommit: boolean; readonly resendRevoke: boolean }
  | { readonly kind: 'late'; readonly why: string };

export function compareNumbers(
  params: ChannelParams,
  commitments: Commitments,
  message: MessageNamed<'channel_reestablish'>,
  env: Env,
): Result<Comparison, Fault> {
  const { nextCommitmentNumber, nextRevocationNumber } = message;
  const { local, remote, remoteNext } = commitments;
  const { commitmentSeed } = env.keys.channelSecrets(params.keyIndex);
  // Our commitments revoked so far are those below `local.number`; a number beyond 48 bits is no commitment's.
  const claimed = nextRevocationNumber - 1n;
  const knowsSecret =
    nextRevocationNumber === 0n
      ? equal(message.yourLastPerCommitmentSecret, NO_SECRET)
      : nextRevocationNumber < 2n ** 48n && equal(message.yourLastPerCommitmentSecret, perCommitmentSecret(commitmentSeed, claimed));
  // BOLT 2: "if next_revocation_number is greater than expected above, AND your_last_per_commitment_secret is correct [...]: MUST NOT
  // broadcast its commitment transaction." Whatever else the message says: what is proven comes first.
  if (nextRevocationNumber > local.number && knowsSecret)
    return ok({ kind: 'late', why: `the peer knows the secret of our commitment ${claimed}` });
  // BOLT 2: "if next_commitment_number is zero: MUST immediately fail the channel and broadcast any relevant latest commitment".
  if (nextCommitmentNumber === 0n) return fault('commitment_number_zero', 'next_commitment_number is 0');
  if (nextRevocationNumber > local.number)
    return fault('reestablish_mismatch', `next_revocation_number ${nextRevocationNumber} without its secret`);
  if (!knowsSecret) return fault('reestablish_mismatch', 'your_last_per_commitment_secret is wrong');
  if (nextRevocationNumber + 1n < local.number)
    return fault('peer_is_behind', `next_revocation_number ${nextRevocationNumber} where ${local.number} is expected`);
  const lastSigned = remoteNext === null ? remote.number : remote.number + 1n;
  // Either we lost that we signed more, or the peer lies: it cannot prove it. Our commitment is not revoked, so that we may still publish it
  // where the peer does not close the channel; a claim alone must not take that from us.
  if (nextCommitmentNumber > lastSigned + 1n)
    return fault('peer_is_ahead', `next_commitment_number ${nextCommitmentNumber} where we signed ${lastSigned}: please close the channel`);
  const resendCommit = nextCommitmentNumber === lastSigned;
  // A commitment that the peer has revoked already cannot be one that it has not received.
  if ((resendCommit && remoteNext === null) || nextCommitmentNumber < lastSigned)
    return fault('peer_is_behind', `next_commitment_number ${nextCommitmentNumber} where ${lastSigned + 1n} is expected`);
  return ok({ kind: 'in_step', resendCommit, resendRevoke: nextRevocationNumber + 1n === local.number });
}

/** What becomes of a channel whose state is outdated; given by the force-close part. */
export type OnLate = (channel: Channel, why: string, env: Env) => ChannelStep;

export function receiveReestablish(
  channel: Channel,
  active: Active,
  message: MessageNamed<'channel_reestablish'>,
  env: Env,
  onLate: OnLate,
): Handled {
  if (channel.session.link !== 'reestablishing') return fault('unexpected_message', 'channel_reestablish again');
  const { params } = channel.durable;
  const compared = compareNumbers(params, active.commitments, message, env);
  if (!compared.ok) return compared;
  if (compared.value.kind === 'late') return ok(onLate(channel, compared.value.why, env));
  const messages: Message[] = [];
  // BOLT 2: "if next_commitment_number is 1 in both the channel_reestablish it sent and received: MUST retransmit channel_ready."
  if (active.commitments.local.number === 0n && message.nextCommitmentNumber === 1n && active.readiness.sent)
    messages.push(channelReadyMessage(params, active, env));
  messages.push(...retransmit(params, active.commitments, compared.value, env));
  // BOLT 2: "MUST send tx_abort to let the sending node know that they can forget this funding transaction": we make none together.
  if (message.tlvs.nextFunding !== undefined) messages.push({ name: 'tx_abort', channelId: params.channelId, data: NO_DATA, tlvs: {} });
  const established = withSession(channel, { link: 'established' });
  const locked = message.tlvs.myCurrentFundingLocked;
  const asked = locked !== undefined && (locked.retransmitFlags & 1) === 1;
  let step = stepTo(established, messages.map(send));
  step = andThen(step, (next) => resendShutdown(next));
  if (asked) step = andThen(step, (next) => repeatAnnouncement(next, env));
  step = andThen(step, (next) => maybeAnnounce(next, env));
  const usable = isLive(step.channel.durable.phase);
  return handled(step.channel, usable ? [...step.effects, raise({ kind: 'established' })] : step.effects);
}

/** Commitment and revocation in the order in which they were first sent, then what was not signed yet. */
function retransmit(
  params: ChannelParams,
  commitments: Commitments,
  lack: Extract<Comparison, { readonly kind: 'in_step' }>,
  env: Env,
): readonly Message[] {
  const revoke = lack.resendRevoke ? [revokeMessage(params, commitments, env)] : [];
  const commit = lack.resendCommit ? [...updates(params, commitments, 'signed'), resign(params, commitments, env)] : [];
  const { remoteNext, local } = commitments;
  // "MUST retransmit revoke_and_ack and commitment_signed in the same relative order as initially transmitted."
  const commitCameFirst = remoteNext !== null && remoteNext.sentAfterLocal < local.number;
  const ordered = commitCameFirst ? [...commit, ...revoke] : [...revoke, ...commit];
  return [...ordered, ...updates(params, commitments, 'unsigned')];
}

/** The last `commitment_signed` once more: the same updates, so the same transaction and (RFC 6979) the same signatures. */
function resign(params: ChannelParams, commitments: Commitments, env: Env): Message {
  const point = commitments.remoteNextPoint ?? commitments.remote.point;
  return signRemote(params, buildRemote(params, commitments, { view: 'remote', number: commitments.remote.number + 1n, point }), env);
}

/**
 * Our updates that the last `commitment_signed` covered and the peer did not acknowledge, or those after it. Removals, then the fee, then
 * additions in the order of their ids: whatever the order was, each of them is then affordable where all together are.
 */
function updates(params: ChannelParams, commitments: Commitments, which: 'signed' | 'unsigned'): readonly Message[] {
  const later = which === 'signed' ? 1 : 0;
  const messages: Message[] = [];
  for (const entry of commitments.htlcs)
    if (entry.direction === 'received' && entry.stage === STAGE.removing + later) messages.push(removalMessage(params, entry));
  if (params.isFunder)
    for (const fee of commitments.fees) if (fee.stage === STAGE.proposed + later) messages.push(feeMessage(params, fee.feerate));
  for (const entry of commitments.htlcs)
    if (entry.direction === 'offered' && entry.stage === STAGE.proposed + later) messages.push(addMessage(params, entry));
  return messages;
}
