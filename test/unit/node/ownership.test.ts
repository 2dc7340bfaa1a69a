// Showing that an asset is ours: for a challenge, without moving anything, and only while it is.
import { expect, test } from 'vitest';
import { assetId } from '../../../src/asset/genesis.ts';
import { decodeProof } from '../../../src/asset/proof/proof.ts';
import { verifyOwnershipProof } from '../../../src/asset/proof/verify.ts';
import { interpretTapscript } from '../../../src/asset/vm/tapscript.ts';
import { type Bytes, utf8 } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import type { Holding } from '../../../src/node/asset/types.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const CHALLENGE = sha256(utf8('show me'));
const MINT = { kind: 'mint_batch', feerate: null, dryRun: false } as const;

function verdict(chain: AssetChain, proof: Bytes, challenge: Bytes | null): string {
  const read = decodeProof(proof);
  if (!read.ok) return read.failure.code;
  const env = { interpreter: interpretTapscript, chain: null, isInChain: chain.has, isKnownGroup: () => true };
  const owned = verifyOwnershipProof(read.value, challenge, env);
  return owned.ok ? 'valid' : owned.failure.code;
}
const prove = (node: AssetNode, { key }: Holding, challenge: Bytes | null) => node.ask({ kind: 'prove_ownership', key, challenge });

test('the owner of minted, split, change and merged units shows it for the challenge that he was given, and nothing changes by it', () => {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(4);
  alice.told({ kind: 'add_seedling', seedling: seedling('coin', 10n, { group: { kind: 'new' } }), dryRun: false }, 'asset_batch');
  const { holdings } = alice.told(MINT, 'asset_anchor');
  const [minted] = holdings as [Holding];
  expect(prove(alice, minted, CHALLENGE)).toBe('POLICY');
  chain.mine();
  bob.receive(alice.file(minted));
  const shown = (node: AssetNode, holding: Holding): void => {
    const before = node.state;
    for (const challenge of [CHALLENGE, null]) {
      const reply = prove(node, holding, challenge);
      if (typeof reply === 'string' || reply.kind !== 'asset_ownership') throw new Error('not proved');
      expect(verdict(chain, reply.proof, challenge)).toBe('valid');
      expect(verdict(chain, reply.proof, sha256(CHALLENGE))).toBe('INVALID_WITNESS');
    }
    expect([node.state.assets, node.state.wallet]).toEqual([before.assets, before.wallet]);
  };
  shown(alice, minted);
  expect(prove(bob, minted, CHALLENGE)).toBe('NOT_FOUND');
  alice.send(bob.address(assetId(minted.proof.asset.genesis), 4n));
  expect(prove(alice, minted, CHALLENGE)).toBe('POLICY');
  chain.mine();
  const sent = [...alice.assets.holdings.values()].find(({ proof }) => proof.asset.amount === 4n) as Holding;
  const received = bob.receive(alice.file(sent)) as Holding;
  for (const [node, holding] of [
    [alice, alice.free()[0]],
    [bob, received],
  ] as const)
    shown(node, holding as Holding);
});
