import { channelCodec } from '../../bolt/channel/channel.ts';
import { view } from '../../bolt/channel/view.ts';
import { decodeWith } from '../../codec/codec.ts';
import { defineOperation } from '../define.ts';
import { channelJson, channelSchema } from '../forms/channel.ts';
import { flag, list, object } from '../schema.ts';

export const channelList = defineOperation({
  name: 'channel.list',
  needs: 'peers',
  params: object({}, { closed: flag() }),
  result: object({ channels: list(channelSchema) }),
  async run({ runtime }, { closed }) {
    const open = [...runtime.state.channels.values()];
    const past = closed === true ? runtime.store.closedChannels().map((blob) => decodeWith(channelCodec, blob)) : [];
    const channels = [...open, ...past.flatMap((decoded) => (decoded.ok ? [decoded.value] : []))];
    return { channels: channels.map((channel) => channelJson(view(channel))) };
  },
});
