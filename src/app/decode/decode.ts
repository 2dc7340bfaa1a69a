import { parseScid } from '../../base/ids.ts';
import { decodeInvoiceText, invoiceNetwork } from './invoice.ts';
import { type Decoded, type DecodeEnv, NOTHING, refused } from './types.ts';

/** Longer than anything that is decoded: a PSBT of the largest block, in hexadecimal. */
const MAX_CHARACTERS = 1 << 24;

/**
 * Decodes anything, offline. Invoices are answered at once; what needs more code than they do loads it first, so the caller awaits only
 * a promise (`instanceof Promise`): in a batch that is a fifth of the time.
 */
export function decodeThing(given: string, env: DecodeEnv): Decoded | Promise<Decoded> {
  const text = withoutScheme(given.trim());
  if (text.length > MAX_CHARACTERS) return refused({ kind: 'unknown', network: null }, malformed('the text is longer than 16 MiB'));
  if (isInvoice(text)) return decodeInvoiceText(text, env);
  if (/^\d+x\d+x\d+$/.test(text)) return decodeScid(text);
  return decodeOther(text, env);
}

async function decodeOther(text: string, env: DecodeEnv): Promise<Decoded> {
  if (/^bitcoin:/i.test(text)) return (await import('./bip21.ts')).decodeBip21(text, env);
  if (/^tap(bc|tb|rt|sb)1/i.test(text)) return (await import('./asset.ts')).decodeAssetAddress(text, env);
  if (/^544150(46|50)([0-9a-f]{2})*$/i.test(text)) return (await import('./asset.ts')).decodeAssetProof(text);
  if (/^4c4e4b42([0-9a-f]{2})*$/i.test(text)) return (await import('./backup.ts')).decodeBackupText(text, env);
  if (/^(cHNidP|70736274ff)/i.test(text)) return (await import('./psbt.ts')).decodePsbtText(text, env);
  if (/^([0-9a-fA-F]{2})+$/.test(text) && !looksLikeAddress(text)) return (await import('./hex.ts')).decodeHex(text, env);
  const { decodeAddressText } = await import('./address.ts');
  if (looksLikeAddress(text)) return decodeAddressText(text, env);
  return refused({ kind: kindByPrefix(text), network: null }, malformed(`"${abridged(text)}" is nothing that lnkit decodes`, HINT));
}

const HINT =
  'it decodes BOLT 11 invoices, addresses, transactions, PSBTs, BOLT messages in hex, short channel ids, bitcoin: links, addresses, proofs and virtual PSBTs of Taproot Assets, and backups';

/** BOLT 11 begins with `ln` and a prefix of BIP 173; what else begins with `ln` has its own kinds. */
function isInvoice(text: string): boolean {
  return /^ln(?!url1|o1|r1|i1)/i.test(text) && (invoiceNetwork(text) !== null || text.includes('1'));
}

function looksLikeAddress(text: string): boolean {
  return /^(bc1|tb1|bcrt1)/i.test(text) || (text.length >= 26 && text.length <= 35 && /^[123mn][1-9A-HJ-NP-Za-km-z]+$/.test(text));
}

function kindByPrefix(text: string): string {
  const kinds: readonly (readonly [RegExp, string])[] = [
    [/^lnurl1/i, 'lnurl'],
    [/^lno1/i, 'bolt12_offer'],
    [/^lnr1/i, 'bolt12_invoice_request'],
    [/^lni1/i, 'bolt12_invoice'],
  ];
  return kinds.find(([pattern]) => pattern.test(text))?.[1] ?? 'unknown';
}

/** `lightning:` and `lightning://` stand in front of invoices in links and QR codes. */
const withoutScheme = (text: string): string => (/^lightning:/i.test(text) ? text.replace(/^lightning:(\/\/)?/i, '') : text);

function decodeScid(text: string): Decoded {
  const scid = parseScid(text);
  if (scid === null) {
    const message = 'a short channel id is BLOCKxTXxOUTPUT with 24, 24 and 16 bits';
    return refused({ kind: 'short_channel_id', network: null }, malformed(message));
  }
  const [blockHeight, txIndex, outputIndex] = text.split('x').map(Number) as [number, number, number];
  const json = {
    kind: 'short_channel_id',
    network: null,
    valid: true,
    problems: [],
    short_channel_id: `${blockHeight}x${txIndex}x${outputIndex}`,
    block_height: blockHeight,
    tx_index: txIndex,
    output_index: outputIndex,
    number: `${scid}`,
  };
  return { json, error: null, explain: NOTHING };
}

const malformed = (message: string, hint?: string) => ({ code: 'MALFORMED' as const, message, ...(hint === undefined ? {} : { hint }) });

const abridged = (text: string): string => (text.length <= 40 ? text : `${text.slice(0, 37)}...`);
