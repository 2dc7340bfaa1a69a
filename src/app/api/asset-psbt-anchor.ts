import { verifyPacket, withEntries } from '../../asset/packet/transition.ts';
import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { packetOf } from '../forms/asset-packet.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, list, object, text } from '../schema.ts';

export const assetPsbtAnchor = defineOperation({
  name: 'asset.psbt.anchor',
  needs: 'chain',
  params: object({ psbts: list(text()), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal(), note: text() }),
  result: assetSentSchema,
  async run(context, { psbts, dry_run: dryRun, fee_rate_sat_per_vbyte: rate, note }) {
    const [first, ...others] = psbts.map((each) => verified(packetOf(each, context.network)));
    if (first === undefined) throw usage('there is nothing to anchor');
    const packets = [first, ...others] as const;
    const what = { kind: 'anchor_packets', packets, note: note ?? null, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});

/** Nothing is committed to that the state machine would not let pass. Throws BAD_SIGNATURE or MALFORMED. */
function verified(packet: VirtualPacket): VirtualPacket {
  const signed = withEntries(packet);
  const valid = signed.ok ? verifyPacket(signed.value, checkScripts) : signed;
  if (signed.ok && valid.ok) return signed.value;
  const { code, message } = valid.ok ? { code: 'MALFORMED', message: 'not a packet' } : valid.failure;
  const isWitness = code === 'INVALID_WITNESS' || code === 'BAD_SIGNATURE';
  throw new AppError({
    code: isWitness ? 'BAD_SIGNATURE' : 'MALFORMED',
    message: `the packet does not pass: ${message}`,
    details: { reason: code },
    ...(isWitness ? { hint: '`lnkit asset psbt show` says which inputs are signed' } : {}),
  });
}
