import { bech32m } from '@scure/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  commitmentVersionOf,
  decodeTapAddress,
  decodeTapAddressFor,
  encodeTapAddress,
  newTapAddress,
  predictedOutputKey,
  receivedAsset,
  scriptKeyFor,
  type TapAddress,
} from '../../../src/asset/address/address.ts';
import { formatCourier, parseCourier, parseCourierFor } from '../../../src/asset/address/courier.ts';
import { leafPreimage, siblingHash } from '../../../src/asset/commitment/sibling.ts';
import { commitForChain, commitmentOutputKey, tapCommitmentScript, tapRoot } from '../../../src/asset/commitment/tap-commitment.ts';
import { assetId } from '../../../src/asset/genesis.ts';
import { equal, utf8 } from '../../../src/base/bytes.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { mint, newKey, newOwner, newWorld, send, valid } from './asset-life.ts';

const world = newWorld();
const minted = mint(world);
const { genesis } = minted.asset;
const KEY = secp.publicKey(newKey(world));
const PLAIN: Parameters<typeof newTapAddress>[0] = {
  version: 1,
  assetVersion: 0,
  genesis,
  groupKey: null,
  scriptKey: newOwner(world).scriptKey.publicKey,
  internalKey: KEY,
  tapscriptSibling: null,
  amount: 300n,
  proofCourier: 'universerpc://127.0.0.1:10029',
};
const made = (change: Partial<typeof PLAIN> = {}): string => {
  const address = newTapAddress({ ...PLAIN, ...change });
  return address.ok ? 'valid' : address.failure.code;
};
const address = (change: Partial<typeof PLAIN> = {}): TapAddress => valid(newTapAddress({ ...PLAIN, ...change }));
const MAILBOX = 'authmailbox+universerpc://127.0.0.1:10029';

test('the text of an address is read back whatever its fields', () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => secp.publicKey(sha256(bytes)));
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 2),
      key,
      key,
      fc.option(key),
      fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
      fc.constantFrom(0, 1),
      (version, scriptKey, internalKey, groupKey, amount, assetVersion) => {
        const proofCourier = version === 2 ? MAILBOX : 'hashmail://courier.example:443';
        const one = address({ version, scriptKey, internalKey, groupKey, amount, assetVersion, proofCourier });
        const decoded = decodeTapAddress(encodeTapAddress(one, 'regtest'));
        expect(decoded).toEqual({ ok: true, value: { address: one, networks: ['regtest'] } });
      },
    ),
    { numRuns: 40 },
  );
});

test('what an address may not say is refused by code', () => {
  expect(made()).toBe('valid');
  expect(made({ amount: 0n })).toBe('INVALID_AMOUNT');
  expect(made({ version: 2, amount: 0n, proofCourier: MAILBOX })).toBe('valid');
  expect(made({ genesis: { ...genesis, type: 1 } })).toBe('INVALID_AMOUNT');
  expect(made({ version: 3 })).toBe('UNKNOWN_VERSION');
  expect(made({ assetVersion: 2 })).toBe('UNKNOWN_VERSION');
  expect(made({ version: 2 })).toBe('INVALID_COURIER');
  expect(made({ version: 1, proofCourier: MAILBOX })).toBe('INVALID_COURIER');
  expect(made({ tapscriptSibling: { kind: 0, preimage: Uint8Array.of(0xc0, 5, 1) } })).toBe('INVALID_SIBLING');
  const commitment = tapCommitmentScript(tapRoot(valid(commitForChain(2, [minted.asset]))));
  expect(made({ tapscriptSibling: { kind: 0, preimage: Uint8Array.from([0xc0, commitment.length, ...commitment]) } })).toBe(
    'INVALID_SIBLING',
  );
  expect(address({ version: 2, groupKey: KEY, proofCourier: MAILBOX }).assetId).toBeNull();
});

test('bad text is refused: checksum, prefix, network, case, padding, length, records', () => {
  const code = (text: string): string => {
    const decoded = decodeTapAddress(text);
    return decoded.ok ? 'valid' : decoded.failure.code;
  };
  const text = encodeTapAddress(address(), 'signet');
  expect(decodeTapAddress(text).ok && code(text)).toBe('valid');
  expect(decodeTapAddress(text)).toMatchObject({ value: { networks: ['testnet3', 'testnet4', 'signet'] } });
  expect(decodeTapAddressFor(text, 'testnet4').ok).toBe(true);
  expect(decodeTapAddressFor(text, 'bitcoin')).toMatchObject({ failure: { code: 'WRONG_NETWORK' } });
  expect(code(`${text.slice(0, -1)}${text.endsWith('q') ? 'p' : 'q'}`)).toBe('CHECKSUM');
  expect(code(text.replace('taptb', 'tapxy'))).toBe('WRONG_NETWORK');
  expect(code(`T${text.slice(1)}`)).toBe('MALFORMED');
  expect(code('taptb')).toBe('MALFORMED');
  expect(code('1'.repeat(9000))).toBe('MALFORMED');
  expect(code(bech32m.encode('taprt', bech32m.toWords(utf8('nothing')), false))).toBe('MALFORMED');
  const words = bech32m.decode(text as `${string}1${string}`, false).words;
  expect(code(bech32m.encode('taptb', [...words.slice(0, -1)], false))).toBe('MALFORMED');
});

test('a courier has a known protocol, a host and an explicit port', () => {
  const code = (text: string): string => {
    const courier = parseCourier(text);
    return courier.ok ? formatCourier(courier.value) : courier.failure.code;
  };
  for (const good of ['hashmail://a.b:443', 'universerpc://127.0.0.1:1', 'authmailbox+universerpc://[::1]:65535'])
    expect(code(good)).toBe(good);
  for (const bad of [
    '',
    'universerpc://host',
    'universerpc://host:',
    'universerpc://host:0',
    'universerpc://host:65536',
    'https://host:1',
    'universerpc://:1',
    'universerpc://u@host:1',
    'universerpc://host:1/path',
  ])
    expect([bad, code(bad)]).toEqual([bad, 'INVALID_COURIER']);
  expect(parseCourierFor(2, 'universerpc://host:1').ok).toBe(false);
});

test.each([0, 1])('the output that pays to a V%d address is known before it is made', (version) => {
  const tapscriptSibling = valid(leafPreimage(utf8('not a valid script')));
  const to = address({ version, tapscriptSibling, amount: 300n });
  const commitment = valid(commitForChain(commitmentVersionOf(to), [receivedAsset(to, genesis)]));
  const made = commitmentOutputKey(tapRoot(commitment), { internalKey: to.internalKey, sibling: valid(siblingHash(tapscriptSibling)) });
  expect(predictedOutputKey(to, genesis)).toEqual({ ok: true, value: made });
  // What a sender commits to is a split output, whose own proof is left out.
  const { sent } = send(world, minted, 300n);
  const paid = { ...sent.asset, scriptKey: receivedAsset(to, genesis).scriptKey };
  expect(tapRoot(valid(commitForChain(commitmentVersionOf(to), [paid])))).toEqual(tapRoot(commitment));
});

test('a V2 address has no output of its own, and one script key for each asset', () => {
  const to = address({ version: 2, groupKey: KEY, amount: 0n, proofCourier: MAILBOX });
  expect(predictedOutputKey(to, genesis)).toMatchObject({ failure: { code: 'UNKNOWN_VERSION' } });
  const [a, b] = [scriptKeyFor(to, assetId(genesis)), scriptKeyFor(to, sha256(assetId(genesis)))];
  expect([equal(a, b), equal(a, scriptKeyFor(to, assetId(genesis))), secp.isPublicKey(a)]).toEqual([false, true, true]);
});
