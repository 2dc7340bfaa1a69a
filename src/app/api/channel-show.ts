import { defineOperation } from '../define.ts';
import { channelJson, channelSchema } from '../forms/channel.ts';
import { channelOf } from '../forms/parse.ts';
import { policyJson, policySchema } from '../forms/policy.ts';
import { nullable, object, text, withProperties } from '../schema.ts';

export const channelShow = defineOperation({
  name: 'channel.show',
  needs: 'peers',
  params: object({ channel: text() }),
  result: withProperties(channelSchema, { policy: nullable(policySchema) }),
  async run({ runtime }, params) {
    const { seen } = channelOf(runtime.state, params.channel);
    const extras = runtime.state.extras.get(seen.channelId);
    return { ...channelJson(seen), policy: extras === undefined ? null : policyJson(extras.policy) };
  },
});
