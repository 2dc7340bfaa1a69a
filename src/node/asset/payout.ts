import { ADDRESS_VERSION, commitmentVersionOf, predictedOutputKey, scriptKeyFor, type TapAddress } from '../../asset/address/address.ts';
import { optionalSiblingHash } from '../../asset/commitment/sibling.ts';
import { type Bytes, EMPTY, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import type { NodeFailure } from '../types.ts';
import { type GroupRecipient, groupPayouts } from './payout-group.ts';
import type { Payout, TransferRequest } from './transfer.ts';
import type { AssetState } from './types.ts';

export interface Recipient {
  readonly text: string;
  readonly address: TapAddress;
  /** Where the proof is delivered; that of the address, unless the sender says otherwise. */
  readonly courier: string;
  /** Where the address leaves it to the sender. */
  readonly amount?: bigint;
}

/** What a transfer to addresses pays. All of them must ask for commitments that go together. Fails with USAGE, NOT_FOUND or POLICY. */
export function sendRequest(state: AssetState, recipients: readonly Recipient[]): Result<Omit<TransferRequest, 'feerate'>, NodeFailure> {
  const payouts: Payout[] = [];
  const grouped: GroupRecipient[] = [];
  const seen = new Set<string>();
  const versions = new Set<number | null>();
  for (const [place, recipient] of recipients.entries()) {
    const { text, address } = recipient;
    // An address names one output: twice in one transaction it would be one place for two transfers.
    if (seen.has(text)) return fail({ code: 'USAGE', message: 'an address stands twice among the recipients' });
    seen.add(text);
    versions.add(commitmentVersionOf(address));
    const amount = amountFor(recipient);
    if (!amount.ok) return amount;
    if (address.version === ADDRESS_VERSION.V2) {
      grouped.push({ ...recipient, amount: amount.value, place });
      continue;
    }
    const payout = payoutTo(state, recipient, place);
    if (!payout.ok) return payout;
    payouts.push(payout.value);
  }
  const groups = groupPayouts(state, grouped);
  if (!groups.ok) return groups;
  payouts.push(...groups.value);
  const [first, ...others] = payouts;
  if (first === undefined) return fail({ code: 'USAGE', message: 'there is nobody to send to' });
  if (versions.size > 1)
    return fail({
      code: 'POLICY',
      message: 'addresses of version 0 and 1 cannot share a transaction',
      hint: 'send to them one after the other',
    });
  return ok({ kind: 'send', payouts: [first, ...others], commitmentVersion: [...versions][0] ?? null });
}

function amountFor({ address, amount }: Recipient): Result<bigint, NodeFailure> {
  if (amount === undefined || address.amount === 0n || amount === address.amount) return ok(amount ?? address.amount);
  return fail({
    code: 'USAGE',
    message: `the address asks for ${address.amount} units, and not for ${amount}`,
    hint: 'leave out --amount',
  });
}

function payoutTo(state: AssetState, { text, address, courier }: Recipient, place: number): Result<Payout, NodeFailure> {
  const id: Bytes | null = address.assetId;
  const known = id === null ? undefined : state.known.get(id);
  if (id === null || known === undefined) return fail({ code: 'NOT_FOUND', message: 'none of our assets is the one of the address' });
  // To the byte: its receiver watches for an output made of these.
  if (toHex(address.groupKey ?? EMPTY) !== toHex(known.groupKey ?? EMPTY))
    return fail({ code: 'USAGE', message: 'the asset of the address is not of the group that the address names' });
  const predicted = predictedOutputKey(address, known.genesis);
  if (!predicted.ok) return fail({ code: 'USAGE', message: predicted.failure.message });
  const sibling = optionalSiblingHash(address.tapscriptSibling);
  if (!sibling.ok) return fail({ code: 'USAGE', message: sibling.failure.message });
  const script = p2trScript(predicted.value);
  // Whoever sends to an address of their own keeps the asset.
  const record = state.addresses.get(script);
  const own = record && { scriptKeyIndex: record.scriptKeyIndex, scriptKeyTweak: null, internalKeyIndex: record.internalKeyIndex };
  return ok({
    kind: 'send',
    assetId: id,
    amount: address.amount,
    assetVersion: address.assetVersion,
    scriptKey: scriptKeyFor(address, id),
    internalKey: address.internalKey,
    place,
    sibling: address.tapscriptSibling,
    script,
    interactive: false,
    delivery: { address: text, courier },
    own: own ?? null,
  });
}
