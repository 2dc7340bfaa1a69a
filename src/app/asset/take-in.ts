import { ZERO32 } from '../../asset/genesis.ts';
import { type ByteSource, hashProof } from '../../asset/proof/file.ts';
import { must } from '../../base/assert.ts';
import { equal } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { AssetReply } from '../../node/asset/commands.ts';
import { type FileParts, takeApart } from '../../node/asset/history.ts';
import { isOurs } from '../../node/asset/receive.ts';
import type { Row } from '../../node/batch.ts';
import type { Store } from '../../store/store.ts';
import { commanded } from '../define.ts';
import { AppError } from '../error.ts';
import { chainError } from '../node/chain-driver.ts';
import type { OperationContext } from '../operation.ts';
import { groupKnower } from '../universe/own.ts';
import { type CheckedFile, checkFile, proofError } from './check.ts';

/** Rows of one commit: some megabytes of transitions. */
const ROWS = 200;

/** Verifies a proof file and takes it in: its history into the store, what it teaches and (where it is ours) the asset into the node. Throws AppError. */
export async function takeIn(
  context: OperationContext,
  source: ByteSource,
): Promise<{ readonly checked: CheckedFile; readonly reply: Extract<AssetReply, { readonly kind: 'asset_import' }> }> {
  const { runtime, signal } = context;
  const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
  const isKnownGroup = groupKnower(context, runtime.state.assets.groups);
  const checked = await checkFile(source, { chain, isKnownGroup, signal });
  if (!checked.ok) throw proofError(checked.failure);
  const { snapshot } = checked.value;
  // A spent output teaches what the asset is, and is nobody's any more.
  const output = await chain.output(snapshot.outPoint);
  if (!output.ok) throw chainError(output.failure);
  const file = isOurs(runtime.state.assets, runtime.env().walletKeys, snapshot)
    ? await storeHistory(runtime.store, source, checked.value)
    : endsOf(checked.value);
  const what = { kind: 'import_file', file, unspent: output.value !== null } as const;
  const reply = await commanded(context, { kind: 'asset', what }, 'asset_import');
  if (reply.holding === null && reply.ours)
    throw new AppError({
      code: 'POLICY',
      message: `the asset has left ${formatOutPoint(snapshot.outPoint)} already: its proof is of no use any more`,
    });
  return { checked: checked.value, reply };
}

/** What a file teaches of an asset that is not ours: its history is not kept. */
const endsOf = ({ first, last, transitions }: CheckedFile): FileParts => ({ first, last, transitions, before: null, additionalHeads: [] });

/** A verified file in its parts. The rows are written before the step that names them: a crash in between leaves rows that nobody misses. */
export async function storeHistory(
  store: Pick<Store, 'commit'>,
  source: ByteSource,
  { hash }: Pick<CheckedFile, 'hash'>,
): Promise<FileParts> {
  const taken = takeApart(source);
  let rows: Row[] = [];
  for (;;) {
    const { value, done } = taken.next();
    if (done !== true) {
      rows.push(value);
      if (rows.length < ROWS) continue;
    }
    await store.commit({ rows, history: [] });
    rows = [];
    // The loop turns, so that what was written is let go.
    await new Promise(setImmediate);
    if (done !== true) continue;
    // The file was read twice: what was verified is what is taken in.
    if (!value.ok || !equal(hashProof(value.value.before ?? ZERO32, value.value.last), hash))
      throw new AppError({ code: 'MALFORMED', message: 'the file changed while it was read' });
    return value.value;
  }
}
