import { showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import { showUnits } from './asset.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

type Batch = ResultOf<'asset.mint.list'>['batches'][number];

export function batchesView({ batches }: ResultOf<'asset.mint.list'>, style: Style): string {
  if (batches.length === 0) return 'nothing was minted yet';
  const rows = batches.map((each) => [
    each.created_at === null ? '' : showTime(each.created_at),
    each.state,
    each.assets.map(({ name }) => name).join(', '),
    each.fee_sat === null ? '' : showSat(each.fee_sat),
    each.batch_key === null ? '' : shorten(each.batch_key),
    each.txid ?? '',
  ]);
  return table(['time (UTC)', 'state', 'assets', 'fee>', 'batch', 'transaction'], rows, style);
}

export function batchDetailView({ batch, unsealed, cost }: ResultOf<'asset.mint.show'>, style: Style): string {
  const head = facts(
    [
      ['state', batch.state],
      ['batch', batch.batch_key],
      ['transaction', batch.txid],
      ['block', batch.height],
      ['fee', cost === null ? feeOf(batch) : `${showSat(cost.fee_sat)} (${Math.ceil(cost.weight / 4)} vB)`],
    ],
    style,
  );
  const rows = batch.assets.map((each) => [
    each.name,
    showUnits(each.supply, each.decimal_display),
    each.type,
    each.grouped === null ? '' : shorten(each.grouped),
    each.asset_id ?? '',
  ]);
  const shown = `${head}\n${table(['name', 'supply>', 'type', 'group', 'asset id'], rows, style)}`;
  const elsewhere = unsealed.filter(({ ours }) => !ours);
  if (elsewhere.length === 0) return shown;
  const asked = elsewhere.map((each) =>
    facts(
      [
        ['asset', each.asset_id],
        ['group', each.group_key],
        ['to be signed', each.psbt ?? each.sighash],
      ],
      style,
    ),
  );
  return `${shown}\n${style.warn('to be signed elsewhere, and given back by `lnkit asset mint seal`:')}\n${asked.join('\n')}`;
}

const feeOf = ({ fee_sat: fee }: Batch): string | null => (fee === null ? null : showSat(fee));

export function supplyView(result: ResultOf<'asset.supply'>, style: Style): string {
  const { commitments, ignored_outputs: ignored } = result;
  const rows = commitments.map((each) => [
    `${each.height}`,
    each.minted,
    each.burnt,
    each.ignored,
    each.outstanding,
    shorten(each.outpoint),
  ]);
  const shown = table(['block>', 'minted>', 'burnt>', 'ignored>', 'outstanding>', 'commitment'], rows, style);
  const head = facts(
    [
      ['supply', style.good('verified')],
      ['group', result.group_key],
      ['outstanding', result.outstanding],
    ],
    style,
  );
  if (ignored.length === 0) return `${head}\n${shown}`;
  const list = ignored.map(({ outpoint, amount }) => `  ${amount} units at ${outpoint}`).join('\n');
  return `${head}\n${shown}\n${style.warn('ignored by the issuer:')}\n${list}`;
}

export const ownershipView = ({ proof }: ResultOf<'proof.ownership.prove'>): string => proof;

export function ownedView(result: ResultOf<'proof.ownership.verify'>, style: Style): string {
  const known = result.known ? 'its minting was verified here' : style.warn('its minting is not known here: ask for its proof file');
  return facts(
    [
      ['ownership', result.unspent ? style.good('shown') : style.bad('shown, but the output is spent')],
      ['asset', `${result.name ?? ''} ${result.asset_id}`],
      ['amount', `${result.amount} units`],
      ['output', result.outpoint],
      ['origin', known],
    ],
    style,
  );
}
