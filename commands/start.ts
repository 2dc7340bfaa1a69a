import { defineCommand, flag } from '../src/app/command.ts';
import { writeErr } from '../src/app/output.ts';

export default defineCommand({
  summary: 'run the node as a daemon in the foreground, until SIGINT, SIGTERM or `lnkit stop`',
  flags: {
    listen: flag.texts('HOST:PORT for peers; may be repeated (default: 127.0.0.1:9735)', { helpValue: 'HOST:PORT' }),
    announce: flag.texts('HOST:PORT to tell the network; may be repeated', { helpValue: 'HOST:PORT' }),
    alias: flag.text('name of the node in the graph'),
    'assume-valid': flag.boolean('do not look the funding outputs of gossip up: peers may then tell of channels that do not exist'),
  },
  output: async () => (await import('../src/app/daemon.ts')).startSchema,
  async run({ flags, settings, signal, progress, emit, style }) {
    const { runDaemon } = await import('../src/app/daemon.ts');
    const or = (given: readonly string[], configured: readonly string[]) => (given.length > 0 ? given : configured);
    await runDaemon({
      settings,
      listen: or(or(flags.listen, settings.node.listen), ['127.0.0.1:9735']),
      announce: or(flags.announce, settings.node.announce),
      alias: flags.alias ?? settings.node.alias,
      assumeValid: flags['assume-valid'],
      signal,
      progress: (text) => progress.step(text),
      log(level, text) {
        if ((level === 'debug' && !flags.verbose) || (level === 'info' && flags.quiet)) return;
        writeErr(`${new Date().toISOString()} ${level} ${text}\n`);
      },
      ready(json) {
        progress.done();
        const peers = (json['listen'] as readonly string[]).join(', ');
        emit(json, () => `${style.bold(`${json['node_id']}`)}\nlistening on ${peers}; ${style.dim('Ctrl-C stops it')}`);
      },
    });
    return null;
  },
});
