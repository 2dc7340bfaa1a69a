import { defineCommand, flag } from '../src/app/command.ts';
import { facts } from '../src/app/view/table.ts';

export default defineCommand({
  summary: 'make a wallet (BIP 39 seed) and the store of a network',
  description: 'The mnemonic is printed once: write it down. With --passphrase the seed is encrypted on the disk.',
  examples: ['init --network regtest', 'init --passphrase passphrase.txt', 'init --mnemonic - < words.txt'],
  flags: { mnemonic: flag.text('- to restore a wallet from the words on stdin', { helpValue: '-' }) },
  output: async () => (await import('../src/app/init.ts')).initSchema,
  async run({ flags, settings, style }) {
    const { initWallet } = await import('../src/app/init.ts');
    const json = await initWallet(settings, { mnemonic: flags.mnemonic ?? null });
    const text = () => {
      const about = facts(
        [
          ['node', `${json['node_id']}`],
          ['network', `${json['network']}`],
          ['folder', `${json['datadir']}`],
          ['seed', json['encrypted'] === true ? 'encrypted' : 'not encrypted (--passphrase would)'],
        ],
        style,
      );
      const words =
        json['mnemonic'] === undefined
          ? []
          : ['', style.bold(`${json['mnemonic']}`), style.warn('Write these words down: they are shown only once.')];
      return [about, ...words].join('\n');
    };
    return { json, text };
  },
});
