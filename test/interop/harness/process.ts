import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SuperviseOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard output and error are appended here. */
  readonly logFile: string;
}

/** A peer's process, from its start to its end. */
export interface Supervised {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended, however it ended. */
  readonly ended: Promise<void>;
  /** Why it no longer runs, or undefined while it does. */
  endReason(): string | undefined;
  /** Asks it to end with SIGTERM and, after the grace (default 20 s), kills it. */
  stop(graceMs?: number): Promise<void>;
  /** Ends it at once (SIGKILL) as a crash or a power loss would. */
  kill(): Promise<void>;
}

let guardian: ChildProcess | undefined;

/** Tells the guardian, which cleans up behind a test run that ends without doing so. */
export function tellGuardian(line: string): void {
  if (guardian === undefined) {
    const program = fileURLToPath(new URL('./guardian.ts', import.meta.url));
    guardian = spawn(process.execPath, ['--no-warnings', program], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    guardian.unref();
    (guardian.stdin as Socket).unref();
  }
  guardian.stdin?.write(`${line}\n`);
}

/** A new temporary directory that goes away with the test run, unless LNKIT_KEEP=1. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-interop-'));
  if (!keepsDirectories()) tellGuardian(directory);
  return directory;
}

export const keepsDirectories = (): boolean => process.env['LNKIT_KEEP'] === '1';

export function removeDirectory(directory: string): void {
  if (!keepsDirectories()) rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** @throws Error when the program cannot be started */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, { cwd: options.cwd, env: options.env ?? process.env, stdio: ['ignore', log, log] });
  closeSync(log);
  return watch(child, options);
}

/**
 * Puts a child that was just spawned under supervision.
 * @throws Error when it did not start
 */
export async function watch(
  child: ChildProcess,
  { name, logFile }: { readonly name: string; readonly logFile: string },
): Promise<Supervised> {
  let reason: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      reason = `${name} ended with ${signal ?? `exit code ${code}`}`;
      if (child.pid !== undefined) tellGuardian(`-${child.pid}`);
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`cannot start ${name}: ${error.message}`)));
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${name} has no process id`);
  tellGuardian(`+${pid}`);
  const kill = async (): Promise<void> => {
    if (reason === undefined) child.kill('SIGKILL');
    await ended;
  };
  return {
    name,
    pid,
    logFile,
    ended,
    endReason: () => (reason === undefined ? undefined : `${reason}\n${logTail(logFile, 15)}`),
    kill,
    stop: async (graceMs = 20_000) => {
      if (reason !== undefined) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The last lines of a log file, for a failure's message. */
export function logTail(file: string, lines: number): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '(no log)';
}
