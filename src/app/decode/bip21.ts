import type { ErrorInfo } from '../error.ts';
import type { Json, JsonObject } from '../operation.ts';
import { decodeThing } from './decode.ts';
import { type Decoded, type DecodeEnv, NOTHING, refused } from './types.ts';

/** A `bitcoin:` link (BIP 21), with what its `lightning` parameter holds decoded too. */
export async function decodeBip21(text: string, env: DecodeEnv): Promise<Decoded> {
  const [, path, query] = /^bitcoin:(?:\/\/)?([^?]*)(?:\?(.*))?$/i.exec(text) as RegExpExecArray;
  const parameters = new URLSearchParams(query ?? '');
  const amount = parameters.get('amount');
  const amountMsat = amount === null ? null : msatOfBitcoin(amount);
  const unknown = [...parameters.keys()].filter((key) => key.toLowerCase().startsWith('req-'));
  const address = path === '' ? null : await decodeThing(path as string, env);
  const lightning = parameters.get('lightning') ?? parameters.get('LIGHTNING');
  const invoice = lightning === null ? null : await decodeThing(lightning, env);

  const network = (address?.json['network'] ?? invoice?.json['network'] ?? null) as string | null;
  const failure = failureOf({ address, invoice, unknown, amount: amount !== null && amountMsat === null ? amount : null });
  if (failure !== null) return refused({ kind: 'bip21', network: network as Parameters<typeof refused>[0]['network'] }, failure);
  const problems = [address, invoice].flatMap((part) => (part === null ? [] : (part.json['problems'] as readonly string[])));
  const json: JsonObject = {
    kind: 'bip21',
    network,
    valid: true,
    problems,
    address: part(address),
    amount_msat: amountMsat,
    label: parameters.get('label'),
    message: parameters.get('message'),
    lightning: part(invoice),
  };
  return { json, error: null, explain: NOTHING };
}

const part = (decoded: Decoded | null): Json => (decoded === null ? null : decoded.json);

function failureOf(link: {
  readonly address: Decoded | null;
  readonly invoice: Decoded | null;
  readonly unknown: readonly string[];
  readonly amount: string | null;
}): ErrorInfo | null {
  if (link.address === null && link.invoice === null)
    return { code: 'MALFORMED', message: 'the link has neither an address nor an invoice' };
  if (link.address !== null && link.address.json['kind'] !== 'address')
    return { code: 'MALFORMED', message: 'the link does not begin with an address' };
  if (link.address?.error) return link.address.error;
  // BIP 21: a parameter with req- that is not understood makes the whole link invalid.
  if (link.unknown.length > 0) return { code: 'UNKNOWN_FEATURE', message: `the link requires ${link.unknown.join(', ')}` };
  if (link.amount !== null) return { code: 'MALFORMED', message: `"${link.amount}" is not an amount in bitcoin` };
  return link.invoice?.error ?? null;
}

/** BIP 21 amounts are in bitcoin with a decimal point. */
function msatOfBitcoin(text: string): number | null {
  const match = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * 1e11 + Number((match[2] ?? '').padEnd(8, '0')) * 1000;
}
