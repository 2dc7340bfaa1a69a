import { fail, ok, type Result } from '../../base/result.ts';
import type { Msat } from '../../base/units.ts';
import { NETWORKS, type Network, networkParams } from '../../bitcoin/network.ts';

/** By what follows `ln`. `lntb` stands for every testnet; the one lnkit runs on is testnet4. */
const NETWORK_OF: ReadonlyMap<string, Network> = new Map(NETWORKS.map((network) => [networkParams(network).invoicePrefix, network]));

/** Largest first, so that the first that divides an amount gives its shortest form; the pico is a tenth of a millisatoshi. */
const MULTIPLIERS: readonly (readonly [letter: string, msat: bigint])[] = [
  ['', 100_000_000_000n],
  ['m', 100_000_000n],
  ['u', 100_000n],
  ['n', 100n],
];
const MSAT_OF = new Map(MULTIPLIERS);
/** All bitcoin there will ever be, in msat. */
const SUPPLY = 2_100_000_000_000_000_000n;
const MAX_DIGITS = 20;

export type HrpFailure = 'unknown_prefix' | 'invalid_amount' | 'invalid_multiplier' | 'sub_millisatoshi';

/** Reads `ln` + prefix + amount. The amount is null where the invoice leaves it to the payer. */
export function parseHrp(hrp: string): Result<{ readonly network: Network; readonly amount: Msat | null }, HrpFailure> {
  let at = 2;
  while (at < hrp.length && !isDigit(hrp.charCodeAt(at))) at++;
  const network = NETWORK_OF.get(hrp.slice(2, at));
  // BOLT 11: "if it does NOT understand the prefix: MUST fail the payment"
  if (!hrp.startsWith('ln') || network === undefined) return fail('unknown_prefix');
  if (at === hrp.length) return ok({ network, amount: null });

  const from = at;
  while (at < hrp.length && isDigit(hrp.charCodeAt(at))) at++;
  const digits = hrp.slice(from, at);
  // BOLT 11: "a positive decimal integer with no leading 0s"
  if (digits.charCodeAt(0) === 0x30 || digits.length > MAX_DIGITS) return fail('invalid_amount');
  const multiplier = hrp.slice(at);
  let amount: bigint;
  if (multiplier === 'p') {
    // BOLT 11: "if multiplier is p and the last decimal of amount is not 0: MUST fail the payment"
    if (!digits.endsWith('0')) return fail('sub_millisatoshi');
    amount = BigInt(digits.slice(0, -1));
  } else {
    const unit = MSAT_OF.get(multiplier);
    if (unit === undefined) return fail('invalid_multiplier');
    amount = BigInt(digits) * unit;
  }
  return amount > SUPPLY ? fail('invalid_amount') : ok({ network, amount: amount as Msat });
}

/** The human-readable part, with the amount in its shortest form. Throws a RangeError where the amount is not above 0 and at most 21 million bitcoin. */
export function formatHrp(network: Network, amount: Msat | null): string {
  const prefix = `ln${networkParams(network).invoicePrefix}`;
  if (amount === null) return prefix;
  if (amount <= 0n || amount > SUPPLY) throw new RangeError(`${amount} msat cannot be asked for`);
  for (const [letter, unit] of MULTIPLIERS) if (amount % unit === 0n) return `${prefix}${amount / unit}${letter}`;
  return `${prefix}${amount}0p`;
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
