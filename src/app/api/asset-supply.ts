import { commitmentPoint } from '../../asset/supply/commitment.ts';
import type { SupplyLeaf } from '../../asset/supply/leaf.ts';
import { placed, unplacedBlock } from '../../asset/supply/place.ts';
import { delegationKeyOf, newSupply, type Supply, sumsOf, verifySupply } from '../../asset/supply/verify.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { ProofFacts } from '../../io/chain/proof-facts.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import type { AssetState } from '../../node/asset/types.ts';
import { proofError } from '../asset/check.ts';
import { fetchCommitments } from '../asset/fetch-supply.ts';
import { defineOperation, notFound, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { groupKeyOf, units } from '../forms/asset.ts';
import { commitmentOf, type GivenCommitment } from '../forms/supply.ts';
import { chainError } from '../node/chain-driver.ts';
import { count, flag, hex, list, object, outpoint, type TypeOf, text } from '../schema.ts';

const sums = { minted: units(), burnt: units(), ignored: units(), outstanding: units() };

export const assetSupply = defineOperation({
  name: 'asset.supply',
  needs: 'chain',
  params: object(
    {},
    {
      commitments: list(text({ description: 'the JSON of each commitment of the group, the first one first' })),
      universe: text({ description: 'host:port of one that is asked for them instead' }),
      group_key: text({ description: 'default: the group of the first minting among the leaves' }),
    },
  ),
  result: object({
    valid: flag(),
    group_key: hex(33),
    delegation_key: hex(33),
    ...sums,
    commitments: list(object({ outpoint: outpoint(), height: count(), ...sums })),
    ignored_outputs: list(object({ outpoint: outpoint(), asset_id: hex(32), script_key: hex(33), amount: units() })),
  }),
  async run({ runtime, signal }, { commitments: texts = [], universe, group_key: wanted }) {
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const read = universe === undefined ? texts.map(commitmentOf) : await fetched(universe, { texts, wanted, signal });
    const given = await Promise.all(read.map((each) => withPlaces(each, chain)));
    let supply = beginning(runtime.state.assets, given, wanted === undefined ? null : groupKeyOf(wanted));
    const facts = new ProofFacts(chain);
    const { groups } = runtime.state.assets;
    const env = { interpreter: checkScripts, chain: facts.times, isInChain: facts.claim, isKnownGroup: (key: Bytes) => groups.has(key) };
    const verified: { readonly outpoint: string; readonly height: number; readonly [name: string]: string | number }[] = [];
    for (const { commitment, leaves } of given) {
      const next = verifySupply(supply, commitment, leaves, env);
      if (!next.ok) throw supplyError(next.failure, verified.length);
      supply = next.value;
      verified.push({ outpoint: formatOutPoint(commitmentPoint(commitment)), height: commitment.height, ...sumsText(supply) });
    }
    const foreign = await facts.firstFalseClaim();
    if (!foreign.ok) throw chainError(foreign.failure);
    if (foreign.value !== null) throw proofError(foreign.value);
    return {
      valid: true,
      group_key: toHex(supply.groupKey),
      delegation_key: toHex(supply.delegationKey),
      ...sumsText(supply),
      commitments: verified as never,
      ignored_outputs: supply.ignored.map(({ tuple: { prevId, amount } }) => ({
        outpoint: formatOutPoint(prevId.outPoint),
        asset_id: toHex(prevId.id),
        script_key: toHex(prevId.scriptKey),
        amount: `${amount}`,
      })),
    };
  },
});

function sumsText(supply: Supply): TypeOf<ReturnType<typeof object<typeof sums>>> {
  const { minted, burnt, ignored, outstanding } = sumsOf(supply);
  return { minted: `${minted}`, burnt: `${burnt}`, ignored: `${ignored}`, outstanding: `${outstanding}` };
}

/** Throws USAGE, and whatever the universe does. */
function fetched(
  universe: string,
  part: { readonly texts: readonly string[]; readonly wanted: string | undefined; readonly signal: AbortSignal },
): Promise<readonly GivenCommitment[]> {
  if (part.texts.length > 0) throw usage('commitments come from files or from a universe, not from both');
  if (part.wanted === undefined) throw usage('whose supply?', 'give --group-key KEY');
  return fetchCommitments(universe, groupKeyOf(part.wanted), part.signal);
}

/** The burns with their places in the blocks that the chain has of them. */
async function withPlaces({ commitment, leaves }: GivenCommitment, chain: ChainSource): Promise<GivenCommitment> {
  const found: SupplyLeaf[] = [];
  for (const leaf of leaves) {
    const hash = unplacedBlock(leaf);
    const block = hash === null ? null : await chain.block(hash);
    if (block !== null && !block.ok) throw chainError(block.failure);
    found.push(block?.value == null ? leaf : placed(leaf, block.value.txs));
  }
  return { commitment, leaves: found };
}

/** What is known of the group before its first commitment. Throws USAGE or NOT_FOUND. */
function beginning(state: AssetState, given: readonly GivenCommitment[], wanted: Bytes | null): Supply {
  const mints = given.flatMap(({ leaves }) => leaves.flatMap((leaf) => (leaf.kind === 'mint' ? [leaf.proof] : [])));
  const groupKey = wanted ?? mints[0]?.asset.groupKey ?? null;
  if (groupKey === null) throw usage('whose supply? No leaf tells', 'give --group-key KEY, and the first commitment first');
  const group = [...state.groups.values()].find((each) => toHex(each.groupKey.subarray(1)) === toHex(groupKey.subarray(1)));
  const meta =
    group === undefined ? mints.find(({ groupKeyReveal }) => groupKeyReveal !== null)?.metaReveal : state.known.get(group.anchorId)?.meta;
  const key = delegationKeyOf(meta ?? null);
  if (key === null) throw notFound('the metadata of the group promises no commitments to its supply');
  return newSupply(groupKey, key);
}

function supplyError(failure: { readonly code: string; readonly message: string }, index: number): AppError {
  const code = failure.code === 'BAD_SIGNATURE' ? 'BAD_SIGNATURE' : failure.code === 'NOT_IN_CHAIN' ? 'WRONG_NETWORK' : 'MALFORMED';
  return new AppError({ code, message: `commitment ${index} is not valid: ${failure.message}`, details: { reason: failure.code } });
}
