// Commitments to a supply that tapd 0.8.1 made on a chain of its own (test/data/supply): read, verified, and refused where anything is bent.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chainOf } from '../../../src/app/asset/fetch-supply.ts';
import { commitmentOf, type GivenCommitment } from '../../../src/app/forms/supply.ts';
import { decodeProof, type Proof as TreeProof, verifyProof } from '../../../src/asset/mssmt/proof.ts';
import { treeRoot } from '../../../src/asset/mssmt/tree.ts';
import { commitmentPoint, supplyRoot } from '../../../src/asset/supply/commitment.ts';
import { decodeSupplyLeaf, encodeSignedIgnore, type SupplyLeaf, supplyEntry } from '../../../src/asset/supply/leaf.ts';
import { placed, unplacedBlock } from '../../../src/asset/supply/place.ts';
import { delegationKeyOf, newSupply, type Supply, type SupplyEnv, sumsOf, verifySupply } from '../../../src/asset/supply/verify.ts';
import { interpretTapscript } from '../../../src/asset/vm/tapscript.ts';
import { type Bytes, fromHex } from '../../../src/base/bytes.ts';
import { fail, ok } from '../../../src/base/result.ts';
import { blockHash, decodeBlock } from '../../../src/bitcoin/block.ts';

interface Recorded {
  readonly group_key: string;
  readonly delegation_key: string;
  /** That of the burn, whose leaf does not show its place in it. */
  readonly burn_block: string;
  readonly commitments: readonly { readonly total_outstanding_supply: string }[];
}
const recorded = JSON.parse(readFileSync(new URL('../../data/supply/tapd-0.8.1.json', import.meta.url), 'utf8')) as Recorded;
const [asGiven, second] = recorded.commitments.map((each) => commitmentOf(JSON.stringify(each))) as [GivenCommitment, GivenCommitment];
const burnBlock = decodeBlock(fromHex(recorded.burn_block));
if (!burnBlock.ok) throw new Error(burnBlock.failure.message);
const first = { ...asGiven, leaves: asGiven.leaves.map((leaf) => placed(leaf, burnBlock.value.txs)) };
const GROUP = fromHex(recorded.group_key);
const KEY = fromHex(recorded.delegation_key);
const ENV: SupplyEnv = { interpreter: interpretTapscript, chain: null, isInChain: () => true, isKnownGroup: () => false };

const start = newSupply(GROUP, KEY);
const step = (supply: Supply, { commitment, leaves }: GivenCommitment, env = ENV) => verifySupply(supply, commitment, leaves, env);
function after(supply: Supply, given: GivenCommitment): Supply {
  const next = step(supply, given);
  if (!next.ok) throw new Error(`${next.failure.code}: ${next.failure.message}`);
  return next.value;
}
const code = (supply: Supply, given: GivenCommitment, env = ENV): string => {
  const next = step(supply, given, env);
  return next.ok ? 'valid' : next.failure.code;
};

test('minted, burnt and ignored units of two commitments are verified, and leave what tapd says', () => {
  const one = after(start, first);
  const two = after(one, second);
  expect(sumsOf(one)).toEqual({ minted: 1000n, burnt: 4n, ignored: 0n, outstanding: 996n });
  expect(sumsOf(two)).toEqual({ minted: 1000n, burnt: 4n, ignored: 996n, outstanding: 0n });
  expect([sumsOf(one), sumsOf(two)].map(({ outstanding }) => `${outstanding}`)).toEqual(
    recorded.commitments.map((each) => each.total_outstanding_supply),
  );
  expect([one.open, two.ignored.map(({ tuple }) => tuple.amount)]).toEqual([[], [996n]]);
  const [minting, burn] = asGiven.leaves;
  expect([unplacedBlock(minting as SupplyLeaf), unplacedBlock(burn as SupplyLeaf)]).toEqual([null, blockHash(burnBlock.value.header)]);
  expect(code(start, asGiven)).toBe('INVALID_TX_PROOF');
  expect(placed(burn as SupplyLeaf, [])).toBe(burn);
  expect(minting?.kind === 'mint' && delegationKeyOf(minting.proof.metaReveal)).toEqual(KEY);
});

test('commitments out of order, of another chain, another output, another key or another group are refused', () => {
  const one = after(start, first);
  expect(code(start, second)).toBe('SUPPLY_CHAIN');
  expect(code(one, first)).toBe('SUPPLY_CHAIN');
  expect(code(one, { ...second, commitment: { ...second.commitment, spent: null } })).toBe('SUPPLY_CHAIN');
  const other = { ...commitmentPoint(first.commitment), vout: 1 };
  expect(code(one, { ...second, commitment: { ...second.commitment, spent: other } })).toBe('SUPPLY_CHAIN');
  expect(code(start, first, { ...ENV, isInChain: () => false })).toBe('NOT_IN_CHAIN');
  const { txMerkleProof, outputIndex, root } = first.commitment;
  const bits = txMerkleProof.bits.map((bit) => !bit);
  expect(code(start, { ...first, commitment: { ...first.commitment, txMerkleProof: { ...txMerkleProof, bits } } })).toBe(
    'INVALID_TX_PROOF',
  );
  expect(code(start, { ...first, commitment: { ...first.commitment, outputIndex: outputIndex + 1 } })).toBe('SUPPLY_OUTPUT');
  expect(code(start, { ...first, commitment: { ...first.commitment, root: { ...root, sum: root.sum + 1n } } })).toBe('SUPPLY_ROOT');
  expect(code(newSupply(GROUP, fromHex(`02${recorded.group_key.slice(2)}`)), first)).toBe('SUPPLY_LEAF');
  expect(code(newSupply(KEY, KEY), first)).toBe('SUPPLY_LEAF');
});

test('leaves that are left out, added, bent, or not signed by the issuer are refused', () => {
  const one = after(start, first);
  const [minting, burn] = first.leaves as [(typeof first.leaves)[number], (typeof first.leaves)[number]];
  expect(code(start, { ...first, leaves: [minting] })).toBe('SUPPLY_ROOT');
  expect(code(start, { ...first, leaves: [burn] })).toBe('SUPPLY_PRE_COMMITMENT');
  expect(code(start, { ...first, leaves: [] })).toBe('SUPPLY_PRE_COMMITMENT');
  const [ignored] = second.leaves;
  if (ignored?.kind !== 'ignore' || minting.kind !== 'mint' || burn.kind !== 'burn') throw new Error('other leaves than were recorded');
  expect(encodeSignedIgnore(ignored.tuple, ignored.signature)).toEqual(ignored.raw);
  expect(code(one, { ...second, leaves: [{ ...ignored, tuple: { ...ignored.tuple, amount: 995n } }] })).toBe('BAD_SIGNATURE');
  expect(code(one, { ...second, leaves: [{ ...ignored, tuple: { ...ignored.tuple, blockHeight: 0 } }] })).toBe('SUPPLY_LEAF');
  expect(code(start, { ...first, leaves: [minting, { ...burn, proof: minting.proof }] })).toBe('SUPPLY_LEAF');
  expect(code(start, { ...first, leaves: [{ ...minting, proof: burn.proof }] })).toBe('SUPPLY_LEAF');
  const forged = { ...minting.proof, asset: { ...minting.proof.asset, amount: 2000n } };
  expect(code(start, { ...first, leaves: [{ ...minting, proof: forged }, burn] })).toBe('INVALID_PROOF');
  const owned = { ...minting.proof, challengeWitness: [new Uint8Array(64)] };
  expect(code(start, { ...first, leaves: [{ ...minting, proof: owned }, burn] })).toBe('INVALID_PROOF');
  for (const kind of ['mint', 'burn', 'ignore'] as const) {
    const raw = (kind === 'ignore' ? ignored : minting).raw;
    expect(decodeSupplyLeaf(kind, raw.slice(0, -1)).ok).toBe(false);
    expect(decodeSupplyLeaf(kind, kind === 'ignore' ? minting.raw : ignored.raw).ok).toBe(false);
  }
});

test('the root of each tree stands where the proofs of tapd show it', () => {
  const { trees } = after(start, first);
  const root = supplyRoot(trees);
  if (!root.ok) throw new Error(root.failure.message);
  const given = recorded.commitments[0] as unknown as Record<string, { supply_tree_leaf_key: string; supply_tree_inclusion_proof: string }>;
  for (const [name, kind] of [['issuance', 'mint'] as const, ['burn', 'burn'] as const]) {
    const { supply_tree_leaf_key: key, supply_tree_inclusion_proof: path } = given[`${name}_subtree_root`] as (typeof given)[string];
    const read = decodeProof(Uint8Array.from(atob(path), (each) => each.charCodeAt(0)) as Bytes);
    if (!read.ok) throw new Error('no proof');
    const proof: TreeProof = read.value;
    const { hash, sum } = treeRoot(trees[kind]);
    const part = { key: Uint8Array.from(atob(key), (each) => each.charCodeAt(0)), leaf: { value: hash, sum }, root: root.value };
    expect(verifyProof(proof, part)).toBe(true);
  }
  expect(first.leaves.map((leaf) => supplyEntry(leaf)[1].sum)).toEqual([1000n, 4n]);
});

test('text that is no commitment is refused as malformed, whatever is missing', () => {
  const whole = recorded.commitments[0] as unknown as Record<string, unknown>;
  const refused = (json: unknown): string => {
    try {
      commitmentOf(typeof json === 'string' ? json : JSON.stringify(json));
      return 'read';
    } catch (error) {
      return (error as { code?: string }).code ?? 'thrown';
    }
  };
  expect([refused('{'), refused('[]'), refused('null'), refused({})]).toEqual(['MALFORMED', 'MALFORMED', 'MALFORMED', 'MALFORMED']);
  const chain = whole['chain_data'] as Record<string, unknown>;
  for (const name of ['txn', 'internal_key', 'supply_root_hash', 'block_header', 'tx_block_merkle_proof'])
    for (const value of [undefined, 5, '!', 'CQ=='])
      expect(refused({ ...whole, chain_data: { ...chain, [name]: value } }), name).toBe('MALFORMED');
  for (const [name, value] of [
    ['tx_out_idx', -1],
    ['block_height', 2 ** 33],
    ['supply_root_sum', '18446744073709551616'],
  ] as const)
    expect(refused({ ...whole, chain_data: { ...chain, [name]: value } })).toBe('MALFORMED');
  expect(refused({ ...whole, issuance_leaves: 'x' })).toBe('MALFORMED');
  expect(refused({ ...whole, burn_leaves: [{ raw_leaf: 'AAAA' }] })).toBe('MALFORMED');
  expect(refused({ ...whole, spent_commitment_outpoint: {} })).toBe('MALFORMED');
});

test('a universe is asked from the first commitment to the latest, and one that leads round in circles is not followed', async () => {
  const [one, two] = recorded.commitments as unknown as readonly [unknown, unknown];
  const asked: unknown[] = [];
  const source = (next: unknown) => ({
    fetch: async (which: unknown) => {
      asked.push(which);
      return ok(which === 'very_first' ? one : which === 'latest' ? two : next);
    },
  });
  const { signal } = new AbortController();
  const read = await chainOf(source(two), signal);
  expect([read.map(({ commitment }) => commitment.height), asked]).toEqual([
    [first.commitment.height, second.commitment.height],
    ['latest', 'very_first', { after: commitmentPoint(first.commitment) }],
  ]);
  asked.length = 0;
  await expect(chainOf(source(one), signal)).rejects.toMatchObject({ code: 'MALFORMED' });
  expect(asked).toHaveLength(3);
  await expect(chainOf(source({}), signal)).rejects.toMatchObject({ code: 'MALFORMED' });
  const down = { fetch: async () => fail({ code: 'UNREACHABLE', message: 'nobody' } as const) };
  await expect(chainOf(down, signal)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  await expect(chainOf(source(two), AbortSignal.abort())).rejects.toThrow('aborted');
});
