import { toHex } from '../../base/bytes.ts';
import { commanded, defineOperation } from '../define.ts';
import { choice, hex, object, text } from '../schema.ts';

export const walletAddress = defineOperation({
  name: 'wallet.address',
  needs: 'store',
  params: object({ type: choice(['p2tr', 'p2wpkh']) }),
  result: object({ address: text(), type: choice(['p2tr', 'p2wpkh']), script: hex() }),
  async run(context, { type }) {
    const { address, script } = await commanded(context, { kind: 'new_address', type }, 'address');
    return { address, type, script: toHex(script) };
  },
});
