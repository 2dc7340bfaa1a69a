import { TAP_VERSION } from '../../asset/commitment/tap-commitment.ts';
import { evenKey } from '../../asset/keys.ts';
import { type Bytes, equal, toHex, tryHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { parseTxId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { ownKeyIndexes } from '../../node/asset/own-keys.ts';
import { isHeld } from '../../node/asset/select.ts';
import type { SendPayout, TransferRequest } from '../../node/asset/transfer.ts';
import type { AssetState } from '../../node/asset/types.ts';
import type { WalletKeys } from '../../node/wallet/types.ts';
import { usage } from '../define.ts';
import { count, hex, object, type TypeOf, text } from '../schema.ts';
import { assetOf, units, unitsOf } from './asset.ts';

/** Where units go without an address: to keys that the receiver has told. */
export const directSchema = object(
  { asset: text(), amount: units(), script_key: text(), internal_key: text() },
  { asset_version: count() },
);

/** A transfer to keys: nothing is left behind where all of it goes. Throws USAGE or NOT_FOUND. */
export function directRequest(given: TypeOf<typeof directSchema>, part: Owner): Omit<TransferRequest, 'feerate'> {
  return { kind: 'send', payouts: [directPayout(given, part)], commitmentVersion: TAP_VERSION.V2 };
}

interface Owner {
  readonly state: AssetState;
  readonly keys: WalletKeys;
}

export function directPayout(given: TypeOf<typeof directSchema>, { state, keys }: Owner): SendPayout {
  const { id } = assetOf(state, given.asset);
  const amount = unitsOf(given.amount);
  if (amount === 0n) throw usage('there is nothing to send');
  const held = [...state.holdings.values()].find((holding) => equal(holding.facts.assetId, id) && isHeld(state, holding));
  const assetVersion = given.asset_version ?? held?.proof.asset.version ?? 0;
  if (assetVersion > 1) throw usage(`there is no asset version ${assetVersion}`);
  const scriptKey = evenKey(pointOf(given.script_key).subarray(1));
  const internalKey = pointOf(given.internal_key);
  return {
    kind: 'send',
    assetId: id,
    amount,
    assetVersion,
    scriptKey,
    place: 0,
    internalKey,
    sibling: null,
    script: null,
    interactive: true,
    delivery: null,
    own: ownerOf({ scriptKey, internalKey }, { state, keys }),
  };
}

/** Keys that are ours, both or none. Throws USAGE. */
function ownerOf({ scriptKey, internalKey }: { scriptKey: Bytes; internalKey: Bytes }, { state, keys }: Owner): SendPayout['own'] {
  const { script, internal } = ownKeyIndexes(state, keys);
  const scriptKeyIndex = script.get(toHex(xOnly(scriptKey)));
  const internalKeyIndex = internal.get(toHex(xOnly(internalKey)));
  if (scriptKeyIndex === undefined) return null;
  if (internalKeyIndex === undefined) throw usage('the script key is ours, and the internal key is not: others could spend the output');
  return { scriptKeyIndex, scriptKeyTweak: null, internalKeyIndex };
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

const MAX_LEASE_SECONDS = 365 * 86_400;

/** How long an output is held back, in seconds: up to a year. Throws USAGE. */
export function leaseSecondsOf(given: number): number {
  if (given > MAX_LEASE_SECONDS) throw usage('an asset is held back for a year at most');
  return given;
}
