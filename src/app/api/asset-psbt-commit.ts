import { spentOutput } from '../../asset/packet/anchor-psbt.ts';
import { anchorFile, anchorFileSchema } from '../asset/anchor-file.ts';
import { verifiedPacket } from '../asset/verified-packet.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { leaseSecondsOf } from '../forms/asset-keys.ts';
import { packetOf } from '../forms/asset-packet.ts';
import { feerateOf } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, decimal, flag, list, object, text, time } from '../schema.ts';

/** As long as a person with a signing device may need. */
const LEASE_SECONDS = 3600;

export const assetPsbtCommit = defineOperation({
  name: 'asset.psbt.commit',
  needs: 'chain',
  params: object({ psbts: list(text()), funded: flag() }, { fee_rate_sat_per_vbyte: decimal(), lease_seconds: count() }),
  result: object({
    fee_sat: amount({ description: 'what the inputs leave over as it is now' }),
    missing_sat: amount({ description: 'what others have to bring for the outputs, the fee besides' }),
    expires_at: time(),
    commitment: anchorFileSchema,
  }),
  async run(context, { psbts, funded, fee_rate_sat_per_vbyte: rate, lease_seconds: lease = LEASE_SECONDS }) {
    const { network } = context;
    const [first, ...others] = psbts.map((each) => verifiedPacket(packetOf(each, network)));
    if (first === undefined) throw usage('there is nothing to commit to');
    const packets = [first, ...others] as const;
    const leaseSeconds = leaseSecondsOf(lease);
    const what = { kind: 'commit_packets', packets, funded, feerate: feerateOf(rate), leaseSeconds } as const;
    const { committed } = await commanded(context, { kind: 'asset', what }, 'asset_commitment');
    const { psbt, passive } = committed;
    const brought = psbt.inputs.reduce((sum, map) => sum + (spentOutput(map)?.amount ?? 0n), 0n);
    const left = brought - psbt.tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
    return {
      fee_sat: jsonInteger(left > 0n ? left : 0n),
      missing_sat: jsonInteger(left < 0n ? -left : 0n),
      expires_at: context.runtime.env().now + leaseSeconds,
      commitment: anchorFile({ network, psbt, active: packets, passive }),
    };
  },
});
