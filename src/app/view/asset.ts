import { showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { ProvedJson } from '../forms/asset-proof.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

type Holding = ResultOf<'asset.list'>['assets'][number];
type Cost = ResultOf<'asset.send'>['cost'];

/** Units with the decimal point where the issuer wants it. */
export function showUnits(amount: string, decimals: number | null): string {
  if (decimals === null || decimals === 0) return amount;
  const padded = amount.padStart(decimals + 1, '0');
  return `${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`;
}

const row = (each: Holding): readonly string[] => [
  each.name ?? '',
  showUnits(each.amount, each.decimal_display),
  each.type,
  each.state,
  each.height === null ? '' : `${each.height}`,
  each.asset_id,
  shorten(each.outpoint),
];
const COLUMNS = ['name', 'amount>', 'type', 'state', 'block>', 'asset id', 'output'];

export function assetsView({ assets, batch }: ResultOf<'asset.list'>, style: Style): string {
  const waiting = batch.length === 0 ? '' : `\n${style.warn(`${batch.length} wait to be minted`)}: lnkit asset mint finalize`;
  const shown = assets.length === 0 ? 'no assets; `lnkit asset mint` makes some' : table(COLUMNS, assets.map(row), style);
  return `${shown}${waiting}`;
}

const costs = (cost: Cost): readonly (readonly [string, string])[] => [
  ['fee', `${showSat(cost.fee_sat)} (${Math.ceil(cost.weight / 4)} vB)`],
  ['held by its outputs', showSat(cost.locked_sat)],
];

export function batchView({ batch, cost, dry_run }: ResultOf<'asset.mint'>, style: Style): string {
  const rows = batch.map((each) => [each.name, each.supply, each.type, each.grouped === null ? '' : shorten(each.grouped)]);
  const shown = table(['name', 'supply>', 'type', 'group'], rows, style);
  if (cost !== null) return `${shown}\n${facts(costs(cost), style)}\n${style.warn('dry run: nothing was added')}`;
  return dry_run ? shown : `${shown}\n${style.dim('`lnkit asset mint finalize` mints them in one transaction')}`;
}

export function cancelledView({ cancelled }: ResultOf<'asset.mint.cancel'>): string {
  return `${cancelled.length} will not be minted: ${cancelled.map(({ name }) => name).join(', ')}`;
}

export function assetSentView(result: ResultOf<'asset.send'>, style: Style): string {
  const verdict = result.published ? style.good('sent') : style.warn('dry run: not sent');
  const shown = result.assets.filter(({ state }) => state !== 'tombstone');
  return `${facts([['transaction', `${result.txid} (${verdict})`], ...costs(result.cost)], style)}\n${table(COLUMNS, shown.map(row), style)}`;
}

export function assetBalanceView({ by, assets, groups }: ResultOf<'asset.balance'>, style: Style): string {
  if (by === 'group') {
    if (groups.length === 0) return 'no units of any group';
    const sums = groups.map((each) => [each.group_key, `${each.assets}`, each.confirmed, each.pending, each.leased]);
    return table(['group key', 'assets>', 'confirmed>', 'pending>', 'leased>'], sums, style);
  }
  if (assets.length === 0) return 'no assets';
  const rows = assets.map((each) => [
    each.name ?? '',
    ...[each.confirmed, each.pending, each.leased].map((amount) => showUnits(amount, each.decimal_display)),
    each.asset_id,
    each.group_key === null ? '' : shorten(each.group_key),
  ]);
  return table(['name', 'confirmed>', 'pending>', 'leased>', 'asset id', 'group'], rows, style);
}

export function groupsView({ groups }: ResultOf<'asset.groups'>, style: Style): string {
  if (groups.length === 0) return 'no groups';
  const rows = groups.map((each) => [
    each.group_key,
    each.ours ? 'yes' : 'no',
    each.confirmed,
    each.pending,
    each.leased,
    each.tranches.map(({ name }) => name ?? '?').join(', '),
  ]);
  return table(['group key', 'ours', 'confirmed>', 'pending>', 'leased>', 'tranches'], rows, style);
}

export const assetAddressView = ({ address }: ResultOf<'asset.address'>): string => address;

export function transfersView({ transfers, arrivals }: ResultOf<'asset.transfers'>, style: Style): string {
  const rows = transfers.map((each) => [
    showTime(each.created_at),
    each.kind,
    each.height === null ? each.state : `${each.height}`,
    each.fee_sat === null ? '' : showSat(each.fee_sat),
    each.deliveries.map(({ amount, address, state }) => `${amount} to ${shorten(address)} (proof ${state})`).join(', '),
    each.txid,
    each.note ?? '',
  ]);
  const shown =
    rows.length === 0 ? 'no transfers yet' : table(['time (UTC)', 'kind', 'block>', 'fee>', 'sent', 'transaction', 'note'], rows, style);
  const waiting = arrivals.filter(({ proved }) => !proved);
  if (waiting.length === 0) return shown;
  return `${shown}\n${style.warn('arrived, and its proof is still missing:')}\n${waiting.map((each) => `  ${each.assets.map(({ amount }) => amount).join(' + ')} units at ${each.outpoint}`).join('\n')}`;
}

export function assetVerifyView({ assets }: ResultOf<'asset.verify'>, style: Style): string {
  if (assets.length === 0) return 'nothing to verify';
  const rows = assets.map(({ holding, valid, problem }) => [
    valid ? style.good('valid') : style.bad('not valid'),
    holding.name ?? '',
    showUnits(holding.amount, holding.decimal_display),
    problem ?? '',
  ]);
  return table(['proof', 'name', 'amount>', 'problem'], rows, style);
}

export function provedView(result: ProvedJson, style: Style): string {
  const what = result.burnt ? `${result.amount} units, burnt` : `${result.amount} units`;
  return facts(
    [
      ['proof', style.good('valid')],
      ['asset', `${result.name ?? ''} ${result.asset_id}`],
      ['group', result.group_key],
      ['amount', what],
      ['output', result.outpoint],
      ['block', result.block_height],
      ['transitions', result.transitions],
    ],
    style,
  );
}

export const importedView = (result: ResultOf<'proof.import'>, style: Style): string =>
  `${provedView(result, style)}\n${result.owned ? style.good('it is ours') : 'it is not ours: what the asset is was noted'}`;

export const exportedView = (result: ResultOf<'proof.export'>): string => result.proof;
