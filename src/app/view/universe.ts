import type { ResultOf } from '../api/index.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

type Root = ResultOf<'universe.roots'>['roots'][number];
type Report = ResultOf<'universe.sync'>;

const idOf = ({ asset_id: asset, group_key: group }: Pick<Root, 'asset_id' | 'group_key'>): string => asset ?? group ?? '';
const NOTHING = 'nothing yet; `lnkit universe sync HOST:PORT` fills it from another one';

export function rootsView({ roots, multiverse }: ResultOf<'universe.roots'>, style: Style): string {
  if (roots.length === 0) return NOTHING;
  const rows = roots.map((each) => [each.name, each.proof_type, each.root.sum, shorten(each.root.hash), idOf(each)]);
  const shown = table(['name', 'proofs', 'sum>', 'root', 'asset or group'], rows, style);
  const over = (['issuance', 'transfer'] as const).map((type) => [`multiverse, ${type}`, multiverse[type]?.hash] as const);
  return `${shown}\n${facts(over, style)}`;
}

export function leavesView({ universes }: ResultOf<'universe.leaves'>, style: Style): string {
  if (universes.length === 0) return NOTHING;
  return universes
    .map(({ name, proof_type: type, leaves, ...id }) => {
      const rows = leaves.map((leaf) => [leaf.amount, `${leaf.height}`, leaf.outpoint, leaf.script_key]);
      return `${style.dim(`${name}, ${type}, ${idOf(id)}`)}\n${table(['amount>', 'block>', 'output', 'script key'], rows, style)}`;
    })
    .join('\n\n');
}

export function proofView(found: ResultOf<'universe.proof'>, style: Style): string {
  return facts(
    [
      ['asset', `${found.name} ${found.leaf_asset_id}`],
      ['group', found.group_key],
      ['proof', `${found.proof_type}, ${found.proof.length / 2} bytes`],
      ['amount', found.amount],
      ['output', found.outpoint],
      ['script key', found.script_key],
      ['root', `${found.root.hash} (${found.root.sum})`],
      ['multiverse', found.multiverse_root?.hash],
    ],
    style,
  );
}

export function statsView(stats: ResultOf<'universe.stats'>, style: Style): string {
  const { assets, groups, proofs, syncs } = stats;
  const parts = [facts(Object.entries({ assets, groups, proofs, 'leaves handed out': syncs }), style)];
  const rows = stats.by_asset.map((each) => [
    each.name,
    each.supply,
    each.type,
    `${each.height}`,
    `${each.proofs}`,
    `${each.syncs}`,
    each.asset_id,
  ]);
  if (rows.length > 0) parts.push(table(['name', 'supply>', 'type', 'block>', 'proofs>', 'syncs>', 'asset id'], rows, style));
  const days = stats.by_day.map((day) => [day.date, `${day.proofs}`, `${day.syncs}`]);
  if (days.length > 0) parts.push(table(['day', 'proofs>', 'syncs>'], days, style));
  return parts.join('\n\n');
}

export function reportView(report: Report, style: Style): string {
  const { universe, compared, stored, refused, universes } = report;
  const told = `${universe}: ${compared} trees compared, ${stored} leaves new${refused === 0 ? '' : `, ${style.warn(`${refused} refused`)}`}`;
  if (universes.length === 0) return `${told}; nothing differs`;
  const rows = universes.map((each) => [each.name, each.proof_type, `${each.stored}`, isEqual(each) ? 'yes' : 'no', idOf(each)]);
  const reasons = universes.flatMap((each) => each.refused.map(({ outpoint, message }) => `${shorten(outpoint)}: ${message}`));
  return [told, table(['name', 'proofs', 'new>', 'roots equal', 'asset or group'], rows, style), ...reasons].join('\n');
}

const isEqual = ({ after, goal }: Report['universes'][number]): boolean => after?.hash === goal.hash;

export function insertedView({ transitions, stored }: ResultOf<'universe.insert'>): string {
  return `${stored} of ${transitions} transitions are new`;
}

export function federationView({ servers }: ResultOf<'universe.federation.list'>, style: Style): string {
  if (servers.length === 0) return 'no servers; `lnkit universe federation add HOST:PORT` adds one';
  const rows = servers.map((each) => [
    each.universe,
    each.synced_at === null ? 'never' : showTime(each.synced_at),
    `${each.waiting}`,
    each.failure ?? '',
  ]);
  return table(['universe', 'synced', 'waiting>', 'failure'], rows, style);
}

export function visitsView({ servers }: ResultOf<'universe.federation.sync'>, style: Style): string {
  if (servers.length === 0) return federationView({ servers: [] }, style);
  const lines = servers.map(({ universe, pushed, sync, failure }) => {
    const told = sync === null ? universe : reportView(sync, style);
    return `${told}\n${pushed} leaves pushed${failure === null ? '' : `; ${style.warn(failure)}`}`;
  });
  return lines.join('\n\n');
}
