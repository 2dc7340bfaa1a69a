import type { Bytes } from '../../base/bytes.ts';
import { tryHex } from '../../base/bytes.ts';
import { mintingOf, universesNamed } from '../../io/universe/stats.ts';
import { commanded } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { readUniverse } from './own.ts';

/**
 * An asset or group that the wallet does not know and our universe does becomes known: what its minting says, which was verified when the universe
 * took it. So an address can be made for whatever a sync brought, and the wallet holds in memory only what it was asked about.
 */
export async function learnFromUniverse(context: OperationContext, given: string): Promise<void> {
  const { runtime } = context;
  const { known, groups } = runtime.state.assets;
  const bytes = tryHex(given);
  const mintings = readUniverse(context, ({ database }): readonly Bytes[] => {
    const [of, second] = universesNamed(database, given, bytes?.length === 32 || bytes?.length === 33 ? bytes : null);
    // A name that several have says nothing.
    if (of === undefined || (second !== undefined && bytes === null)) return [];
    const ids: Bytes[] = [];
    if (bytes?.length === 32 && !known.has(bytes)) ids.push(bytes);
    const found = mintingOf(database, of);
    const isMissing = of.kind === 'group' ? !groups.has(of.groupKey) : !known.has(of.assetId);
    return [
      ...(found !== null && isMissing ? [found] : []),
      ...ids.flatMap((id) => mintingOf(database, { kind: 'asset', assetId: id }) ?? []),
    ];
  });
  for (const raw of mintings) {
    const file = { first: raw, last: raw, transitions: 1, before: null, additionalHeads: [] };
    await commanded(context, { kind: 'asset', what: { kind: 'import_file', file, unspent: false } }, 'asset_import');
  }
}
