// Holds what a reader may rely on: which part imports which, what pure parts never see, how long a file gets, that nothing lies around unused.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const find = (...patterns: string[]): string[] => patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).sort();

const BELOW_CRYPTO = ['base', 'codec', 'crypto'];
const BELOW_BOLT = [...BELOW_CRYPTO, 'bitcoin', 'bolt/wire'];
const BOLT = ['wire', 'noise', 'onion', 'invoice', 'offer', 'channel', 'gossip', 'route'].map((part) => `bolt/${part}`);
const PURE = [...BELOW_CRYPTO, 'bitcoin', ...BOLT, 'asset', 'l402', 'liquidity', 'node'];

/** Which part may import which others (architecture, "Rings"): arrows point up only. */
const ARROWS: { readonly [part: string]: readonly string[] } = {
  base: [],
  codec: ['base'],
  crypto: ['base', 'codec'],
  bitcoin: BELOW_CRYPTO,
  'bolt/wire': [...BELOW_CRYPTO, 'bitcoin'],
  'bolt/noise': BELOW_BOLT,
  'bolt/onion': BELOW_BOLT,
  'bolt/invoice': BELOW_BOLT,
  'bolt/offer': [...BELOW_BOLT, 'bolt/onion'],
  'bolt/channel': BELOW_BOLT,
  'bolt/gossip': BELOW_BOLT,
  'bolt/route': [...BELOW_BOLT, 'bolt/gossip'],
  asset: BELOW_BOLT,
  l402: BELOW_CRYPTO,
  liquidity: [...BELOW_CRYPTO, 'bitcoin', ...BOLT],
  node: [...BELOW_CRYPTO, 'bitcoin', ...BOLT, 'asset', 'liquidity'],
  store: PURE,
  io: PURE,
  app: [...PURE, 'store', 'io'],
};

/** Packages that only one part may load. */
const DOORS: readonly (readonly [pattern: RegExp, parts: readonly string[]])[] = [
  [/^(@noble\/|secp256k1|tiny-secp256k1)/, ['crypto']],
  [/^better-sqlite3/, ['store', 'io', 'app']],
  [/^(@oclif\/|chalk|ora|smol-toml)/, ['app']],
  [/^zeromq/, ['io']],
];

/** What would let the world into a pure part: time, chance, the process, other turns of the event loop. */
const BANNED =
  /\b(Buffer|Date|process|console|setTimeout|setInterval|setImmediate|queueMicrotask|performance|fetch|async|await|Promise)\b|Math\.random|globalThis\.crypto/;

const MAX_LINES = 600;
const MAX_COMMAND_LINES = 60;

interface Import {
  readonly from: string;
  readonly to: string;
}

const sources = find('src/**/*.ts');
const partOf = (file: string): string => {
  const [, ring, inner] = file.split('/') as [string, string, string];
  return ring === 'bolt' ? `bolt/${inner}` : ring;
};

/** `from '...'`, `import('...')`, `import '...'` and `new URL('./...', import.meta.url)` of a file. */
function importsOf(file: string): readonly Import[] {
  const text = read(file).replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const found = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+|new URL\(\s*)'([^']+)'/gm);
  return [...found].map(([, to]) => ({ from: file, to: resolveImport(file, to as string) }));
}

const resolveImport = (file: string, to: string): string => (to.startsWith('.') ? normalize(join(dirname(file), to)) : to);

/** The code alone: a word in a comment or in a message is no dependency. */
function codeOf(file: string): string {
  const patterns = /\/\*[\s\S]*?\*\/|\/\/.*$|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/gm;
  // Of a template the text goes and what is computed stays.
  return read(file)
    .replace(patterns, "''")
    .replace(/`(?:\\.|[^`\\$]|\$(?!\{))*`/g, "''");
}

test('imports point up only, and packages come in by their own doors', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const part = partOf(file);
    const allowed = ARROWS[part];
    if (allowed === undefined) wrong.push(`${file}: no ring "${part}"`);
    for (const { to } of importsOf(file)) {
      if (to.startsWith('src/')) {
        const other = partOf(to);
        if (other !== part && allowed?.includes(other) !== true) wrong.push(`${file} imports ${to}`);
      } else if (to.startsWith('commands/') || to.startsWith('test/')) wrong.push(`${file} imports ${to}`);
      for (const [pattern, parts] of DOORS) if (pattern.test(to) && !parts.includes(part)) wrong.push(`${file} imports ${to}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('pure rings see no time, no chance, no process and no promise', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const part = partOf(file);
    if (!PURE.includes(part)) continue;
    codeOf(file)
      .split('\n')
      .forEach((line, index) => {
        const banned = BANNED.exec(line);
        if (banned !== null) wrong.push(`${file}:${index + 1} uses ${banned[0]}`);
      });
    // The addons load through `createRequire`: the one thing of Node that crypto, their door, may ask for.
    for (const { to } of importsOf(file))
      if (to.startsWith('node:') && !(part === 'crypto' && to === 'node:module')) wrong.push(`${file} imports ${to}`);
  }
  expect(wrong).toEqual([]);
});

test('no file is longer than anyone reads, no command longer than a screen', () => {
  const lines = (file: string): number => read(file).split('\n').length - 1;
  const long = find('src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.{ts,mjs}').filter((file) => lines(file) > MAX_LINES);
  const commands = find('commands/**/*.ts').filter((file) => lines(file) > MAX_COMMAND_LINES);
  expect([...long, ...commands].map((file) => `${file}: ${lines(file)} lines`)).toEqual([]);
});

test('every source is reached from a command, a script or a test', () => {
  const entries = ['src/app/cli.ts', ...find('commands/**/*.ts', 'scripts/**/*.ts', 'test/**/*.ts')];
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file) || !existsSync(join(ROOT, file))) continue;
    reached.add(file);
    for (const { to } of importsOf(file)) if (to.endsWith('.ts') && !to.startsWith('node:')) waiting.push(to);
  }
  expect(sources.filter((file) => !reached.has(file))).toEqual([]);
});

test('nothing in the sources is left for later', () => {
  const wrong = find('src/**/*.ts', 'commands/**/*.ts', 'bin/*.js').filter((file) =>
    /\b(TODO|FIXME|XXX|HACK)\b|not implemented/i.test(read(file)),
  );
  expect(wrong).toEqual([]);
});

test('every folder of the sources stands in the architecture', () => {
  const text = existsSync(join(ROOT, 'docs/architecture.md')) ? read('docs/architecture.md') : null;
  const folders = new Set(sources.map((file) => dirname(file)).filter((folder) => folder !== 'src'));
  const missing = [...folders].filter((folder) => !new RegExp(`\\b${folder.split('/').at(-1)}\\b`).test(text ?? ''));
  expect(missing).toEqual([]);
});
