import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { afterAll, describe, expect, test } from 'vitest';
import { demoSchema } from '../../src/app/demo/schema.ts';

const ENTRY = fileURLToPath(new URL('../../bin/lnkit.js', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'lnkit-demo-test-'));
const fits = new Ajv({ strict: false }).compile(demoSchema);
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

type Line = Readonly<Record<string, unknown>>;

interface Demo {
  readonly process: ChildProcess;
  readonly lines: Line[];
  readonly ended: Promise<{ readonly exitCode: number; readonly stderr: string }>;
  line(name: string): Promise<Line>;
}

/** A demo whose temporary directories lie in `temporary`. */
function startDemo(...flags: readonly string[]): Demo {
  const child = spawn(process.execPath, [ENTRY, 'demo', '--json', ...flags], { env: { ...process.env, TMPDIR: temporary } });
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  let [held, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (held + chunk).split('\n');
    held = parts.pop() as string;
    lines.push(...parts.map((part) => JSON.parse(part) as Line));
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = new Promise<{ exitCode: number; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ exitCode: code ?? -1, stderr })),
  );
  const line = (name: string): Promise<Line> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find((each) => each['name'] === name);
        if (found !== undefined) resolve(found);
      };
      waiting.add(look);
      look();
      void ended.then(() => reject(new Error(`the demo ended before its step ${name}: ${JSON.stringify(lines.at(-1))} ${stderr}`)));
    });
  return { process: child, lines, ended, line };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const pidsOf = (nodes: Line): number[] => (nodes['nodes'] as { readonly pid: number }[]).map(({ pid }) => pid);
const sha256 = (hex: unknown): string =>
  createHash('sha256')
    .update(Buffer.from(`${hex}`, 'hex'))
    .digest('hex');

describe('lnkit demo', () => {
  test('tells the whole story, each line as its schema says, and leaves neither process nor file', async () => {
    const demo = startDemo();
    const { exitCode, stderr } = await demo.ended;
    expect({ exitCode, stderr, last: demo.lines.at(-1) }).toMatchObject({ exitCode: 0, stderr: '', last: { name: 'end', ok: true } });
    for (const line of demo.lines) expect(fits(line), JSON.stringify([line, fits.errors])).toBe(true);
    const names = [
      'chain',
      'nodes',
      'wallets',
      'channels',
      'gossip',
      'invoice',
      'route',
      'payment',
      'failure',
      'close',
      'mint',
      'send',
      'verify',
      'one-shot',
      'end',
    ];
    expect(demo.lines.map(({ name }) => name)).toEqual(names);

    const told = (name: string): Line => demo.lines.find((line) => line['name'] === name) as Line;
    expect(told('payment')).toMatchObject({ ok: true, parts: 2, payment_hash: told('invoice')['payment_hash'] });
    expect(sha256(told('payment')['preimage'])).toBe(told('payment')['payment_hash']);
    expect(told('payment')['fee_msat']).toBe(told('route')['fee_msat']);
    expect(told('failure')).toMatchObject({ exit_code: 4 });
    expect(`${told('failure')['text']}`).toMatch(/cannot carry this amount now\nwhere: hop 1, (bob|carol), channel \d+x\d+x\d+/);
    expect(sha256(told('one-shot')['preimage'])).toBe(told('one-shot')['payment_hash']);

    expect(pidsOf(told('nodes')).filter(isAlive)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('interrupted, it says so with exit 130 and ends every process that it started', async () => {
    const demo = startDemo();
    const pids = pidsOf(await demo.line('nodes'));
    expect(pids.filter(isAlive)).toHaveLength(4);
    demo.process.kill('SIGINT');
    const { exitCode } = await demo.ended;
    expect({ exitCode, last: demo.lines.at(-1) }).toMatchObject({ exitCode: 130, last: { error: { code: 'INTERRUPTED' } } });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('a step that does not hold ends it with exit 1 and the story so far, and --keep leaves the directory', async () => {
    const demo = startDemo('--keep');
    const pids = pidsOf(await demo.line('nodes'));
    // bob dies before the story is over.
    process.kill(pids[1] as number, 'SIGKILL');
    const { exitCode } = await demo.ended;
    expect(exitCode).toBe(1);
    expect(demo.lines.slice(0, 2)).toMatchObject([
      { name: 'chain', ok: true },
      { name: 'nodes', ok: true },
    ]);
    expect(demo.lines.find(({ ok }) => ok === false)).toMatchObject({ error: { code: 'INTERNAL' } });
    expect(demo.lines.at(-1)).toMatchObject({ error: { code: 'INTERNAL' } });
    expect(pids.filter(isAlive)).toEqual([]);
    const kept = demo.lines.find(({ name }) => name === 'kept') as Line;
    expect(existsSync(join(`${kept['directory']}`, 'bob', 'log'))).toBe(true);
    rmSync(`${kept['directory']}`, { recursive: true });
  });
});
