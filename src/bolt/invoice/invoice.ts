import { type Blocks, blocks, type UnixTime, unixTime } from '../../base/units.ts';
import type { InvoiceFields } from './types.ts';

/** BOLT 11: "Default is 3600 (1 hour) if not specified." */
export const DEFAULT_EXPIRY = 3600;
/** BOLT 11: "Default is 18 if not specified." */
export const DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA: Blocks = blocks(18);

/** Seconds from the timestamp for which the invoice may be paid. */
export const expiryOf = (invoice: Pick<InvoiceFields, 'expiry'>): number => invoice.expiry ?? DEFAULT_EXPIRY;

/** The last second in which the invoice may be paid. */
export const expiresAt = (invoice: Pick<InvoiceFields, 'expiry' | 'timestamp'>): UnixTime =>
  unixTime(invoice.timestamp + expiryOf(invoice));

/** BOLT 11: "after the timestamp plus expiry has passed" a payer should not try and a payee should not accept. */
export const isExpired = (invoice: Pick<InvoiceFields, 'expiry' | 'timestamp'>, now: UnixTime): boolean => now > expiresAt(invoice);

/** Least expiry of the last HTLC, in blocks above the current height. */
export const minFinalCltvExpiryDeltaOf = (invoice: Pick<InvoiceFields, 'minFinalCltvExpiryDelta'>): Blocks =>
  invoice.minFinalCltvExpiryDelta ?? DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA;
