import { defineCommand } from '../src/app/command.ts';
import { count, flag, object } from '../src/app/schema.ts';

export default defineCommand({
  summary: 'stop the daemon, and wait until it has',
  output: object({ stopped: flag(), pid: count() }),
  async run({ settings, signal }) {
    const { stopDaemon } = await import('../src/app/daemon.ts');
    return { json: await stopDaemon(settings, signal), text: () => 'stopped' };
  },
});
