import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Answer, CommandContext } from '../command.ts';
import { isTerminal } from '../output.ts';
import { tellStory } from './story.ts';
import { Teller } from './teller.ts';
import { World } from './world.ts';

export interface DemoContext extends Pick<CommandContext, 'style' | 'signal' | 'emit'> {
  readonly flags: { readonly keep: boolean; readonly quiet: boolean; readonly 'no-color': boolean };
}

/** Tells the whole story in a temporary directory, and takes everything down again, however it ends. */
export async function runDemo(context: DemoContext): Promise<Answer | null> {
  const { flags, style, signal, emit } = context;
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-demo-'));
  const entry = resolve(process.argv[1] as string);
  const world = new World({ directory, entry, signal });
  const isWanted = !flags.quiet && isTerminal(2) && process.stderr.isTTY === true;
  const spinner = isWanted ? (flags['no-color'] ? 'plain' : 'coloured') : 'none';
  const teller = await Teller.create({ style, spinner, emit });
  try {
    await tellStory(world, teller);
    const text = `${teller.steps} steps in ${(teller.elapsedMs / 1000).toFixed(1)} s, each checked`;
    emit({ name: 'end', ok: true, text, duration_ms: teller.elapsedMs }, () => `\n${text}`);
  } finally {
    teller.done();
    await world.end();
    if (!flags.keep) rmSync(directory, { recursive: true, force: true });
    else {
      const commands = lookAround(directory, { entry, chain: world.chainPlace });
      emit({ name: 'kept', directory, commands }, () => keptText(directory, commands));
    }
  }
  return null;
}

/** Everything is at rest now; the chain served again at the same place brings it back. */
function lookAround(directory: string, { entry, chain }: { readonly entry: string; readonly chain: string | null }): readonly string[] {
  const lnkit = basename(entry) === 'lnkit' ? 'lnkit' : `${process.execPath} ${entry}`;
  const serve = chain === null ? [] : [`${lnkit} chain serve --datadir ${join(directory, 'chain')} --listen ${chain}`];
  return [...serve, ...['payment list', 'status', 'start'].map((words) => `${lnkit} ${words} --datadir ${join(directory, 'alice')}`)];
}

function keptText(directory: string, commands: readonly string[]): string {
  const about = `\nKept in ${directory}: chain, alice, bob, carol and dave, each with its log. To look around, serve the chain again, and ask alice in another terminal:`;
  return [about, ...commands.map((line) => `  ${line}`)].join('\n');
}
