import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CommandClass } from './command.ts';
import { AppError, exitCodeOf, toAppError } from './error.ts';
import { commandFile, commandsFolder, type Installation, installation, namesBelow, setInstallation, topicExists } from './installation.ts';
import { nearest } from './nearest.ts';
import { writeError, writeJson, writeOut } from './output.ts';

/** The global flags that take a value: they may stand in front of the command, as other tools have it. */
const GLOBAL_WITH_VALUE = ['--datadir', '--network', '--chain', '--passphrase', '--timeout'];
const GLOBAL_ALONE = ['--json', '--quiet', '--verbose', '--no-color'];

/**
 * Runs the command that the words name. The file of a command is found by its name and loaded alone; oclif itself, which takes longer to
 * load than most commands take to run, is asked only for help.
 */
export async function main(argv: readonly string[], where: Installation): Promise<void> {
  setInstallation(where);
  const words = flagsBehind(argv);
  try {
    if (VERSION_WORDS.includes(words[0] as string)) return tellVersion(argv.includes('--json'));
    if (asksForHelp(words)) return await runOclif(words);
    const found = findCommand(words);
    if (found === null) return await runOclif([...topicOf(words), '--help']);
    const { default: command } = (await import(found.url.href)) as { readonly default: CommandClass };
    await command.run(found.rest);
  } catch (thrown) {
    const error = toAppError(thrown);
    writeError(error, { json: argv.includes('--json'), quiet: argv.includes('--quiet'), verbose: argv.includes('--verbose') });
    process.exitCode = exitCodeOf(error.code);
  }
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  return own.length === 0 || own.includes('--help') || own.includes('-h') || own[0] === 'help';
}

const VERSION_WORDS: readonly string[] = ['--version', '-v', 'version'];

/** As oclif would say it; loading oclif for that takes longer than all the rest. */
function tellVersion(json: boolean): void {
  const version = readPackage().version;
  const platform = `${process.platform}-${process.arch}`;
  if (json) writeJson({ version, platform, node: process.version });
  else writeOut(`lnkit/${version} ${platform} node-${process.version}\n`);
}

/** Global flags in front of the command, moved behind it. */
function flagsBehind(argv: readonly string[]): readonly string[] {
  let at = 0;
  for (let word = argv[0]; word !== undefined; word = argv[at]) {
    if (GLOBAL_WITH_VALUE.includes(word) && at + 2 <= argv.length) at += 2;
    else if (GLOBAL_ALONE.includes(word) || GLOBAL_WITH_VALUE.some((name) => word.startsWith(`${name}=`))) at += 1;
    else break;
  }
  const [front, rest] = [argv.slice(0, at), argv.slice(at)];
  const end = rest.indexOf('--');
  return end === -1 ? [...rest, ...front] : [...rest.slice(0, end), ...front, ...rest.slice(end)];
}

interface Found {
  readonly url: URL;
  readonly rest: readonly string[];
}

/** The command of the longest prefix of the words; null where they name a topic that has no command of its own. */
function findCommand(words: readonly string[]): Found | null {
  const names = namesOf(words);
  for (let length = names.length; length > 0; length--) {
    const path = names.slice(0, length);
    const file = commandFile(path);
    if (file !== null) return { url: file, rest: words.slice(length) };
    const index = commandFile([...path, 'index']);
    if (index === null && topicExists(path)) return null;
    if (index === null) continue;
    // "A topic alone lists": a further word is meant to be one of its commands.
    if (names.length > length) throw unknownCommand(path, names[length] as string);
    return { url: index, rest: words.slice(length) };
  }
  return null;
}

/** The words in front of the first flag, as far as they can be names: at most three. */
function namesOf(words: readonly string[]): readonly string[] {
  const end = words.findIndex((word) => !/^[a-z][a-z0-9-]*$/.test(word));
  return words.slice(0, end === -1 ? 3 : Math.min(3, end));
}

/** The topic to show help for. Throws USAGE where there is none of that name. */
function topicOf(words: readonly string[]): readonly string[] {
  const names = namesOf(words);
  const first = names.findIndex((_, index) => !topicExists(names.slice(0, index + 1)));
  if (first === -1 && names.length > 0) return names;
  throw unknownCommand(names.slice(0, Math.max(0, first)), names[first] ?? (words[0] as string));
}

function unknownCommand(topic: readonly string[], word: string): AppError {
  const names = namesBelow(topic);
  const near = names.find((name) => name.startsWith(word) || word.startsWith(name)) ?? nearest(word, names);
  const what = topic.length === 0 ? `there is no command "${word}"` : `${topic.join(' ')} has no command "${word}"`;
  const hint = near === null ? `there are ${names.join(', ')}` : `did you mean \`lnkit ${[...topic, near].join(' ')}\`?`;
  return new AppError({ code: 'USAGE', message: what, hint });
}

const TOPICS: { readonly [name: string]: string } = {
  asset: 'Taproot Assets: mint, send, receive, burn, swap',
  'asset:lease': 'outputs with assets that packets and offers hold back',
  'asset:mint': 'the batch of assets that is minted next, and what was minted',
  'asset:psbt': 'transfers as virtual PSBTs, step by step, signed here or elsewhere',
  'asset:swap': 'assets against bitcoin, in one transaction',
  chain: 'the chain backend; the built-in regtest',
  channel: 'open, look at and close channels',
  invoice: 'be paid',
  message: 'sign and verify with the node key',
  payment: 'what became of payments',
  peer: 'connections to other nodes',
  proof: 'proof files of assets: export, import, verify',
  'proof:ownership': 'show that we can spend an asset, and verify that others can',
  universe: 'the asset proofs that we keep and share with others',
  'universe:federation': 'the universes that ours is kept in step with',
  wallet: 'the on-chain wallet',
};

async function runOclif(words: readonly string[]): Promise<void> {
  const { root: base, mode } = installation();
  const root = fileURLToPath(base);
  const [{ run }, { settings }, { handle }] = await Promise.all([
    import('@oclif/core/run'),
    import('@oclif/core/settings'),
    import('@oclif/core/handle'),
  ]);
  // oclif's own TypeScript mode does not know TypeScript 7; Node itself runs the sources.
  settings.enableAutoTranspile = false;
  const pjson = readPackage();
  const commands = { strategy: 'pattern', target: `./${commandsFolder()}` };
  const topics = Object.fromEntries(Object.entries(TOPICS).map(([name, description]) => [name, { description }]));
  const options = {
    root,
    isRoot: true,
    pjson: { ...pjson, oclif: { ...pjson.oclif, commands, topics } },
    ignoreManifest: mode === 'source',
  };
  const asHelp = words[0] === 'help' ? [...words.slice(1), '--help'] : words;
  try {
    await run([...asHelp], options as unknown as Parameters<typeof run>[1]);
  } catch (error) {
    await handle(error as Error);
  }
}

const readPackage = (): { readonly oclif: object; readonly version: string } =>
  JSON.parse(readFileSync(new URL('package.json', installation().root), 'utf8')) as { readonly oclif: object; readonly version: string };
