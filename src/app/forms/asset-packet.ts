import { base64 } from '@scure/base';
import { assetName } from '../../asset/genesis.ts';
import { keyOriginCodec } from '../../asset/packet/derivation.ts';
import { entriesOf } from '../../asset/packet/psbt-map.ts';
import { hashTypeOf, packetId, packetSighash, signedInputs } from '../../asset/packet/transition.ts';
import { decodeVirtualPacket, encodeVirtualPacket, networksOfPacket, type VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { type Bytes, toHex, tryHex } from '../../base/bytes.ts';
import { formatPath } from '../../bitcoin/bip32.ts';
import type { Network } from '../../bitcoin/network.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { decodeWith } from '../../codec/codec.ts';
import { usage } from '../define.ts';
import { AppError, isErrorCode } from '../error.ts';
import { choice, count, flag, hex, list, nullable, object, outpoint, type TypeOf, text } from '../schema.ts';
import { units } from './asset.ts';

/** BIP 174: the keys that sign for an input, and where they come from. */
const BIP32 = 0x06;
/** More text than a packet of any use has. */
const MAX_TEXT = 32 * 1024 * 1024;

const inputSchema = object({
  asset_id: hex(32),
  name: nullable(text()),
  amount: nullable(units()),
  script_key: hex(33),
  outpoint: outpoint(),
  signed: flag(),
  hash_type: count(),
  sighash: nullable(hex(32, { description: 'what the key signs (BIP 340)' })),
  keys: list(object({ public_key: hex(), path: text(), master_fingerprint: hex(4) })),
});
const outputSchema = object({
  amount: units(),
  script_key: hex(33),
  internal_key: nullable(hex(33)),
  output_index: count(),
  type: choice(['simple', 'split_root']),
  interactive: flag(),
});
export const packetSchema = object({
  psbt: text({ description: 'the virtual PSBT, base64' }),
  id: hex(32),
  complete: flag({ description: 'every input is signed' }),
  inputs: list(inputSchema),
  outputs: list(outputSchema),
});
export type PacketJson = TypeOf<typeof packetSchema>;

/** A virtual packet of this network, as base64 or hexadecimal text. Throws MALFORMED, WRONG_NETWORK or USAGE. */
export function packetOf(given: string, network: Network): VirtualPacket {
  const read = decodeVirtualPacket(psbtBytes(given));
  if (!read.ok) {
    const { code, message } = read.failure;
    throw new AppError({ code: isErrorCode(code) ? code : 'MALFORMED', message });
  }
  const networks = networksOfPacket(read.value);
  if (!networks.includes(network))
    throw new AppError({ code: 'WRONG_NETWORK', message: `the packet is for ${networks.join(' or ')}, not ${network}` });
  return read.value;
}

/** Throws USAGE. */
export function psbtBytes(given: string): Bytes {
  if (given.length > MAX_TEXT) throw usage('this is more text than a PSBT has');
  const plain = given.replace(/\s/g, '');
  const bytes = tryHex(plain);
  if (bytes !== null) return bytes;
  try {
    return base64.decode(plain);
  } catch {
    throw usage('a PSBT is base64 or hexadecimal text');
  }
}

export const psbtText = (bytes: Bytes): string => base64.encode(bytes);

export function packetJson(packet: VirtualPacket): PacketJson {
  const signed = signedInputs(packet);
  return {
    psbt: psbtText(encodeVirtualPacket(packet)),
    id: toHex(packetId(packet)),
    complete: signed.length > 0 && signed.every((each) => each),
    inputs: packet.inputs.map((input, index) => {
      const { prevId, asset } = input;
      const hash = packetSighash(packet, { index });
      return {
        asset_id: toHex(prevId.id),
        name: asset === null ? null : assetName(asset.genesis),
        amount: asset === null ? null : `${asset.amount}`,
        script_key: toHex(prevId.scriptKey),
        outpoint: formatOutPoint(prevId.outPoint),
        signed: signed[index] === true,
        hash_type: hashTypeOf(input),
        sighash: hash.ok ? toHex(hash.value) : null,
        keys: entriesOf(input.standard, BIP32).flatMap(({ key, value }) => {
          const origin = decodeWith(keyOriginCodec, value);
          if (!origin.ok) return [];
          const { path, masterFingerprint } = origin.value;
          const fingerprint = masterFingerprint.toString(16).padStart(8, '0');
          return [{ public_key: toHex(key.subarray(1)), path: formatPath(path), master_fingerprint: fingerprint }];
        }),
      };
    }),
    outputs: packet.outputs.map((output) => ({
      amount: `${output.amount}`,
      script_key: toHex(output.scriptKey),
      internal_key: output.anchorInternalKey === null ? null : toHex(output.anchorInternalKey),
      output_index: Number(output.anchorOutputIndex),
      type: output.type === 0 ? 'simple' : 'split_root',
      interactive: output.interactive,
    })),
  };
}
