// Opening as funder (BOLT 2, "Channel Establishment v1").
import { assert } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { ChannelId, TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { blocks, sat } from '../../base/units.ts';
import { txId } from '../../bitcoin/tx.ts';
import { supports } from '../wire/features.ts';
import type { Message, MessageNamed } from '../wire/message.ts';
import { isShutdownScript } from './closing.ts';
import { buildLocal, buildRemote, signRemote } from './commit.ts';
import { errorMessage, fault } from './faults.ts';
import { perCommitmentPoint } from './keys.ts';
import { feerateProblem } from './limits.ts';
import {
  announce,
  announceFlag,
  announcementProblem,
  capacityProblem,
  channelTypeProblem,
  firstCommitmentProblem,
  firstCommitments,
  firstPhase,
  localSide,
  MAX_MIN_DEPTH,
  openingTlvs,
  remoteSide,
  shutdownForms,
  upfrontScript,
  wantedChannelType,
} from './parameters.ts';
import { markReady } from './ready.ts';
import {
  type Channel,
  type ChannelParams,
  channelIdOf,
  commitmentParams,
  formatOf,
  hasType,
  NEW_SESSION,
  type Opening,
  UNKNOWN_SIDE,
  withPhase,
  withSession,
} from './state.ts';
import { fundingScript, verifyCommitmentSignature } from './transactions.ts';
import { andThen, type Handled, handled, raise, replyFail, replyOk, send, stepTo } from './turn.ts';
import type { ChannelEffect, ChannelRefusal, ChannelStep, Env, OpenRequest } from './types.ts';

const ZERO_TXID = new Uint8Array(32) as TxId;

/** Starts to open a channel: `open_channel` goes out. Refuses what BOLT 2 or the operator's bounds exclude. */
export function openChannel(request: OpenRequest, env: Env): Result<ChannelStep, ChannelRefusal> {
  const channelType = wantedChannelType(request);
  const local = localSide(env, { keyIndex: request.keyIndex, capacity: request.capacity, theirDustLimit: sat(0) });
  const params: ChannelParams = {
    keyIndex: request.keyIndex,
    peer: request.peer,
    isFunder: true,
    isPublic: request.isPublic,
    channelId: env.random(32) as ChannelId,
    chainHash: request.chainHash,
    channelType,
    capacity: request.capacity,
    pushMsat: request.pushMsat,
    minDepth: blocks(0),
    local,
    remote: UNKNOWN_SIDE,
    fundingOutpoint: null,
    shutdownScript: request.closeTo ?? request.shutdownScript,
    upfront: { local: request.closeTo, remote: null },
    maxDustHtlcExposure: env.limits.maxDustHtlcExposure,
  };
  const refusal = refusalOf(request, params, env);
  if (refusal !== null) return fail(refusal);
  const { fundingFeerate, commitmentFeerate: feerate } = request;
  const channel: Channel = {
    durable: { params, phase: { kind: 'opening', stage: 'wait_accept', feerate, fundingFeerate }, frozen: null },
    session: {
      ...NEW_SESSION,
      ...{ link: 'established', features: request.features, height: env.height },
      ...{ openCommand: request.id, openingSince: env.now },
    },
  };
  return ok(stepTo(channel, [send(openMessage(request, params, env))]));
}

function openMessage(request: OpenRequest, params: ChannelParams, env: Env): MessageNamed<'open_channel'> {
  return {
    name: 'open_channel',
    chainHash: request.chainHash as MessageNamed<'open_channel'>['chainHash'],
    temporaryChannelId: params.channelId,
    fundingSatoshis: params.capacity,
    pushMsat: params.pushMsat,
    ...announce(params.local, firstPoint(params, env)),
    feeratePerKw: request.commitmentFeerate,
    channelFlags: params.isPublic ? announceFlag : 0,
    tlvs: openingTlvs({ upfront: params.upfront.local, channelType: params.channelType }),
  };
}

const firstPoint = (params: ChannelParams, env: Env): Bytes =>
  perCommitmentPoint(env.keys.channelSecrets(params.keyIndex).commitmentSeed, 0n);

function refusalOf(request: OpenRequest, params: ChannelParams, env: Env): ChannelRefusal | null {
  const policy = (rule: string, message: string): ChannelRefusal => ({ code: 'POLICY', rule, message });
  const usage = (rule: string, message: string): ChannelRefusal => ({ code: 'USAGE', rule, message });
  const { capacity, features } = request;
  const size = capacityProblem(capacity, features, env);
  if (size !== null) return policy(size.rule, size.message);
  if (request.scidAlias && request.isPublic) return usage('option_scid_alias', 'option_scid_alias is for unannounced channels');
  const type = channelTypeProblem(params.channelType, {
    isPublic: request.isPublic,
    features,
    trustedForZeroConf: supports(features, 'option_zeroconf'),
  });
  if (type !== null) return policy('channel_type', type);
  if (request.closeTo !== null && !isShutdownScript(request.closeTo, shutdownForms(features)))
    return usage('upfront_shutdown_script', 'the peer would not take this script');
  const feerate = feerateProblem(request.commitmentFeerate, env);
  if (feerate !== null) return policy('feerate_per_kw', feerate);
  const first = firstCommitmentProblem({
    capacity,
    pushMsat: request.pushMsat,
    feerate: request.commitmentFeerate,
    format: formatOf(params),
    reserves: [params.local.channelReserve],
  });
  return first === null ? null : usage('push_msat', first);
}

/** `accept_channel`: asks for the funding transaction. */
export function receiveAccept(channel: Channel, opening: Opening, message: MessageNamed<'accept_channel'>, env: Env): Handled {
  if (opening.stage !== 'wait_accept') return fault('unexpected_message', 'accept_channel again');
  const { params, frozen } = channel.durable;
  const problem = acceptProblem(params, opening, message, env);
  if (problem !== null) return fault('bad_parameters', problem);
  const upfront = upfrontScript(message.tlvs.upfrontShutdownScript, channel.session.features);
  if (upfront === 'invalid') return fault('bad_parameters', 'upfront_shutdown_script is of no known form');
  // Our own transaction, but the peer's payments to us are not safe on it: without option_zeroconf one confirmation at least.
  const minDepth = blocks(Math.max(hasType(params, 'zeroconf') ? 0 : 1, message.minimumDepth));
  const next: ChannelParams = {
    ...params,
    remote: remoteSide(message),
    minDepth,
    upfront: { ...params.upfront, remote: upfront },
  };
  const phase: Opening = { kind: 'opening', stage: 'wait_fund', feerate: opening.feerate, remotePoint: message.firstPerCommitmentPoint };
  const { script } = fundingScript(next.local.basepoints.fundingPubkey, next.remote.basepoints.fundingPubkey);
  return handled({ durable: { params: next, phase, frozen }, session: channel.session }, [
    { kind: 'fund', amount: params.capacity, script, feerate: opening.fundingFeerate },
  ]);
}

function acceptProblem(params: ChannelParams, opening: Opening, message: MessageNamed<'accept_channel'>, env: Env): string | null {
  const type = message.tlvs.channelType;
  // BOLT 2: "if channel_type does not match the channel_type from open_channel: MUST fail the channel."
  if (type === undefined || !equal(type, params.channelType)) return 'channel_type is not the one of open_channel';
  if (message.minimumDepth > MAX_MIN_DEPTH) return `minimum_depth ${message.minimumDepth} is above ${MAX_MIN_DEPTH}`;
  const problem = announcementProblem(message, params.local, params.capacity, env);
  if (problem !== null) return problem;
  return firstCommitmentProblem({
    capacity: params.capacity,
    pushMsat: params.pushMsat,
    feerate: opening.feerate,
    format: formatOf(params),
    reserves: [params.local.channelReserve, message.channelReserveSatoshis],
  });
}

/** The wallet made the funding transaction: `funding_created` goes out with our signature of the peer's first commitment. */
export function funded(
  channel: Channel,
  opening: Opening,
  input: { readonly tx: MessageTx; readonly vout: number },
  env: Env,
): ChannelStep {
  const { params, frozen } = channel.durable;
  if (opening.stage !== 'wait_fund') return stepTo(channel, [{ kind: 'release_funding', tx: input.tx }]);
  const output = input.tx.outputs[input.vout];
  const { script } = fundingScript(params.local.basepoints.fundingPubkey, params.remote.basepoints.fundingPubkey);
  assert(output !== undefined && output.amount === params.capacity && equal(output.script, script), 'the wallet funds what was asked for');
  const next: ChannelParams = { ...params, fundingOutpoint: { txid: txId(input.tx), vout: input.vout } };
  const { remotePoint, feerate } = opening;
  const draft = firstCommitments(next, { feerate, remotePoint, remoteTxid: ZERO_TXID, localTxid: ZERO_TXID, signature: NO_SIGNATURE });
  const built = buildRemote(next, draft, { view: 'remote', number: 0n, point: remotePoint });
  const phase: Opening = {
    ...{ kind: 'opening', stage: 'wait_funding_signed', feerate, remotePoint },
    ...{ fundingTx: input.tx, remoteTxid: txId(built.tx) },
  };
  const message: Message = {
    name: 'funding_created',
    temporaryChannelId: params.channelId,
    fundingTxid: txId(input.tx),
    fundingOutputIndex: input.vout,
    signature: signRemote(next, built, env).signature,
    tlvs: {},
  };
  return stepTo({ durable: { params: next, phase, frozen }, session: channel.session }, [send(message)]);
}

type MessageTx = Extract<Opening, { readonly stage: 'wait_funding_signed' }>['fundingTx'];

export const NO_SIGNATURE: Bytes = new Uint8Array(64);

/** `funding_signed`: our first commitment is complete, so that the funding transaction may be published. */
export function receiveFundingSigned(channel: Channel, opening: Opening, message: MessageNamed<'funding_signed'>, env: Env): Handled {
  if (opening.stage !== 'wait_funding_signed') return fault('unexpected_message', `funding_signed in ${opening.stage}`);
  const { params, frozen } = channel.durable;
  const { feerate, remotePoint, fundingTx, remoteTxid } = opening;
  const common = commitmentParams(params, 'local');
  const draft = firstCommitments(params, { feerate, remotePoint, remoteTxid, localTxid: ZERO_TXID, signature: message.signature });
  const built = buildLocal(params, draft, env, 'local');
  if (!verifyCommitmentSignature(built, common, params.remote.basepoints.fundingPubkey, message.signature))
    return fault('bad_signature', 'the signature of funding_signed is invalid');
  const commitments = { ...draft, local: { ...draft.local, txid: txId(built.tx) } };
  const phase = firstPhase(commitments, { tx: fundingTx, createdAt: env.height, confirmed: null }, env);
  const next: Channel = {
    durable: { params: { ...params, channelId: channelIdOf(common.fundingOutpoint) }, phase, frozen },
    session: { ...channel.session, openCommand: null },
  };
  const effects: ChannelEffect[] = [
    { kind: 'publish', tx: fundingTx, label: 'funding' },
    raise({ kind: 'funding_signed', temporaryChannelId: params.channelId }),
  ];
  if (channel.session.openCommand !== null) effects.push(replyOk(channel.session.openCommand, { kind: 'done' }));
  const step = andThen(stepTo(next, effects), (opened) => markReady(opened, env));
  return ok(step);
}

/** Ends an opening: nothing was at stake. */
export function failOpening(
  channel: Channel,
  opening: Opening,
  why: string,
  how: { readonly tellPeer: boolean; readonly code: ChannelRefusal['code'] },
): ChannelStep {
  const effects: ChannelEffect[] = [];
  if (how.tellPeer && channel.session.link === 'established') effects.push(send(errorMessage(channel.durable.params.channelId, why)));
  if (opening.stage === 'wait_funding_signed') effects.push({ kind: 'release_funding', tx: opening.fundingTx });
  effects.push(raise({ kind: 'opening_failed', why }));
  const { openCommand } = channel.session;
  if (openCommand !== null) effects.push(replyFail(openCommand, { code: how.code, rule: 'open_channel', message: why }));
  const closed = withPhase(channel, { kind: 'closed', how: 'never_funded', why });
  return stepTo(withSession(closed, { openCommand: null }), effects);
}
