// The life of an update, as a table. BOLT 2, "Normal Operation": an update is pending on the receiver, in the receiver's latest commitment,
// pending on the sender, in the sender's latest commitment, and the same again for a removal. X proposes an HTLC, Y removes it:
//
//   stage            0        1         2          3         4          5          6         7          8         9
//   what happened    X adds   X signs   Y revokes  Y signs   X revokes  Y removes  Y signs   X revokes  X signs   Y revokes: gone
//
// Which stages an event moves, and which commitment holds an HTLC at which stage, are two tables; nothing else knows them.
import { type FeeratePerKw, type Msat, msat } from '../../base/units.ts';
import type { CommitmentSpec, DirectedHtlc } from './commitment.ts';
import type { Commitments, HtlcDirection, LiveFee, LiveHtlc, Side } from './state.ts';

/** The four messages that move updates: we sign, the peer revokes, the peer signs, we revoke. */
export type CommitEvent = 'sent_commit' | 'received_revoke' | 'received_commit' | 'sent_revoke';

export const STAGE = { proposed: 0, signed: 1, acked: 2, answered: 3, committed: 4, removing: 5, removalSigned: 6, gone: 9 } as const;

/** The stages that an event moves to the next one, by who proposed the HTLC. */
const MOVES: { readonly [E in CommitEvent]: { readonly [D in HtlcDirection]: readonly number[] } } = {
  sent_commit: { offered: [0, 7], received: [2, 5] },
  received_revoke: { offered: [1, 8], received: [3, 6] },
  received_commit: { offered: [2, 5], received: [0, 7] },
  sent_revoke: { offered: [3, 6], received: [1, 8] },
};

/**
 * The commitments one may ask about: `local` and `remote` are the latest signed ones, `localNext` and `remoteNext` those that the peer or we
 * would sign now, `remotePrevious` the peer's one before `remote` while it is not revoked.
 */
export type CommitmentView = 'local' | 'localNext' | 'remote' | 'remoteNext' | 'remotePrevious';

/** An HTLC stands in a commitment from the first stage given up to (not including) the second, where it is removed from it. */
const STANDS: { readonly [V in CommitmentView]: { readonly [D in HtlcDirection]: readonly [from: number, to: number] } } = {
  local: { offered: [3, 6], received: [1, 8] },
  localNext: { offered: [2, 5], received: [0, 7] },
  remote: { offered: [1, 8], received: [3, 6] },
  remoteNext: { offered: [0, 7], received: [2, 5] },
  remotePrevious: { offered: [2, 9], received: [4, 7] },
};

/** A commitment's content from our side. */
export interface Snapshot {
  readonly localMsat: Msat;
  readonly remoteMsat: Msat;
  readonly feerate: FeeratePerKw;
  readonly htlcs: readonly LiveHtlc[];
}

const feeDirection = (weAreFunder: boolean): HtlcDirection => (weAreFunder ? 'offered' : 'received');

/** What the commitment of `view` holds. */
export function snapshot(commitments: Commitments, view: CommitmentView, weAreFunder: boolean): Snapshot {
  const stands = STANDS[view];
  let localMsat: bigint = commitments.settled.localMsat;
  let remoteMsat: bigint = commitments.settled.remoteMsat;
  const htlcs: LiveHtlc[] = [];
  for (const entry of commitments.htlcs) {
    const [from, to] = stands[entry.direction];
    if (entry.stage < from) continue;
    const stillThere = entry.stage < to;
    if (stillThere) htlcs.push(entry);
    if (!stillThere && entry.removal?.kind !== 'fulfill') continue;
    // Its amount has left the side that offered it, and is with the other one where it was fulfilled.
    const amount = entry.htlc.amountMsat;
    if (entry.direction === 'offered') {
      localMsat -= amount;
      if (!stillThere) remoteMsat += amount;
    } else {
      remoteMsat -= amount;
      if (!stillThere) localMsat += amount;
    }
  }
  return { localMsat: msat(localMsat), remoteMsat: msat(remoteMsat), feerate: feerateOf(commitments, view, weAreFunder), htlcs };
}

function feerateOf(commitments: Commitments, view: CommitmentView, weAreFunder: boolean): FeeratePerKw {
  const from = STANDS[view][feeDirection(weAreFunder)][0];
  let feerate = (commitments.fees[0] as LiveFee).feerate;
  for (const fee of commitments.fees) if (fee.stage >= from) feerate = fee.feerate;
  return feerate;
}

/** The snapshot as the owner of the commitment sees it. */
export function specFor(content: Snapshot, owner: Side): CommitmentSpec {
  const own: HtlcDirection = owner === 'local' ? 'offered' : 'received';
  const htlcs: DirectedHtlc[] = content.htlcs.map(({ htlc, direction }) => ({ htlc, offered: direction === own }));
  const [toLocalMsat, toRemoteMsat] = owner === 'local' ? [content.localMsat, content.remoteMsat] : [content.remoteMsat, content.localMsat];
  return { toLocalMsat, toRemoteMsat, feerate: content.feerate, htlcs };
}

export interface Advanced {
  readonly commitments: Commitments;
  /** The peer's HTLCs that became irrevocable, with their onions. */
  readonly committed: readonly LiveHtlc[];
  /** HTLCs that left both commitments for good. */
  readonly gone: readonly LiveHtlc[];
}

/** Every update moves on. */
export function advance(commitments: Commitments, event: CommitEvent, weAreFunder: boolean): Advanced {
  const moves = MOVES[event];
  const committed: LiveHtlc[] = [];
  const gone: LiveHtlc[] = [];
  const htlcs: LiveHtlc[] = [];
  let { localMsat, remoteMsat } = commitments.settled as { localMsat: bigint; remoteMsat: bigint };
  for (const entry of commitments.htlcs) {
    if (!moves[entry.direction].includes(entry.stage)) {
      htlcs.push(entry);
      continue;
    }
    const next = { ...entry, stage: entry.stage + 1 };
    if (next.stage === STAGE.gone) {
      gone.push(next);
      if (next.removal?.kind === 'fulfill') {
        const amount = next.direction === 'offered' ? next.htlc.amountMsat : -next.htlc.amountMsat;
        localMsat -= amount;
        remoteMsat += amount;
      }
      continue;
    }
    if (next.direction === 'received' && next.stage === STAGE.committed) committed.push(next);
    htlcs.push(withoutWhatIsSent(next));
  }
  const settled = { localMsat: msat(localMsat), remoteMsat: msat(remoteMsat) };
  return {
    commitments: { ...commitments, settled, htlcs, fees: advanceFees(commitments.fees, moves[feeDirection(weAreFunder)]) },
    committed,
    gone,
  };
}

/** Onions and failure reasons are large, and the state is stored at every commitment: what needs no more sending is dropped. */
function withoutWhatIsSent(entry: LiveHtlc): LiveHtlc {
  if (entry.direction === 'offered') return entry.stage === STAGE.acked ? { ...entry, onion: null, pathKey: null } : entry;
  if (entry.stage === STAGE.committed) return { ...entry, onion: null, pathKey: null };
  if (entry.stage === STAGE.removalSigned + 1 && entry.removal !== null) return { ...entry, removal: withoutReason(entry) };
  return entry;
}

const EMPTY_REASON = new Uint8Array(0);
const withoutReason = ({ removal }: LiveHtlc): LiveHtlc['removal'] =>
  removal?.kind === 'fulfill' ? { kind: 'fulfill', attributionData: null } : { kind: 'fail', reason: EMPTY_REASON, attributionData: null };

function advanceFees(fees: readonly LiveFee[], moves: readonly number[]): readonly LiveFee[] {
  if (!fees.some((fee) => fee.stage < STAGE.committed && moves.includes(fee.stage))) return fees;
  const moved = fees.map((fee) => (fee.stage < STAGE.committed && moves.includes(fee.stage) ? { ...fee, stage: fee.stage + 1 } : fee));
  const latest = moved.findLastIndex((fee) => fee.stage === STAGE.committed);
  // A fee is never closed but replaced: those before the latest one in both commitments count no more, nor does one that another has caught up with.
  return moved.slice(latest).filter((fee, i, rest) => rest[i + 1]?.stage !== fee.stage);
}

/** Whether `event` would change a commitment: a `commitment_signed` without updates must not be sent. */
export function wouldChange(commitments: Commitments, event: CommitEvent, weAreFunder: boolean): boolean {
  const moves = MOVES[event];
  const feeMoves = moves[feeDirection(weAreFunder)];
  return (
    commitments.htlcs.some((entry) => moves[entry.direction].includes(entry.stage)) ||
    commitments.fees.some((fee) => fee.stage < STAGE.committed && feeMoves.includes(fee.stage))
  );
}

/** A change of ours that was proposed and is not yet signed. */
export function hasUnsignedUpdates(commitments: Commitments, weAreFunder: boolean): boolean {
  return (
    commitments.htlcs.some((entry) => entry.stage === (entry.direction === 'offered' ? STAGE.proposed : STAGE.removing)) ||
    (weAreFunder && commitments.fees.some((fee) => fee.stage === STAGE.proposed))
  );
}

/** No HTLC, no fee under way, no revocation owed: what BOLT 2 asks for before a closing transaction is negotiated. */
export const isQuiet = (commitments: Commitments): boolean =>
  commitments.htlcs.length === 0 && commitments.fees.length === 1 && commitments.remoteNext === null;

/** Every update is in both commitments: nothing waits for a signature or a revocation. */
export const isAtRest = (commitments: Commitments): boolean =>
  commitments.remoteNext === null && commitments.fees.length === 1 && commitments.htlcs.every((entry) => entry.stage === STAGE.committed);

/** BOLT 2: on disconnection the peer's updates for which no `commitment_signed` came are reversed. A preimage is never untold. */
export function withoutUnsignedOfPeer(commitments: Commitments, weAreFunder: boolean): Commitments {
  const isProposal = (entry: LiveHtlc): boolean => entry.direction === 'received' && entry.stage === STAGE.proposed;
  const isRemoval = (entry: LiveHtlc): boolean => entry.direction === 'offered' && entry.stage === STAGE.removing;
  const proposals = commitments.htlcs.filter(isProposal).length;
  const fees = weAreFunder ? commitments.fees : commitments.fees.filter((fee) => fee.stage !== STAGE.proposed);
  if (proposals === 0 && fees.length === commitments.fees.length && !commitments.htlcs.some(isRemoval)) return commitments;
  return {
    ...commitments,
    htlcs: commitments.htlcs
      .filter((entry) => !isProposal(entry))
      .map((entry) => (isRemoval(entry) ? { ...entry, stage: STAGE.committed, removal: null } : entry)),
    fees,
    nextHtlcId: { ...commitments.nextHtlcId, remote: commitments.nextHtlcId.remote - BigInt(proposals) },
  };
}

export const findHtlc = (commitments: Commitments, direction: HtlcDirection, id: bigint): LiveHtlc | undefined =>
  commitments.htlcs.find((entry) => entry.direction === direction && entry.htlc.id === id);

export const withHtlc = (commitments: Commitments, changed: LiveHtlc): Commitments => ({
  ...commitments,
  htlcs: commitments.htlcs.map((entry) => (entry.direction === changed.direction && entry.htlc.id === changed.htlc.id ? changed : entry)),
});

/** A feerate proposed by the funder; one that is not signed yet is replaced. */
export const withFee = (commitments: Commitments, feerate: FeeratePerKw): Commitments => ({
  ...commitments,
  fees: [...commitments.fees.filter((fee) => fee.stage !== STAGE.proposed), { feerate, stage: STAGE.proposed }],
});
