import { balance } from '../../node/wallet/coins.ts';
import { defineOperation } from '../define.ts';
import { jsonInteger } from '../json.ts';
import { amount, object } from '../schema.ts';

export const walletBalance = defineOperation({
  name: 'wallet.balance',
  needs: 'chain',
  params: object({}),
  result: object({ confirmed_sat: amount(), unconfirmed_sat: amount(), immature_sat: amount(), reserved_sat: amount() }),
  async run({ runtime }) {
    const { confirmed, unconfirmed, immature, reserved } = balance(runtime.state.wallet, runtime.env().height);
    return {
      confirmed_sat: jsonInteger(confirmed),
      unconfirmed_sat: jsonInteger(unconfirmed),
      immature_sat: jsonInteger(immature),
      reserved_sat: jsonInteger(reserved),
    };
  },
});
