import type { BackupJson } from '../backup/inspect.ts';
import { showUnits } from './asset.ts';
import type { Style } from './style.ts';
import { facts, showTime, table } from './table.ts';

export function backupView(result: BackupJson & { readonly path?: string; readonly bytes?: number }, style: Style): string {
  const { path, bytes, holdings = [] } = result;
  const about = facts(
    [
      ...(path === undefined ? [] : ([['written to', `${path} (${bytes} bytes)`]] as const)),
      ['node', result.node_fingerprint],
      ['network', result.network],
      ['made', `${showTime(result.created_at)}, at block ${result.height}`],
      ['assets', result.assets],
      ['channels', result.channels],
      ['swaps', result.swaps],
      ['restorable', result.restorable ? 'all of it' : 'not all of it'],
    ],
    style,
  );
  const rows = holdings.map(({ holding, valid, unspent }) => [
    holding.name ?? '',
    showUnits(holding.amount, holding.decimal_display),
    valid ? 'valid' : 'not valid',
    unspent === null ? '' : unspent ? 'unspent' : 'spent',
    holding.outpoint,
  ]);
  const list = rows.length === 0 ? [] : ['', table(['name', 'amount>', 'proof', 'output', 'place'], rows, style)];
  return [about, ...list, ...result.problems.map((problem) => style.warn(problem))].join('\n');
}
