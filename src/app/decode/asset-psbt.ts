import { decodeVirtualPacket, isVirtualPacket, networksOfPacket } from '../../asset/packet/virtual-packet.ts';
import type { Bytes } from '../../base/bytes.ts';
import { isErrorCode } from '../error.ts';
import { packetJson } from '../forms/asset-packet.ts';
import { type Decoded, type DecodeEnv, NOTHING, refused } from './types.ts';

/**
 * A virtual PSBT (tappsbt): a transfer of assets in the form of BIP 174, whose amounts are units and whose transaction is on no chain.
 * null where it is an ordinary PSBT. What the assets and proofs in it say is not verified.
 */
export function decodeAssetPsbt(bytes: Bytes, env: DecodeEnv): Decoded | null {
  if (!isVirtualPacket(bytes)) return null;
  const read = decodeVirtualPacket(bytes);
  if (!read.ok) {
    const { code, message } = read.failure;
    return refused({ kind: 'asset_psbt', network: null }, { code: isErrorCode(code) ? code : 'MALFORMED', message });
  }
  const networks = networksOfPacket(read.value);
  const fits = env.network === null || networks.some((name) => name === env.network);
  const only = networks.length === 1 ? (networks[0] ?? null) : null;
  const { psbt: _, ...packet } = packetJson(read.value);
  const json = {
    kind: 'asset_psbt',
    network: fits && env.network !== null ? env.network : only,
    valid: true,
    problems: fits ? [] : [`wrong network: it is for ${networks.join(' or ')}, not for ${env.network}`],
    networks,
    version: read.value.version,
    ...packet,
  };
  return { json, error: null, explain: NOTHING };
}
