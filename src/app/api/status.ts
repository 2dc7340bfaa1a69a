import { toHex } from '../../base/bytes.ts';
import { view } from '../../bolt/channel/view.ts';
import { balance } from '../../node/wallet/coins.ts';
import { defineOperation } from '../define.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, flag, hex, object, text } from '../schema.ts';

export const status = defineOperation({
  name: 'status',
  needs: 'chain',
  params: object({}),
  result: object({
    node_id: hex(33),
    alias: text(),
    network: text(),
    block_height: count(),
    synced_to_chain: flag(),
    synced_to_graph: flag(),
    peers: count({ description: 'connected now' }),
    channels: object({ usable: count(), open: count(), opening: count(), closing: count() }),
    balances: object({
      confirmed_sat: amount(),
      unconfirmed_sat: amount(),
      reserved_sat: amount(),
      local_msat: amount(),
      remote_msat: amount(),
    }),
    graph: object({ nodes: count(), channels: count() }),
    store: object({
      synchronous: text({ description: "as SQLite tells of the node's own connection" }),
      commits: count({ description: 'since it was opened' }),
    }),
  }),
  async run({ runtime, network }) {
    const { state } = runtime;
    const env = runtime.env();
    const tip = runtime.chain === null ? null : await runtime.chain.tip();
    const seen = [...state.channels.values()].map(view);
    const count = (phases: readonly string[]): number => seen.filter(({ phase }) => phases.includes(phase)).length;
    const coins = balance(state.wallet, env.height);
    const graph = runtime.graph();
    return {
      node_id: toHex(state.nodeId),
      alias: env.alias,
      network,
      block_height: env.height,
      synced_to_chain: tip?.ok === true && tip.value.height <= env.height,
      synced_to_graph: graph.synced,
      peers: [...state.peers.values()].filter(({ session }) => session.kind === 'up').length,
      channels: {
        usable: seen.filter(({ usable }) => usable).length,
        open: count(['normal']),
        opening: count(['opening', 'awaiting_confirmation', 'awaiting_channel_ready']),
        closing: count(['shutdown', 'negotiating', 'closing', 'force_closing', 'data_loss']),
      },
      balances: {
        confirmed_sat: jsonInteger(coins.confirmed),
        unconfirmed_sat: jsonInteger(coins.unconfirmed),
        reserved_sat: jsonInteger(coins.reserved),
        local_msat: jsonInteger(seen.reduce((sum, { localMsat }) => sum + localMsat, 0n)),
        remote_msat: jsonInteger(seen.reduce((sum, { remoteMsat }) => sum + remoteMsat, 0n)),
      },
      graph: { nodes: graph.nodes, channels: graph.channels },
      store: { synchronous: runtime.store.synchronous(), commits: runtime.store.commits },
    };
  },
});
