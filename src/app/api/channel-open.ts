import { toHex } from '../../base/bytes.ts';
import type { ChannelId, NodeId } from '../../base/ids.ts';
import { msat } from '../../base/units.ts';
import { view } from '../../bolt/channel/view.ts';
import type { NodeCommand } from '../../node/types.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { channelJson, channelSchema } from '../forms/channel.ts';
import { feerateOf, msatOfJson, peerOf, satOfJson, scriptOf } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import type { OperationContext } from '../operation.ts';
import { amount, choice, decimal, flag, hex, nullable, object, outpoint, type TypeOf, text } from '../schema.ts';

const params = object(
  { peer: text(), amount_sat: amount(), dry_run: flag() },
  {
    push_msat: amount(),
    fee_rate_sat_per_vbyte: decimal(),
    private: flag(),
    zero_conf: flag(),
    close_to: text(),
    wait: choice(['confirmed', 'usable']),
  },
);
type Params = TypeOf<typeof params>;

const result = object(
  {
    channel_id: nullable(hex(32)),
    funding_outpoint: nullable(outpoint()),
    funding_fee_sat: amount(),
    capacity_sat: amount(),
    state: text(),
    dry_run: flag(),
  },
  { channel: channelSchema },
);

export const channelOpen = defineOperation({
  name: 'channel.open',
  needs: 'peers',
  params,
  result,
  async run(context, params) {
    const { nodeId, address } = peerOf(params.peer);
    const command = openCommand(context, params, nodeId);
    const { capacity, feerate } = command;
    context.progress('choosing coins');
    const { feeSat } = await commanded(context, { kind: 'estimate_funding', capacity, feerate }, 'transaction');
    const costs = { funding_fee_sat: jsonInteger(feeSat), capacity_sat: jsonInteger(capacity) };
    if (params.dry_run) return { channel_id: null, funding_outpoint: null, ...costs, state: 'not opened', dry_run: true };

    await connect(context, nodeId, address);
    context.progress('opening the channel');
    const { channelId } = await commanded(context, command, 'channel');
    if (params.wait !== undefined) await untilOpen(context, channelId, params.wait);
    const seen = view(existing(context, channelId));
    const channel = channelJson(seen);
    return {
      channel_id: channel.channel_id,
      funding_outpoint: channel.funding_outpoint,
      ...costs,
      state: seen.phase,
      dry_run: false,
      channel,
    };
  },
});

function openCommand({ network }: OperationContext, params: Params, peer: NodeId): Extract<NodeCommand, { kind: 'open_channel' }> {
  const push = params.push_msat === undefined ? msat(0) : msatOfJson(params.push_msat);
  const capacity = satOfJson(params.amount_sat);
  if (push > capacity * 1000n) throw usage('more is pushed than the channel holds');
  return {
    kind: 'open_channel',
    peer,
    capacity,
    pushMsat: push,
    isPublic: params.private !== true,
    zeroConf: params.zero_conf === true,
    feerate: feerateOf(params.fee_rate_sat_per_vbyte),
    closeTo: params.close_to === undefined ? null : scriptOf(params.close_to, network),
  };
}

async function connect(
  context: OperationContext,
  nodeId: NodeId,
  given: { readonly host: string; readonly port: number } | null,
): Promise<void> {
  const { runtime, signal } = context;
  const known = runtime.state.peers.get(nodeId);
  if (known?.session.kind === 'up') return;
  const to = given ?? known?.address ?? null;
  if (to === null) throw usage(`the address of ${toHex(nodeId)} is not known`, 'give NODE_ID@HOST:PORT');
  context.progress(`connecting to ${to.host}:${to.port}`);
  await runtime.connect({ nodeId, ...to }, signal);
}

function existing({ runtime }: OperationContext, channelId: ChannelId) {
  const channel = runtime.state.channels.get(channelId);
  if (channel === undefined)
    throw new AppError({ code: 'PEER_ERROR', message: 'the channel did not come to be: the peer or the chain refused it' });
  return channel;
}

async function untilOpen(context: OperationContext, channelId: ChannelId, goal: 'confirmed' | 'usable'): Promise<void> {
  const { runtime, signal } = context;
  let last = '';
  await runtime.until((state) => {
    const channel = state.channels.get(channelId);
    if (channel === undefined) return true;
    const { phase, usable } = view(channel);
    if (phase !== last) context.progress(`the channel is ${phase.replaceAll('_', ' ')}`);
    last = phase;
    const confirmed = phase !== 'opening' && phase !== 'awaiting_confirmation';
    return usable || (goal === 'confirmed' && confirmed) || phase === 'closing' || phase === 'force_closing' ? true : null;
  }, signal);
}
