import { showMsat, showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { Style } from './style.ts';
import { facts } from './table.ts';

export function statusView(result: ResultOf<'status'>, style: Style): string {
  const { channels, balances, graph } = result;
  const synced = (yes: boolean): string => (yes ? style.good('in sync') : style.warn('not in sync'));
  return facts(
    [
      ['node', `${result.node_id} (${result.alias})`],
      ['network', result.network],
      ['chain', `block ${result.block_height}, ${synced(result.synced_to_chain)}`],
      ['graph', `${graph.nodes} nodes, ${graph.channels} channels, ${synced(result.synced_to_graph)}`],
      ['peers', `${result.peers} connected`],
      ['channels', `${channels.open} open (${channels.usable} usable), ${channels.opening} opening, ${channels.closing} closing`],
      ['in channels', `${showMsat(balances.local_msat)} ours, ${showMsat(balances.remote_msat)} theirs`],
      ['on chain', `${showSat(balances.confirmed_sat)}, ${showSat(balances.unconfirmed_sat)} unconfirmed`],
    ],
    style,
  );
}

export function chainView(result: ResultOf<'chain.status'>, style: Style): string {
  const { fee_rates_sat_per_vbyte: fees } = result;
  return facts(
    [
      ['backend', result.place],
      ['network', result.network],
      ['tip', `${result.block_height} ${result.block_hash}`],
      ['state', result.synced ? style.good('in sync') : style.warn(`catching up to ${result.headers}`)],
      ['this node', `block ${result.followed_height}`],
      ['fee rates', `${fees.background} / ${fees.normal} / ${fees.priority} sat/vB (a day / some blocks / now)`],
    ],
    style,
  );
}
