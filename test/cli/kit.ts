import { type ExecFileException, execFile, execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'bin/lnkit.js');

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as one JSON document. */
  json(): Record<string, unknown>;
  /** stdout as NDJSON. */
  lines(): readonly Record<string, unknown>[];
}

/** Runs the built command line as a user would. The environment holds nothing of the machine's own lnkit. */
export function lnkit(
  words: readonly string[],
  options: { readonly stdin?: string; readonly env?: Record<string, string> } = {},
): Promise<Run> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...options.env };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [ENTRY, ...words],
      { env, maxBuffer: 1 << 26 },
      (error: ExecFileException | null, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        const lines = (): readonly Record<string, unknown>[] =>
          stdout
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as Record<string, unknown>);
        resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) as Record<string, unknown>, lines });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.stdin ?? '');
  });
}

/** Builds the bundle where a source is newer than it. Test files run at the same time: one of them builds, the others wait. */
export async function ensureBuilt(): Promise<void> {
  const lock = join(ROOT, 'node_modules/.lnkit-build.lock');
  while (isStale()) {
    try {
      mkdirSync(lock);
    } catch {
      // A lock that a killed run left behind is old.
      if (Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0) > 60_000) rmdirSync(lock);
      await sleep(50);
      continue;
    }
    try {
      if (isStale()) execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts')], { stdio: 'pipe' });
    } finally {
      rmdirSync(lock);
    }
    return;
  }
}

function isStale(): boolean {
  const manifest = join(ROOT, 'oclif.manifest.json');
  if (!existsSync(manifest)) return true;
  // The manifest is what the build writes last.
  const built = statSync(manifest).mtimeMs;
  const sources = globSync(['src/**/*.ts', 'commands/**/*.ts', 'scripts/build.ts', 'package.json'], { cwd: ROOT });
  return sources.some((file) => statSync(join(ROOT, file)).mtimeMs > built);
}
