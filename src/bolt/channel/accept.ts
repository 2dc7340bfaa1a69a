// Opening as fundee (BOLT 2, "Channel Establishment v1").
import { equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { blocks } from '../../base/units.ts';
import { txId } from '../../bitcoin/tx.ts';
import { hasBit } from '../wire/features.ts';
import type { Message, MessageNamed } from '../wire/message.ts';
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
  fundingOutpointOf,
  localSide,
  openingTlvs,
  remoteSide,
  upfrontScript,
} from './parameters.ts';
import { markReady } from './ready.ts';
import { type Channel, type ChannelParams, channelIdOf, commitmentParams, NEW_SESSION, type Opening, TYPE_BIT } from './state.ts';
import { verifyCommitmentSignature } from './transactions.ts';
import { andThen, type Handled, raise, send, stepTo } from './turn.ts';
import type { AcceptRequest, ChannelStep, Env } from './types.ts';

/** Answers `open_channel` with `accept_channel`, or with the `error` to send. */
export function acceptChannel(request: AcceptRequest, env: Env): Result<ChannelStep, { readonly message: Message; readonly why: string }> {
  const { open } = request;
  const refuse = (why: string): { readonly ok: false; readonly failure: { readonly message: Message; readonly why: string } } =>
    fail({ message: errorMessage(open.temporaryChannelId, why), why });
  const local = localSide(env, { keyIndex: request.keyIndex, capacity: open.fundingSatoshis, theirDustLimit: open.dustLimitSatoshis });
  const remote = remoteSide(open);
  const problem = openProblem(request, local, env);
  if (problem !== null) return refuse(problem);
  const upfront = upfrontScript(open.tlvs.upfrontShutdownScript, request.features);
  if (upfront === 'invalid') return refuse('upfront_shutdown_script is of no known form');
  const channelType = open.tlvs.channelType ?? new Uint8Array(0);
  const zeroConf = hasBit(channelType, TYPE_BIT.zeroconf);
  const params: ChannelParams = {
    keyIndex: request.keyIndex,
    peer: request.peer,
    isFunder: false,
    isPublic: (open.channelFlags & announceFlag) !== 0,
    channelId: open.temporaryChannelId,
    chainHash: request.chainHash,
    channelType,
    capacity: open.fundingSatoshis,
    pushMsat: open.pushMsat,
    // BOLT 2: "if channel_type includes option_zeroconf: MUST set minimum_depth to zero."
    minDepth: zeroConf ? blocks(0) : blocks(Math.max(1, env.limits.minDepth)),
    local,
    remote,
    fundingOutpoint: null,
    shutdownScript: request.upfrontShutdownScript ?? request.shutdownScript,
    upfront: { local: request.upfrontShutdownScript, remote: upfront },
    maxDustHtlcExposure: env.limits.maxDustHtlcExposure,
  };
  const phase: Opening = {
    ...{ kind: 'opening', stage: 'wait_funding_created' },
    ...{ feerate: open.feeratePerKw, remotePoint: open.firstPerCommitmentPoint },
  };
  const channel: Channel = {
    durable: { params, phase, frozen: null },
    session: { ...NEW_SESSION, link: 'established', features: request.features, height: env.height, openingSince: env.now },
  };
  const accept: Message = {
    name: 'accept_channel',
    temporaryChannelId: open.temporaryChannelId,
    ...announce(local, perCommitmentPoint(env.keys.channelSecrets(request.keyIndex).commitmentSeed, 0n)),
    minimumDepth: params.minDepth,
    tlvs: openingTlvs({ upfront: params.upfront.local, channelType }),
  };
  return ok(stepTo(channel, [send(accept)]));
}

/** What BOLT 2 has the receiver of `open_channel` fail for, or null. */
function openProblem(request: AcceptRequest, local: ChannelParams['local'], env: Env): string | null {
  const { open } = request;
  // BOLT 2: "the chain_hash value is set to a hash of a chain that is unknown to the receiver."
  if (!equal(open.chainHash, request.chainHash)) return 'chain_hash is of another chain';
  const type = channelTypeProblem(open.tlvs.channelType, {
    isPublic: (open.channelFlags & announceFlag) !== 0,
    features: request.features,
    trustedForZeroConf: request.trustedForZeroConf,
  });
  if (type !== null) return type;
  const size = capacityProblem(open.fundingSatoshis, request.features, env);
  if (size !== null) return size.message;
  const feerate = feerateProblem(open.feeratePerKw, env);
  if (feerate !== null) return feerate;
  const problem = announcementProblem(open, local, open.fundingSatoshis, env);
  if (problem !== null) return problem;
  return firstCommitmentProblem({
    capacity: open.fundingSatoshis,
    pushMsat: open.pushMsat,
    feerate: open.feeratePerKw,
    format: hasBit(open.tlvs.channelType ?? new Uint8Array(0), TYPE_BIT.anchors) ? 'anchors' : 'static_remotekey',
    reserves: [local.channelReserve, open.channelReserveSatoshis],
  });
}

/** `funding_created`: both first commitments are signed, and `funding_signed` goes out. */
export function receiveFundingCreated(channel: Channel, opening: Opening, message: MessageNamed<'funding_created'>, env: Env): Handled {
  if (opening.stage !== 'wait_funding_created') return fault('unexpected_message', `funding_created in ${opening.stage}`);
  const { frozen } = channel.durable;
  const temporaryChannelId = channel.durable.params.channelId;
  const fundingOutpoint = fundingOutpointOf(message);
  const params: ChannelParams = { ...channel.durable.params, fundingOutpoint, channelId: channelIdOf(fundingOutpoint) };
  const { feerate, remotePoint } = opening;
  const zero = fundingOutpoint.txid;
  const draft = firstCommitments(params, { feerate, remotePoint, remoteTxid: zero, localTxid: zero, signature: message.signature });
  const ours = buildLocal(params, draft, env, 'local');
  if (!verifyCommitmentSignature(ours, commitmentParams(params, 'local'), params.remote.basepoints.fundingPubkey, message.signature))
    return fault('bad_signature', 'the signature of funding_created is invalid');
  const theirs = buildRemote(params, draft, { view: 'remote', number: 0n, point: remotePoint });
  const commitments = {
    ...draft,
    local: { ...draft.local, txid: txId(ours.tx) },
    remote: { ...draft.remote, txid: txId(theirs.tx) },
  };
  const phase = firstPhase(commitments, { tx: null, createdAt: env.height, confirmed: null }, env);
  const signed: Message = {
    name: 'funding_signed',
    channelId: params.channelId,
    signature: signRemote(params, theirs, env).signature,
    tlvs: {},
  };
  const next: Channel = { durable: { params, phase, frozen }, session: channel.session };
  const step = stepTo(next, [send(signed), raise({ kind: 'funding_signed', temporaryChannelId })]);
  return ok(andThen(step, (opened) => markReady(opened, env)));
}
