import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { networkDir, resolveSettings, type Settings } from './config.ts';
import type { Completes, FlagSpecs } from './flags.ts';
import { commandFile, loadCommand, namesBelow, topicExists } from './installation.ts';

/** Answers a shell: what can stand in the place of the last of `words`. Files are the shell's own business (`:files`). */
export async function complete(words: readonly string[]): Promise<readonly string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const path = commandPath(before);
  const rest = before.slice(path.length);
  const below = rest.length === 0 && (path.length === 0 || topicExists(path)) ? namesBelow(path) : [];
  if (commandFile(path) === null) return matching(below, typed);
  const command = await loadCommand(path);
  const flags: FlagSpecs = { ...command.flags, ...command.baseFlags };
  const previous = flags[rest.at(-1)?.replace(/^--/, '') ?? ''];
  const settings = resolveSettings(globalsIn(rest));
  if (previous?.type === 'option') return matching(previous.options ?? (await stored(previous.completes, settings)), typed);
  if (typed.startsWith('-'))
    return matching(
      Object.keys(flags).map((name) => `--${name}`),
      typed,
    );
  const args = Object.values(command.args);
  const arg = args[Math.min(positionals(rest, flags), args.length - 1)];
  return matching([...below, ...(arg?.options ?? (await stored(arg?.completes, settings)))], typed);
}

/** The longest prefix that names a command or a topic. */
function commandPath(words: readonly string[]): readonly string[] {
  for (let length = Math.min(words.length, 3); length > 0; length--) {
    const path = words.slice(0, length);
    if (!path.every((word) => /^[a-z][a-z0-9-]*$/.test(word))) continue;
    if (commandFile(path) !== null || topicExists(path)) return path;
  }
  return [];
}

function positionals(words: readonly string[], flags: FlagSpecs): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (!word.startsWith('-')) count++;
    else if (!word.includes('=') && flags[word.replace(/^--/, '')]?.type === 'option') i++;
  }
  return count;
}

function globalsIn(words: readonly string[]): { datadir?: string; network?: string } {
  const value = (name: string): string | undefined => {
    const at = words.indexOf(`--${name}`);
    return at === -1 ? words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) : words[at + 1];
  };
  const [datadir, network] = [value('datadir'), value('network')];
  return { ...(datadir === undefined ? {} : { datadir }), ...(network === undefined ? {} : { network }) };
}

const matching = (options: readonly string[], typed: string): readonly string[] =>
  options.filter((option) => option.startsWith(typed) || option === ':files');

const QUERIES: { readonly [K in Exclude<Completes, 'files'>]: string } = {
  channels: 'SELECT lower(hex(key)) FROM channel WHERE closed = 0',
  peers: 'SELECT lower(hex(key)) FROM peer',
  invoices: "SELECT lower(hex(key)) FROM invoice ORDER BY state = 'open' DESC, created_at DESC LIMIT 50",
  payments: "SELECT lower(hex(key)) FROM payment ORDER BY status = 'pending' DESC, created_at DESC LIMIT 50",
};

/** Read beside a running node: the store's lock keeps out writers, not readers. */
async function stored(what: Completes | undefined, settings: Settings): Promise<readonly string[]> {
  if (what === undefined) return [];
  if (what === 'files') return [':files'];
  const path = join(networkDir(settings), 'node.db');
  if (!existsSync(path)) return [];
  const { default: Database } = await import('better-sqlite3');
  try {
    const database = new Database(path, { readonly: true });
    const rows = database.prepare(QUERIES[what]).pluck().all() as readonly string[];
    database.close();
    return rows;
  } catch {
    // A store of another version or in trouble: a shell at its prompt is no place to say so.
    return [];
  }
}

export const SCRIPTS = {
  bash: `_lnkit() {
  local IFS=$'\\n'
  COMPREPLY=($(lnkit completions complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  if [[ \${COMPREPLY[0]} == ":files" ]]; then COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -F _lnkit lnkit
`,
  zsh: `#compdef lnkit
_lnkit() {
  local -a found
  found=("\${(@f)$(lnkit completions complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${found[1]} == ":files" ]]; then _files; else compadd -a found; fi
}
compdef _lnkit lnkit
`,
  fish: `function __lnkit_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (lnkit completions complete -- $words[2..-1] 2>/dev/null)
  if test "$found[1]" = ":files"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c lnkit -f -a '(__lnkit_complete)'
`,
} as const;
