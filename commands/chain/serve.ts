import { defineCommand, flag } from '../../src/app/command.ts';
import { facts } from '../../src/app/view/table.ts';

export default defineCommand({
  summary: 'run the built-in regtest chain, with the RPC of bitcoind and the REST of Esplora, on loopback',
  flags: {
    listen: flag.text('HOST:PORT on loopback; port 0 takes a free one (default: 127.0.0.1:18443)', { helpValue: 'HOST:PORT' }),
    memory: flag.boolean('keep nothing on the disk'),
  },
  output: async () => (await import('../../src/app/regtest.ts')).serveSchema,
  async run({ flags, settings, signal, emit, style }) {
    const { serveChain } = await import('../../src/app/regtest.ts');
    await serveChain({
      settings,
      listen: flags.listen ?? '127.0.0.1:18443',
      keep: flags.memory ? 'memory' : 'file',
      signal,
      ready(json) {
        const rows = (['chain', 'cookie', 'esplora', 'block_height'] as const).map((name) => [name, `${json[name]}`] as const);
        emit(json, () => facts(rows, style));
      },
    });
    return null;
  },
});
