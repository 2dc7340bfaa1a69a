import { randomBytes } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import { type NodeId, type PaymentHash, type Preimage, parseScid, type ShortChannelId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { blocks, type Msat, unixTime } from '../../base/units.ts';
import { decodeInvoice } from '../../bolt/invoice/decode.ts';
import { expiresAt, isExpired, minFinalCltvExpiryDeltaOf } from '../../bolt/invoice/invoice.ts';
import type { Invoice } from '../../bolt/invoice/types.ts';
import { PRIORS } from '../../bolt/route/cost.ts';
import { supports } from '../../bolt/wire/features.ts';
import { sha256 } from '../../crypto/hash.ts';
import { decodePayment } from '../../node/persist.ts';
import type { PayCommand } from '../../node/types.ts';
import { usage } from '../define.ts';
import { AppError, type ErrorInfo } from '../error.ts';
import { jsonInteger } from '../json.ts';
import type { OperationContext } from '../operation.ts';
import { amount, choice, count, decimal, flag, list, object, type TypeOf, text } from '../schema.ts';
import { maxFee } from './fee-limit.ts';
import { msatOfJson, nodeIdOf, scidOf } from './parse.ts';
import type { PaymentJson } from './payment.ts';

export const payParams = object(
  { destination: text(), dry_run: flag() },
  {
    amount_msat: amount(),
    max_fee_msat: amount(),
    max_fee_percent: decimal(),
    max_parts: count(),
    retry_seconds: count(),
    outgoing: list(text()),
    exclude: list(text()),
    key: text(),
    from_probe: flag(),
    prior: choice(PRIORS),
  },
);
export type PayParams = TypeOf<typeof payParams>;

const DEFAULT_MAX_PARTS = 16;
const DEFAULT_RETRY_SECONDS = 60;
/** BOLT 11's default, for keysend. */
const KEYSEND_CLTV_DELTA = blocks(18);

export interface Destination {
  readonly payment: PayCommand['payment'];
  /** Why it must not be sent now; a stored result comes before it. */
  readonly problem: ErrorInfo | null;
}

export interface RefusedDestination {
  readonly about: Partial<PaymentJson>;
  readonly error: ErrorInfo;
}

/** What is to be paid, to whom. Throws MALFORMED, CHECKSUM, BAD_SIGNATURE, UNKNOWN_FEATURE or USAGE. */
export function readDestination(context: OperationContext, params: PayParams): Result<Destination, RefusedDestination> {
  const given = params.destination.trim().replace(/^lightning:(\/\/)?/i, '');
  if (/^0[23][0-9a-fA-F]{64}$/.test(given)) return keysend(context, params, nodeIdOf(given.toLowerCase()));
  const invoice = decodeInvoice(given);
  if (!invoice.ok)
    throw new AppError({ code: invoice.failure.code, message: invoice.failure.message, hint: 'lnkit pays BOLT 11 invoices and node ids' });
  return bolt11(context, params, { invoice: invoice.value, text: given.toLowerCase() });
}

function bolt11(
  context: OperationContext,
  params: PayParams,
  { invoice, text }: { readonly invoice: Invoice; readonly text: string },
): Result<Destination, RefusedDestination> {
  const given = params.amount_msat === undefined ? null : msatOfJson(params.amount_msat);
  const amountMsat = invoice.amount ?? given;
  if (amountMsat === null) throw usage('the invoice leaves the amount to you', 'give it behind the invoice, such as 1000sat');
  if (invoice.amount !== null && given !== null && given !== invoice.amount)
    throw usage('the invoice asks for another amount', 'leave the amount out');
  const payment: PayCommand['payment'] = {
    ...limits(context, params, amountMsat),
    paymentHash: invoice.paymentHash,
    destination: invoice.payee,
    amountMsat,
    bolt11: text,
    paymentSecret: invoice.paymentSecret,
    paymentMetadata: invoice.paymentMetadata,
    keysendPreimage: null,
    finalCltvDelta: minFinalCltvExpiryDeltaOf(invoice),
    hints: invoice.routes.map((route) => route.map(({ shortChannelId, ...hop }) => ({ ...hop, scid: shortChannelId }))),
    multipart: supports(invoice.features, 'basic_mpp'),
  };
  return ok({ payment, problem: problemOf(context, invoice) });
}

function problemOf({ network, runtime }: OperationContext, invoice: Invoice): ErrorInfo | null {
  if (invoice.network !== network)
    return { code: 'WRONG_NETWORK', message: `the invoice is for ${invoice.network}, this node is on ${network}` };
  if (!isExpired(invoice, runtime.env().now)) return null;
  const until = new Date(expiresAt(invoice) * 1000).toISOString();
  return { code: 'EXPIRED', message: `the invoice could be paid until ${until}`, hint: 'ask for a new one' };
}

function keysend(context: OperationContext, params: PayParams, destination: NodeId): Result<Destination, RefusedDestination> {
  const { runtime } = context;
  if (params.amount_msat === undefined) throw usage('a payment to a node needs an amount', 'give it behind the node id, such as 1000sat');
  const amountMsat = msatOfJson(params.amount_msat);
  const before = params.key === undefined ? null : runtime.store.paymentByKey(params.key);
  const known = before === null ? null : decodePayment(before);
  const twin = known === null && params.key === undefined ? pendingTwin(context, destination, amountMsat) : null;
  if (twin !== null) {
    const message = 'a payment of this amount to this node is pending';
    const error = { code: 'POLICY' as const, message, hint: 'wait for it with `lnkit payment wait`, or tell them apart with --key' };
    return fail({ about: { payment_hash: toHex(twin), destination: toHex(destination), amount_msat: jsonInteger(amountMsat) }, error });
  }
  const preimage = known?.keysendPreimage ?? (new Uint8Array(randomBytes(32)) as Preimage);
  const payment: PayCommand['payment'] = {
    ...limits(context, params, amountMsat),
    paymentHash: sha256(preimage) as PaymentHash,
    destination,
    amountMsat,
    bolt11: null,
    paymentSecret: null,
    paymentMetadata: null,
    keysendPreimage: preimage,
    finalCltvDelta: KEYSEND_CLTV_DELTA,
    hints: [],
    multipart: false,
  };
  return ok({ payment, problem: null });
}

function pendingTwin({ runtime }: OperationContext, destination: NodeId, amountMsat: Msat): PaymentHash | null {
  for (const payment of runtime.state.payments.values()) {
    const same = toHex(payment.destination) === toHex(destination) && payment.amountMsat === amountMsat;
    if (same && payment.keysendPreimage !== null && payment.status === 'pending') return payment.paymentHash;
  }
  return null;
}

function limits({ runtime }: OperationContext, params: PayParams, amountMsat: Msat) {
  const excluded = (params.exclude ?? []).map((text) => parseExcluded(runtime.state, text));
  return {
    maxFeeMsat: maxFee(params, amountMsat),
    maxParts: Math.max(1, params.max_parts ?? DEFAULT_MAX_PARTS),
    key: params.key ?? null,
    ...(params.prior === undefined ? {} : { prior: params.prior }),
    outgoing: (params.outgoing ?? []).map((text) => scidOf(runtime.state, text)),
    excludedNodes: excluded.flatMap(({ node }) => (node === null ? [] : [node])),
    excludedChannels: excluded.flatMap(({ channel }) => (channel === null ? [] : [channel])),
    retryUntil: unixTime(runtime.env().now + (params.retry_seconds ?? DEFAULT_RETRY_SECONDS)),
  };
}

function parseExcluded(
  state: OperationContext['runtime']['state'],
  text: string,
): { readonly node: NodeId | null; readonly channel: ShortChannelId | null } {
  if (/^0[23][0-9a-fA-F]{64}$/.test(text)) return { node: nodeIdOf(text.toLowerCase()), channel: null };
  return { node: null, channel: parseScid(text) ?? scidOf(state, text) };
}
