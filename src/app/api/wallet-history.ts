import { formatTxId } from '../../bitcoin/tx.ts';
import { history } from '../../node/wallet/coins.ts';
import { defineOperation } from '../define.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, delta, hex, list, nullable, object, text, time } from '../schema.ts';

export const walletHistory = defineOperation({
  name: 'wallet.history',
  needs: 'chain',
  params: object({}),
  result: object({
    transactions: list(
      object({
        txid: hex(32),
        amount_sat: delta({ description: 'what the balance gained; negative where it lost' }),
        fee_sat: nullable(amount()),
        label: nullable(text()),
        height: nullable(count()),
        confirmations: count(),
        seen_at: time(),
        replaces: nullable(hex(32)),
      }),
    ),
  }),
  async run({ runtime }) {
    const lines = history(runtime.state.wallet, runtime.env().height);
    return {
      transactions: lines.map((line) => ({
        txid: formatTxId(line.txid),
        amount_sat: jsonInteger(line.amount),
        fee_sat: line.fee === null ? null : jsonInteger(line.fee),
        label: line.label,
        height: line.height,
        confirmations: line.confirmations,
        seen_at: line.seenAt,
        replaces: line.replaces === null ? null : formatTxId(line.replaces),
      })),
    };
  },
});
