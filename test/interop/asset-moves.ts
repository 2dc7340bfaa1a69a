// What the files with tapd do alike: proofs to and fro as files.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { universeLeaves } from '../../src/asset/courier.ts';
import { readFile } from '../../src/asset/proof/file.ts';
import { toHex } from '../../src/base/bytes.ts';
import { formatOutPoint } from '../../src/bitcoin/tx.ts';
import type { Lab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import type { Tapd } from './harness/tapd.ts';

export interface Held {
  readonly name: string;
  readonly asset_id: string;
  readonly group_key: string | null;
  readonly amount: string;
  readonly state: string;
  readonly script_key: string;
}
export interface Sent {
  readonly txid: string;
  readonly assets: readonly Held[];
}

let files = 0;
export const newFile = (lab: Lab, name = 'proof'): string => join(lab.directory, `${name}-${++files}`);

export async function exported(lab: Lab, lnkit: Lnkit, what: string, ...flags: readonly string[]): Promise<string> {
  const path = newFile(lab);
  await lnkit.ok('proof', 'export', what, ...flags, '--out', path);
  return path;
}

/** What tapd says of a proof file. */
export async function tapdVerifies(tapd: Tapd, path: string): Promise<boolean> {
  // Its chain view comes over lnd, which may be a block behind.
  return eventually(
    'tapd to say that the proof is valid',
    async () => {
      const answer = await tapd.cli<{ valid: boolean }>('proofs', 'verify', '--proof_file', path);
      return answer.valid ? answer.valid : undefined;
    },
    { timeoutMs: 20_000 },
  );
}

/** Puts every transition of a file into tapd's universe, the minting first, as a courier delivers them. */
export async function teach(lab: Lab, tapd: Tapd, path: string): Promise<void> {
  const transitions = readFile(new Uint8Array(readFileSync(path)));
  const leaves = transitions.ok ? universeLeaves(transitions.value) : transitions;
  if (!leaves.ok) throw new Error(leaves.failure.message);
  for (const { kind, groupKey, assetId, outPoint, scriptKey, proof } of leaves.value) {
    const raw = newFile(lab);
    writeFileSync(raw, proof);
    const tree = groupKey === null ? ['--asset_id', toHex(assetId)] : ['--group_key', toHex(groupKey)];
    const leaf = ['--outpoint', formatOutPoint(outPoint), '--script_key', toHex(scriptKey), '--proof_type', kind, '--proof_file', raw];
    const insert = () => tapd.cli('universe', 'proofs', 'insert', ...tree, ...leaf).then(() => true);
    await eventually('the universe to take the proof', insert, { timeoutMs: 20_000 });
  }
}

export async function exportedByTapd(lab: Lab, tapd: Tapd, id: string, scriptKey: string): Promise<string> {
  const path = newFile(lab);
  await eventually('tapd to have the proof', async () => {
    await tapd.cli('proofs', 'export', '--asset_id', id, '--script_key', scriptKey, '--proof_file', path).catch(() => undefined);
    return readFileSync(path).length > 0;
  });
  return path;
}
