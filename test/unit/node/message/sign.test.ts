import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../src/base/bytes.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import { signMessage, verifyMessage } from '../../../../src/node/message/sign.ts';
import { decodeZbase32, encodeZbase32 } from '../../../../src/node/message/zbase32.ts';

// Core Lightning's tests/test_misc.py (three signatures made by lnd nodes among them) and doc/schemas/checkmessage.json.
const SIGNED = [
  [
    'is this compatible?',
    'rbgfioj114mh48d8egqx8o9qxqw4fmhe8jbeeabdioxnjk8z3t1ma1hu1fiswpakgucwwzwo6ofycffbsqusqdimugbh41n1g698hr9t',
    '02b80cabdf82638aac86948e4c06e82064f547768dcef977677b9ea931ea75bab5',
  ],
  [
    'hi',
    'rnrphcjswusbacjnmmmrynh9pqip7sy5cx695h6mfu64iac6qmcmsd8xnsyczwmpqp9shqkth3h4jmkgyqu5z47jfn1q7gpxtaqpx4xg',
    '02de60d194e1ca5947b59fe8e2efd6aadeabfb67f2e89e13ae1a799c1e08e4a43b',
  ],
  [
    'hi',
    'ry8bbsopmduhxy3dr5d9ekfeabdpimfx95kagdem7914wtca79jwamtbw4rxh69hg7n6x9ty8cqk33knbxaqftgxsfsaeprxkn1k48p3',
    '022b8ece90ee891cbcdac0c1cc6af46b73c47212d8defbce80265ac81a6b794931',
  ],
  [
    'testcase to check new rpc error',
    'd66bqz3qsku5fxtqsi37j11pci47ydxa95iusphutggz9ezaxt56neh77kxe5hyr41kwgkncgiu94p9ecxiexgpgsz8daoq4tw8kj8yx',
    '03be3b0e9992153b1d5a6e1623670b6c3663f72ce6cf2e0dd39c0a373a7de5a3b7',
  ],
  [
    'message for you',
    'rnu3qotbr47u7uzgodtq51fraszhp47xfen4yxbzhsisrekqwzshysu7sq4f74g5jobnh35fsh1a3ysoa7who6cqbti47qkxp6w1qwan',
    '033845802d25b4e074ccfd7cd8b339a41dc75bf9978a034800444b51d42b07799a',
  ],
  [
    'this is a test!',
    'd63t8j9xmusnx6f6j3tauwoewi1g3a94t9xrastmou8i5rzn3gm9nuahkx6zfnm9ry145w4j88ctteim4mtxc7qreyity55zq63sj6n5',
    '033845802d25b4e074ccfd7cd8b339a41dc75bf9978a034800444b51d42b07799a',
  ],
] as const;

describe('signatures of lnd and Core Lightning', () => {
  test.each(SIGNED)('%s', (message, signature, nodeId) => {
    const verified = verifyMessage(utf8(message), signature);
    expect(verified.ok && toHex(verified.value)).toBe(nodeId);
    const other = verifyMessage(utf8(`${message}modified`), signature);
    expect(other.ok && toHex(other.value)).not.toBe(nodeId);
  });
});

test('what a node signs is by that node', () => {
  const privateKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((key) => secp.isPrivateKey(key));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), privateKey, (message, key) => {
      const signature = signMessage(message, key);
      expect(signature).toHaveLength(104);
      expect(verifyMessage(message, signature)).toEqual({ ok: true, value: secp.publicKey(key) });
    }),
  );
});

test('what is no signature is refused', () => {
  const good = SIGNED[1][1];
  for (const bad of ['', 'hi', 'wrong zbase format', good.slice(1), `${good}y`, good.toUpperCase(), `l${good.slice(1)}`])
    expect(verifyMessage(utf8('hi'), bad)).toEqual({ ok: false, failure: 'MALFORMED' });
  // The header of an uncompressed key, and an r of zero.
  expect(verifyMessage(utf8('hi'), encodeZbase32(new Uint8Array(65).fill(27)))).toEqual({ ok: false, failure: 'MALFORMED' });
  const zero = new Uint8Array(65);
  zero[0] = 31;
  expect(verifyMessage(utf8('hi'), encodeZbase32(zero))).toEqual({ ok: false, failure: 'BAD_SIGNATURE' });
});

describe('zbase32', () => {
  test('the known encoding of Core Lightning’s tests', () => {
    const bytes = fromHex(
      '1f76e8acd54afbf23610b7166ba689afcc9e8ec3c44e442e765012dfc1d299958827d0205f7e4e1a12620e7fc8ce1c7d3651acefde899c33f12b6958d3304106a0',
    );
    const text = 'd75qtmgijm79rpooshmgzjwji9gj7dsdat8remuskyjp9oq1ugkaoj6orbxzhuo4njtyh96e3aq84p1tiuz77nchgxa1s4ka4carnbiy';
    expect(encodeZbase32(bytes)).toBe(text);
    expect(decodeZbase32(text)).toEqual(bytes);
  });

  test('bytes of any length come back, and every text has one reading', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(decodeZbase32(encodeZbase32(bytes))).toEqual(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ybndrfg8ejkmcpqxot1uwisza345h769'), maxLength: 30 }), (text) => {
        const bytes = decodeZbase32(text);
        expect(bytes === null || encodeZbase32(bytes) === text).toBe(true);
      }),
    );
  });
});
