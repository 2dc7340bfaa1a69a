import { formatScid } from '../../base/ids.ts';
import type { Network } from '../../bitcoin/network.ts';
import { decodeInvoice } from '../../bolt/invoice/decode.ts';
import { fallbackAddress } from '../../bolt/invoice/fallback.ts';
import { describeFeatures, type InvoiceFeature } from '../../bolt/invoice/features.ts';
import { expiresAt, expiryOf, minFinalCltvExpiryDeltaOf } from '../../bolt/invoice/invoice.ts';
import type { Invoice } from '../../bolt/invoice/types.ts';
import { jsonInteger } from '../json.ts';
import type { JsonObject } from '../operation.ts';
import { explainInvoice } from './explain-invoice.ts';
import { hexOf } from './hex-text.ts';
import { type Decoded, type DecodeEnv, refused } from './types.ts';

/** The network that the prefix of an invoice names, or null. */
export function invoiceNetwork(text: string): Network | null {
  const prefix = /^ln(bcrt|bc|tbs|tb)(?=1|\d)/i.exec(text)?.[1]?.toLowerCase();
  switch (prefix) {
    case 'bc':
      return 'bitcoin';
    case 'tb':
      return 'testnet4';
    case 'tbs':
      return 'signet';
    case 'bcrt':
      return 'regtest';
    default:
      return null;
  }
}

/** A BOLT 11 invoice, checked as one who pays it would (BOLT 11, "Requirements"). */
export function decodeInvoiceText(text: string, env: DecodeEnv): Decoded {
  const decoded = decodeInvoice(text);
  const explain = () => explainInvoice(text);
  if (!decoded.ok) {
    const { code, message } = decoded.failure;
    return refused({ kind: 'bolt11', network: invoiceNetwork(text), explain }, { code, message });
  }
  return { json: invoiceJson(decoded.value, env), error: null, explain };
}

function invoiceJson(invoice: Invoice, env: DecodeEnv): JsonObject {
  const features = featuresOf(invoice);
  const expires = expiresAt(invoice);
  return {
    kind: 'bolt11',
    network: invoice.network,
    valid: true,
    problems: problemsOf(invoice, { expires, env }),
    amount_msat: invoice.amount === null ? null : jsonInteger(invoice.amount),
    timestamp: invoice.timestamp,
    expires_at: expires,
    expiry: expiryOf(invoice),
    payment_hash: hexOf(invoice.paymentHash),
    payment_secret: hexOf(invoice.paymentSecret),
    description: invoice.description,
    description_hash: invoice.descriptionHash === null ? null : hexOf(invoice.descriptionHash),
    payee: hexOf(invoice.payee),
    min_final_cltv_expiry_delta: minFinalCltvExpiryDeltaOf(invoice),
    features,
    fallback_addresses: invoice.fallbacks.map((fallback) => fallbackAddress(fallback, invoice.network)),
    routes: invoice.routes.map((route) =>
      route.map((hop) => ({
        node_id: hexOf(hop.nodeId),
        short_channel_id: formatScid(hop.shortChannelId),
        fee_base_msat: hop.feeBaseMsat,
        fee_proportional_millionths: hop.feeProportionalMillionths,
        cltv_expiry_delta: hop.cltvExpiryDelta,
      })),
    ),
    payment_metadata: invoice.paymentMetadata === null ? null : hexOf(invoice.paymentMetadata),
    signature: hexOf(invoice.signature),
    signature_recovery: invoice.signatureRecovery,
    unknown_fields: invoice.unknownFields.map(({ type, words }) => ({ type, tag: CHARSET[type] as string, data: wordsText(words) })),
  };
}

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** The words as they stand in the invoice. */
function wordsText(words: Uint8Array): string {
  let text = '';
  for (const word of words) text += CHARSET[word];
  return text;
}

type FeatureJson = readonly { readonly bit: number; readonly name: string | null; readonly required: boolean }[];

/** Invoices of one node all have the same features: a batch meets few different bitmaps. */
const seenFeatures = new Map<string, FeatureJson>();

function featuresOf({ features }: Invoice): FeatureJson {
  const key = hexOf(features);
  let json = seenFeatures.get(key);
  if (json === undefined) {
    json = describeFeatures(features).map(({ bit, name, required }: InvoiceFeature) => ({ bit, name, required }));
    if (seenFeatures.size < 1_000) seenFeatures.set(key, json);
  }
  return json;
}

function problemsOf(invoice: Invoice, part: { readonly expires: number; readonly env: DecodeEnv }): readonly string[] {
  const { expires, env } = part;
  const problems: string[] = [];
  if (env.now > expires) problems.push(`expired: it could be paid until ${expires} (unix seconds)`);
  if (invoice.timestamp > env.now + 7200) problems.push(`from the future: it was made at ${invoice.timestamp} (unix seconds)`);
  if (env.network !== null && env.network !== invoice.network)
    problems.push(`wrong network: it is for ${invoice.network}, not for ${env.network}`);
  if (invoice.features.length === 0) problems.push('legacy: it names no features, not even payment_secret');
  return problems;
}
