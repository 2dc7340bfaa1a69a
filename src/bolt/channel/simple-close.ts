// `closing_complete` and `closing_sig` (BOLT 2, option_simple_close): each side pays for a closing transaction of its own, and may replace it.
import { type Bytes, equal } from '../../base/bytes.ts';
import { msatToSat, type Sat, sat } from '../../base/units.ts';
import { supports } from '../wire/features.ts';
import type { MessageNamed } from '../wire/message.ts';
import {
  closingFee,
  completeClosing,
  isShutdownScript,
  type SimpleCloseRequest,
  type SimpleCloseVariant,
  signClosing,
  simpleCloseChoice,
  simpleCloseVariants,
  simpleClosingTx,
  verifyClosing,
} from './closing.ts';
import { fault } from './faults.ts';
import { addClosingTx, closingFeerate, closingInput, closingShares } from './negotiate.ts';
import { shutdownForms } from './parameters.ts';
import { type Active, type Channel, type ClosingRequest, type Negotiation, withPhase, withSession } from './state.ts';
import { type Handled, handled, send, stepTo } from './turn.ts';
import type { ChannelStep, Env } from './types.ts';
import { isQuiet } from './update.ts';

type ClosingTlvs = MessageNamed<'closing_complete'>['tlvs'];
type TlvName = 'closerOutputOnly' | 'closeeOutputOnly' | 'closerAndCloseeOutputs';

const TLV_OF: { readonly [V in SimpleCloseVariant]: TlvName } = {
  closer_output_only: 'closerOutputOnly',
  closee_output_only: 'closeeOutputOnly',
  closer_and_closee_outputs: 'closerAndCloseeOutputs',
};
const VARIANTS = Object.keys(TLV_OF) as readonly SimpleCloseVariant[];

const negotiationOf = (awaiting: ClosingRequest | null, env: Env): Negotiation => ({
  range: { min: sat(0), max: sat(0) },
  sentFee: null,
  receivedFee: null,
  awaiting,
  since: env.now,
});

/** Sends our `closing_complete`, where our balance pays for a closing transaction. */
export function startSimple(channel: Channel, active: Active, env: Env): ChannelStep {
  const { params } = channel.durable;
  const { local, remote } = closingShares(params, active);
  const fee = affordable(closingFee([local.script, remote.script], closingFeerate(active, env)), msatToSat(local.balanceMsat));
  const request: SimpleCloseRequest = {
    outpoint: closingInput(params).outpoint,
    closer: local,
    closee: remote,
    fee,
    locktime: env.height,
  };
  const variants = simpleCloseVariants(request);
  const least = closingFee([local.script, remote.script], env.feerates.minimum);
  // Where what is ours pays for no transaction that is relayed, the peer's has to do.
  if (variants.length === 0 || fee < least) return stepTo(withSession(channel, { negotiation: negotiationOf(null, env) }));
  const key = env.keys.channelSecrets(params.keyIndex).fundingKey;
  const tlvs: Partial<Record<TlvName, Bytes>> = {};
  for (const { variant, tx } of variants) tlvs[TLV_OF[variant]] = signClosing(tx, closingInput(params), key);
  const awaiting: ClosingRequest = { closerScript: local.script, closeeScript: remote.script, fee, locktime: env.height };
  return stepTo(withSession(channel, { negotiation: negotiationOf(awaiting, env) }), [
    send({ name: 'closing_complete', channelId: params.channelId, ...fieldsOf(awaiting), tlvs }),
  ]);
}

/** BOLT 2: "MUST set fee_satoshis to a fee less than or equal to its outstanding balance". */
const affordable = (fee: Sat, balance: Sat): Sat => (fee < balance ? fee : balance);

const fieldsOf = (request: ClosingRequest) =>
  ({
    closerScriptpubkey: request.closerScript,
    closeeScriptpubkey: request.closeeScript,
    feeSatoshis: request.fee,
    locktime: request.locktime,
  }) as const;

const mayClose = (channel: Channel, active: Active): boolean =>
  channel.session.shutdownSent &&
  channel.session.shutdownReceived &&
  supports(channel.session.features, 'option_simple_close') &&
  isQuiet(active.commitments);

/** The peer's closing transaction, which it pays for: we sign and publish it. */
export function receiveClosingComplete(channel: Channel, active: Active, message: MessageNamed<'closing_complete'>, env: Env): Handled {
  const { params } = channel.durable;
  if (!mayClose(channel, active)) return fault('unexpected_message', 'closing_complete before the channel is empty');
  const shares = closingShares(params, active);
  if (message.feeSatoshis > msatToSat(shares.remote.balanceMsat))
    return fault('closing_fee_not_between', `fee ${message.feeSatoshis} is above the closer's balance`);
  const problem = scriptProblem(channel, shares.local.script, message);
  if (problem !== null) return fault('closing_script', problem);
  const request: SimpleCloseRequest = {
    outpoint: closingInput(params).outpoint,
    closer: { ...shares.remote, script: message.closerScriptpubkey },
    closee: shares.local,
    fee: message.feeSatoshis,
    locktime: message.locktime,
  };
  const present = new Set(VARIANTS.filter((variant) => message.tlvs[TLV_OF[variant]] !== undefined));
  const variant = simpleCloseChoice(request, present);
  const remote = message.tlvs[TLV_OF[variant]];
  // BOLT 2: "If the selected signature field does not exist: MUST either send a warning and close the connection".
  if (remote === undefined) return fault('closing_signature', `closing_complete has no ${variant}`);
  const tx = simpleClosingTx(request, variant);
  const input = closingInput(params);
  if (tx === null || !verifyClosing(tx, input, remote)) return fault('closing_signature', `the signature of ${variant} is invalid`);
  const local = signClosing(tx, input, env.keys.channelSecrets(params.keyIndex).fundingKey);
  const { closerScriptpubkey, closeeScriptpubkey, feeSatoshis, locktime } = message;
  const answer = send({
    ...{ name: 'closing_sig', channelId: params.channelId },
    ...{ closerScriptpubkey, closeeScriptpubkey, feeSatoshis, locktime },
    tlvs: { [TLV_OF[variant]]: local },
  });
  // "MUST use closer_scriptpubkey for its own future closing_complete messages."
  const next: Active = { ...active, shutdown: { ...active.shutdown, remote: closerScriptpubkey } };
  const step = addClosingTx(withPhase(channel, next), next, { tx: completeClosing(tx, input, { local, remote }), fee: feeSatoshis }, env);
  return handled(step.channel, [answer, ...step.effects]);
}

function scriptProblem(channel: Channel, ours: Bytes, message: MessageNamed<'closing_complete'>): string | null {
  const { upfront } = channel.durable.params;
  if (!equal(message.closeeScriptpubkey, ours)) return 'closee_scriptpubkey is not our last one';
  if (!isShutdownScript(message.closerScriptpubkey, shutdownForms(channel.session.features)))
    return 'closer_scriptpubkey is of no known form';
  if (upfront.remote !== null && !equal(upfront.remote, message.closerScriptpubkey))
    return 'closer_scriptpubkey is not the one of upfront_shutdown_script';
  return null;
}

/** The peer signed our closing transaction. */
export function receiveClosingSig(channel: Channel, active: Active, message: MessageNamed<'closing_sig'>, env: Env): Handled {
  const { params } = channel.durable;
  const awaiting = channel.session.negotiation?.awaiting ?? null;
  if (awaiting === null) return fault('unexpected_message', 'closing_sig without closing_complete');
  // BOLT 2: "If closer_scriptpubkey, closee_scriptpubkey, fee_satoshis or locktime don't match what was sent in closing_complete"
  if (!matches(awaiting, message)) return fault('closing_signature', 'closing_sig is not for our closing_complete');
  const present = VARIANTS.filter((variant) => message.tlvs[TLV_OF[variant]] !== undefined);
  const [variant] = present;
  if (variant === undefined || present.length !== 1) return fault('closing_signature', `closing_sig has ${present.length} signatures`);
  const { local, remote } = closingShares(params, active);
  const request: SimpleCloseRequest = {
    outpoint: closingInput(params).outpoint,
    closer: { ...local, script: awaiting.closerScript },
    closee: { ...remote, script: awaiting.closeeScript },
    ...{ fee: awaiting.fee, locktime: awaiting.locktime },
  };
  // "If tlvs does not contain one of the TLV fields sent in closing_complete"
  const tx = simpleCloseVariants(request).find((offered) => offered.variant === variant)?.tx;
  const signature = signatureOf(message.tlvs, variant);
  const input = closingInput(params);
  if (tx === undefined || signature === undefined || !verifyClosing(tx, input, signature))
    return fault('closing_signature', `the signature of ${variant} is invalid`);
  const own = signClosing(tx, input, env.keys.channelSecrets(params.keyIndex).fundingKey);
  const negotiation = negotiationOf(null, env);
  const complete = completeClosing(tx, input, { local: own, remote: signature });
  const step = addClosingTx(withSession(channel, { negotiation }), active, { tx: complete, fee: awaiting.fee }, env);
  return handled(step.channel, step.effects);
}

const signatureOf = (tlvs: ClosingTlvs, variant: SimpleCloseVariant): Bytes | undefined => tlvs[TLV_OF[variant]];

const matches = (sent: ClosingRequest, message: MessageNamed<'closing_sig'>): boolean =>
  equal(sent.closerScript, message.closerScriptpubkey) &&
  equal(sent.closeeScript, message.closeeScriptpubkey) &&
  sent.fee === message.feeSatoshis &&
  sent.locktime === message.locktime;
