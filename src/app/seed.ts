import { randomBytes, scrypt } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Bytes, fromHex, toHex, utf8 } from '../base/bytes.ts';
import { open, seal } from '../crypto/chacha.ts';
import { AppError } from './error.ts';

/** 128 MiB and a third of a second: what OWASP asks of scrypt at least. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1 } as const;
const MAX_MEMORY = 2 ** 28;
/** The nonce is constant because the key is not: its salt is fresh for each file. */
const NONCE = new Uint8Array(12);
const PURPOSE = utf8('lnkit seed 1');

type SeedFile =
  | { readonly version: 1; readonly protection: 'none'; readonly seed: string }
  | {
      readonly version: 1;
      readonly protection: 'scrypt-chacha20poly1305';
      readonly n: number;
      readonly r: number;
      readonly p: number;
      readonly salt: string;
      readonly sealed: string;
    };

const seedPath = (directory: string): string => join(directory, 'seed.json');

export const seedExists = (directory: string): boolean => existsSync(seedPath(directory));

/** Writes the BIP 39 seed (64 bytes) with mode 0600, sealed where a passphrase is given. Never overwrites one: throws USAGE. */
export async function writeSeed(part: {
  readonly directory: string;
  readonly seed: Bytes;
  readonly passphrase: string | null;
}): Promise<void> {
  const { directory, seed, passphrase } = part;
  const file: SeedFile = passphrase === null ? { version: 1, protection: 'none', seed: toHex(seed) } : await sealed(seed, passphrase);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = seedPath(directory);
  const draft = `${path}.${process.pid}`;
  const handle = openSync(draft, 'w', 0o600);
  try {
    writeSync(handle, `${JSON.stringify(file)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  try {
    // Unlike a rename, a link fails where the name is taken: of two that run at once, one loses and no seed is lost.
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new AppError({
      code: 'USAGE',
      message: `there is a wallet in ${directory} already`,
      hint: 'name another --datadir or --network',
    });
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The seed (64 bytes). Throws NOT_FOUND, USAGE (no passphrase or a wrong one) or STORE_CORRUPT. */
export async function readSeed(part: { readonly directory: string; readonly passphrase: string | null }): Promise<Bytes> {
  const { directory, passphrase } = part;
  if (!seedExists(directory))
    throw new AppError({ code: 'NOT_FOUND', message: `there is no wallet in ${directory}`, hint: 'make one with `lnkit init`' });
  const file = parseSeedFile(readFileSync(seedPath(directory), 'utf8'));
  if (file === null)
    throw new AppError({ code: 'STORE_CORRUPT', message: `${seedPath(directory)} is damaged`, hint: 'restore the wallet from its words' });
  if (file.protection === 'none') return fromHex(file.seed);
  if (passphrase === null) {
    const hint = 'give it with --passphrase FILE, --passphrase - (stdin), LNKIT_PASSPHRASE or LNKIT_PASSPHRASE_FILE';
    throw new AppError({ code: 'USAGE', message: 'the seed is encrypted and no passphrase is given', hint });
  }
  const { n, r, p } = file;
  const key = await deriveKey(passphrase, fromHex(file.salt), { N: n, r, p });
  const seed = open({ key, nonce: NONCE, ad: PURPOSE }, fromHex(file.sealed));
  if (seed === null) throw new AppError({ code: 'USAGE', message: 'the passphrase is wrong' });
  return seed;
}

async function sealed(seed: Bytes, passphrase: string): Promise<SeedFile> {
  const salt = new Uint8Array(randomBytes(32));
  const key = await deriveKey(passphrase, salt, SCRYPT);
  const { N: n, r, p } = SCRYPT;
  const box = seal({ key, nonce: NONCE, ad: PURPOSE }, seed);
  return { version: 1, protection: 'scrypt-chacha20poly1305', n, r, p, salt: toHex(salt), sealed: toHex(box) };
}

function deriveKey(passphrase: string, salt: Bytes, cost: { readonly N: number; readonly r: number; readonly p: number }): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, { ...cost, maxmem: MAX_MEMORY }, (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}

/** Bounds on the cost: a damaged file must not ask for more memory than there is. */
function parseSeedFile(text: string): SeedFile | null {
  let file: Partial<Record<string, unknown>>;
  try {
    file = JSON.parse(text) as Partial<Record<string, unknown>>;
  } catch {
    return null;
  }
  const isHex = (value: unknown, bytes: number): boolean =>
    typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);
  if (file === null || typeof file !== 'object' || file['version'] !== 1) return null;
  if (file['protection'] === 'none') return isHex(file['seed'], 64) ? (file as SeedFile) : null;
  if (file['protection'] !== 'scrypt-chacha20poly1305' || !isHex(file['salt'], 32) || !isHex(file['sealed'], 80)) return null;
  const { n, r, p } = file as { n: unknown; r: unknown; p: unknown };
  return [2 ** 14, 2 ** 15, 2 ** 16, 2 ** 17].includes(n as number) && r === 8 && p === 1 ? (file as SeedFile) : null;
}
