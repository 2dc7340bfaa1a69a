import { decodeTapAddress, type TapAddress } from '../../asset/address/address.ts';
import { MAX_FRAGMENT_OUTPUTS } from '../../asset/fragment.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { uniqueScriptKey } from '../../asset/keys.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { NodeFailure } from '../types.ts';
import { type GroupShare, selectGroup } from './select.ts';
import type { SendPayout } from './transfer.ts';
import type { AssetState } from './types.ts';

/** Somebody with an address of version 2, and how much they get. */
export interface GroupRecipient {
  readonly text: string;
  readonly address: TapAddress;
  readonly courier: string;
  readonly amount: bigint;
  readonly place: number;
}

/**
 * What transfers to addresses of version 2 pay: the asset of the address, or units of any assets of its group, all in one output, each under a
 * key derived from the address's. Fails with NOT_FOUND, INSUFFICIENT_FUNDS, USAGE or POLICY.
 */
export function groupPayouts(state: AssetState, recipients: readonly GroupRecipient[]): Result<readonly SendPayout[], NodeFailure> {
  const payouts: SendPayout[] = [];
  const groups = new Map<string, { readonly key: Bytes; readonly wanted: GroupRecipient[] }>();
  for (const recipient of recipients) {
    const { assetId, groupKey } = recipient.address;
    if (recipient.amount === 0n)
      return fail({ code: 'USAGE', message: 'the address leaves the amount to the sender', hint: 'say how many units: --amount N' });
    if (assetId !== null) {
      payouts.push(payoutOf(state, recipient, { assetId, amount: recipient.amount }));
      continue;
    }
    const key = [...state.known.values()].find((known) => sameGroup(known.groupKey, groupKey))?.groupKey ?? null;
    if (key === null) return fail({ code: 'NOT_FOUND', message: 'none of our assets is of the group of the address' });
    const group = groups.get(toHex(key)) ?? { key, wanted: [] };
    group.wanted.push(recipient);
    groups.set(toHex(key), group);
  }
  for (const { key, wanted } of groups.values()) {
    // Of a group as a whole, so that no holding is promised twice.
    const shares = selectGroup(
      state,
      key,
      wanted.reduce((sum, { amount }) => sum + amount, 0n),
    );
    if (!shares.ok) return shares;
    payouts.push(...shared(state, wanted, shares.value));
  }
  const crowded = recipients.find(({ place }) => payouts.filter((each) => each.place === place).length > MAX_FRAGMENT_OUTPUTS);
  if (crowded === undefined) return ok(payouts);
  return fail({
    code: 'POLICY',
    message: `the amount takes more than ${MAX_FRAGMENT_OUTPUTS} assets of the group`,
    hint: 'send less at a time',
  });
}

/** Shares of a group, handed out in order. */
function shared(state: AssetState, wanted: readonly GroupRecipient[], shares: readonly GroupShare[]): readonly SendPayout[] {
  const payouts: SendPayout[] = [];
  const left = shares.map(({ assetId, amount }) => ({ assetId, amount }));
  for (const recipient of wanted) {
    let open = recipient.amount;
    for (const share of left) {
      const amount = share.amount < open ? share.amount : open;
      if (amount === 0n) continue;
      payouts.push(payoutOf(state, recipient, { assetId: share.assetId, amount }));
      share.amount -= amount;
      open -= amount;
    }
  }
  return payouts;
}

function payoutOf(
  state: AssetState,
  { text, address, courier, place }: GroupRecipient,
  { assetId, amount }: Pick<GroupShare, 'assetId' | 'amount'>,
): SendPayout {
  const { publicKey, tweak } = uniqueScriptKey(address.scriptKey, assetId);
  // Whoever sends to an address of their own keeps the asset: where the output is that of the address too, or another could spend it.
  const record = state.addresses.get(address.scriptKey);
  const given = record === undefined ? null : decodeTapAddress(record.text);
  const isOurs = given?.ok === true && equal(given.value.address.internalKey, address.internalKey) && address.tapscriptSibling === null;
  const own = record !== undefined &&
    isOurs && { scriptKeyIndex: record.scriptKeyIndex, scriptKeyTweak: tweak, internalKeyIndex: record.internalKeyIndex };
  return {
    kind: 'send',
    assetId,
    amount,
    assetVersion: address.assetVersion,
    scriptKey: publicKey,
    place,
    internalKey: address.internalKey,
    sibling: address.tapscriptSibling,
    script: null,
    // The receiver is told where to look: nothing is left behind for an output that it would predict.
    interactive: true,
    delivery: { address: text, courier },
    own: own || null,
  };
}
