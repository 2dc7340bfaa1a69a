// Batches and groups of every kind: what each step binds, what a crash leaves, and that strangers verify what comes out.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assetId } from '../../../src/asset/genesis.ts';
import { groupScriptTree } from '../../../src/asset/group-key.ts';
import { NON_SPENDABLE } from '../../../src/asset/keys.ts';
import { META_TYPE, type MetaReveal } from '../../../src/asset/proof/meta.ts';
import { type Bytes, concat, toHex, utf8 } from '../../../src/base/bytes.ts';
import { OP, script } from '../../../src/bitcoin/script.ts';
import { controlBlock, tapLeafHash, taprootOutputKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { txInput } from '../../../src/bitcoin/tx.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import type { GivenWitness } from '../../../src/node/asset/batch.ts';
import type { BatchAsset, BatchGroup, MintAction } from '../../../src/node/asset/mint-commands.ts';
import type { Holding, Seedling } from '../../../src/node/asset/types.ts';
import { balance } from '../../../src/node/wallet/coins.ts';
import { ACCOUNT, external, leafSignature, signedElsewhere } from '../asset/signer-elsewhere.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const MINT = { kind: 'mint_batch', feerate: null, dryRun: false } as const;
const FUND = { kind: 'fund_batch', feerate: null, sibling: null, dryRun: false } as const;
const seal = (witnesses: readonly GivenWitness[] = [], psbts: readonly Bytes[] = []) => ({ kind: 'seal_batch', witnesses, psbts }) as const;

function funded(count = 3): { readonly chain: AssetChain; readonly alice: AssetNode } {
  const chain = new AssetChain();
  const alice = chain.node('alice');
  alice.fund(count);
  return { chain, alice };
}
const add = (node: AssetNode, ...seedlings: readonly Seedling[]): void => {
  for (const each of seedlings) node.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
};
const groupOf = (assets: readonly BatchAsset[] | null, index: number): BatchGroup => assets?.[index]?.group as BatchGroup;

/** Each asset is valid to somebody who has seen nothing but the chain, and the first files before. */
function verifiedByStranger(chain: AssetChain, from: AssetNode, holdings: readonly Holding[]): AssetNode {
  const stranger = chain.node(`stranger ${chain.nodes.length}`);
  for (const holding of holdings) stranger.receive(from.file(holding));
  return stranger;
}

test('a group with scripts: our key mints into it, and so does a script alone', () => {
  const { chain, alice } = funded();
  const signer = sha256(utf8('a script signer'));
  const leaf = script(xOnly(secp.publicKey(signer)), OP.CHECKSIG);
  const tapscriptRoot = tapLeafHash(leaf);
  add(alice, seedling('first', 5n, { group: { kind: 'scripted', tapscriptRoot } }));
  const first = alice.told(MINT, 'asset_anchor').holdings;
  chain.mine();
  const groupKey = first[0]?.proof.asset.groupKey as Bytes;
  expect(first[0]?.proof.groupKeyReveal).toMatchObject({ version: 0, tapscriptRoot });
  const stranger = verifiedByStranger(chain, alice, first);

  add(alice, seedling('second', 6n, { group: { kind: 'existing', groupKey } }));
  const { assets } = alice.told(FUND, 'asset_batch');
  const group = groupOf(assets, 0);
  const internalKey = group.internalKey as Bytes;
  const parity = taprootOutputKey(xOnly(internalKey), tapscriptRoot)?.parity as 0 | 1;
  const control = controlBlock({ internalKey: xOnly(internalKey), parity, path: [] });
  const witness = [leafSignature(group.psbt as Bytes, signer, tapscriptRoot), leaf, control];
  const assetId = assets?.[0]?.assetId as Bytes;
  expect(alice.ask(seal([{ assetId, witness: [witness[0] as Bytes] }]))).toBe('BAD_SIGNATURE');
  expect(alice.ask(seal([{ assetId, witness: [] }]))).toBe('BAD_SIGNATURE');
  expect(alice.ask(seal([{ assetId: sha256(assetId), witness }]))).toBe('NOT_FOUND');
  alice.told(seal([{ assetId, witness }]), 'asset_batch');
  const second = alice.told(MINT, 'asset_anchor').holdings;
  expect(second[0]?.proof.asset.prevWitnesses[0]?.txWitness).toEqual(witness);
  chain.mine();
  expect(stranger.receive(alice.file(second[0] as Holding))).toBeNull();
  // Our own key still does.
  add(alice, seedling('third', 7n, { group: { kind: 'existing', groupKey } }));
  const third = alice.told(MINT, 'asset_anchor').holdings;
  chain.mine();
  expect(stranger.receive(alice.file(third[0] as Holding))).toBeNull();
});

test('a group under a key elsewhere: funded, signed as a PSBT, sealed, minted; a further tranche too, by another node that learned the group', () => {
  const { chain, alice } = funded();
  add(
    alice,
    seedling('anchor', 100n, { group: { kind: 'external', key: external(3), customRoot: null, groupKey: null } }),
    seedling('plain', 1n),
  );
  expect(alice.ask(MINT)).toBe('POLICY');
  expect(alice.assets.batch?.funding).toBeNull();
  const { assets } = alice.told(FUND, 'asset_batch');
  const group = groupOf(assets, 0);
  expect([group.ours, groupOf(assets, 1)]).toEqual([false, null]);
  const { root } = groupScriptTree({ leafVersion: NON_SPENDABLE.PEDERSEN, id: assets?.[0]?.assetId as Bytes, customSubtreeRoot: null });
  expect(group.merkleRoot).toEqual(root);
  expect([alice.ask(MINT), alice.ask(seal())]).toEqual(['POLICY', 'POLICY']);
  expect(alice.ask(seal([], [group.psbt as Bytes]))).toBe('MALFORMED');
  alice.restart();
  alice.told(seal([], [signedElsewhere(group.psbt as Bytes, 3)]), 'asset_batch');
  expect(alice.ask(seal())).toBe('POLICY');
  alice.restart();
  const { holdings } = alice.told(MINT, 'asset_anchor');
  chain.mine();
  expect(holdings[0]?.proof.groupKeyReveal).toMatchObject({ version: 1, leafVersion: NON_SPENDABLE.PEDERSEN, tapscriptRoot: root });
  const bob = verifiedByStranger(chain, alice, holdings);
  bob.fund(2);

  const groupKey = holdings[0]?.proof.asset.groupKey as Bytes;
  const asking = (group: Seedling['group']) =>
    bob.ask({ kind: 'add_seedling', seedling: seedling('tranche', 7n, { group }), dryRun: false });
  expect(asking({ kind: 'existing', groupKey })).toBe('POLICY');
  expect(asking({ kind: 'external', key: external(4), customRoot: null, groupKey })).toBe('POLICY');
  expect(asking({ kind: 'external', key: { ...external(3), path: ACCOUNT }, customRoot: null, groupKey })).toBe('USAGE');
  for (const node of [bob, alice]) {
    const kind =
      node === bob
        ? ({ kind: 'external', key: external(3), customRoot: null, groupKey } as const)
        : ({ kind: 'existing', groupKey } as const);
    add(node, seedling('tranche', 7n, { group: kind }));
    const of = groupOf(node.told(FUND, 'asset_batch').assets, 0);
    expect(of.groupKey).toEqual(groupKey);
    node.told(seal([], [signedElsewhere(of.psbt as Bytes, 3)]), 'asset_batch');
    const tranche = node.told(MINT, 'asset_anchor').holdings;
    chain.mine();
    expect(verifiedByStranger(chain, alice, holdings).receive(node.file(tranche[0] as Holding))).toBeNull();
  }
});

test("a group under a key elsewhere with scripts of its own: one of them is the group's witness", () => {
  const { chain, alice } = funded();
  const signer = sha256(utf8('a custom signer'));
  const leaf = script(xOnly(secp.publicKey(signer)), OP.CHECKSIG);
  add(alice, seedling('anchor', 9n, { group: { kind: 'external', key: external(0), customRoot: tapLeafHash(leaf), groupKey: null } }));
  const { assets } = alice.told(FUND, 'asset_batch');
  const group = groupOf(assets, 0);
  const signature = leafSignature(group.psbt as Bytes, signer, tapLeafHash(leaf));
  const witness = [signature, leaf, group.controlBlock as Bytes];
  alice.told(seal([{ assetId: assets?.[0]?.assetId as Bytes, witness }]), 'asset_batch');
  const { holdings } = alice.told(MINT, 'asset_anchor');
  chain.mine();
  verifiedByStranger(chain, alice, holdings);
  // The leaves that commit to the id cannot be spent, whatever is signed.
  expect(holdings[0]?.proof.groupKeyReveal).toMatchObject({ version: 1, customSubtreeRoot: tapLeafHash(leaf) });
});

test('several assets of one batch join the group that one of them begins', () => {
  const { chain, alice } = funded();
  add(alice, seedling('one', 1n, { group: { kind: 'new' } }), seedling('two', 2n, { group: { kind: 'member', anchor: utf8('one') } }));
  const asking = (each: Seedling) => alice.ask({ kind: 'add_seedling', seedling: each, dryRun: false });
  expect(asking(seedling('three', 1n, { group: { kind: 'member', anchor: utf8('two') } }))).toBe('NOT_FOUND');
  expect(asking(seedling('three', 1n, { group: { kind: 'member', anchor: utf8('none') } }))).toBe('NOT_FOUND');
  expect(asking(seedling('three', 1n, { type: 1, group: { kind: 'member', anchor: utf8('one') } }))).toBe('USAGE');
  expect(asking(seedling('three', 2n ** 64n - 3n, { group: { kind: 'member', anchor: utf8('one') } }))).toBe('USAGE');
  const shown: MetaReveal = {
    type: META_TYPE.OPAQUE,
    data: new Uint8Array(0),
    decimalDisplay: 2,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  };
  expect(asking(seedling('three', 1n, { meta: shown, group: { kind: 'member', anchor: utf8('one') } }))).toBe('USAGE');
  expect(asking(seedling('face', 1n, { type: 1, meta: shown }))).toBe('USAGE');
  const { holdings } = alice.told(MINT, 'asset_anchor');
  chain.mine();
  const keys = new Set(holdings.map(({ proof }) => toHex(proof.asset.groupKey as Bytes)));
  expect([keys.size, holdings.map(({ proof }) => proof.groupKeyReveal !== null)]).toEqual([1, [true, false]]);
  verifiedByStranger(chain, alice, holdings);
});

test.each([
  ['a leaf', { kind: 0, preimage: concat(Uint8Array.of(0xc0, 1), Uint8Array.of(OP[1])) }],
  ['a branch', { kind: 1, preimage: concat(tapLeafHash(Uint8Array.of(OP[1])), tapLeafHash(Uint8Array.of(OP[2]))) }],
] as const)('assets may stand beside %s in the script tree of their output, and are spent from there', (_, sibling) => {
  const { chain, alice } = funded();
  const bob = chain.node('bob');
  add(alice, seedling('coin', 10n), seedling('other', 3n));
  alice.told({ ...FUND, sibling }, 'asset_batch');
  const { holdings } = alice.told(MINT, 'asset_anchor');
  chain.mine();
  expect(holdings[0]?.proof.inclusionProof.commitmentProof?.tapSiblingPreimage).toEqual(sibling);
  for (const holding of holdings) bob.receive(alice.file(holding));
  const id = assetId((holdings[0] as Holding).proof.asset.genesis);
  expect(typeof alice.send(bob.address(id, 4n))).toBe('object');
  chain.mine();
  expect(alice.amounts()).toEqual([3n, 6n]);
  for (const holding of alice.free()) alice.verified(alice.file(holding));
});

test('a sibling that is a commitment itself, or no script tree, is refused before coins are bound', () => {
  const { alice } = funded();
  add(alice, seedling('coin', 10n));
  for (const sibling of [
    { kind: 0, preimage: Uint8Array.of(0xc0, 9, 1) },
    { kind: 1, preimage: new Uint8Array(63) },
    { kind: 2, preimage: new Uint8Array(64) },
  ])
    expect(alice.ask({ ...FUND, sibling })).toBe('USAGE');
  expect(alice.assets.batch?.funding).toBeNull();
});

test('a funded batch keeps its coins: over a restart, against transfers and other spends; cancelled, they are free again', () => {
  const { chain, alice } = funded(1);
  add(alice, seedling('coin', 10n));
  const dry = alice.told({ ...FUND, dryRun: true }, 'asset_batch');
  expect([alice.assets.batch?.funding, alice.state.wallet.reservations.size]).toEqual([null, 0]);
  const { assets, cost } = alice.told(FUND, 'asset_batch');
  expect([assets, cost]).toEqual([dry.assets, dry.cost]);
  expect([alice.ask(FUND), alice.ask({ ...MINT, feerate: 5_000 as never })]).toEqual(['POLICY', 'USAGE']);
  expect(alice.ask({ kind: 'add_seedling', seedling: seedling('late', 1n), dryRun: false })).toBe('POLICY');
  for (let i = 0; i < 2; i++) {
    expect(balance(alice.state.wallet, chain.blocks.length as never).reserved).toBe(50_000n);
    alice.restart();
  }
  expect(alice.told({ kind: 'show_batch' }, 'asset_batch').assets).toEqual(assets);
  const used = alice.assets.nextKeyIndex;
  alice.told({ kind: 'cancel_batch' }, 'asset_batch');
  alice.restart();
  expect([balance(alice.state.wallet, chain.blocks.length as never).confirmed, alice.assets.cancelled.length]).toEqual([50_000n, 1]);
  add(alice, seedling('coin', 10n));
  const again = alice.told(MINT, 'asset_anchor');
  expect(again.holdings[0]?.scriptKeyIndex).toBeGreaterThanOrEqual(used);
  chain.mine();
  alice.verified(alice.file(again.holdings[0] as Holding));
});

test('a batch whose coin another transaction took is never minted with others: it must be cancelled', () => {
  const { chain, alice } = funded(1);
  add(alice, seedling('coin', 10n));
  alice.told(FUND, 'asset_batch');
  const [coin] = alice.assets.batch?.funding?.coins ?? [];
  // The same seed in another wallet spends it.
  chain.mine({
    version: 2,
    inputs: [txInput(coin as never, 0)],
    outputs: [{ amount: 49_000n as never, script: script(OP[1]) }],
    locktime: 0,
  });
  expect(alice.ask(MINT)).toBe('POLICY');
  expect(alice.ask({ kind: 'cancel_batch' })).toMatchObject({ kind: 'asset_batch' });
});

/** What a user does for one batch; repeated after a crash, each is either done or refused. */
const STEPS: readonly ((node: AssetNode) => MintAction)[] = [
  () => ({ kind: 'add_seedling', seedling: seedling('a', 5n, { group: { kind: 'new' } }), dryRun: false }),
  () => ({ kind: 'add_seedling', seedling: seedling('b', 6n), dryRun: false }),
  () => FUND,
  () => seal(),
  () => MINT,
];

test('stopped before or after any commit, a batch is minted once, from the coins that it was funded with, and paid once', () => {
  for (let stop = 0; stop < STEPS.length; stop++)
    for (const isLost of [true, false]) {
      const { chain, alice } = funded(2);
      for (const [index, action] of STEPS.entries()) {
        const before = { state: alice.state, batches: alice.batches.length, mempool: chain.mempool };
        expect(typeof alice.ask(action(alice)), `step ${index}`).toBe('object');
        if (index !== stop) continue;
        // A crash before the commit: nothing was stored and nothing went out. After it: the effects may be lost, the rows are not.
        chain.mempool = before.mempool;
        if (isLost) alice.batches.length = before.batches;
        alice.restart();
        if (isLost) expect(typeof alice.ask(action(alice)), `step ${index} again`).toBe('object');
        else if (index === STEPS.length - 1) expect(alice.ask(action(alice))).toBe('NOT_FOUND');
        else if (index !== 2 || alice.assets.batch?.funding === null) expect(alice.assets.batch).not.toBeNull();
      }
      const mints = [...alice.assets.anchors.values()].filter(({ kind }) => kind === 'mint');
      expect([mints.length, alice.assets.batch]).toEqual([1, null]);
      chain.publish((mints[0] as (typeof mints)[number]).tx);
      expect(chain.mempool.length).toBe(1);
      chain.mine();
      expect(alice.amounts()).toEqual([5n, 6n]);
      for (const holding of alice.free()) alice.verified(alice.file(holding));
      const spent = [...alice.state.wallet.coins.values()].filter(({ spentBy }) => spentBy !== null);
      expect(spent.length).toBe(1);
    }
});

test('whatever is asked in whatever order with crashes between: every minting spends other coins, makes other ids, and holds what it was asked for', () => {
  const action = fc.constantFrom<'add' | 'fund' | 'seal' | 'mint' | 'cancel' | 'crash' | 'mine'>(
    'add',
    'fund',
    'seal',
    'mint',
    'cancel',
    'crash',
    'mine',
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 24 }), (actions) => {
      const { chain, alice } = funded(4);
      const ids = new Set<string>();
      const coins = new Set<string>();
      let names = 0;
      for (const each of actions) {
        if (each === 'crash') alice.restart();
        else if (each === 'mine') chain.mine();
        else if (each === 'add') alice.ask({ kind: 'add_seedling', seedling: seedling(`n${names++}`, 3n), dryRun: false });
        else if (each === 'fund') alice.ask(FUND);
        else if (each === 'seal') alice.ask(seal());
        else if (each === 'cancel') alice.ask({ kind: 'cancel_batch' });
        else {
          const asked = alice.assets.batch?.seedlings.length ?? 0;
          const reply = alice.ask(MINT);
          if (typeof reply === 'string' || reply.kind !== 'asset_anchor') continue;
          expect(reply.holdings.length).toBe(asked);
          for (const { proof } of reply.holdings) ids.add(toHex(assetId(proof.asset.genesis)));
          for (const { prevout } of reply.anchor.tx.inputs) {
            const key = `${toHex(prevout.txid)}:${prevout.vout}`;
            expect(coins.has(key)).toBe(false);
            coins.add(key);
          }
        }
      }
      chain.mine();
      expect(alice.free().length).toBe(ids.size);
    }),
    { numRuns: 60 },
  );
});

test('a batch whose sum passes 64 bits is refused before it is in the batch, and so is a group beyond them over several batches', () => {
  const { chain, alice } = funded();
  const most = 2n ** 64n - 1n;
  const asked = (each: Seedling) => alice.ask({ kind: 'add_seedling', seedling: each, dryRun: false });
  add(alice, seedling('few', 5n, { group: { kind: 'new' } }));
  // They stand in one output, and its tree has one sum.
  expect(asked(seedling('most', most))).toBe('USAGE');
  add(alice, seedling('as many as fit', most - 5n));
  const { holdings } = alice.told(MINT, 'asset_anchor');
  chain.mine();
  const groupKey = holdings.find(({ facts }) => facts.groupKey !== null)?.facts.groupKey as Bytes;
  // A universe has one tree of what a group has minted: it would take no proof of such a tranche.
  expect(asked(seedling('tranche', most - 4n, { group: { kind: 'existing', groupKey } }))).toBe('USAGE');
  add(alice, seedling('tranche', most - 5n, { group: { kind: 'existing', groupKey } }));
});
