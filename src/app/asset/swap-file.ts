import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { base64 } from '@scure/base';
import { decodePsbtMaps, type PsbtMaps } from '../../asset/packet/psbt-map.ts';
import type { VirtualPacket } from '../../asset/packet/virtual-packet.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Network } from '../../bitcoin/network.ts';
import { usage } from '../define.ts';
import { AppError } from '../error.ts';
import { packetOf, psbtBytes } from '../forms/asset-packet.ts';

/** More than the proof of ten thousand transitions takes as base64. */
const MAX_BYTES = 64 * 1024 * 1024;
const FORMAT = 'lnkit-asset-swap';

/** What a seller gives away: both legs, signed, and the proof of what is sold. What else stands in the file is for people, and must agree. */
export interface SwapFile {
  readonly packet: VirtualPacket;
  readonly anchor: PsbtMaps;
  readonly proof: Bytes;
  readonly expiresAt: number;
  /** What it says for people to read; whoever accepts it compares it with what was signed. */
  readonly claims: { readonly asset_id: string; readonly amount: string; readonly price_sat: string };
}

export interface SwapFileJson {
  readonly format: string;
  readonly version: number;
  readonly network: string;
  readonly asset_id: string;
  readonly amount: string;
  readonly price_sat: number;
  readonly expires_at: number;
  readonly virtual_psbt: string;
  readonly anchor_psbt: string;
  readonly proof: string;
}

export const swapFile = (parts: Omit<SwapFileJson, 'format' | 'version' | 'proof'> & { readonly proof: Bytes }): SwapFileJson => ({
  format: FORMAT,
  version: 1,
  ...parts,
  proof: base64.encode(parts.proof),
});

/** The text of an offer, from a file or (-) stdin. Throws USAGE. */
export async function swapText(path: string): Promise<string> {
  if (path === '-') return (await import('../stdin.ts')).stdinText();
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.size > MAX_BYTES) throw usage(`${path} is no offer: it is no file, or too large`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** A PSBT as typed, or (-) from stdin. */
export const psbtArgument = async (given: string): Promise<string> => (given === '-' ? (await import('../stdin.ts')).stdinText() : given);

/** Reads an offer; nothing of it is verified. Throws MALFORMED, WRONG_NETWORK or USAGE. */
export function readSwap(given: string, network: Network): SwapFile {
  const broken = (message: string): AppError => new AppError({ code: 'MALFORMED', message });
  if (given.length > MAX_BYTES) throw broken('the offer is too large');
  let json: unknown;
  try {
    json = JSON.parse(given);
  } catch {
    throw broken('the offer is no JSON');
  }
  const fields = (typeof json === 'object' && json !== null ? json : {}) as { readonly [name: string]: unknown };
  const textOf = (name: string): string => {
    const value = fields[name];
    if (typeof value !== 'string') throw broken(`the offer has no ${name}`);
    return value;
  };
  // Offers of an earlier lnkit have it as text.
  const numberOf = (name: string): string => (typeof fields[name] === 'number' ? `${fields[name]}` : textOf(name));
  if (fields['format'] !== FORMAT || fields['version'] !== 1) throw broken('this is no offer that this version of lnkit reads');
  const expiresAt = fields['expires_at'];
  if (typeof expiresAt !== 'number' || !Number.isSafeInteger(expiresAt)) throw broken('the offer does not say when it runs out');
  if (textOf('network') !== network)
    throw new AppError({ code: 'WRONG_NETWORK', message: `the offer is for ${textOf('network').slice(0, 20)}, not ${network}` });
  const anchor = decodePsbtMaps(psbtBytes(textOf('anchor_psbt')));
  if (!anchor.ok) throw broken(`the Bitcoin leg of the offer: ${anchor.failure.message}`);
  const claims = { asset_id: textOf('asset_id'), amount: textOf('amount'), price_sat: numberOf('price_sat') };
  return { claims, packet: packetOf(textOf('virtual_psbt'), network), anchor: anchor.value, proof: psbtBytes(textOf('proof')), expiresAt };
}
