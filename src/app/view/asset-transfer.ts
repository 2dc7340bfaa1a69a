import { showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

export const keysView = ({ script_key, internal_key }: ResultOf<'asset.keys'>, style: Style): string =>
  facts(
    [
      ['script key', script_key],
      ['internal key', internal_key],
    ],
    style,
  );

export function bumpedView(result: ResultOf<'asset.bump'>, style: Style): string {
  const verdict = result.published ? style.good('sent') : style.warn('dry run: not sent');
  return facts(
    [
      ['transaction', `${result.txid} (${verdict})`],
      ['how', result.method === 'rbf' ? 'in the place of the old one' : 'a child that pays for it'],
      ['fee', showSat(result.fee_sat)],
    ],
    style,
  );
}

export function leasesView({ leases }: ResultOf<'asset.lease.list'>, style: Style): string {
  if (leases.length === 0) return 'nothing is held back';
  const rows = leases.map((each) => [each.outpoint, each.purpose, shorten(each.id), showTime(each.expires_at)]);
  return table(['output', 'for', 'id', 'until (UTC)'], rows, style);
}

export function packetView({ psbt, complete, inputs, outputs }: ResultOf<'asset.psbt.show'>, style: Style): string {
  const rows = inputs.map((each, i) => [
    `${i}`,
    each.amount ?? '?',
    each.name ?? shorten(each.asset_id),
    each.signed ? style.good('signed') : style.warn('unsigned'),
    each.sighash ?? '',
    each.keys.map(({ path }) => path).join(' '),
  ]);
  const out = outputs.map((each) => [`${each.output_index}`, each.amount, each.script_key, each.type === 'split_root' ? 'change' : '']);
  const parts = [
    table(['input>', 'amount>', 'asset', '', 'to sign', 'key'], rows, style),
    table(['output>', 'amount>', 'script key', ''], out, style),
    complete ? style.good('every input is signed: `lnkit asset psbt anchor`') : style.dim('`lnkit asset psbt sign` signs what is ours'),
    psbt,
  ];
  return parts.join('\n');
}

/** `file`: into which the commitment was written, where it is not shown. */
export function commitmentView(result: ResultOf<'asset.psbt.commit'>, style: Style, file: string | null): string {
  const { fee_sat, missing_sat, expires_at, commitment } = result;
  const shown = facts(
    [
      ['fee', showSat(fee_sat)],
      ['others bring', showSat(missing_sat)],
      ['held back until (UTC)', showTime(expires_at)],
    ],
    style,
  );
  return file === null ? `${shown}\n${JSON.stringify(commitment)}` : `${shown}\n${file}\n${commitment.anchor_psbt}`;
}

/** `file`: into which the offer was written, where it is not shown. */
export function offerView(result: ResultOf<'asset.swap.offer'>, style: Style, file: string | null): string {
  const shown = facts(
    [
      ['offer', result.id],
      ['sells', `${result.amount} units of ${result.asset_id}`],
      ['for', showSat(result.price_sat)],
      ['until (UTC)', showTime(result.expires_at)],
    ],
    style,
  );
  if (result.offer === null) return `${shown}\n${style.warn('dry run: nothing was signed')}`;
  return `${shown}\n${file === null ? JSON.stringify(result.offer) : `written to ${file}`}`;
}

export function boughtView(result: ResultOf<'asset.swap.accept'>, style: Style): string {
  const verdict = result.published ? style.good('sent') : style.warn('dry run: not sent');
  return facts(
    [
      ['transaction', `${result.txid} (${verdict})`],
      ['buys', `${result.amount} units of ${result.asset_id}`],
      ['price', showSat(result.price_sat)],
      ['fee', `${showSat(result.cost.fee_sat)} (${Math.ceil(result.cost.weight / 4)} vB)`],
    ],
    style,
  );
}

export function offersView({ offers }: ResultOf<'asset.swap.list'>, style: Style): string {
  if (offers.length === 0) return 'no offers are open';
  const rows = offers.map((each) => [
    shorten(each.id),
    each.asset === null ? '' : `${each.asset.amount} ${each.asset.name ?? shorten(each.asset.asset_id)}`,
    each.outpoint,
    each.expired ? style.warn('run out') : showTime(each.expires_at),
  ]);
  return table(['offer', 'sells', 'output', 'until (UTC)'], rows, style);
}
