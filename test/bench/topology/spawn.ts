import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSigned } from './sign.ts';

const CHILD = join(import.meta.dirname, 'child.ts');

function start(...args: readonly string[]): { readonly child: ChildProcess; readonly line: Promise<string> } {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`child ${args[0]} ended with ${code}`)));
  });
  return { child, line };
}

/** Runs one measurement in a process of its own and returns what it says, when it has ended. */
export async function measure<T>(...args: readonly string[]): Promise<T> {
  const { child, line } = start(...args);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const text = await line;
  await ended;
  return JSON.parse(text) as T;
}

/** Starts one that goes on until `stop`. */
export async function keep<T>(...args: readonly string[]): Promise<{ readonly said: T; stop(): void }> {
  const { child, line } = start(...args);
  return { said: JSON.parse(await line) as T, stop: () => void child.kill() };
}

const FRESH_MS = 5 * 86_400_000;

/** The signed copy: made when there is none of the last days (updates older than two weeks are refused), in about 20 s. */
export function signedCopy(note: (text: string) => void): string {
  const directory = join(tmpdir(), 'lnkit-bench');
  const out = join(directory, 'topology');
  mkdirSync(directory, { recursive: true });
  if (!existsSync(`${out}.gossip`) || Date.now() - statSync(`${out}.gossip`).mtimeMs > FRESH_MS) {
    note('signing the copy of the topology');
    writeSigned(out, { timestamp: Math.floor(Date.now() / 1000) });
  }
  return `${out}.gossip`;
}
