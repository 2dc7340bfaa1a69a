import { must } from '../../base/assert.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { asFile, checkFile, proofError } from '../asset/check.ts';
import { commanded, defineOperation } from '../define.ts';
import { AppError } from '../error.ts';
import { bytesOf } from '../forms/asset.ts';
import { provedJson, provedSchema } from '../forms/asset-proof.ts';
import { chainError } from '../node/chain-driver.ts';
import { flag, hex, object, withProperties } from '../schema.ts';

export const proofImport = defineOperation({
  name: 'proof.import',
  needs: 'chain',
  params: object({ proof: hex(undefined, { description: 'a proof file, or the proof of a minting' }) }),
  result: withProperties(provedSchema, { owned: flag({ description: 'the asset is ours to spend' }) }),
  async run(context, { proof }) {
    const { runtime } = context;
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const isKnownGroup = (key: Uint8Array): boolean => runtime.state.assets.groups.has(key);
    const checked = await checkFile(asFile(bytesOf(proof)), { chain, isKnownGroup });
    if (!checked.ok) throw proofError(checked.failure);
    const { transitions, snapshot } = checked.value;
    const action = { kind: 'import_file', transitions } as const;
    // A spent output teaches what the asset is, and is nobody's any more.
    const output = await chain.output(snapshot.outPoint);
    if (!output.ok) throw chainError(output.failure);
    const reply = await commanded(context, { kind: 'asset', what: { ...action, unspent: output.value !== null } }, 'asset_import');
    if (reply.holding === null && reply.ours)
      throw new AppError({
        code: 'POLICY',
        message: `the asset has left ${formatOutPoint(snapshot.outPoint)} already: its proof is of no use any more`,
      });
    return { ...provedJson(checked.value), owned: reply.holding !== null };
  },
});
