// What the chain says of a channel (BOLT 5): the funding transaction, what spends it, and what becomes of our outputs there.
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { OutPoint, Preimage } from '../../base/ids.ts';
import type { Height } from '../../base/units.ts';
import { equalOutPoint, type Tx, txId } from '../../bitcoin/tx.ts';
import { sha256 } from '../../crypto/hash.ts';
import { maybeAnnounce } from './announce.ts';
import { type Claim, claimableAt, toLocalClaim, toRemoteClaim } from './claims.ts';
import { buildLocal, buildRemote } from './commit.ts';
import { type BuiltCommitment, readCommitmentNumber } from './commitment.ts';
import { enforceDeadlines } from './force-close.ts';
import { perCommitmentPoint } from './keys.ts';
import { FORGET_UNFUNDED_AFTER } from './limits.ts';
import { fundingDepth, markReady, realScid } from './ready.ts';
import {
  type Active,
  type Channel,
  type ChannelParams,
  type Closing,
  commitmentParams,
  type FollowedOutput,
  type FundingSpend,
  formatOf,
  type LiveHtlc,
  withPhase,
  withSession,
} from './state.ts';
import { sweep } from './sweep.ts';
import { fundingScript } from './transactions.ts';
import { andThen, isLive, note, raise, stepTo } from './turn.ts';
import type { ChainMatch, ChannelEffect, ChannelInput, ChannelStep, CloseKind, Env } from './types.ts';
import { type CommitmentView, STAGE, snapshot } from './update.ts';

/** BOLT 5: an output is irrevocably resolved when what spends it is 100 deep. */
export const IRREVOCABLE_DEPTH = 100;
/** Deep enough to say what became of an HTLC that has no output. */
const TELL_DEPTH = 6;

type BlockInput = Extract<ChannelInput, { readonly kind: 'block' }>;

export function connectBlock(channel: Channel, input: BlockInput, env: Env): ChannelStep {
  let step = stepTo(channel.session.height === input.height ? channel : withSession(channel, { height: input.height }));
  for (const match of input.matches) step = andThen(step, (next) => matched(next, match, input.height, env));
  step = andThen(step, (next) => markReady(next, env));
  step = andThen(step, (next) => maybeAnnounce(next, env));
  step = andThen(step, (next) => bury(next, input.height));
  step = andThen(step, (next) => (next.durable.frozen === null ? enforceDeadlines(next, env) : stepTo(next)));
  return andThen(step, (next) => settle(next, input.height, env));
}

function matched(channel: Channel, match: ChainMatch, height: Height, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  if (!isLive(phase) || params.fundingOutpoint === null) return stepTo(channel);
  const outpoint = params.fundingOutpoint;
  let step = stepTo(channel);
  if (phase.funding.confirmed === null && equal(txId(match.tx), outpoint.txid)) step = fundingConfirmed(channel, match, height);
  if (spends(match.tx, outpoint)) return andThen(step, (next) => fundingSpent(next, match.tx, height, env));
  if (fundingInputs(phase).some((prevout) => spends(match.tx, prevout)) && !equal(txId(match.tx), outpoint.txid))
    return doubleSpent(channel, match.tx, height);
  return andThen(step, (next) => outputsSpent(next, match.tx, height));
}

const spends = (tx: Tx, outpoint: OutPoint): boolean => tx.inputs.some(({ prevout }) => equalOutPoint(prevout, outpoint));

/** What the funding transaction spends, where it is ours and in no block. */
const fundingInputs = ({ funding }: Active | Closing): readonly OutPoint[] =>
  funding.tx === null || funding.confirmed !== null ? [] : funding.tx.inputs.map(({ prevout }) => prevout);

// --- the funding transaction

function fundingConfirmed(channel: Channel, { tx, txIndex }: ChainMatch, height: Height): ChannelStep {
  const { phase, params } = channel.durable;
  if (!isLive(phase) || params.fundingOutpoint === null) return stepTo(channel);
  const output = tx.outputs[params.fundingOutpoint.vout];
  const { script } = fundingScript(params.local.basepoints.fundingPubkey, params.remote.basepoints.fundingPubkey);
  // BOLT 2: channel_ready only where the output "pays exactly funding_satoshis to the scriptpubkey specified in BOLT #3".
  if (output === undefined || output.amount !== params.capacity || !equal(output.script, script)) {
    const why = 'the funding transaction does not pay what was agreed';
    return stepTo(withPhase(channel, { kind: 'closed', how: 'never_funded', why }), [
      raise({ kind: 'closing', how: 'never_funded', why }),
      raise({ kind: 'closed' }),
    ]);
  }
  const next = { ...phase, funding: { ...phase.funding, confirmed: { height, txIndex } } };
  const scid = realScid(params, next);
  const { remote } = phase.announcement;
  // After a reorganization it may stand elsewhere; then what was signed for the announcement is void.
  const isVoid = remote !== null && remote.scid !== scid;
  const announcement = isVoid ? { remote: null, announced: false } : phase.announcement;
  // What was sent before was for another place in the chain.
  const moved = channel.session.announcementSent ? withSession(channel, { announcementSent: false }) : channel;
  return stepTo(withPhase(moved, { ...next, announcement }), [raise({ kind: 'scid_changed', scid })]);
}

/**
 * An input of our funding transaction is spent otherwise: the channel was never funded. It ends when that is buried; where a reorganization
 * takes the other spend away before, it is closed by our commitment (`disconnectBlock`).
 */
function doubleSpent(channel: Channel, tx: Tx, height: Height): ChannelStep {
  const { phase } = channel.durable;
  // A commitment that is outdated stays so: nothing may lead to its publication.
  if (!isLive(phase) || (phase.kind === 'closing' && phase.how === 'data_loss')) return stepTo(channel);
  const why = 'an input of the funding transaction was spent by another transaction';
  const spend: FundingSpend = { tx, owner: 'both', height, outputs: [], settledOthers: false };
  const wasTold = phase.kind === 'closing' && phase.how === 'never_funded';
  const next = withPhase(channel, { ...phase, kind: 'closing', how: 'never_funded', why, spend });
  return stepTo(next, wasTold ? [] : [raise({ kind: 'closing', how: 'never_funded', why }), note('funding_double_spent', { height })]);
}

/** Buried, or never seen: BOLT 2, the fundee "SHOULD forget the channel if it does not see the correct funding transaction after 2016 blocks". */
function bury(channel: Channel, height: Height): ChannelStep {
  const { phase, params } = channel.durable;
  if (!isLive(phase)) return stepTo(channel);
  if (phase.funding.tx !== null && fundingDepth(phase, height) >= IRREVOCABLE_DEPTH)
    return stepTo(withPhase(channel, { ...phase, funding: { ...phase.funding, tx: null } }));
  const waited = height - phase.funding.createdAt;
  const used = phase.commitments.local.number > 0n || phase.commitments.remote.number > 0n;
  if (params.isFunder || phase.funding.confirmed !== null || used || waited < FORGET_UNFUNDED_AFTER) return stepTo(channel);
  const why = `no funding transaction in ${FORGET_UNFUNDED_AFTER} blocks`;
  return stepTo(withPhase(channel, { kind: 'closed', how: 'never_funded', why }), [
    raise({ kind: 'closing', how: 'never_funded', why }),
    raise({ kind: 'closed' }),
  ]);
}

// --- what spends it

interface Spender {
  readonly how: CloseKind;
  readonly owner: FundingSpend['owner'];
  /** The commitment where it is one that we can build. */
  readonly view: { readonly view: CommitmentView; readonly built: BuiltCommitment } | null;
}

function classify(channel: Channel, phase: Active | Closing, tx: Tx, env: Env): Spender {
  const { params } = channel.durable;
  const { commitments } = phase;
  const txid = txId(tx);
  const { local, remote, remoteNext, remoteNextPoint } = commitments;
  if (equal(txid, local.txid))
    return { how: 'local_force', owner: 'local', view: { view: 'local', built: buildLocal(params, commitments, env, 'local') } };
  if (equal(txid, remote.txid)) {
    const view: CommitmentView = remoteNext === null ? 'remote' : 'remotePrevious';
    const built = buildRemote(params, commitments, { view, number: remote.number, point: remote.point });
    return { how: 'remote_force', owner: 'remote', view: { view, built } };
  }
  if (remoteNext !== null && remoteNextPoint !== null && equal(txid, remoteNext.txid)) {
    const built = buildRemote(params, commitments, { view: 'remote', number: remote.number + 1n, point: remoteNextPoint });
    return { how: 'remote_force', owner: 'remote', view: { view: 'remote', built } };
  }
  const number = readCommitmentNumber(tx, commitmentParams(params, 'remote'));
  if (number === null) return { how: 'cooperative', owner: 'both', view: null };
  // A commitment that we do not know: an old one is revoked; a later one shows that we have lost states.
  return { how: number < remote.number ? 'revoked' : 'data_loss', owner: 'remote', view: null };
}

function fundingSpent(channel: Channel, tx: Tx, height: Height, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  if (!isLive(phase)) return stepTo(channel);
  if (phase.kind === 'closing' && phase.spend !== null && equal(txId(phase.spend.tx), txId(tx)))
    return stepTo(withPhase(channel, { ...phase, spend: { ...phase.spend, height } }));
  const spender = classify(channel, phase, tx, env);
  const why = phase.kind === 'closing' && phase.how === spender.how ? phase.why : WHY[spender.how];
  const spend: FundingSpend = {
    tx,
    owner: spender.owner,
    height,
    outputs: followedOutputs(params, tx, spender, env),
    settledOthers: false,
  };
  const closing: Closing = { ...phase, kind: 'closing', how: spender.how, why, spend };
  const wasTold = phase.kind === 'closing' ? phase.how === spender.how : spender.how === 'cooperative' && phase.closingTxs.length > 0;
  const effects: ChannelEffect[] = wasTold ? [] : [raise({ kind: 'closing', how: spender.how, why })];
  return stepTo(withPhase(channel, closing), [...effects, note('funding_spent', { how: spender.how, height })]);
}

const WHY: { readonly [K in CloseKind]: string } = {
  cooperative: 'both sides agreed',
  local_force: 'our commitment is in the chain',
  remote_force: 'the peer published its commitment',
  revoked: 'the peer published a revoked commitment',
  data_loss: 'the peer published a commitment that we do not know',
  never_funded: 'the channel was never funded',
};

function followedOutputs(params: ChannelParams, tx: Tx, spender: Spender, env: Env): readonly FollowedOutput[] {
  if (spender.owner === 'both') return [];
  const outputs: FollowedOutput[] = [];
  const main = mainVout(params, tx, spender, env);
  if (main !== null) outputs.push({ vout: main, what: { kind: 'main' }, spent: null, told: true });
  for (const { directed, outputIndex } of spender.view?.built.htlcs ?? []) {
    const offeredByUs = directed.offered === (spender.owner === 'local');
    const what = { kind: 'htlc', direction: offeredByUs ? 'offered' : 'received', id: directed.htlc.id } as const;
    outputs.push({ vout: outputIndex, what, spent: null, told: false });
  }
  return outputs;
}

function mainVout(params: ChannelParams, tx: Tx, spender: Spender, env: Env): number | null {
  if (spender.owner === 'local') return spender.view?.built.toLocalIndex ?? null;
  return toRemoteClaim(tx, formatOf(params), env.keys.channelSecrets(params.keyIndex))?.outpoint.vout ?? null;
}

// --- what spends its outputs

function outputsSpent(channel: Channel, tx: Tx, height: Height): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null) return stepTo(channel);
  const { spend } = phase;
  const txid = txId(spend.tx);
  let step = stepTo(channel);
  for (const input of tx.inputs) {
    if (!equal(input.prevout.txid, txid)) continue;
    const followed = spend.outputs.find((output) => output.vout === input.prevout.vout);
    if (followed !== undefined) step = andThen(step, (next) => outputSpent(next, followed, input.witness, height));
  }
  return step;
}

function outputSpent(channel: Channel, followed: FollowedOutput, witness: readonly Bytes[], height: Height): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null) return stepTo(channel);
  const { what } = followed;
  const entry = what.kind === 'htlc' ? htlcOf(phase, what) : undefined;
  const preimage = entry === undefined ? null : preimageIn(witness, entry);
  const spent = { height, preimage };
  const effects: ChannelEffect[] = [];
  // BOLT 5: "MUST extract the payment preimage from the transaction input witness."
  const tells = entry !== undefined && entry.direction === 'offered' && entry.preimage === null && preimage !== null && !followed.told;
  if (tells) {
    const { htlc } = entry;
    const origin = must(entry.origin, 'an offered HTLC has one');
    effects.push(raise({ kind: 'htlc_fulfilled', htlc, origin, preimage, attributionData: null }));
  }
  const outputs = phase.spend.outputs.map((output) =>
    output.vout === followed.vout ? { ...output, spent, told: output.told || tells } : output,
  );
  return stepTo(withPhase(channel, { ...phase, spend: { ...phase.spend, outputs } }), effects);
}

type HtlcRef = Extract<FollowedOutput['what'], { readonly kind: 'htlc' }>;

const htlcOf = (phase: Closing, ref: HtlcRef): LiveHtlc | undefined =>
  phase.commitments.htlcs.find((entry) => entry.direction === ref.direction && entry.htlc.id === ref.id);

function preimageIn(witness: readonly Bytes[], entry: LiveHtlc): Preimage | null {
  return (witness.find((item) => item.length === 32 && equal(sha256(item), entry.htlc.paymentHash)) as Preimage | undefined) ?? null;
}

// --- the end

/** Tells what became of HTLCs, and closes the channel when all of it is buried. */
function settle(channel: Channel, height: Height, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null || phase.spend.height === null) return stepTo(channel);
  const depth = height - phase.spend.height + 1;
  let step = stepTo(channel);
  if (depth >= TELL_DEPTH) {
    step = tellOthers(step.channel);
    step = andThen(step, (next) => tellSpent(next, height));
  }
  return andThen(step, (next) => closeWhenBuried(next, height, env));
}

/** HTLCs without an output on what confirmed: trimmed, not yet in it, or no more in it. */
function tellOthers(channel: Channel): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null || phase.spend.settledOthers) return stepTo(channel);
  const { spend } = phase;
  // Of a commitment that we cannot build it is not known which HTLCs it holds.
  if (phase.how === 'revoked' || phase.how === 'data_loss') return stepTo(channel);
  const told = withPhase(channel, { ...phase, spend: { ...spend, settledOthers: true } });
  if (phase.how === 'never_funded')
    return stepTo(
      told,
      phase.commitments.htlcs.flatMap((entry) => lostEffects(entry, true)),
    );
  if (spend.owner === 'both') return stepTo(told);
  const standing = new Set(snapshot(phase.commitments, viewOf(phase, spend), params.isFunder).htlcs);
  const effects: ChannelEffect[] = [];
  for (const entry of phase.commitments.htlcs) {
    const hasOutput = spend.outputs.some(
      ({ what }) => what.kind === 'htlc' && what.direction === entry.direction && what.id === entry.htlc.id,
    );
    if (!hasOutput) effects.push(...lostEffects(entry, standing.has(entry)));
  }
  return stepTo(told, effects);
}

function viewOf(phase: Closing, spend: FundingSpend): CommitmentView {
  if (spend.owner === 'local') return 'local';
  const isPrevious = phase.commitments.remoteNext !== null && equal(txId(spend.tx), phase.commitments.remote.txid);
  return isPrevious ? 'remotePrevious' : 'remote';
}

function lostEffects(entry: LiveHtlc, stands: boolean): readonly ChannelEffect[] {
  const { htlc, origin } = entry;
  if (entry.direction === 'received') return [raise({ kind: 'htlc_removed', htlc, settled: !stands && entry.removal?.kind === 'fulfill' })];
  if (entry.preimage !== null) return [];
  const failure = { kind: 'on_chain', why: 'not_included' } as const;
  return [raise({ kind: 'htlc_failed', htlc, origin: must(origin, 'an offered HTLC has one'), failure })];
}

/** HTLC outputs whose spending is deep: without a preimage they came back to who offered them. */
function tellSpent(channel: Channel, height: Height): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null) return stepTo(channel);
  const effects: ChannelEffect[] = [];
  const outputs = phase.spend.outputs.map((output) => {
    if (output.told || output.spent === null || height - output.spent.height + 1 < TELL_DEPTH) return output;
    const entry = output.what.kind === 'htlc' ? htlcOf(phase, output.what) : undefined;
    if (entry !== undefined) effects.push(...spentEffects(entry, output.spent.preimage));
    return { ...output, told: true };
  });
  if (outputs.every((output, i) => output === phase.spend?.outputs[i])) return stepTo(channel);
  return stepTo(withPhase(channel, { ...phase, spend: { ...phase.spend, outputs } }), effects);
}

function spentEffects(entry: LiveHtlc, preimage: Preimage | null): readonly ChannelEffect[] {
  const { htlc, origin } = entry;
  if (entry.direction === 'received')
    return entry.stage < STAGE.committed ? [] : [raise({ kind: 'htlc_removed', htlc, settled: preimage !== null })];
  if (preimage !== null || entry.preimage !== null) return [];
  return [
    raise({
      kind: 'htlc_failed',
      htlc,
      origin: must(origin, 'an offered HTLC has one'),
      failure: { kind: 'on_chain', why: 'timed_out' },
    }),
  ];
}

function closeWhenBuried(channel: Channel, height: Height, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null || phase.spend.height === null) return stepTo(channel);
  if (height - phase.spend.height + 1 < IRREVOCABLE_DEPTH) return stepTo(channel);
  const claim = mainClaim(channel, env);
  const isLocked = claim !== null && height + 1 < claimableAt(claim, phase.spend.height);
  const open = phase.spend.outputs.filter((output) => {
    if (output.spent !== null) return height - output.spent.height + 1 < IRREVOCABLE_DEPTH;
    // Money that does not pay for its own spending is left where it is.
    return output.what.kind === 'htlc' || isLocked || sweepTx(channel, env) !== null;
  });
  if (open.length > 0) return stepTo(channel);
  return stepTo(withPhase(channel, { kind: 'closed', how: phase.how, why: phase.why }), [raise({ kind: 'closed' })]);
}

/** A reorganization took the block away: everything that happened in it did not. */
export function disconnectBlock(channel: Channel, height: Height): ChannelStep {
  const { phase } = channel.durable;
  const session = withSession(channel, { height: (height - 1) as Height });
  if (!isLive(phase)) return stepTo(session);
  const { confirmed } = phase.funding;
  const effects: ChannelEffect[] = [];
  let next: Active | Closing = phase;
  if (confirmed !== null && confirmed.height >= height) {
    next = { ...next, funding: { ...next.funding, confirmed: null } };
    effects.push(raise({ kind: 'scid_changed', scid: phase.aliases.remote }));
  }
  if (next.kind === 'closing' && next.spend !== null) {
    const { spend } = next;
    const gone = spend.height !== null && spend.height >= height;
    const outputs = spend.outputs.map((output) =>
      output.spent !== null && output.spent.height >= height ? { ...output, spent: null } : output,
    );
    if (gone || outputs.some((output, i) => output !== spend.outputs[i]))
      next = { ...next, spend: { ...spend, height: gone ? null : spend.height, outputs } };
    // What had taken the funding transaction's place is gone, and the peer was told that the channel closes.
    if (gone && next.how === 'never_funded') next = { ...next, how: 'local_force', spend: null };
  }
  return stepTo(next === phase ? session : withPhase(session, next), effects);
}

// --- what the chain is asked

/** Every outpoint whose making or spending this channel must hear of. */
export function watchedOutpoints(channel: Channel): readonly OutPoint[] {
  const { phase, params } = channel.durable;
  if (!isLive(phase) || params.fundingOutpoint === null) return [];
  const watched: OutPoint[] = [params.fundingOutpoint, ...fundingInputs(phase)];
  if (phase.kind === 'closing' && phase.spend !== null) {
    const txid = txId(phase.spend.tx);
    for (const { vout } of phase.spend.outputs) watched.push({ txid, vout });
  }
  return watched;
}

/** Our balance on the confirmed commitment. */
function mainClaim(channel: Channel, env: Env): Claim | null {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null) return null;
  const { spend } = phase;
  const secrets = env.keys.channelSecrets(params.keyIndex);
  if (spend.owner === 'both') return null;
  if (spend.owner === 'remote') return toRemoteClaim(spend.tx, formatOf(params), secrets);
  const point = perCommitmentPoint(secrets.commitmentSeed, phase.commitments.local.number);
  return toLocalClaim({ tx: spend.tx, params: commitmentParams(params, 'local'), perCommitmentPoint: point }, secrets);
}

/** Brings our balance home, once it may be spent and where it pays for itself. */
export function sweepTx(channel: Channel, env: Env): Tx | null {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null || phase.spend.height === null) return null;
  const main = phase.spend.outputs.find((output) => output.what.kind === 'main');
  if (main === undefined || main.spent !== null) return null;
  const claim = mainClaim(channel, env);
  if (claim === null) return null;
  const from = claimableAt(claim, phase.spend.height);
  // What may stand in the next block may be published now.
  if (env.height + 1 < from) return null;
  const made = sweep({ claims: [claim], script: params.shutdownScript, feerate: env.feerates.normal, locktime: from - 1 });
  return made.ok ? made.value.tx : null;
}
