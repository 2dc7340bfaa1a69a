import { decodeTapAddress } from '../../asset/address/address.ts';
import type { Courier as CourierAddress } from '../../asset/address/courier.ts';
import { isGenesisAsset } from '../../asset/asset.ts';
import { optionalSiblingHash } from '../../asset/commitment/sibling.ts';
import { tapscriptRoot } from '../../asset/commitment/tap-commitment.ts';
import { universeLeaves } from '../../asset/courier.ts';
import { encodeFragment, FRAGMENT_VERSION, UNIQUE_PEDERSEN } from '../../asset/fragment.ts';
import { sealTo } from '../../asset/fragment-seal.ts';
import { verifyInclusion } from '../../asset/proof/output.ts';
import { decodeProof } from '../../asset/proof/proof.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import type { UnixTime } from '../../base/units.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { UniverseId } from '../../io/universe/contract.ts';
import type { OutPointProof } from '../../io/universe/mailbox-contract.ts';
import type { TryFailure } from '../../node/asset/custody.ts';
import { transitionsOf } from '../../node/asset/files.ts';
import type { Anchor, AnchorBlock, AssetState, Delivery, Holding } from '../../node/asset/types.ts';
import { type CustodyPorts, DONE, type KeepingUniverse, type Tried, withCourier } from './custody-ports.ts';
import { firstOfGroup } from './delivery-group.ts';
import { reproveHistories } from './reprove.ts';

/** What is to be delivered of one output to one address: of version 2 it may be several assets, of which the receiver is told at once. */
export interface DeliveryJob {
  readonly anchor: Anchor;
  readonly block: AnchorBlock;
  readonly address: string;
  readonly courier: string;
  /** Those that are not delivered yet. */
  readonly deliveries: readonly Delivery[];
  /** All that stands there for this address. */
  readonly holdings: readonly [Holding, ...Holding[]];
  readonly retryAt: UnixTime;
}

/** What waits for a courier: everything that left in transactions that a block has, and has not arrived. */
export function deliveryJobs(state: AssetState): readonly DeliveryJob[] {
  const jobs = new Map<string, DeliveryJob>();
  for (const anchor of state.anchors.values()) {
    const { block } = anchor;
    if (block === null || anchor.deliveries.every(({ deliveredAt }) => deliveredAt !== null)) continue;
    for (const delivery of anchor.deliveries) {
      const holding = state.holdings.get(delivery.key);
      if (delivery.deliveredAt !== null || holding === undefined) continue;
      const { address, courier } = delivery;
      const id = `${formatOutPoint(holding.facts.outPoint)} ${address} ${courier}`;
      const job = jobs.get(id);
      const beside = anchor.deliveries.flatMap((each) => (each.address === address ? (state.holdings.get(each.key) ?? []) : []));
      const here = beside.filter(({ facts }) => facts.outPoint.vout === holding.facts.outPoint.vout);
      jobs.set(id, {
        ...{ anchor, block, address, courier },
        deliveries: [...(job?.deliveries ?? []), delivery],
        holdings: here as [Holding, ...Holding[]],
        retryAt: Math.max(job?.retryAt ?? 0, delivery.retryAt) as UnixTime,
      });
    }
  }
  return [...jobs.values()];
}

/** Names a job as long as it is the same one. */
export const deliveryName = ({ holdings: [holding], address, courier }: DeliveryJob): string =>
  `${formatOutPoint(holding.facts.outPoint)} ${address} ${courier}`;

/** Brings of version 2 the word of it to the mailbox, and the proofs to the courier; then the node is told. */
export async function deliver(ports: CustodyPorts, job: DeliveryJob): Promise<Tried> {
  const undelivered = job.holdings.filter(({ key }) => job.deliveries.some((each) => equal(each.key, key)));
  // What came before may have moved to other blocks since it came to us.
  await reproveHistories(ports);
  const carried = await withCourier(ports, job.courier, async (courier, address) => {
    // The word first, as tapd does it: the proofs show to everybody what a mailbox takes as payment, and whoever is faster could use it up.
    const told = address.scheme === 'authmailbox+universerpc' ? await notify(ports, job, address) : DONE;
    if (!told.ok) return told;
    for (const holding of undelivered) {
      const leaves = leavesFor(ports, holding);
      if (!leaves.ok) return leaves;
      // Down a hashmail goes one file and nothing else.
      const before = address.scheme === 'hashmail' ? [] : await firstOfGroup(ports, holding);
      const done = await courier.deliver([...before, ...leaves.value]);
      if (!done.ok) return done;
    }
    return DONE;
  });
  if (!carried.ok) return carried;
  const block = blockHash(job.block.header);
  for (const { key } of undelivered) await ports.command({ kind: 'delivered', txid: job.anchor.txid, key, block });
  return DONE;
}

/** Every transition of the file, the minting first. */
export function leavesFor(ports: Pick<CustodyPorts, 'state' | 'store'>, holding: Holding) {
  const transitions = transitionsOf(ports.state().assets, holding, (link) => ports.store.assetHistory(link));
  return transitions.ok ? universeLeaves(transitions.value) : transitions;
}

/** Tells the receiver, sealed, where to look. A mailbox that has word of this output already keeps that. */
async function notify(ports: CustodyPorts, job: DeliveryJob, courier: CourierAddress): Promise<Tried> {
  const decoded = decodeTapAddress(job.address);
  if (!decoded.ok) return decoded;
  const { scriptKey: receiver } = decoded.value.address;
  const { random } = ports.env();
  const { payload, proof } = noticeOf(job);
  const encryptedPayload = sealTo(receiver, payload, { ephemeral: random(32), nonce: random(24) });
  const mailbox = await ports.openMailbox(courier);
  try {
    const sent = await mailbox.send({ receiverKey: receiver, encryptedPayload, proof });
    return sent.ok ? DONE : sent;
  } finally {
    mailbox.close();
  }
}

/** What the receiver is told, and what shows the mailbox that its sender paid for the output. */
export function noticeOf({ anchor, block, holdings }: Pick<DeliveryJob, 'anchor' | 'block' | 'holdings'>): {
  readonly payload: Bytes;
  readonly proof: OutPointProof;
} {
  const [first] = holdings;
  const { inclusionProof, asset } = first.proof;
  const root = certain(verifyInclusion(anchor.tx, inclusionProof, asset));
  const sibling = certain(optionalSiblingHash(inclusionProof.commitmentProof?.tapSiblingPreimage ?? null));
  const { outPoint } = first.facts;
  const payload = encodeFragment({
    version: FRAGMENT_VERSION,
    blockHeader: block.header,
    blockHeight: block.height,
    outPoint,
    outputs: holdings.map(({ facts, proof }) => ({
      assetId: facts.assetId,
      assetVersion: proof.asset.version,
      amount: facts.amount,
      derivation: UNIQUE_PEDERSEN,
      scriptKey: proof.asset.scriptKey,
    })),
    taprootAssetRoot: tapscriptRoot(root, null),
    unknown: [],
  });
  const proof: OutPointProof = {
    tx: anchor.tx,
    blockHeader: block.header,
    blockHeight: block.height,
    txMerkleProof: block.txMerkleProof,
    outPoint,
    internalKey: inclusionProof.internalKey,
    merkleRoot: tapscriptRoot(root, sibling),
  };
  return { payload, proof };
}

/** The node hears that a try failed, and when the next one is due. */
export async function notDelivered(ports: CustodyPorts, job: DeliveryJob, failure: TryFailure): Promise<void> {
  ports.log('debug', `proof of ${deliveryName(job)} not delivered: ${failure.code} ${failure.message}`);
  for (const { key } of job.deliveries) await ports.command({ kind: 'not_delivered', txid: job.anchor.txid, key, failure });
}

/** Puts what an anchor holds into our own universe: whoever gets something of it asks there. Says whether it had all of it already. */
export async function keepInUniverse(
  ports: CustodyPorts,
  { block }: Anchor,
  holdings: readonly Holding[],
): Promise<Result<{ readonly wasThere: boolean }, TryFailure>> {
  const universe = await ports.universe();
  let wasThere = true;
  if (universe === null || block === null) return ok({ wasThere });
  for (const holding of holdings) {
    // Tombstones prove nothing to anybody, and those of a group would have one place between them.
    if (holding.facts.fate === 'tombstone' || (await hasIt(universe, holding, block))) continue;
    wasThere = false;
    const leaves = leavesFor(ports, holding);
    if (!leaves.ok) return leaves;
    for (const stored of await universe.insertMany(leaves.value)) if (!stored.ok) return stored;
  }
  return ok({ wasThere });
}

/** All holdings by the transactions (in hexadecimal) that they stand in. */
export function holdingsByAnchor(state: AssetState): ReadonlyMap<string, readonly Holding[]> {
  const found = new Map<string, Holding[]>();
  for (const holding of state.holdings.values()) {
    const txid = toHex(holding.facts.outPoint.txid);
    const there = found.get(txid);
    if (there === undefined) found.set(txid, [holding]);
    else there.push(holding);
  }
  return found;
}

/** Whether the last transition is there, as it stands in the block that has it now. */
async function hasIt(universe: KeepingUniverse, { facts, proof }: Holding, block: AnchorBlock): Promise<boolean> {
  const { asset } = proof;
  const id: UniverseId = {
    proofType: isGenesisAsset(asset) ? 'issuance' : 'transfer',
    of: facts.groupKey === null ? { kind: 'asset', assetId: facts.assetId } : { kind: 'group', groupKey: facts.groupKey },
  };
  const there = await universe.query(id, { outPoint: facts.outPoint, scriptKey: asset.scriptKey });
  const stored = there.ok && there.value !== null ? decodeProof(there.value.proof) : null;
  return stored?.ok === true && equal(blockHash(stored.value.blockHeader), blockHash(block.header));
}

/** What our own proofs cannot fail at. */
function certain<T>(result: Result<T, TryFailure>): T {
  if (!result.ok) throw new RangeError(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}
