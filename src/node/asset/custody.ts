import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { BlockHash, CommandId, OutPoint, TxId } from '../../base/ids.ts';
import { type Height, type UnixTime, unixTime } from '../../base/units.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { type Draft, refuse, reply, update } from '../draft.ts';
import { sameOutPoint } from './arrivals.ts';
import type { FileParts } from './history.ts';
import { importFiles } from './receive.ts';
import { type Arrival, type ArrivalPart, type AssetAddress, type AssetState, type Delivery, type Tries, UNTRIED } from './types.ts';

/** What whoever carries proofs reports: what came about, and what has to be tried again. */
export type CustodyAction =
  /** The courier has the proof, as it is while the anchor stands in `block`. */
  | { readonly kind: 'delivered'; readonly txid: TxId; readonly key: Bytes; readonly block: BlockHash }
  | { readonly kind: 'not_delivered'; readonly txid: TxId; readonly key: Bytes; readonly failure: TryFailure }
  /** Once more from the beginning; to another courier where one is given. */
  | { readonly kind: 'redeliver'; readonly txid: TxId; readonly key: Bytes; readonly courier: string | null }
  /** A transfer to an address of version 2, which the chain was seen to hold. */
  | {
      readonly kind: 'arrived';
      readonly script: Bytes;
      readonly outPoint: OutPoint;
      readonly height: Height;
      readonly parts: readonly ArrivalPart[];
    }
  | { readonly kind: 'not_proved'; readonly script: Bytes; readonly outPoint: OutPoint; readonly failure: TryFailure }
  /** All of it is here, and its proofs were made anew from the blocks that have its history now. */
  | { readonly kind: 'proved'; readonly script: Bytes; readonly outPoint: OutPoint }
  /** Verified files of everything that arrived in one output: all are ours, or none is taken in. Nobody may spend the one without the others. */
  | { readonly kind: 'import_files'; readonly files: readonly FileParts[] };

export interface TryFailure {
  readonly code: string;
  readonly message: string;
}

/** The first try again is after a second; each pause is twice the one before, at most this long. */
export const LONGEST_PAUSE_SECONDS = 600;
/** An error is kept as far as it helps. */
const MOST_MESSAGE = 300;

/** The next try after one that failed. */
export function failedTry({ attempts }: Tries, now: UnixTime, { code, message }: TryFailure): Tries {
  const pause = Math.min(LONGEST_PAUSE_SECONDS, 2 ** Math.min(attempts, 20));
  return { attempts: attempts + 1, retryAt: unixTime(now + pause), lastError: { code, message: message.slice(0, MOST_MESSAGE) } };
}

export function custodyCommand(draft: Draft, id: CommandId, action: CustodyAction): void {
  switch (action.kind) {
    case 'delivered': {
      const at = draft.env.now;
      change(draft, id, action, (delivery, block) =>
        // A reorganisation in the meantime: what was delivered is the proof of another block.
        block !== null && equal(block, action.block) ? { ...delivery, deliveredAt: delivery.deliveredAt ?? at, lastError: null } : delivery,
      );
      return;
    }
    case 'not_delivered':
      change(draft, id, action, (delivery) =>
        delivery.deliveredAt === null ? { ...delivery, ...failedTry(delivery, draft.env.now, action.failure) } : delivery,
      );
      return;
    case 'redeliver':
      change(draft, id, action, (delivery) => ({
        ...delivery,
        ...UNTRIED,
        deliveredAt: null,
        courier: action.courier ?? delivery.courier,
      }));
      return;
    case 'arrived':
      arrived(draft, id, action);
      return;
    case 'not_proved':
      arrivals(draft, id, action.script, (arrival) =>
        sameOutPoint(arrival.outPoint, action.outPoint) ? { ...arrival, ...failedTry(arrival, draft.env.now, action.failure) } : arrival,
      );
      return;
    case 'proved': {
      const at = draft.env.now;
      arrivals(draft, id, action.script, (arrival) =>
        sameOutPoint(arrival.outPoint, action.outPoint) && arrival.height !== null
          ? { ...arrival, provedAt: at, lastError: null }
          : arrival,
      );
      return;
    }
    case 'import_files': {
      const imported = importFiles(draft.state.assets, draft.env, action.files);
      if (!imported.ok) {
        refuse(draft, id, imported.failure);
        return;
      }
      update(draft, { assets: imported.value });
      reply(draft, id, { kind: 'done' });
      return;
    }
  }
}

function change(
  draft: Draft,
  id: CommandId,
  { txid, key }: { readonly txid: TxId; readonly key: Bytes },
  to: (delivery: Delivery, block: BlockHash | null) => Delivery,
): void {
  const { assets } = draft.state;
  const anchor = assets.anchors.get(txid);
  if (anchor === undefined || !anchor.deliveries.some((each) => equal(each.key, key))) {
    refuse(draft, id, { code: 'NOT_FOUND', message: `there is no such delivery of transfer ${toHex(txid.toReversed())}` });
    return;
  }
  const block = anchor.block === null ? null : blockHash(anchor.block.header);
  const deliveries = anchor.deliveries.map((each) => (equal(each.key, key) ? to(each, block) : each));
  update(draft, { assets: { ...assets, anchors: assets.anchors.set(txid, { ...anchor, deliveries }) } });
  reply(draft, id, { kind: 'done' });
}

function arrivals(draft: Draft, id: CommandId, script: Bytes, to: (arrival: Arrival) => Arrival): void {
  const { assets } = draft.state;
  const address = assets.addresses.get(script);
  if (address === undefined) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'there is no such address' });
    return;
  }
  update(draft, { assets: withAddress(assets, { ...address, arrivals: address.arrivals.map(to) }) });
  reply(draft, id, { kind: 'done' });
}

const withAddress = (assets: AssetState, address: AssetAddress): AssetState => ({
  ...assets,
  addresses: assets.addresses.set(address.script, address),
});

/** The same message may come any number of times: only the first one counts. */
function arrived(draft: Draft, id: CommandId, action: Extract<CustodyAction, { kind: 'arrived' }>): void {
  const { assets } = draft.state;
  const address = assets.addresses.get(action.script);
  if (address === undefined || address.version < 2) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'there is no such address of version 2' });
    return;
  }
  const { outPoint, height, parts } = action;
  const known = address.arrivals.some((arrival) => sameOutPoint(arrival.outPoint, outPoint));
  if (!known) {
    // Whoever asked the chain may have seen a block that is still to come here: when it does, it is noted.
    const at = height <= draft.env.height ? height : null;
    const next = [...address.arrivals, { outPoint, height: at, parts, provedAt: null, ...UNTRIED }];
    update(draft, { assets: withAddress(assets, { ...address, arrivals: next }) });
  }
  reply(draft, id, { kind: 'done' });
}
