import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { toHex } from '../../base/bytes.ts';

/** In PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly certificate: string;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 3650;
/** Renewed so long before it ends. */
const SPARE_DAYS = 30;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * The certificate of a file, made where there is none yet or the one that is there ends soon. Key and certificate stand in one file (mode 0600), so
 * that they always belong together. Self-signed, for loopback and `host`: who calls a universe looks at proofs, not at certificates.
 */
export async function serverCertificate(path: string, part: { readonly host: string; readonly now: number }): Promise<ServerCertificate> {
  const kept = existsSync(path) ? parse(readFileSync(path, 'utf8')) : null;
  if (kept !== null && Date.parse(new X509Certificate(kept.certificate).validTo) > part.now + SPARE_DAYS * DAY_MS) return kept;
  const made = await makeCertificate(part);
  const fresh = `${path}.${toHex(randomBytes(4))}`;
  try {
    writeFileSync(fresh, `${made.key}\n${made.certificate}\n`, { mode: 0o600, flush: true });
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
  return made;
}

export async function makeCertificate({ host, now }: { readonly host: string; readonly now: number }): Promise<ServerCertificate> {
  provideMetadata();
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const addresses = [...new Set(['127.0.0.1', '::1', ...(isAddress(host) ? [host] : [])])];
  const names = [...new Set(['localhost', ...(isAddress(host) ? [] : [host])])];
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Go refuses negative and overlong numbers.
    serialNumber: `00${toHex(randomBytes(15))}`,
    name: 'CN=lnkit universe',
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + VALID_DAYS * DAY_MS),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { key, certificate: certificate.toString('pem') };
}

const isAddress = (host: string): boolean => host.includes(':') || /^\d+(\.\d+){3}$/.test(host);

function parse(text: string): ServerCertificate | null {
  const block = (label: string): string | null => new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0] ?? null;
  const [key, certificate] = [block('PRIVATE KEY'), block('CERTIFICATE')];
  return key === null || certificate === null ? null : { key, certificate };
}

type Metadata = Map<unknown, unknown>;

/**
 * @peculiar/x509 keeps its parts in a container that asks for the metadata half of `Reflect`, a proposal that never came into the language. The three
 * functions that it calls.
 */
function provideMetadata(): void {
  const reflect = Reflect as unknown as { [name: string]: unknown };
  if (reflect['getMetadata'] !== undefined) return;
  const stores = new WeakMap<object, Metadata>();
  reflect['defineMetadata'] = (key: unknown, value: unknown, target: object) => {
    const store = stores.get(target) ?? new Map();
    stores.set(target, store.set(key, value));
  };
  reflect['getOwnMetadata'] = (key: unknown, target: object) => stores.get(target)?.get(key);
  reflect['getMetadata'] = (key: unknown, target: object) => {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null)
      if (stores.get(at)?.has(key) === true) return stores.get(at)?.get(key);
    return undefined;
  };
}
