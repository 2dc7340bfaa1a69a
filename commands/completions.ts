import { arg, defineCommand } from '../src/app/command.ts';
import { usage } from '../src/app/define.ts';

export default defineCommand({
  summary: 'completions for bash, zsh and fish',
  description: 'Prints a script for the shell: eval "$(lnkit completions bash)". `complete -- WORDS` is what that script asks.',
  examples: ['completions bash', 'completions zsh > ~/.zfunc/_lnkit', 'completions fish | source'],
  light: true,
  args: { shell: arg.text('bash, zsh or fish'), words: arg.rest('what is typed so far') },
  output: { type: 'object', properties: { script: { type: 'string' }, words: { type: 'array', items: { type: 'string' } } } },
  async run({ args }) {
    const { complete, SCRIPTS } = await import('../src/app/complete.ts');
    if (args.shell === 'complete') {
      const words = await complete(args.words);
      return { json: { words }, text: () => words.join('\n') };
    }
    if (!Object.hasOwn(SCRIPTS, args.shell))
      throw usage(`there are no completions for "${args.shell}"`, 'there are some for bash, zsh and fish');
    const script = SCRIPTS[args.shell as keyof typeof SCRIPTS];
    return { json: { script }, text: () => script };
  },
});
