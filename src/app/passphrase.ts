import { readFileSync } from 'node:fs';
import type { Settings } from './config.ts';
import { AppError } from './error.ts';
import { stdinText } from './stdin.ts';

/** The passphrase of the seed as configured, or null where none is given. Throws USAGE where its file cannot be read or is empty. */
export async function readPassphrase(settings: Pick<Settings, 'passphrase'>): Promise<string | null> {
  const { passphrase } = settings;
  if (passphrase === null) return null;
  if (passphrase.from === 'env') return passphrase.value;
  const text = passphrase.path === '-' ? await stdinText() : readFile(passphrase.path);
  if (text === '') throw new AppError({ code: 'USAGE', message: 'the passphrase is empty', hint: 'leave --passphrase out for none' });
  return text;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const message = `the passphrase cannot be read: ${(error as Error).message}`;
    throw new AppError({ code: 'USAGE', message, hint: '--passphrase takes a file, or - for stdin' });
  }
}
