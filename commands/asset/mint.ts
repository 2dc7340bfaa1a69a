import { flag } from '../../src/app/command.ts';
import { usage } from '../../src/app/define.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { batchView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.mint',
  summary: 'add an asset to the batch that will be minted; nothing is sent before `asset mint finalize`',
  examples: [
    'asset mint --name beans --supply 1000000 --decimal-display 2',
    'asset mint --name shares --supply 500 --grouped --meta-file about.json --meta-type json',
    'asset mint --name portrait --type collectible --meta-file portrait.png',
  ],
  flags: {
    name: flag.text('the name, up to 64 bytes'),
    type: flag.choice('(default: normal)', ['normal', 'collectible']),
    supply: flag.text('how many units; 1 for a collectible', { helpValue: 'N' }),
    meta: flag.text('metadata, as text'),
    'meta-file': flag.text('metadata from a file, up to 1 MiB', { helpValue: 'FILE', completes: 'files' }),
    'meta-type': flag.choice('what the metadata is (default: opaque)', ['opaque', 'json']),
    'decimal-display': flag.integer('decimals that wallets show, up to 12'),
    'asset-version': flag.integer('0 or 1 (1: signatures are not committed to)'),
    grouped: flag.boolean('begin a group, to which tranches can be added later'),
    'group-key': flag.hex('a further tranche of this group', null),
    'group-anchor': flag.text('into the new group that this asset of the batch begins', { helpValue: 'NAME' }),
    'group-tapscript-root': flag.hex('scripts that may authorise further tranches of a new group', 32),
    'group-xpub': flag.text('a key elsewhere signs for the group: its account', { helpValue: 'XPUB' }),
    'group-fingerprint': flag.hex('of its master key', 4),
    'group-path': flag.text("the way to it, m/86'/coin'/account'/chain/index", { helpValue: 'PATH' }),
    'dry-run': flag.boolean('print what minting the batch with it would cost, add nothing'),
  },
  async params({ flags }) {
    if (flags.name === undefined) throw usage('what is it called?', 'give --name NAME');
    const { metaHex } = await import('../../src/app/asset/meta.ts');
    return {
      name: flags.name,
      dry_run: flags['dry-run'],
      ...given({
        type: flags.type,
        supply: flags.supply,
        asset_version: flags['asset-version'],
        meta: metaHex({ text: flags.meta, file: flags['meta-file'] }),
        meta_type: flags['meta-type'],
        decimal_display: flags['decimal-display'],
        grouped: flags.grouped ? true : undefined,
        group_key: flags['group-key'],
        group_anchor: flags['group-anchor'],
        group_tapscript_root: flags['group-tapscript-root'],
        group_xpub: flags['group-xpub'],
        group_fingerprint: flags['group-fingerprint'],
        group_path: flags['group-path'],
      }),
    };
  },
  view: batchView,
});
