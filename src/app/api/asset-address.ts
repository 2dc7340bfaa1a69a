import { parseCourier, parseCourierFor } from '../../asset/address/courier.ts';
import { ASSET_TYPE } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { type Bytes, toHex, tryHex } from '../../base/bytes.ts';
import type { AddressRequest } from '../../node/asset/receive.ts';
import type { AddressVersion, AssetState } from '../../node/asset/types.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { assetOf, units, unitsOf } from '../forms/asset.ts';
import { choice, count, hex, nullable, object, text } from '../schema.ts';
import { learnFromUniverse } from '../universe/learn.ts';

const VERSIONS = ['0', '1', '2'] as const;

export const assetAddress = defineOperation({
  name: 'asset.address',
  needs: 'chain',
  params: object(
    { asset: text({ description: 'an asset id or name, or the key of a group' }), courier: text() },
    { amount: units(), version: choice(VERSIONS), asset_version: choice(['0', '1']) },
  ),
  result: object({
    address: text(),
    asset_id: nullable(hex(32)),
    group_key: nullable(hex(33)),
    amount: units(),
    version: count(),
    courier: text(),
    script: nullable(hex(34, { description: 'of the Bitcoin output, where it is known before' })),
  }),
  async run(context, { asset, amount: given, courier: wanted, version: asked, asset_version: assetVersion = '0' }) {
    await learnFromUniverse(context, asset);
    const { of, genesisType, groupKey } = askedFor(context.runtime.state.assets, asset);
    const version = asked === undefined ? (of.kind === 'group' ? 2 : 1) : (Number(asked) as AddressVersion);
    if (given === undefined && version < 2 && genesisType !== ASSET_TYPE.COLLECTIBLE)
      throw usage(`an address of version ${version} names an amount`, 'give it after the asset, or --address-version 2');
    const amount = given !== undefined ? unitsOf(given) : genesisType === ASSET_TYPE.COLLECTIBLE ? 1n : 0n;
    const courier = courierFor(version, wanted);
    const request = { of, amount, version, assetVersion: Number(assetVersion), courier };
    const { address } = await commanded(context, { kind: 'asset', what: { kind: 'new_address', request } }, 'asset_address');
    return {
      address: address.text,
      asset_id: address.assetId === null ? null : toHex(address.assetId),
      group_key: groupKey === null ? null : toHex(groupKey),
      amount: `${amount}`,
      version,
      courier,
      script: version === 2 ? null : toHex(address.script),
    };
  },
});

interface AskedFor {
  readonly of: AddressRequest['of'];
  readonly genesisType: number;
  readonly groupKey: Bytes | null;
}

/** A group by its key, or an asset. Throws NOT_FOUND or USAGE. */
function askedFor(state: AssetState, given: string): AskedFor {
  const key = given.length === 66 ? tryHex(given) : null;
  const member = key === null ? undefined : [...state.known.values()].find(({ groupKey }) => sameGroup(groupKey, key));
  if (key !== null && member !== undefined)
    return { of: { kind: 'group', groupKey: key }, genesisType: member.genesis.type, groupKey: member.groupKey };
  const { id, known } = assetOf(state, given);
  return { of: { kind: 'asset', assetId: id }, genesisType: known.genesis.type, groupKey: known.groupKey };
}

/** Whoever serves a universe to senders of version 2 has a mailbox beside it. Throws USAGE. */
function courierFor(version: AddressVersion, given: string): string {
  const parsed = parseCourier(given);
  const courier = version === 2 && parsed.ok && parsed.value.scheme === 'universerpc' ? `authmailbox+${given}` : given;
  const fits = parseCourierFor(version, courier);
  if (fits.ok) return courier;
  throw usage(fits.failure.message, version === 2 ? 'give authmailbox+universerpc://HOST:PORT' : 'give universerpc://HOST:PORT');
}
