import type { Msat, Sat } from '../base/units.ts';
import { msatToSat } from '../base/units.ts';
import { formatMsat, parseAmount, parseSat } from '../bitcoin/amount.ts';
import { AppError } from './error.ts';

const USAGE_HINT = 'an amount carries its unit: 1000sat, 2500msat, 0.001btc or 1.5ksat';

/** An amount given by a person, such as `1.5ksat`; throws USAGE otherwise. */
export function msatOf(text: string): Msat {
  const amount = parseAmount(text);
  if (!amount.ok) throw new AppError({ code: 'USAGE', message: amount.failure.message, hint: USAGE_HINT });
  return amount.value;
}

/** An amount in whole satoshi, for what happens on chain; throws USAGE otherwise. */
export function satOf(text: string): Sat {
  const amount = parseSat(text);
  if (!amount.ok) throw new AppError({ code: 'USAGE', message: amount.failure.message, hint: USAGE_HINT });
  return amount.value;
}

/** Thousands apart by thin groups, for people: `1,234,567 sat`. */
export const showSat = (amount: bigint | number): string => `${group(`${amount}`)} sat`;

/** An amount for people, in satoshi with up to three decimals. */
export function showMsat(amount: bigint | number): string {
  const value = BigInt(amount) as Msat;
  const fraction = formatMsat(value).replace(' sat', '').split('.')[1];
  return `${group(`${msatToSat(value)}`)}${fraction === undefined ? '' : `.${fraction}`} sat`;
}

const group = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ',');
