import { fail, ok, type Result } from '../base/result.ts';
import { type Msat, msat, type Sat, sat } from '../base/units.ts';

/** 21 million BTC: no amount of bitcoin is above it. */
export const MAX_MONEY: Sat = sat(2_100_000_000_000_000n);
export const MAX_MONEY_MSAT: Msat = msat(2_100_000_000_000_000_000n);

const MSAT_PER: { readonly [unit: string]: bigint } = {
  msat: 1n,
  sat: 1_000n,
  sats: 1_000n,
  ksat: 1_000_000n,
  msats: 1n,
  bit: 100_000n,
  bits: 100_000n,
  mbtc: 100_000_000n,
  btc: 100_000_000_000n,
};

export interface AmountFailure {
  readonly code: 'MALFORMED';
  readonly message: string;
}

/** An amount with its unit: `1000sat`, `2500msat`, `0.001btc`, `1.5ksat`. A bare number is refused; so is more precision than the unit has. */
export function parseAmount(text: string): Result<Msat, AmountFailure> {
  const match = /^([0-9][0-9_]*)(?:\.([0-9]+))?\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return malformed(`"${text}" is not an amount; write for example 1000sat or 0.00001btc`);
  const unit = (match[3] as string).toLowerCase();
  if (unit === '') return malformed(`"${text}" has no unit; write ${text.trim()}sat or ${text.trim()}msat`);
  const factor = Object.hasOwn(MSAT_PER, unit) ? MSAT_PER[unit] : undefined;
  if (factor === undefined) return malformed(`"${match[3]}" is not a unit; units are msat, sat, ksat, bits, mbtc and btc`);
  const fraction = match[2] ?? '';
  if (fraction.length > 18 || (match[1] as string).length > 24) return malformed(`"${text}" has too many digits`);
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt((match[1] as string).replaceAll('_', '') + fraction) * factor;
  if (scaled % scale !== 0n) return malformed(`"${text}" is finer than a millisatoshi`);
  const value = scaled / scale;
  if (value > MAX_MONEY_MSAT) return malformed(`"${text}" is more than 21 million btc`);
  return ok(msat(value));
}

/** An amount that must be whole satoshi: what can stand in a transaction. */
export function parseSat(text: string): Result<Sat, AmountFailure> {
  const amount = parseAmount(text);
  if (!amount.ok) return amount;
  if (amount.value % 1000n !== 0n) return malformed(`"${text}" is not a whole number of satoshi`);
  return ok(sat(amount.value / 1000n));
}

/** `1234.567 sat`, without trailing zeros. */
export function formatMsat(amount: Msat): string {
  const rest = amount % 1000n;
  return rest === 0n ? `${amount / 1000n} sat` : `${amount / 1000n}.${`${rest}`.padStart(3, '0').replace(/0+$/, '')} sat`;
}

/** BTC as the RPC of Bitcoin Core writes it, with eight decimals. */
export const formatBtc = (amount: Sat): string => `${amount / 100_000_000n}.${`${amount % 100_000_000n}`.padStart(8, '0')}`;

/** Exact satoshi of a BTC number as JSON.parse gives it (the RPC of Bitcoin Core); null where it is none. */
export function satOfBtc(value: unknown): Sat | null {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value > 21e6) return null;
  return sat(BigInt(Math.round(value * 1e8)));
}

const malformed = (message: string): { readonly ok: false; readonly failure: AmountFailure } => fail({ code: 'MALFORMED', message });
