// Whatever two owners do, in whatever order, with crashes, lost mempools and reorganisations in between: no unit is made or lost, and none is under a key of a third.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TAP_VERSION } from '../../../src/asset/commitment/tap-commitment.ts';
import { bip86ScriptKey, isBurn, isTombstone } from '../../../src/asset/keys.ts';
import { decodePsbtMaps } from '../../../src/asset/packet/psbt-map.ts';
import { decodeVirtualPacket } from '../../../src/asset/packet/virtual-packet.ts';
import { type Bytes, equal, toHex } from '../../../src/base/bytes.ts';
import { feeratePerKw, sat } from '../../../src/base/units.ts';
import { xOnly } from '../../../src/bitcoin/taproot.ts';
import { txId } from '../../../src/bitcoin/tx.ts';
import { unconfirmedAnchors } from '../../../src/node/asset/fate.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { Holding } from '../../../src/node/asset/types.ts';
import type { NodeReply } from '../../../src/node/types.ts';
import { unconfirmedOwn } from '../../../src/node/wallet/coins.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const SUPPLY = 1000n;

function world() {
  const chain = new AssetChain();
  const nodes = [chain.node('alice'), chain.node('bob')] as const;
  const [alice, bob] = nodes;
  for (const node of nodes) node.fund(6, 100_000n);
  for (const each of [seedling('coin', SUPPLY), seedling('beside', 7n)])
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  for (const holding of holdings) bob.receive(alice.file(holding));
  return { chain, nodes, ids: holdings.map(({ facts }) => facts.assetId), top: { height: chain.blocks.length + 1 } };
}
type World = ReturnType<typeof world>;

type Tx = AssetChain['mempool'][number];
type Place = Tx['inputs'][number]['prevout'];

/** One block of what could be in a mempool: nothing whose inputs are missing or spent. What was lost is sent again, as the chain driver does. */
function mine({ chain, nodes }: World): void {
  const own = nodes.flatMap(({ state }) =>
    [...unconfirmedOwn(state.wallet), ...unconfirmedAnchors(state.assets)].flatMap(({ tx }) => tx ?? []),
  );
  const mined = chain.blocks.flatMap(({ txs }) => txs);
  const taken: Tx[] = [];
  const makes = (at: Place): boolean => [...mined, ...taken].some((tx) => equal(txId(tx), at.txid) && at.vout < tx.outputs.length);
  const spends = (at: Place): boolean =>
    [...mined, ...taken].some(({ inputs }) => inputs.some(({ prevout }) => prevout.vout === at.vout && equal(prevout.txid, at.txid)));
  let waiting = [...chain.mempool, ...own];
  for (let before = -1; before !== taken.length; ) {
    before = taken.length;
    waiting = waiting.filter((tx) => {
      if (!tx.inputs.every(({ prevout }) => makes(prevout) && !spends(prevout))) return true;
      taken.push(tx);
      return false;
    });
  }
  chain.mempool = taken;
  chain.mine();
}
/** The receiver is given every proof that there is, and after a reorganisation (`again`) those that it has as well: the blocks in them are others now. */
function deliver({ nodes }: World, again = false): void {
  for (const [from, to] of [nodes, [nodes[1], nodes[0]]] as const)
    for (const holding of from.assets.holdings.values()) {
      const isSent = holdingState(from.assets, holding) === 'sent' && from.assets.anchors.get(holding.facts.outPoint.txid)?.feeSat !== null;
      const isThere = from.assets.anchors.get(holding.facts.outPoint.txid)?.block !== null;
      if (isSent && isThere && (again || !to.assets.holdings.has(holding.key))) imported(to, from.file(holding));
    }
}
/** What another proof that is not yet renewed would make refused is given again in the next round. */
function imported(to: AssetNode, file: Bytes): void {
  try {
    to.receive(file);
  } catch (error) {
    if (!(error as Error).message.startsWith('NOT_IN_CHAIN')) throw error;
  }
}

const payout = (to: AssetNode, assetId: Bytes, amount: bigint) => {
  const { keys } = to.told({ kind: 'new_keys' }, 'asset_keys');
  const rest = { place: 0, sibling: null, script: null, interactive: true, delivery: null, own: null, assetVersion: 0 } as const;
  return { kind: 'send', assetId, amount, scriptKey: keys.scriptKey, internalKey: keys.internalKey, ...rest } as const;
};

type Move = (world: World, who: 0 | 1, amount: bigint) => unknown;
const live = { feerate: null, dryRun: false } as const;
const MOVES: { readonly [name: string]: Move } = {
  address: ({ nodes, ids }, who, amount) => nodes[who].send(nodes[who === 0 ? 1 : 0].address(ids[0] as Bytes, amount)),
  keys({ nodes, ids }, who, amount) {
    const request = {
      kind: 'send',
      payouts: [payout(nodes[who === 0 ? 1 : 0], ids[0] as Bytes, amount)],
      commitmentVersion: TAP_VERSION.V2,
    } as const;
    return nodes[who].ask({ kind: 'transfer', request, ...live });
  },
  split: ({ nodes, ids }, who, amount) =>
    nodes[who].ask({ kind: 'move_asset', assetId: ids[0] as Bytes, amount, from: null, note: null, ...live }),
  burn({ nodes, ids }, who, amount) {
    const payouts = [{ kind: 'burn', assetId: ids[0] as Bytes, amount: amount / 10n + 1n }] as const;
    return nodes[who].ask({ kind: 'transfer', request: { kind: 'burn', payouts, commitmentVersion: TAP_VERSION.V2 }, ...live });
  },
  packet({ nodes, ids }, who, amount) {
    const request = { payouts: [payout(nodes[who === 0 ? 1 : 0], ids[0] as Bytes, amount)], leaseSeconds: 60 } as const;
    const funded = nodes[who].ask({ kind: 'fund_packet', request });
    if (typeof funded === 'string' || funded.kind !== 'asset_packet') return funded;
    const { packet } = nodes[who].told({ kind: 'sign_packet', packet: funded.packet, openHashTypes: false }, 'asset_packet');
    return nodes[who].ask({ kind: 'anchor_packets', packets: [packet], note: null, ...live });
  },
  swap({ nodes }, who) {
    const [seller, buyer] = [nodes[who], nodes[who === 0 ? 1 : 0]];
    for (const { facts } of seller.free()) {
      const request = { assetId: facts.assetId, amount: facts.amount, priceSat: sat(2000), lifeSeconds: 60 };
      const made = seller.ask({ kind: 'offer_swap', request, dryRun: false });
      if (typeof made === 'string' || made.kind !== 'asset_offer') continue;
      const [packet, anchor] = [decodeVirtualPacket(made.offer.virtualPsbt), decodePsbtMaps(made.offer.anchorPsbt)];
      if (!packet.ok || !anchor.ok) throw new Error('an offer that cannot be read');
      const file = buyer.takeApart(seller.file(made.offer.holding));
      return buyer.ask({ kind: 'accept_swap', packet: packet.value, anchor: anchor.value, file, maxPriceSat: null, ...live });
    }
    return null;
  },
  bump({ chain, nodes }, who, amount) {
    const [anchor] = unconfirmedAnchors(nodes[who].assets);
    if (anchor === undefined) return null;
    const old = anchor.txid;
    const reply = nodes[who].ask({ kind: 'bump_anchor', txid: old, feerate: feeratePerKw(2000 + Number(amount) * 10), dryRun: false });
    // Which of the two a miner has seen is a matter of luck.
    const lucky = (tx: Tx): boolean => typeof reply === 'string' || !equal(txId(tx), amount % 2n === 0n ? old : newId(reply));
    chain.mempool = chain.mempool.filter(lucky);
    return reply;
  },
  mine,
  // One block deep: what was received has its history as it came, and does not follow a reorganisation that reaches it.
  reorg({ chain, top }) {
    if (chain.blocks.length < top.height) return;
    top.height = chain.blocks.length;
    chain.unmine();
    chain.mempool = [];
  },
  crash({ chain, nodes }, who) {
    chain.mempool = [];
    nodes[who].restart();
  },
};
const newId = (reply: NodeReply): Bytes => (reply.kind === 'asset_anchor' ? reply.anchor.txid : new Uint8Array(32));

/** Everything that a node says of its holdings is so. */
function check({ nodes, ids }: World): void {
  const scriptKeys = new Set<string>();
  for (const node of nodes)
    for (let index = 0; index < node.assets.nextKeyIndex; index++)
      scriptKeys.add(toHex(xOnly(bip86ScriptKey(node.keys.wallet.assetKey(index).publicKey).publicKey)));
  for (const node of nodes) {
    for (const { proof, scriptKeyIndex, internalKeyIndex } of node.assets.holdings.values()) {
      const { asset } = proof;
      if (internalKeyIndex !== null)
        expect(toHex(node.keys.wallet.assetKey(internalKeyIndex).publicKey)).toBe(toHex(proof.inclusionProof.internalKey));
      if (scriptKeyIndex !== null)
        expect(toHex(bip86ScriptKey(node.keys.wallet.assetKey(scriptKeyIndex).publicKey).publicKey)).toBe(toHex(asset.scriptKey));
      else expect(isBurn(asset) || isTombstone(asset) || scriptKeys.has(toHex(xOnly(asset.scriptKey)))).toBe(true);
    }
    expect(unitsOf(node, ids[0] as Bytes, 'confirmed', 'pending')).toBeLessThanOrEqual(SUPPLY);
  }
}
const unitsOf = (node: AssetNode, id: Bytes, ...states: readonly string[]): bigint =>
  [...node.assets.holdings.values()]
    .filter((each) => equal(each.facts.assetId, id) && each.scriptKeyIndex !== null && states.includes(holdingState(node.assets, each)))
    .reduce((sum, { facts }) => sum + facts.amount, 0n);
const burnt = ({ nodes }: World): bigint =>
  nodes
    .flatMap((node) =>
      [...node.assets.holdings.values()].filter(
        (each: Holding) => each.internalKeyIndex !== null && holdingState(node.assets, each) === 'burnt',
      ),
    )
    .reduce((sum, { facts }) => sum + facts.amount, 0n);

test('no unit is made or lost, and every proof of what is left verifies', () => {
  const step = fc.tuple(
    fc.constantFrom(...Object.keys(MOVES), 'mine', 'mine', 'mine'),
    fc.constantFrom(0 as const, 1 as const),
    fc.bigInt(1n, 400n),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 8, maxLength: 16 }), (steps) => {
      const here = world();
      for (const [name, who, amount] of steps) {
        (MOVES[name] as Move)(here, who, amount);
        deliver(here);
        check(here);
      }
      for (let i = 0; i < 6; i++) {
        mine(here);
        deliver(here, true);
      }
      for (const node of here.nodes) node.restart();
      check(here);
      const [coin, beside] = here.ids as [Bytes, Bytes];
      const total = (id: Bytes): bigint => here.nodes.reduce((sum, node) => sum + unitsOf(node, id, 'confirmed'), 0n);
      expect([total(coin) + burnt(here), total(beside)]).toEqual([SUPPLY, 7n]);
      for (const node of here.nodes) {
        expect(unitsOf(node, coin, 'pending')).toBe(0n);
        for (const holding of node.free()) node.verified(node.file(holding));
      }
    }),
    { numRuns: 12 },
  );
}, 60_000);
