import { expect, it } from 'vitest';
import { concat, fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import { NETWORK_PARAMS } from '../../src/bitcoin/network.ts';
import { readVersion2 } from '../../src/bolt/gossip/version-2.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/bolt/wire/message.ts';
import vectors from './gossip-version-2-lnd.json' with { type: 'json' };

const scid = 0x0c8d520009a90001n;
const regtest = NETWORK_PARAMS.regtest.chainHash;
const port = 9735;
/** What each of lnd's messages says, in their order. */
const SAID: readonly object[] = [
  { shortChannelId: scid, capacitySatoshis: 1_234_567n, features: fromHex('0202') },
  { chainHash: regtest, merkleRootHash: fromHex(`07${'00'.repeat(31)}`), unknown: [{ type: 21n, value: Uint8Array.of(1, 2, 3) }] },
  { shortChannelId: scid, blockHeight: 900_000, htlcMaximumMsat: 990_000_000n },
  { secondPeer: true, disableFlags: 3, cltvExpiryDelta: 144, htlcMinimumMsat: 1000n, feeBaseMsat: 0, feeProportionalMillionths: 250 },
  { blockHeight: 900_001 },
  {
    color: Uint8Array.of(1, 2, 3),
    alias: utf8('zoé'),
    ipv4Addresses: [
      { address: Uint8Array.of(203, 0, 113, 5), port },
      { address: Uint8Array.of(198, 51, 100, 7), port: 80 },
    ],
    ipv6Addresses: [{ address: fromHex('20010db8000000000000000000000001'), port }],
    torV3Addresses: [{ address: new Uint8Array(35).fill(0x42), port }],
    dnsHostname: concat(utf8('ln.example.com'), Uint8Array.of(port >> 8, port & 0xff)),
  },
  { shortChannelId: scid, partialSignature: fromHex('4d'.padStart(64, '0')) },
];

it.each(vectors.messages.map(({ name, hex }, i) => [name, hex, SAID[i] as object] as const))('%s', (name, hex, said) => {
  const bytes = fromHex(hex);
  expect(readVersion2(bytes)).toBe('well_formed');
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.failure.message);
  expect(decoded.value).toMatchObject({ name: name.split(':')[0], tlvs: said });
  expect(toHex(encodeMessage(decoded.value as Message))).toBe(hex);
});
