import { formatBlockHash } from '../../bitcoin/block.ts';
import { toSatPerVbyte } from '../../bitcoin/fees.ts';
import { defineOperation } from '../define.ts';
import { AppError } from '../error.ts';
import { count, decimal, flag, hex, object, text } from '../schema.ts';

export const chainStatus = defineOperation({
  name: 'chain.status',
  needs: 'chain',
  params: object({}),
  result: object({
    network: text(),
    backend: text(),
    place: text({ description: 'without credentials' }),
    block_height: count(),
    block_hash: hex(32),
    headers: count(),
    synced: flag(),
    followed_height: count({ description: 'how far this node has followed' }),
    fee_rates_sat_per_vbyte: object({ background: decimal(), normal: decimal(), priority: decimal(), minimum: decimal() }),
  }),
  async run({ runtime, network }) {
    const { chain } = runtime;
    if (chain === null) throw new AppError({ code: 'CHAIN_UNREACHABLE', message: 'there is no chain backend', hint: 'give --chain URL' });
    const status = await chain.status();
    if (!status.ok) {
      const { code, message, hint } = status.failure;
      throw new AppError({ code: code === 'MALFORMED' ? 'CHAIN_UNREACHABLE' : code, message, hint: hint ?? undefined });
    }
    const { height, feerates } = runtime.env();
    const { background, normal, priority, minimum } = feerates;
    return {
      network,
      backend: chain.backend,
      place: chain.place,
      block_height: status.value.tip.height,
      block_hash: formatBlockHash(status.value.tip.hash),
      headers: status.value.headers,
      synced: status.value.synced,
      followed_height: height,
      fee_rates_sat_per_vbyte: {
        background: toSatPerVbyte(background),
        normal: toSatPerVbyte(normal),
        priority: toSatPerVbyte(priority),
        minimum: toSatPerVbyte(minimum),
      },
    };
  },
});
