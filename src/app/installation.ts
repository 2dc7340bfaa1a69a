import { existsSync, readdirSync, statSync } from 'node:fs';
import type { CommandClass } from './command.ts';
import { AppError } from './error.ts';

/** Whether the bundle in `dist` runs or, in a checkout without one, the sources. */
export type Mode = 'built' | 'source';

export interface Installation {
  readonly mode: Mode;
  /** The folder of package.json, with a slash at its end. */
  readonly root: URL;
}

/** The entry and the commands are bundles of their own: what the one tells the others is global to the process. */
const place: unique symbol = Symbol.for('lnkit.installation');
const shared = globalThis as { [place]?: Installation };

/** Told once by the entry, which alone knows where it is: in a bundle, modules have no places of their own. */
export function setInstallation(installation: Installation): void {
  shared[place] = installation;
}

export function installation(): Installation {
  const here = shared[place];
  if (here === undefined) throw new Error('the entry did not say where lnkit is installed');
  return here;
}

const FOLDER = { built: 'dist/commands/', source: 'commands/' } as const;
const EXTENSION = { built: '.js', source: '.ts' } as const;

/** Where the commands are, relative to the root. */
export const commandsFolder = (): string => FOLDER[installation().mode];

/** The file of the command of these words, or null. */
export function commandFile(words: readonly string[]): URL | null {
  const { mode, root } = installation();
  const file = new URL(`${FOLDER[mode]}${words.join('/')}${EXTENSION[mode]}`, root);
  return existsSync(file) ? file : null;
}

export function topicExists(words: readonly string[]): boolean {
  return (
    statSync(new URL(`${commandsFolder()}${words.join('/')}/`, installation().root), { throwIfNoEntry: false })?.isDirectory() ?? false
  );
}

/** The names one level below a topic (the top where it is empty): commands and topics. */
export function namesBelow(topic: readonly string[]): readonly string[] {
  const folder = new URL(`${commandsFolder()}${topic.map((name) => `${name}/`).join('')}`, installation().root);
  const names = readdirSync(folder).map((name) => name.replace(/\.(js|ts)$/, ''));
  return [...new Set(names)].filter((name) => name !== 'index').sort();
}

/** Every command by its words, those that a topic alone stands for left out. */
export function allCommands(topic: readonly string[] = []): readonly (readonly string[])[] {
  return namesBelow(topic).flatMap((name) => {
    const words = [...topic, name];
    return [...(commandFile(words) === null ? [] : [words]), ...(topicExists(words) ? allCommands(words) : [])];
  });
}

/** The command of exactly these words, or of the topic that they name. Throws USAGE. */
export async function loadCommand(words: readonly string[]): Promise<CommandClass> {
  const file = commandFile(words) ?? commandFile([...words, 'index']);
  if (file === null)
    throw new AppError({ code: 'USAGE', message: `there is no command "${words.join(' ')}"`, hint: '`lnkit --help` lists them' });
  return ((await import(file.href)) as { readonly default: CommandClass }).default;
}
