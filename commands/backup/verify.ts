import { resolve } from 'node:path';
import { callOperation } from '../../src/app/call.ts';
import { arg, defineCommand, flag } from '../../src/app/command.ts';
import { backupView } from '../../src/app/view/backup.ts';

export default defineCommand({
  summary: 'open a backup and say what it would restore; with --chain also which outputs are still there',
  examples: ['backup verify lnkit.backup', 'backup verify lnkit.backup --mnemonic - < words.txt'],
  args: { file: arg.text('the backup', { completes: 'files' }) },
  flags: { mnemonic: flag.text('- to read the words from stdin, where there is no wallet', { helpValue: '-' }) },
  output: async () => (await import('../../src/app/backup/inspect.ts')).backupSchema,
  async run({ args, flags, settings, signal, progress, style }) {
    const path = resolve(args.file);
    const context = { settings, signal, progress: (text: string) => progress.step(text), emit: () => {} };
    const operation = flags.chain === undefined ? 'backup.verify' : 'backup.verify.chain';
    const json =
      flags.mnemonic === undefined
        ? await callOperation(operation, { path }, context)
        : await (await import('../../src/app/backup/words.ts')).verifyWithWords(settings, path, flags.mnemonic);
    return { json, text: () => backupView(json, style) };
  },
});
