import { withEntries, withSignature } from '../../asset/packet/transition.ts';
import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { tryHex } from '../../base/bytes.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { AppError, isErrorCode } from '../error.ts';
import { packetJson, packetOf, packetSchema } from '../forms/asset-packet.ts';
import { count, flag, list, object, text, withProperties } from '../schema.ts';

export const assetPsbtSign = defineOperation({
  name: 'asset.psbt.sign',
  needs: 'chain',
  params: object({ psbt: text(), open: flag() }, { signatures: list(text()) }),
  result: withProperties(packetSchema, { signed_now: list(count()) }),
  async run(context, { psbt, open, signatures = [] }) {
    let packet = packetOf(psbt, context.network);
    if (signatures.length > 0) {
      for (const given of signatures) packet = inserted(packet, given);
      return { ...packetJson(packet), signed_now: signatures.map((each) => Number.parseInt(each, 10)) };
    }
    const noted = withEntries(packet);
    if (!noted.ok) throw refused(noted.failure);
    const what = { kind: 'sign_packet', packet: noted.value, openHashTypes: open } as const;
    const reply = await commanded(context, { kind: 'asset', what }, 'asset_packet');
    return { ...packetJson(reply.packet), signed_now: reply.signed };
  },
});

/** With a signature that was made elsewhere, `INPUT:HEX`. Throws USAGE or BAD_SIGNATURE. */
function inserted(packet: VirtualPacket, given: string): VirtualPacket {
  const [, index, hexadecimal] = /^(\d{1,3}):([0-9a-fA-F]{128,130})$/.exec(given) ?? [];
  const signature = hexadecimal === undefined ? null : tryHex(hexadecimal);
  if (signature === null) throw usage(`"${given}" is no signature`, 'a signature is INPUT:HEX, as in 0:a1b2...');
  const signed = withSignature(packet, { index: Number(index), signature });
  if (!signed.ok) throw refused(signed.failure);
  return signed.value;
}

const refused = ({ code, message }: { readonly code: string; readonly message: string }): AppError =>
  new AppError({ code: isErrorCode(code) ? code : 'MALFORMED', message });
