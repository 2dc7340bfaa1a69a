import { toHex, utf8 } from '../../base/bytes.ts';
import { signMessage } from '../../node/message/sign.ts';
import { defineOperation } from '../define.ts';
import { hex, object, text } from '../schema.ts';

export const messageSign = defineOperation({
  name: 'message.sign',
  needs: 'store',
  params: object({ message: text() }),
  result: object({ node_id: hex(33), signature: text({ description: 'zbase32, as lnd and Core Lightning write it' }) }),
  async run({ runtime }, { message }) {
    const { keys } = runtime.env();
    return { node_id: toHex(keys.nodeId), signature: signMessage(utf8(message), keys.nodeSecret) };
  },
});
