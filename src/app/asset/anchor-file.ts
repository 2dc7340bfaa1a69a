import { decodePsbtMaps, encodePsbtMaps, type PsbtMaps } from '../../asset/packet/psbt-map.ts';
import { encodeVirtualPacket, type VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import type { Network } from '../../bitcoin/network.ts';
import { AppError } from '../error.ts';
import { packetOf, psbtBytes, psbtText } from '../forms/asset-packet.ts';
import { count, list, object, type TypeOf, text } from '../schema.ts';

const FORMAT = 'lnkit-asset-anchor';
/** More packets than a transaction of any use has. */
const MOST_PACKETS = 500;

/** A transaction that waits for others, and all that it commits to. Its maker keeps it: what comes back is held against it. */
export const anchorFileSchema = object({
  format: text(),
  version: count(),
  network: text(),
  anchor_psbt: text({ description: 'for others, base64' }),
  virtual_psbts: list(text()),
  passive_psbts: list(text(), { description: 'what stood beside the inputs, moved along' }),
});

export interface AnchorFile {
  readonly anchor: PsbtMaps;
  readonly packets: readonly VirtualPacket[];
}

export const anchorFile = (part: {
  readonly network: Network;
  readonly psbt: PsbtMaps;
  readonly active: readonly VirtualPacket[];
  readonly passive: readonly VirtualPacket[];
}): TypeOf<typeof anchorFileSchema> => ({
  format: FORMAT,
  version: 1,
  network: part.network,
  anchor_psbt: psbtText(encodePsbtMaps(part.psbt)),
  virtual_psbts: part.active.map((each) => psbtText(encodeVirtualPacket(each))),
  passive_psbts: part.passive.map((each) => psbtText(encodeVirtualPacket(each))),
});

/** Reads what `anchorFile` wrote; nothing of it is verified. Throws MALFORMED, WRONG_NETWORK or USAGE. */
export function readAnchorFile(given: string, network: Network): AnchorFile {
  const broken = (message: string): AppError => new AppError({ code: 'MALFORMED', message });
  let json: unknown;
  try {
    json = JSON.parse(given);
  } catch {
    throw broken('the commitment is no JSON');
  }
  const fields = (typeof json === 'object' && json !== null ? json : {}) as { readonly [name: string]: unknown };
  if (fields['format'] !== FORMAT || fields['version'] !== 1) throw broken('this is no commitment that this version of lnkit reads');
  if (fields['network'] !== network) throw new AppError({ code: 'WRONG_NETWORK', message: `the commitment is not for ${network}` });
  const textsOf = (name: string): readonly string[] => {
    const value = fields[name];
    if (!Array.isArray(value) || value.length > MOST_PACKETS || !value.every((each) => typeof each === 'string'))
      throw broken(`the commitment has no ${name}`);
    return value;
  };
  const psbt = fields['anchor_psbt'];
  if (typeof psbt !== 'string') throw broken('the commitment has no anchor_psbt');
  const texts = [...textsOf('virtual_psbts'), ...textsOf('passive_psbts')];
  return { anchor: readAnchorPsbt(psbt), packets: texts.map((each) => packetOf(each, network)) };
}

/** Throws MALFORMED or USAGE. */
export function readAnchorPsbt(given: string): PsbtMaps {
  const maps = decodePsbtMaps(psbtBytes(given));
  if (!maps.ok) throw new AppError({ code: 'MALFORMED', message: `the transaction: ${maps.failure.message}` });
  return maps.value;
}
