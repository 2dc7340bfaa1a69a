declare const unit: unique symbol;
/** A type that the compiler keeps apart from every other use of `T`. */
export type Brand<T, Name extends string> = T & { readonly [unit]: Name };

/** Millisatoshi, a non-negative bigint unless a doc says otherwise. */
export type Msat = Brand<bigint, 'Msat'>;
/** Satoshi, a non-negative bigint unless a doc says otherwise. */
export type Sat = Brand<bigint, 'Sat'>;
/** Unix time in whole seconds. */
export type UnixTime = Brand<number, 'UnixTime'>;
/** Absolute block height. */
export type Height = Brand<number, 'Height'>;
/** A number of blocks (a relative height). */
export type Blocks = Brand<number, 'Blocks'>;
/** Satoshi per 1000 weight units. */
export type FeeratePerKw = Brand<number, 'FeeratePerKw'>;

export const msat = (value: bigint | number): Msat => BigInt(value) as Msat;
export const sat = (value: bigint | number): Sat => BigInt(value) as Sat;
export const unixTime = (seconds: number): UnixTime => seconds as UnixTime;
export const height = (value: number): Height => value as Height;
export const blocks = (value: number): Blocks => value as Blocks;
export const feeratePerKw = (value: number): FeeratePerKw => value as FeeratePerKw;

export const satToMsat = (value: Sat): Msat => (value * 1000n) as Msat;
/** Whole satoshi of an amount, rounded down (BOLT 3: outputs round down). */
export const msatToSat = (value: Msat): Sat => (value / 1000n) as Sat;
/** Whole satoshi of an amount, rounded up. */
export const msatToSatCeil = (value: Msat): Sat => ((value + 999n) / 1000n) as Sat;

export const minMsat = (a: Msat, b: Msat): Msat => (a < b ? a : b);
export const maxMsat = (a: Msat, b: Msat): Msat => (a > b ? a : b);
