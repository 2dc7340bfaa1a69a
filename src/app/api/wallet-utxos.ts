import { encodeAddress } from '../../bitcoin/address.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { coins } from '../../node/wallet/coins.ts';
import { defineOperation } from '../define.ts';
import { jsonInteger } from '../json.ts';
import { amount, choice, count, list, nullable, object, outpoint, text } from '../schema.ts';

export const walletUtxos = defineOperation({
  name: 'wallet.utxos',
  needs: 'chain',
  params: object({}),
  result: object({
    utxos: list(
      object({
        outpoint: outpoint(),
        amount_sat: amount(),
        address: nullable(text()),
        state: choice(['confirmed', 'unconfirmed', 'immature', 'reserved']),
        confirmations: count(),
      }),
    ),
  }),
  async run({ runtime, network }) {
    const views = coins(runtime.state.wallet, runtime.env().height);
    return {
      utxos: views.map(({ coin, state, confirmations }) => ({
        outpoint: formatOutPoint(coin.outpoint),
        amount_sat: jsonInteger(coin.output.amount),
        address: encodeAddress(coin.output.script, network),
        state,
        confirmations,
      })),
    };
  },
});
