// What people type and what programs read: amounts, durations, JSON, flags, configuration, exit codes.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { msatOf, satOf, showMsat, showSat } from '../../../src/app/amount.ts';
import { resolveSettings } from '../../../src/app/config.ts';
import { durationMs, showDuration } from '../../../src/app/duration.ts';
import { AppError, EXIT_CODES, toAppError, worseExit } from '../../../src/app/error.ts';
import { arg, flag, parseArgv } from '../../../src/app/flags.ts';
import { jsonInteger, parse, stringify } from '../../../src/app/json.ts';
import { nearest } from '../../../src/app/nearest.ts';
import { count, hex, list, misfit, nullable, object, text } from '../../../src/app/schema.ts';

const refusal = (run: () => unknown): AppError => {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

test('an amount carries its unit, and a bare number is refused with both ways to write it', () => {
  expect(msatOf('1.5ksat')).toBe(1_500_000n);
  expect(msatOf('0.001btc')).toBe(100_000_000n);
  expect(satOf('2500sat')).toBe(2_500n);
  const bare = refusal(() => msatOf('1000'));
  expect(bare.code).toBe('USAGE');
  expect(bare.message).toContain('1000sat');
  expect(bare.message).toContain('1000msat');
  expect(refusal(() => satOf('1msat')).code).toBe('USAGE');
});

test('amounts are shown in satoshi, exact to the millisatoshi', () => {
  expect(showMsat(1_234_567_890n)).toBe('1,234,567.89 sat');
  expect(showMsat(1n)).toBe('0.001 sat');
  expect(showSat(21_000_000n)).toBe('21,000,000 sat');
});

test('durations take units and sums of them; a bare number is seconds', () => {
  expect(durationMs('1h30m')).toBe(5_400_000);
  expect(durationMs('250ms')).toBe(250);
  expect(durationMs('30')).toBe(30_000);
  expect(durationMs('0.5s')).toBe(500);
  for (const wrong of ['', 'soon', '5 m', '-1s', '1m?']) expect(refusal(() => durationMs(wrong)).code).toBe('USAGE');
  expect(showDuration(65_000)).toBe('1 min 05 s');
});

test('integers of any size survive JSON in both directions', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.string(), (integer, words) => {
      const given = { integer: jsonInteger(integer), words, list: [integer] };
      const back = parse(stringify(given)) as typeof given;
      expect(BigInt(back.integer)).toBe(integer);
      expect(BigInt(back.list[0] as bigint)).toBe(integer);
      expect(back.words).toBe(words);
    }),
  );
  expect(stringify({ a: 2_100_000_000_000_000_000n })).toBe('{"a":2100000000000000000}');
  expect(parse('1.5')).toBe(1.5);
});

test('of a batch the worst exit code counts, in the order of the contract', () => {
  const worstFirst = [5, 1, 9, 8, 7, 10, 4, 6, 3, 2, 0];
  for (const [i, worse] of worstFirst.entries()) for (const better of worstFirst.slice(i)) expect(worseExit(better, worse)).toBe(worse);
  expect(new Set(Object.values(EXIT_CODES))).toEqual(new Set([...worstFirst.filter((code) => code !== 0), 130]));
});

test('what is thrown without a code is a bug; what carries one keeps it', () => {
  expect(toAppError(new TypeError('x')).code).toBe('INTERNAL');
  const locked = Object.assign(new Error('in use'), { code: 'STORE_LOCKED', hint: 'wait' });
  expect(toAppError(locked)).toMatchObject({ code: 'STORE_LOCKED', message: 'in use', hint: 'wait' });
  // Node's own errors have codes too; they are not ours.
  expect(toAppError(Object.assign(new Error('no'), { code: 'ENOENT' })).code).toBe('INTERNAL');
});

const spec = {
  flags: {
    limit: flag.integer('n'),
    only: flag.texts('t'),
    fee: flag.msat('a'),
    force: flag.boolean('b'),
    kind: flag.choice('c', ['a', 'b']),
  },
  args: { one: arg.text('first'), rest: arg.rest('others') },
};

test('flags stand anywhere, take values after a space or an equals sign, and end at --', () => {
  const { flags, args } = parseArgv(spec, ['x', '--limit=3', '--only', 'p', '--json', 'y', '--only', 'q', '--', '--force']);
  expect(flags).toMatchObject({ limit: 3, only: ['p', 'q'], json: true, force: false, fee: undefined });
  expect(args).toEqual({ one: 'x', rest: ['y', '--force'] });
});

test('a lone dash is an argument: it stands for stdin', () => {
  expect(parseArgv(spec, ['-']).args.one).toBe('-');
});

test('whatever is wrong with the words is a usage error that says what was meant', () => {
  expect(refusal(() => parseArgv(spec, ['x', '--limt', '3']))).toMatchObject({ code: 'USAGE', hint: 'did you mean --limit?' });
  expect(refusal(() => parseArgv(spec, [])).message).toContain('ONE is missing');
  expect(refusal(() => parseArgv(spec, ['x', '--limit'])).message).toContain('needs a value');
  expect(refusal(() => parseArgv(spec, ['x', '--limit', 'many'])).message).toContain('--limit');
  expect(refusal(() => parseArgv(spec, ['x', '--fee', '10'])).message).toContain('10sat');
  expect(refusal(() => parseArgv(spec, ['x', '--kind', 'c'])).message).toContain('a, b');
  expect(refusal(() => parseArgv(spec, ['x', '--force=yes'])).message).toContain('no value');
  expect(refusal(() => parseArgv({ flags: {}, args: {} }, ['x'])).message).toContain('too many');
  expect(nearest('statsu', ['status', 'start'])).toBe('status');
  expect(nearest('xyzzy', ['status', 'start'])).toBeNull();
});

test('a setting comes from the flag, else the environment, else the file, else the default', () => {
  const datadir = mkdtempSync(join(tmpdir(), 'lnkit-config-'));
  writeFileSync(
    join(datadir, 'lnkit.toml'),
    'network = "signet"\nchain = "a://"\n[regtest]\nchain = "b://"\n[node]\nlisten = ["127.0.0.1:1"]\n',
  );
  const file = resolveSettings({ datadir }, {});
  expect(file).toMatchObject({ network: 'signet', chain: 'a://', timeoutMs: null, passphrase: null, node: { listen: ['127.0.0.1:1'] } });
  const env = resolveSettings({ datadir }, { LNKIT_NETWORK: 'regtest', LNKIT_PASSPHRASE: 'secret' });
  expect(env).toMatchObject({ network: 'regtest', chain: 'b://', passphrase: { from: 'env', value: 'secret' } });
  const flags = resolveSettings({ datadir, network: 'testnet4', timeout: '2m', passphrase: '-' }, { LNKIT_NETWORK: 'regtest' });
  expect(flags).toMatchObject({ network: 'testnet4', timeoutMs: 120_000, passphrase: { from: 'file', path: '-' } });
  expect(resolveSettings({}, { LNKIT_DATADIR: '/nowhere/x' })).toMatchObject({ datadir: '/nowhere/x', network: 'bitcoin', chain: null });
  expect(refusal(() => resolveSettings({ datadir, network: 'mainnet' }, {})).code).toBe('USAGE');
  writeFileSync(join(datadir, 'lnkit.toml'), '[routing]\nprior = "bimodal"\n');
  expect(resolveSettings({ datadir }, {}).routing).toEqual({ prior: 'bimodal' });
  expect(resolveSettings({}, { LNKIT_DATADIR: '/nowhere/x' }).routing).toEqual({ prior: null });
  writeFileSync(join(datadir, 'lnkit.toml'), '[routing]\nprior = "certain"\n');
  expect(refusal(() => resolveSettings({ datadir }, {})).code).toBe('USAGE');
  writeFileSync(join(datadir, 'lnkit.toml'), 'network = ');
  expect(refusal(() => resolveSettings({ datadir }, {})).code).toBe('USAGE');
});

test('parameters that do not fit their schema are told by their path', () => {
  const schema = object({ name: text({ pattern: '^a' }), hashes: list(hex(2)) }, { limit: nullable(count()) });
  expect(misfit({ name: 'ab', hashes: ['00ff'], limit: null }, schema)).toBeNull();
  expect(misfit({ name: 'ab', hashes: [], limit: 3n }, schema)).toBeNull();
  expect(misfit({ name: 'ba', hashes: [] }, schema)).toBe('name does not match ^a');
  expect(misfit({ name: 'a', hashes: ['00f'] }, schema)).toContain('hashes[0]');
  expect(misfit({ name: 'a' }, schema)).toBe('hashes is missing');
  expect(misfit({ name: 'a', hashes: [], more: 1 }, schema)).toBe('more is not known');
  expect(misfit({ name: 'a', hashes: [], limit: -1 }, schema)).toContain('limit');
  expect(misfit([], schema)).toContain('not an object');
});
