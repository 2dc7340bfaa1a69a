// BOLT 7: the address descriptors of `node_announcement`, one of which `init` may carry in `remote_addr`.
import { assertNever } from '../../base/assert.ts';
import { type Bytes, fromBigInt, toBigInt } from '../../base/bytes.ts';
import type { Codec } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { Writer } from '../../codec/writer.ts';

export type NetAddress =
  | { readonly kind: 'ipv4'; readonly ip: Bytes; readonly port: number }
  | { readonly kind: 'ipv6'; readonly ip: Bytes; readonly port: number }
  /** The 35 bytes behind the name: key, checksum, version. */
  | { readonly kind: 'tor_v3'; readonly onion: Bytes; readonly port: number }
  | { readonly kind: 'dns'; readonly hostname: string; readonly port: number };

const NUMBER = { ipv4: 1, ipv6: 2, tor_v3: 4, dns: 5 } as const;

const address: Codec<NetAddress | null> = {
  write(to, value) {
    if (value === null) return;
    to.u8(NUMBER[value.kind]);
    if (value.kind === 'dns') {
      if (!isHostname(value.hostname)) throw new RangeError('not a host name in ASCII');
      to.u8(value.hostname.length);
      for (const char of value.hostname) to.u8(char.charCodeAt(0));
    } else to.bytes(value.kind === 'tor_v3' ? value.onion : value.ip);
    to.u16(value.port);
  },
  read(from) {
    const number = from.u8();
    switch (number) {
      case 1:
        return { kind: 'ipv4', ip: from.take(4).slice(), port: from.u16() };
      case 2:
        return { kind: 'ipv6', ip: from.take(16).slice(), port: from.u16() };
      case 3:
        // BOLT 7: Tor v2 is deprecated; its 12 bytes are skipped.
        from.take(12);
        return null;
      case 4:
        return { kind: 'tor_v3', onion: from.take(35).slice(), port: from.u16() };
      case 5: {
        const hostname = String.fromCharCode(...from.take(from.u8()));
        const port = from.u16();
        return isHostname(hostname) ? { kind: 'dns', hostname, port } : null;
      }
      default:
        throw new CodecError(`address descriptor ${number}`);
    }
  },
};

const isHostname = (text: string): boolean => text.length > 0 && text.length <= 255 && /^[A-Za-z0-9._-]+$/.test(text);

/** The descriptors one after the other, in the order BOLT 7 asks for (ascending by type). */
export function encodeAddresses(addresses: readonly NetAddress[]): Bytes {
  const to = new Writer();
  for (const value of addresses.toSorted((a, b) => NUMBER[a.kind] - NUMBER[b.kind])) address.write(to, value);
  return to.done();
}

/**
 * The addresses that can be read. BOLT 7: what follows an unknown descriptor is ignored, and so is a truncated end, which a stricter reader
 * may answer with a warning. Addresses with port 0 are left out.
 */
export function decodeAddresses(bytes: Bytes): readonly NetAddress[] {
  const from = new Reader(bytes);
  const out: NetAddress[] = [];
  try {
    while (from.left > 0) {
      const value = address.read(from);
      if (value !== null && value.port !== 0) out.push(value);
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
  }
  return out;
}

/** The host as people write it: dotted for IPv4, eight groups for IPv6, base32 for Tor. */
export function hostOf(value: NetAddress): string {
  switch (value.kind) {
    case 'dns':
      return value.hostname;
    case 'ipv4':
      return value.ip.join('.');
    case 'ipv6':
      return Array.from({ length: 8 }, (_, i) => (((value.ip[2 * i] as number) << 8) | (value.ip[2 * i + 1] as number)).toString(16)).join(
        ':',
      );
    case 'tor_v3':
      return `${base32(value.onion)}.onion`;
    default:
      return assertNever(value);
  }
}

/** RFC 4648 in lower case; 35 bytes are 56 characters without padding. */
function base32(bytes: Bytes): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 5) {
    const group = toBigInt(bytes.subarray(at, at + 5));
    for (let shift = 35n; shift >= 0n; shift -= 5n) text += 'abcdefghijklmnopqrstuvwxyz234567'[Number((group >> shift) & 31n)];
  }
  return text;
}

/** The descriptor of a host as people write it: dotted IPv4, IPv6 (RFC 4291, without an embedded IPv4), Tor v3, else a host name. */
export function addressOf({ host, port }: { readonly host: string; readonly port: number }): NetAddress {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1).map(Number);
  if (octets?.every((octet) => octet < 256)) return { kind: 'ipv4', ip: Uint8Array.from(octets), port };
  const ip = host.includes(':') ? ipv6(host) : null;
  if (ip !== null) return { kind: 'ipv6', ip, port };
  const onion = /^([a-z2-7]{56})\.onion$/.exec(host);
  if (onion !== null) return { kind: 'tor_v3', onion: unbase32(onion[1] as string), port };
  return { kind: 'dns', hostname: host, port };
}

function ipv6(text: string): Bytes | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

function unbase32(text: string): Bytes {
  let value = 0n;
  for (const char of text) value = (value << 5n) | BigInt('abcdefghijklmnopqrstuvwxyz234567'.indexOf(char));
  return fromBigInt(value, 35);
}
