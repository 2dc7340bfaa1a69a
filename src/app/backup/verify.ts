import type { ChainSource } from '../../io/chain/source.ts';
import { chainError } from '../node/chain-driver.ts';
import { readBackupFile } from './file.ts';
import { type BackupJson, type BackupOwner, backupJson, heldIn, holdingReport, nameOf, openOwn, problemOf } from './inspect.ts';

/** Opens a backup and says what it would restore. Without a chain whether outputs are still there is not known. Throws AppError. */
export async function verifyBackup(
  path: string,
  owner: BackupOwner,
  part: { readonly chain: ChainSource | null; readonly progress: (text: string) => void },
): Promise<BackupJson> {
  const backup = openOwn(readBackupFile(path), owner);
  const problems = [...backup.problems];
  const holdings = [];
  for (const holding of heldIn(backup.assets)) {
    part.progress(`verifying ${holdings.length + 1}`);
    const problem = problemOf(backup, holding, owner.keys);
    if (problem !== null) problems.push(`${nameOf(holding)}: ${problem}`);
    const unspent = part.chain === null ? null : await isUnspent(part.chain, holding.facts.outPoint);
    holdings.push(holdingReport(backup, holding, { valid: problem === null, unspent }));
  }
  return { ...backupJson(backup, problems), holdings };
}

async function isUnspent(chain: ChainSource, outPoint: Parameters<ChainSource['output']>[0]): Promise<boolean> {
  const output = await chain.output(outPoint);
  if (!output.ok) throw chainError(output.failure);
  return output.value !== null;
}
