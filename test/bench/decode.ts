import { decodeThing } from '../../src/app/decode/decode.ts';
import { stringify } from '../../src/app/json.ts';
import { unixTime } from '../../src/base/units.ts';
import { bytesOfWords, decodeBech32 } from '../../src/bolt/invoice/bech32.ts';
import { decodeInvoice } from '../../src/bolt/invoice/decode.ts';
import { signedHash } from '../../src/bolt/invoice/fields.ts';
import { loadNative } from '../../src/crypto/native.ts';
import { type Bench, inTurns, median, pairedRatio, rate } from './harness.ts';
import { makeInvoices } from './invoices.ts';

const COUNT = 2_000;
const ROUND = { least: 300, stride: 100 } as const;

/** `text`: an invoice as read by a payer. `json`: what `lnkit decode -` does for a line, up to the line of JSON that it prints. */
export const bench: Bench = {
  summary: 'BOLT 11 invoices a second in one process, and their share of what the native library alone recovers',
  async run({ report, runs }) {
    const native = loadNative();
    if (native === null) throw new Error('the native library does not load here: there is nothing to compare with');
    const invoices = makeInvoices(COUNT);
    const signed = invoices.map(signatureOf);
    const env = { now: unixTime(1_780_000_000), network: null };
    const at = (i: number): string => invoices[i % COUNT] as string;
    const cases = {
      recover: (i: number) => {
        const { signature, recovery, hash } = signed[i % COUNT] as Signed;
        if (native.recover(signature, recovery, hash) === null) throw new Error('a signature does not recover');
      },
      text: (i: number) => {
        if (!decodeInvoice(at(i)).ok) throw new Error('an invoice does not decode');
      },
      json: (i: number) => {
        const decoded = decodeThing(at(i), env);
        if (decoded instanceof Promise || decoded.error !== null) throw new Error('an invoice does not decode');
        stringify(decoded.json);
      },
    };
    for (const run of Object.values(cases)) rate(run, ROUND);
    const rounds = runs(11);
    const samples = await inTurns(rounds, {
      recover: () => rate(cases.recover, ROUND),
      text: () => rate(cases.text, ROUND),
      json: () => rate(cases.json, ROUND),
    });
    report({ metric: 'native_per_s', value: median(samples.recover), unit: '1/s', n: rounds });
    for (const form of ['text', 'json'] as const) {
      report({ metric: 'per_s', value: median(samples[form]), unit: '1/s', n: rounds, form, invoices: COUNT });
      report({ metric: 'share_of_native', value: pairedRatio(samples[form], samples.recover), unit: 'x', n: rounds, form });
    }
  },
};

interface Signed {
  readonly signature: Uint8Array;
  readonly recovery: number;
  readonly hash: Uint8Array;
}

/** What recovery alone is given: hash and signature, taken out of the invoice beforehand. */
function signatureOf(invoice: string): Signed {
  const bech32 = decodeBech32(invoice);
  if (!bech32.ok) throw new Error('an invoice is not bech32');
  const { hrp, words } = bech32.value;
  const end = words.length - 104;
  const compact = bytesOfWords(words, end);
  return { signature: compact.slice(0, 64), recovery: compact[64] as number, hash: signedHash(hrp, words.subarray(0, end)) };
}
