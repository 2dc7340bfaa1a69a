import { hdKeys } from '../../bitcoin/hd.ts';
import { seedOfMnemonic } from '../../bitcoin/mnemonic.ts';
import type { Settings } from '../config.ts';
import { usage } from '../define.ts';
import { AppError } from '../error.ts';
import { stdinText } from '../stdin.ts';
import type { BackupJson } from './inspect.ts';
import { verifyBackup } from './verify.ts';

/** Verifies a backup with the words on stdin, where there is no wallet. Throws AppError. */
export async function verifyWithWords({ network }: Settings, path: string, mnemonic: string): Promise<BackupJson> {
  if (mnemonic !== '-') throw usage('a mnemonic on the command line would stay in the history of the shell', 'give --mnemonic -');
  const seed = seedOfMnemonic((await stdinText()).trim());
  if (!seed.ok) throw new AppError({ ...seed.failure, hint: 'a mnemonic is 12 to 24 words of the English list of BIP 39' });
  const keys = hdKeys(seed.value, network);
  return await verifyBackup(path, { nodeId: keys.nodeId, network, keys: keys.wallet }, { chain: null, progress: () => {} });
}
