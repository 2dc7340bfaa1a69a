import { utf8 } from '../../src/base/bytes.ts';
import type { NodeId, PaymentHash } from '../../src/base/ids.ts';
import { blocks, type Msat, unixTime } from '../../src/base/units.ts';
import { encodeInvoice, signWith } from '../../src/bolt/invoice/encode.ts';
import type { InvoiceFields } from '../../src/bolt/invoice/types.ts';
import { secp } from '../../src/crypto/ec.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { pseudoRandom } from './harness.ts';

/** var_onion_optin, payment_secret and basic_mpp, as lnd and lnkit write them today. */
const FEATURES = Uint8Array.of(0x02, 0x41, 0x00);

/**
 * Invoices of many payees, all different: amounts, descriptions, expiries, and in every fourth a private hop, as wallets with private
 * channels write them. The payee is to be recovered from the signature, which is how nearly all invoices come.
 */
export function makeInvoices(count: number): readonly string[] {
  const random = pseudoRandom(0x11);
  return Array.from({ length: count }, (_, i) => {
    const privateKey = sha256(utf8(`payee ${i}`));
    const hint = { nodeId: secp.publicKey(sha256(utf8(`hint ${i}`))) as NodeId, feeBaseMsat: 1000, feeProportionalMillionths: 1 + i };
    const fields: InvoiceFields = {
      network: 'bitcoin',
      amount: BigInt(1 + ((i * 7919) % 100_000)) as Msat,
      timestamp: unixTime(1_780_000_000 + 61 * i),
      paymentHash: random(32) as PaymentHash,
      paymentSecret: random(32),
      description: `order ${i}: ${'a cup of coffee and a slice of cake '.slice(0, i % 36)}`,
      descriptionHash: null,
      expiry: 3600 + i,
      minFinalCltvExpiryDelta: blocks(40 + (i % 100)),
      features: FEATURES,
      fallbacks: [],
      routes: i % 4 === 0 ? [[{ ...hint, shortChannelId: (BigInt(700_000 + i) << 40n) as never, cltvExpiryDelta: 40 }]] : [],
      paymentMetadata: null,
      payeeField: null,
      unknownFields: [],
    };
    return encodeInvoice(fields, signWith(privateKey));
  });
}
