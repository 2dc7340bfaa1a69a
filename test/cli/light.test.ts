// The command line as a process, where no node is needed: exit codes, streams, help, schemas.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt, lnkit, ROOT } from './kit.ts';

const { valid, invalid } = JSON.parse(readFileSync(join(ROOT, 'test/vectors/bolt11-invoices.json'), 'utf8')) as {
  valid: readonly { invoice: string }[];
  invalid: readonly { invoice: string }[];
};
const good = valid[0]?.invoice as string;
const bad = invalid[0]?.invoice as string;

beforeAll(ensureBuilt);

test('decode prints one JSON document that fits its schema, exit 0', async () => {
  const [run, schema] = await Promise.all([lnkit(['decode', '--json', good]), lnkit(['schema', 'decode', '--json'])]);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  const fits = new Ajv2020({ strict: false }).compile(schema.json()['output'] as object);
  expect(fits(run.json())).toBe(true);
  expect(run.json()).toMatchObject({ kind: 'bolt11', valid: true });
});

test('a malformed thing is told on stdout with its error, exit 2', async () => {
  const run = await lnkit(['decode', bad, '--json']);
  expect(run).toMatchObject({ code: 2, stderr: '' });
  expect(run.json()).toMatchObject({ kind: 'bolt11', valid: false, error: { code: 'UNKNOWN_FEATURE' } });
});

test('lines on stdin are answered in order, one line each, and the worst of them is the exit code', async () => {
  const stdin = [good, bad, '', '1x2x3', good].join('\n');
  const run = await lnkit(['decode', '-'], { stdin });
  expect(run.lines().map(({ valid }) => valid)).toEqual([true, false, false, true, true]);
  expect(run.code).toBe(2);
  const one = await lnkit(['decode', '-'], { stdin: `${good}\n` });
  expect(one.stdout).toContain('bolt11 (bitcoin): valid');
  expect(one.code).toBe(0);
});

test('wrong words are usage errors, exit 2, on stdout under --json and else on stderr', async () => {
  const runs = await Promise.all([
    lnkit(['decode', '--json']),
    lnkit(['dekode', '--json']),
    lnkit(['channel', 'opne', '--json']),
    lnkit(['pay', 'x', '10', '--json']),
    lnkit(['wallet', 'balance', '--network', 'mainnet', '--json']),
  ]);
  for (const run of runs) {
    expect(run).toMatchObject({ code: 2, stderr: '' });
    expect(run.json()).toMatchObject({ error: { code: 'USAGE' } });
  }
  const told = await lnkit(['dekode']);
  expect(told).toMatchObject({ code: 2, stdout: '' });
  expect(told.stderr).toContain('did you mean');
});

test('a topic without a command of its own lists its commands, at any depth, and says what it is about', async () => {
  const [packets, ownership, wrong, all] = await Promise.all([
    lnkit(['asset', 'psbt']),
    lnkit(['proof', 'ownership']),
    lnkit(['asset', 'psbt', 'sing', '--json']),
    lnkit(['asset', '--help']),
  ]);
  expect(packets).toMatchObject({ code: 0, stderr: '' });
  expect(packets.stdout).toContain('asset psbt anchor');
  expect(ownership.stdout).toContain('proof ownership prove');
  expect(wrong.json()).toMatchObject({
    error: { code: 'USAGE', message: 'asset psbt has no command "sing"', hint: expect.stringContaining('sign') },
  });
  expect(all.stdout).toMatch(/asset psbt\s+transfers as virtual PSBTs/);
});

test('global flags may stand in front of the command', async () => {
  const run = await lnkit(['--json', '--network', 'regtest', 'decode', good]);
  expect((run.json()['problems'] as readonly string[]).some((problem) => problem.startsWith('wrong network'))).toBe(true);
});

test('help comes from oclif, lists every command, and goes to stdout', async () => {
  const [top, one] = await Promise.all([lnkit([]), lnkit(['channel', 'open', '--help'])]);
  for (const name of ['channel', 'decode', 'invoice', 'pay', 'peer', 'wallet', 'init', 'start', 'stop', 'status', 'chain', 'schema'])
    expect(top.stdout).toContain(name);
  expect(one.stdout).toContain('--dry-run');
  expect([top.code, one.code]).toEqual([0, 0]);
});

test('there is a schema of every command, and each of them compiles', async () => {
  const run = await lnkit(['schema', '--json']);
  const commands = run.json()['commands'] as readonly { command: string; output: object; flags: object; args: object; error: object }[];
  const names = commands.map(({ command }) => command);
  expect(names).toEqual(expect.arrayContaining(['pay', 'channel open', 'wallet send', 'invoice create', 'payment explain', 'chain serve']));
  const ajv = new Ajv2020({ strict: false });
  for (const { output, flags, args, error } of commands) for (const schema of [output, flags, args, error]) ajv.compile(schema);
  const moves = ['pay', 'wallet send', 'wallet bump', 'channel open', 'channel close'];
  for (const { command, flags } of commands)
    if (moves.includes(command)) expect(Object.keys((flags as { properties: object }).properties), command).toContain('dry-run');
});

test('completions are words of the command line', async () => {
  const [script, verbs, flags] = await Promise.all([
    lnkit(['completions', 'bash']),
    lnkit(['completions', 'complete', '--', 'channel', '']),
    lnkit(['completions', 'complete', '--', 'pay', '--max']),
  ]);
  expect(script.stdout).toContain('complete -F _lnkit lnkit');
  expect(verbs.stdout.trim().split('\n')).toEqual(['close', 'list', 'open', 'policy', 'risk', 'show', 'why']);
  expect(flags.stdout.trim().split('\n')).toEqual(['--max-fee', '--max-fee-percent', '--max-parts']);
});

test('a signature over a text is verified without a node', async () => {
  const run = await lnkit(['message', 'verify', 'hello', 'ybndrfg8', '--json']);
  expect(run).toMatchObject({ code: 2 });
  expect(run.json()).toMatchObject({ valid: false, error: { code: 'MALFORMED' } });
});
