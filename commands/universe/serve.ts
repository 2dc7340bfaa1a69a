import { defineCommand, flag } from '../../src/app/command.ts';
import { writeErr } from '../../src/app/output.ts';
import { facts } from '../../src/app/view/table.ts';

export default defineCommand({
  summary: 'serve the universe of asset proofs and a mailbox to tapd and to other lnkits, as a courier for their transfers',
  description:
    'Speaks gRPC over TLS with a certificate of its own, kept in the data directory. Clients do not verify it, and neither does lnkit that of a universe ' +
    'or courier: proofs are verified against the chain, and messages are encrypted and signed. Whoever reaches the port may ask for proofs, insert ' +
    'valid ones, and leave one message for each output that was paid on the chain. Runs beside a daemon, until SIGINT or SIGTERM. ' +
    'Addresses name as their courier the HOST:PORT at which others reach it, which 0.0.0.0 is not.',
  flags: {
    listen: flag.text('HOST:PORT; port 0 takes a free one (default: 127.0.0.1:10029)', { helpValue: 'HOST:PORT' }),
  },
  output: async () => (await import('../../src/app/universe/serve.ts')).universeServeSchema,
  async run({ flags, settings, signal, emit, style }) {
    const { serveUniverse } = await import('../../src/app/universe/serve.ts');
    await serveUniverse({
      settings,
      listen: flags.listen ?? '127.0.0.1:10029',
      signal,
      log: (text) => writeErr(`${new Date().toISOString()} ${text}\n`),
      ready(json) {
        const rows = (['listen', 'courier', 'mailbox_courier', 'certificate'] as const).map((name) => [name, `${json[name]}`] as const);
        emit(json, () => facts(rows, style));
      },
    });
    return null;
  },
});
