import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/base/bytes.ts';
import { addressOf, decodeAddresses, encodeAddresses, hostOf, type NetAddress } from '../../../../src/bolt/wire/address.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const port = fc.integer({ min: 1, max: 65535 });
const hostname = fc.stringMatching(/^[a-z0-9-]{1,20}(\.[a-z]{2,5})?$/);
const address: fc.Arbitrary<NetAddress> = fc.oneof(
  fc.record({ kind: fc.constant('ipv4' as const), ip: fixed(4), port }),
  fc.record({ kind: fc.constant('ipv6' as const), ip: fixed(16), port }),
  fc.record({ kind: fc.constant('tor_v3' as const), onion: fixed(35), port }),
  fc.record({ kind: fc.constant('dns' as const), hostname, port }),
);
const ORDER = ['ipv4', 'ipv6', 'tor_v3', 'dns'];
const ascending = (list: readonly NetAddress[]) => list.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));

describe('address descriptors', () => {
  it('come back in ascending order', () => {
    fc.assert(
      fc.property(fc.array(address, { maxLength: 6 }), (list) => {
        expect(decodeAddresses(encodeAddresses(list))).toEqual(ascending(list));
      }),
    );
  });

  it('end at the first unknown one, and at a truncated end', () => {
    const known = fromHex('010102030426ab');
    expect(decodeAddresses(concat(known, fromHex('63010203')))).toHaveLength(1);
    expect(decodeAddresses(concat(known, fromHex('0102')))).toHaveLength(1);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => decodeAddresses(bytes).every(({ port }) => port > 0)));
  });

  it('skip Tor v2, host names that are none, and port 0', () => {
    const torV2 = concat(Uint8Array.of(3), new Uint8Array(12));
    const badName = fromHex('0503610a622607');
    expect(decodeAddresses(concat(torV2, badName, fromHex('01010203040000'), fromHex('010a0000012607')))).toEqual([
      { kind: 'ipv4', ip: fromHex('0a000001'), port: 0x2607 },
    ]);
  });

  it('have names that people know', () => {
    expect(hostOf({ kind: 'ipv4', ip: Uint8Array.of(127, 0, 0, 1), port: 1 })).toBe('127.0.0.1');
    expect(hostOf({ kind: 'ipv6', ip: fromHex('20010db8000000000000000000000001'), port: 1 })).toBe('2001:db8:0:0:0:0:0:1');
    expect(hostOf({ kind: 'dns', hostname: 'example.com', port: 1 })).toBe('example.com');
    const onion = fromHex('000443214c74254b635cf84653a56d7c675be77dfeffff0000000000000000000000ff');
    expect(hostOf({ kind: 'tor_v3', onion, port: 1 })).toMatch(/^[a-z2-7]{56}\.onion$/);
    expect(hostOf({ kind: 'tor_v3', onion: concat(fromHex('00443214c7'), new Uint8Array(30)), port: 1 }).slice(0, 9)).toBe(
      'abcdefghaaaa'.slice(0, 9),
    );
  });

  it('refuse to write a host name that is none', () => {
    expect(() => encodeAddresses([{ kind: 'dns', hostname: 'a b', port: 1 }])).toThrow(RangeError);
    expect(toHex(encodeAddresses([{ kind: 'dns', hostname: 'ab', port: 9735 }]))).toBe('050261622607');
  });
});

test.each([
  ['127.0.0.1', 'ipv4', '127.0.0.1'],
  ['::1', 'ipv6', '0:0:0:0:0:0:0:1'],
  ['2001:db8::8a2e:370:7334', 'ipv6', '2001:db8:0:0:0:8a2e:370:7334'],
  ['fe80:0:0:0:1:2:3:4', 'ipv6', 'fe80:0:0:0:1:2:3:4'],
  [`${'abcdefg2'.repeat(7)}.onion`, 'tor_v3', `${'abcdefg2'.repeat(7)}.onion`],
  ['node.example.org', 'dns', 'node.example.org'],
  ['256.1.1.1', 'dns', '256.1.1.1'],
  ['1:2', 'dns', '1:2'],
])('the host %s is announced as %s', (host, kind, shown) => {
  const address = addressOf({ host, port: 9735 });
  expect(address.kind).toBe(kind);
  expect(hostOf(address)).toBe(shown);
});
