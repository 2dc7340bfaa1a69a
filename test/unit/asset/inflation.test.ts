// The root of a split says itself how much it holds: neither a signature nor a proof in the tree of the split covers that.
import { expect, test } from 'vitest';
import { type Asset, withoutSplitCommitment } from '../../../src/asset/asset.ts';
import { splitAssets } from '../../../src/asset/commitment/split.ts';
import { assetId } from '../../../src/asset/genesis.ts';
import { createProof } from '../../../src/asset/proof/create.ts';
import { bytesSource, writeFile } from '../../../src/asset/proof/file.ts';
import { encodeProof } from '../../../src/asset/proof/proof.ts';
import { verifyFile } from '../../../src/asset/proof/verify-file.ts';
import { interpretTapscript } from '../../../src/asset/vm/tapscript.ts';
import { anchor, isInChain, mint, newOwner, newWorld, signed, valid } from './asset-life.ts';

/** What verifiers say of the change and of the sent part where the change of a split of 10 units claims `claimed`. */
function judged(claimed: bigint): readonly string[] {
  const world = newWorld();
  const minted = mint(world, { amount: 10n });
  const [sender, receiver] = [newOwner(world), newOwner(world)];
  const locator = { assetId: assetId(minted.asset.genesis), assetVersion: 0 };
  const split = valid(
    splitAssets({
      inputs: [{ asset: minted.asset, outPoint: minted.outPoint }],
      root: { ...locator, outputIndex: 0, scriptKey: sender.scriptKey.publicKey, amount: 7n },
      outputs: [{ ...locator, outputIndex: 1, scriptKey: receiver.scriptKey.publicKey, amount: 3n }],
    }),
  );
  const root: Asset = { ...signed(split.rootAsset, [minted]), amount: claimed };
  const bare = split.outputs[0]?.asset as Asset;
  const sent: Asset = {
    ...bare,
    prevWitnesses: bare.prevWitnesses.map((each) => ({
      ...each,
      splitCommitment: each.splitCommitment && { ...each.splitCommitment, rootAsset: root },
    })),
  };
  const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [root] }, { assets: [withoutSplitCommitment(sent)] }]);
  const parts = { prevOut: minted.outPoint, anchorTx: tx, outputs, block, version: 1 };
  const env = { interpreter: interpretTapscript, chain: null, isInChain: isInChain(world), isKnownGroup: () => false };
  return [
    createProof({ ...parts, asset: root, outputIndex: 0 }),
    createProof({ ...parts, asset: sent, outputIndex: 1, rootOutputIndex: 0 }),
  ].map((proof) => {
    const result = verifyFile(bytesSource(writeFile([...minted.proofs, encodeProof(proof)])), env);
    return result.ok ? 'valid' : result.failure.code;
  });
}

test('change that claims more units than went into its split is refused, and so is what was sent beside change that claims too many', () => {
  expect(judged(7n)).toEqual(['valid', 'valid']);
  expect(judged(8n)[1]).toBe('AMOUNT_MISMATCH');
  expect(judged(11n)).toEqual(['AMOUNT_MISMATCH', 'AMOUNT_MISMATCH']);
  expect(judged(2n ** 60n)).toEqual(['AMOUNT_MISMATCH', 'AMOUNT_MISMATCH']);
});
