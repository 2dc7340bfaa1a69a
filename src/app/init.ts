import { randomBytes } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { unixTime } from '../base/units.ts';
import { hdKeys } from '../bitcoin/hd.ts';
import { mnemonicOfEntropy, seedOfMnemonic } from '../bitcoin/mnemonic.ts';
import { encodeWith } from '../codec/codec.ts';
import { keysOfRestoredWords } from '../node/asset/key-range.ts';
import { assetRows } from '../node/asset/persist.ts';
import { NO_ASSETS } from '../node/asset/types.ts';
import { numberCodec } from '../node/codec.ts';
import { metaKey, openStore } from '../store/store.ts';
import { networkDir, type Settings } from './config.ts';
import { AppError } from './error.ts';
import type { JsonObject } from './operation.ts';
import { readPassphrase } from './passphrase.ts';
import { flag, hex, object, text } from './schema.ts';
import { seedExists, writeSeed } from './seed.ts';
import { stdinLines, stdinText } from './stdin.ts';

/** 24 words. */
const ENTROPY_BYTES = 32;

export const initSchema = object({ node_id: hex(33), network: text(), datadir: text(), encrypted: flag() }, { mnemonic: text() });

/** Makes the seed and the store of a network; `mnemonic` of an existing wallet restores it. Throws USAGE where there is a wallet already. */
export async function initWallet(settings: Settings, given: { readonly mnemonic: string | null }): Promise<JsonObject> {
  const directory = networkDir(settings);
  if (seedExists(directory))
    throw new AppError({
      code: 'USAGE',
      message: `there is a wallet in ${directory} already`,
      hint: 'name another --datadir or --network',
    });
  const { words, passphrase } = await readSecrets(settings, given.mnemonic);
  const mnemonic = words ?? mnemonicOfEntropy(new Uint8Array(randomBytes(ENTROPY_BYTES)));
  const seed = seedOfMnemonic(mnemonic);
  if (!seed.ok) throw new AppError({ ...seed.failure, hint: 'a mnemonic is 12 to 24 words of the English list of BIP 39' });
  const store = openStore({ directory, create: true, command: 'lnkit init' });
  try {
    await writeSeed({ directory, seed: seed.value, passphrase });
    // A restored wallet may be of any age: its chain is read from the beginning.
    const createdAt = words === null ? Math.floor(Date.now() / 1000) : 0;
    const row = { table: 'meta', key: metaKey('created_at'), blob: encodeWith(numberCodec, createdAt) } as const;
    // Keys of assets go on where no earlier life of the words can have been.
    const keys =
      words === null ? [] : assetRows(NO_ASSETS, { ...NO_ASSETS, ...keysOfRestoredWords(unixTime(Math.floor(Date.now() / 1000))) });
    await store.commit({ rows: [row, ...keys], history: [] });
  } finally {
    store.close();
  }
  const { nodeId } = hdKeys(seed.value, settings.network);
  const about = { node_id: toHex(nodeId), network: settings.network, datadir: settings.datadir, encrypted: passphrase !== null };
  return words === null ? { ...about, mnemonic } : about;
}

/** Both may come from stdin: then the first line is the mnemonic and the second the passphrase. */
async function readSecrets(
  settings: Settings,
  mnemonic: string | null,
): Promise<{ readonly words: string | null; readonly passphrase: string | null }> {
  if (mnemonic !== null && mnemonic !== '-')
    throw new AppError({
      code: 'USAGE',
      message: 'a mnemonic on the command line would stay in the history of the shell',
      hint: 'give --mnemonic - and write it to stdin',
    });
  const { passphrase } = settings;
  const both = mnemonic === '-' && passphrase?.from === 'file' && passphrase.path === '-';
  if (!both) return { words: mnemonic === null ? null : await stdinText(), passphrase: await readPassphrase(settings) };
  const lines: string[] = [];
  for await (const some of stdinLines()) lines.push(...some);
  const [words = '', secret = ''] = lines;
  if (secret === '')
    throw new AppError({ code: 'USAGE', message: 'the passphrase is empty', hint: 'the second line on stdin is the passphrase' });
  return { words, passphrase: secret };
}
