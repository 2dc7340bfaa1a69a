import { type Bytes, toHex, tryText } from '../../base/bytes.ts';
import { formatScid, type ShortChannelId } from '../../base/ids.ts';
import { bytesOfWords, decodeBech32, numberOfWords } from '../../bolt/invoice/bech32.ts';
import { describeFeatures } from '../../bolt/invoice/features.ts';
import { FIELD, HINT_LENGTH, SIGNATURE_WORDS, TIMESTAMP_WORDS } from '../../bolt/invoice/fields.ts';
import { Reader } from '../../codec/reader.ts';
import type { Piece } from './types.ts';

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

const NAME_OF = new Map<number, string>([
  [FIELD.p, 'p: payment_hash'],
  [FIELD.r, 'r: route hint'],
  [FIELD.features, '9: features'],
  [FIELD.x, 'x: expiry'],
  [FIELD.f, 'f: fallback address'],
  [FIELD.d, 'd: description'],
  [FIELD.s, 's: payment_secret'],
  [FIELD.n, 'n: payee'],
  [FIELD.h, 'h: description_hash'],
  [FIELD.c, 'c: min_final_cltv_expiry_delta'],
  [FIELD.m, 'm: payment_metadata'],
]);

/** The invoice character by character; offsets are those in its text. Empty where it is not even bech32. */
export function explainInvoice(text: string): readonly Piece[] {
  const decoded = decodeBech32(text);
  if (!decoded.ok) return [];
  const { hrp, words } = decoded.value;
  const start = hrp.length + 1;
  const end = words.length - SIGNATURE_WORDS;
  const pieces: Piece[] = [
    ...explainHrp(text.slice(0, hrp.length)),
    { at: hrp.length, raw: '1', name: 'separator', meaning: 'the last 1: the data begins' },
  ];
  const add = (from: number, to: number, name: string, meaning: string): void => {
    pieces.push({ at: start + from, raw: text.slice(start + from, start + to), name, meaning });
  };
  if (end < TIMESTAMP_WORDS) return pieces;
  add(0, TIMESTAMP_WORDS, 'timestamp', `${numberOfWords(words, 0, TIMESTAMP_WORDS)} seconds since 1970`);
  let at = TIMESTAMP_WORDS;
  while (at + 3 <= end) {
    const type = words[at] as number;
    const length = (words[at + 1] as number) * 32 + (words[at + 2] as number);
    const name = NAME_OF.get(type) ?? `${CHARSET[type]}: unknown`;
    add(at, at + 1, 'type', name);
    add(at + 1, at + 3, 'data_length', `${length} words of 5 bits`);
    const to = Math.min(at + 3 + length, end);
    if (to > at + 3) add(at + 3, to, name, meaningOf(type, words.subarray(at + 3, to)));
    at = to;
  }
  if (at < end) add(at, end, 'left over', 'too short for another field');
  add(end, end + SIGNATURE_WORDS - 1, 'signature', toHex(bytesOfWords(words, end).subarray(0, 64)));
  // 65 bytes end 520 bits on, which is 104 words: the last word and three bits before it are the recovery id.
  add(end + SIGNATURE_WORDS - 1, end + SIGNATURE_WORDS, 'recovery id', `${bytesOfWords(words, end)[64]}`);
  add(words.length, words.length + 6, 'checksum', 'bech32');
  return pieces;
}

function explainHrp(hrp: string): readonly Piece[] {
  const [, prefix, digits, multiplier] = /^(ln[a-z]*?)(\d*)([munp]?)$/i.exec(hrp) ?? [hrp, hrp, '', ''];
  const pieces: Piece[] = [{ at: 0, raw: prefix as string, name: 'prefix', meaning: 'Lightning, and the network as in its addresses' }];
  if (digits !== '')
    pieces.push({ at: (prefix as string).length, raw: digits as string, name: 'amount', meaning: 'in bitcoin, times the multiplier' });
  const names: { readonly [letter: string]: string } = { m: 'thousandths', u: 'millionths', n: 'billionths', p: 'trillionths' };
  const name = names[(multiplier as string).toLowerCase()];
  if (name !== undefined)
    pieces.push({ at: hrp.length - 1, raw: multiplier as string, name: 'multiplier', meaning: `${name} of a bitcoin` });
  return pieces;
}

function meaningOf(type: number, words: Bytes): string {
  const bytes = bytesOfWords(words);
  switch (type) {
    case FIELD.x:
      return words.length > 10 ? 'more than 50 bits' : `${numberOfWords(words, 0, words.length)} seconds after the timestamp`;
    case FIELD.c:
      return words.length > 10 ? 'more than 50 bits' : `${numberOfWords(words, 0, words.length)} blocks`;
    case FIELD.d:
      return JSON.stringify(tryText(bytes) ?? toHex(bytes));
    case FIELD.f:
      return `version ${words[0]}, ${toHex(bytesOfWords(words.subarray(1)))}`;
    case FIELD.features:
      return describeFeatures(featureBits(words))
        .map(({ bit, name }) => `${bit} ${name ?? 'unknown'}`)
        .join(', ');
    case FIELD.r:
      return hops(bytes);
    default:
      return toHex(bytes);
  }
}

/** The bitmap is a big-endian number: its padding, unlike that of the other fields, is in front. */
function featureBits(words: Bytes): Bytes {
  const bits = [...words].flatMap((word) => [16, 8, 4, 2, 1].map((mask) => ((word & mask) === 0 ? 0 : 1)));
  const out = new Uint8Array(Math.ceil(bits.length / 8));
  bits.reverse().forEach((bit, i) => {
    const at = out.length - 1 - (i >> 3);
    out[at] = (out[at] as number) | (bit << (i & 7));
  });
  return out;
}

function hops(bytes: Bytes): string {
  if (bytes.length === 0 || bytes.length % HINT_LENGTH !== 0) return `${toHex(bytes)} (not a whole number of hops)`;
  const reader = new Reader(bytes);
  const texts: string[] = [];
  while (reader.left > 0) {
    const node = toHex(reader.take(33));
    const scid = formatScid(reader.u64() as ShortChannelId);
    texts.push(`from ${node} over ${scid}: ${reader.u32()} msat + ${reader.u32()} ppm, ${reader.u16()} blocks`);
  }
  return texts.join('; ');
}
