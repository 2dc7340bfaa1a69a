import { TAP_VERSION } from '../../asset/commitment/tap-commitment.ts';
import { evenKey } from '../../asset/keys.ts';
import { type Bytes, equal, tryHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { parseTxId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { isHeld } from '../../node/asset/select.ts';
import type { TransferRequest } from '../../node/asset/transfer.ts';
import type { AssetState } from '../../node/asset/types.ts';
import { usage } from '../define.ts';
import { count, hex, object, type TypeOf, text } from '../schema.ts';
import { assetOf, units, unitsOf } from './asset.ts';

/** Where units go without an address: to keys that the receiver has told. */
export const directSchema = object(
  { asset: text(), amount: units(), script_key: text(), internal_key: text() },
  { asset_version: count() },
);

/** A transfer to keys: nothing is left behind where all of it goes. Throws USAGE or NOT_FOUND. */
export function directRequest(state: AssetState, given: TypeOf<typeof directSchema>): Omit<TransferRequest, 'feerate'> {
  const { id } = assetOf(state, given.asset);
  const amount = unitsOf(given.amount);
  if (amount === 0n) throw usage('there is nothing to send');
  const held = [...state.holdings.values()].find((holding) => equal(holding.facts.assetId, id) && isHeld(state, holding));
  const assetVersion = given.asset_version ?? held?.proof.asset.version ?? 0;
  if (assetVersion > 1) throw usage(`there is no asset version ${assetVersion}`);
  const payout = {
    kind: 'send',
    assetId: id,
    amount,
    assetVersion,
    scriptKey: evenKey(pointOf(given.script_key).subarray(1)),
    place: 0,
    internalKey: pointOf(given.internal_key),
    sibling: null,
    script: null,
    interactive: true,
    delivery: null,
    own: null,
  } as const;
  return { kind: 'send', payouts: [payout], commitmentVersion: TAP_VERSION.V2 };
}

/** A public key of 33 bytes, or its x coordinate alone; as 33 bytes. Throws USAGE. */
export function pointOf(given: string): Bytes {
  const bytes = tryHex(given.length === 64 ? `02${given}` : given);
  if (bytes === null || !secp.isPublicKey(bytes)) throw usage(`"${given}" is no public key`, 'a key is 66 hexadecimal digits');
  return bytes;
}

/** `txid:vout` as typed. Throws USAGE. */
export function outPointFrom(given: string): OutPoint {
  const [, id, vout] = /^([0-9a-fA-F]{64}):(\d{1,9})$/.exec(given) ?? [];
  const txid = id === undefined ? null : parseTxId(id);
  if (txid === null) throw usage(`"${given}" is no output`, 'an output is TXID:INDEX');
  return { txid, vout: Number(vout) };
}

export const keysSchema = object({ script_key: hex(33), internal_key: hex(33) });
