import { isOpen, othersOutput, othersWitness } from '../../asset/packet/anchor-psbt.ts';
import type { PsbtMaps } from '../../asset/packet/psbt-map.ts';
import { packetId } from '../../asset/packet/transition.ts';
import { type AnchorOutput, BIP86_PROOF } from '../../asset/proof/create.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { feerateOf, toSatPerVbyte } from '../../bitcoin/fees.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { signP2trInput, signP2wpkhInput } from '../../bitcoin/sign.ts';
import { formatOutPoint, type Tx, type TxOutput, txWeight } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { checkOutput } from '../wallet/build.ts';
import { type Coin, DEFAULT_FEE_LIMITS, outPointKey, type Wallet } from '../wallet/types.ts';
import { pathOfScript } from '../wallet/wallet.ts';
import { type AnchorPackets, freed, type Prepared, placedOf, preparePackets, versionOf } from './anchor-packets.ts';
import { type AssetInput, limits } from './anchor-tx.ts';
import { anchorSites, assemble, fitSums, type Site, type Transfer } from './assemble.ts';
import { placeOf } from './fate.ts';
import { leaseOf } from './lease.ts';
import { inputsOf } from './transfer.ts';
import { ASSET_OUTPUT_SAT, type AssetState } from './types.ts';

export interface PublishPackets {
  /** All that the transaction commits to, what moved along too; verified by the state machine. */
  readonly packets: AnchorPackets['packets'];
  /** As it left us. */
  readonly committed: Tx;
  /** As it came back. */
  readonly returned: PsbtMaps;
  /** What the inputs of others spend, as the chain has it. */
  readonly foreign: readonly { readonly outPoint: OutPoint; readonly output: TxOutput }[];
  /** What it may cost us at most (negative: what we are to gain at least); null for what it cost when it left. */
  readonly maxCostSat: bigint | null;
  readonly note: string | null;
}

/**
 * Takes a transaction back from others, signs what is ours in it, and takes it in as a transfer. Nothing that others wrote is relied on: the outputs with
 * assets are made anew from the packets, our inputs are those that were held back and no others, and what we pay is counted from what we know. Signatures
 * of others are for the script interpreter to verify. Fails with POLICY, MALFORMED, BAD_SIGNATURE, OVER_BUDGET or NOT_FOUND.
 */
export function publishPackets(state: AssetState, wallet: Wallet, env: NodeEnv, part: PublishPackets): Result<Transfer, NodeFailure> {
  const { packets, returned, committed, note } = part;
  const prepared = preparePackets(state, env, packets);
  if (!prepared.ok) return prepared;
  const { read, active, beside, own, sites, draw } = prepared.value;
  if (beside.length > 0)
    return policy('an asset that stands beside an input is in none of the packets', 'give those that `asset psbt commit` made too');
  const { tx } = returned;
  const placed = read.flatMap((each) => placedOf(each, own));
  const fits = fitSums(placed);
  if (!fits.ok) return fits;
  const version = versionOf(packets);
  const refusal = frameFault(tx, { committed, env }) ?? commitmentFault(tx, anchorSites(placed, sites, { first: 0, version }));
  if (refusal !== null) return fail(refusal);
  const spent = spentBy(state, wallet, { part, prepared: prepared.value });
  if (!spent.ok) return spent;
  const others = othersOf(returned, { wallet, env, first: sites.length });
  if (!others.ok) return others;
  const ours = (each: Tx): bigint => costOf(each, { wallet, sites, spent: spent.value });
  const cost = ours(tx);
  const most = part.maxCostSat ?? ours(committed);
  if (cost > most)
    return fail({ code: 'OVER_BUDGET', message: `the transaction as it came back costs us ${cost} sat, above the ${most} sat allowed` });
  const signed = signedTx(returned, { spent: spent.value, env });
  if (!signed.ok) return signed;
  const fee = feeOf(signed.value, { spent: spent.value, env });
  if (!fee.ok) return fee;
  // A fee that others share in is not raised by us alone.
  const isAlone = spent.value.every(({ kind }) => kind !== 'foreign');
  const funding = {
    assetInputs: inputsOf(active),
    coins: spent.value.flatMap((each) => (each.kind === 'coin' ? [each.coin] : [])),
    firstPrevOut: must(tx.inputs[0], 'an input').prevout,
    leading: [],
    outputs: sites.length,
    change: null,
    feeSat: fee.value,
    weight: txWeight(signed.value),
  };
  const parts = { placed, sites, funding, kind: 'send', commitmentVersion: version, note, locktime: tx.locktime } as const;
  const finished = { tx: signed.value, others: others.value, feeSat: isAlone ? fee.value : null };
  return ok(assemble(freed(state, packets), env, { ...parts, nextKeyIndex: draw(), signed: finished }));
}

/** What one input spends, and who signs for it. */
type Spent =
  | { readonly kind: 'assets'; readonly output: TxOutput; readonly input: AssetInput }
  | { readonly kind: 'coin'; readonly output: TxOutput; readonly coin: Coin }
  | { readonly kind: 'foreign'; readonly output: TxOutput };

/** What is not about single outputs. */
function frameFault(tx: Tx, { committed, env }: { readonly committed: Tx; readonly env: NodeEnv }): NodeFailure | null {
  if (tx.version !== 2 || tx.locktime > env.height) return refused('the transaction is of another version, or locked');
  // BIP 68: a sequence with its highest bit free would hold the transaction back.
  if (tx.inputs.some(({ sequence }) => sequence < 0x80000000)) return refused('an input is locked');
  const places = new Set(tx.inputs.map(({ prevout }) => placeOf(prevout)));
  if (places.size !== tx.inputs.length) return { code: 'MALFORMED', message: 'the transaction spends an output twice' };
  const lost = committed.inputs.find(({ prevout }) => !places.has(placeOf(prevout)));
  return lost === undefined ? null : refused(`the transaction does not spend ${formatOutPoint(lost.prevout)} any more`);
}

/** Asset signatures say nothing of the transaction: what it commits to is made anew. */
function commitmentFault(tx: Tx, built: ReturnType<typeof anchorSites>): NodeFailure | null {
  for (const [i, { script }] of built.entries()) {
    const output = tx.outputs[i];
    if (output === undefined || !equal(output.script, script)) return refused(`output ${i} does not hold the assets of the packets`);
    if (output.amount !== ASSET_OUTPUT_SAT) return refused(`output ${i} has ${output.amount} sat in the place of ${ASSET_OUTPUT_SAT}`);
  }
  return null;
}

/** Each input in its order. Whatever is ours and was not held back for this transaction is refused: we would sign it away. */
function spentBy(
  state: AssetState,
  wallet: Wallet,
  { part, prepared }: { readonly part: PublishPackets; readonly prepared: Prepared },
): Result<readonly Spent[], NodeFailure> {
  const ids = part.packets.map(packetId);
  const inputs = new Map(inputsOf(prepared.active).map((input) => [placeOf(input.outPoint), input]));
  const held = new Set(
    [...state.holdings.values()].filter(({ internalKeyIndex }) => internalKeyIndex !== null).map(({ facts }) => placeOf(facts.outPoint)),
  );
  const foreign = new Map(part.foreign.map(({ outPoint, output }) => [placeOf(outPoint), output]));
  const spent: Spent[] = [];
  for (const { prevout } of part.returned.tx.inputs) {
    const place = placeOf(prevout);
    const input = inputs.get(place);
    const coin = wallet.coins.get(outPointKey(prevout));
    const output = foreign.get(place);
    if (input !== undefined) spent.push({ kind: 'assets', output: input.output, input });
    else if (held.has(place)) return policy(`${formatOutPoint(prevout)} holds assets of ours that are in none of the packets`);
    else if (coin !== undefined) {
      const lease = leaseOf(state, prevout);
      if (lease === null || !ids.some((id) => equal(id, lease.id)))
        return policy(`${formatOutPoint(prevout)} is ours, and is not held back for this transaction`, 'commit again');
      if (coin.spentBy !== null) return policy(`${formatOutPoint(prevout)} is spent already`);
      spent.push({ kind: 'coin', output: coin.output, coin });
    } else if (output === undefined || wallet.scripts.has(output.script))
      return policy(`nothing is known of ${formatOutPoint(prevout)}, or it is ours`);
    else spent.push({ kind: 'foreign', output });
  }
  const missing = [...inputs.values()].find(
    ({ outPoint }) => !part.returned.tx.inputs.some(({ prevout }) => placeOf(prevout) === placeOf(outPoint)),
  );
  return missing === undefined ? ok(spent) : policy(`the transaction does not spend ${formatOutPoint(missing.outPoint)}`);
}

/** How the taproot outputs behind those with assets hold none. Every one has to: the proofs of all assets in the transaction say it. */
function othersOf(
  { tx, outputs }: PsbtMaps,
  { wallet, env, first }: { readonly wallet: Wallet; readonly env: NodeEnv; readonly first: number },
): Result<readonly AnchorOutput[], NodeFailure> {
  const others: AnchorOutput[] = [];
  for (const [outputIndex, output] of tx.outputs.entries()) {
    if (outputIndex < first) continue;
    const dust = checkOutput(output);
    if (dust !== null) return policy(`output ${outputIndex}: ${dust.message}`);
    if (witnessProgram(output.script)?.version !== 1) continue;
    const path = pathOfScript(wallet, output.script);
    if (path !== null) {
      const internalKey: Bytes = env.walletKeys.publicKey(path);
      others.push({ outputIndex, internalKey, content: { kind: 'none', tapscriptProof: BIP86_PROOF } });
      continue;
    }
    const shown = othersOutput(output.script, outputs[outputIndex] ?? []);
    if (!shown.ok)
      return policy(`output ${outputIndex}: ${shown.failure.message}`, 'its owner gives the internal key in the PSBT (BIP 371)');
    const { internalKey, tapscriptProof } = shown.value;
    others.push({ outputIndex, internalKey, content: { kind: 'none', tapscriptProof } });
  }
  return ok(others);
}

/** Bitcoin of ours that goes in and does not come back to us, in satoshis: negative where we gain. */
function costOf(
  tx: Tx,
  { wallet, sites, spent }: { readonly wallet: Wallet; readonly sites: readonly Site[]; readonly spent: readonly Spent[] },
): bigint {
  const brought = spent.reduce((sum, { kind, output }) => (kind === 'foreign' ? sum : sum + output.amount), 0n);
  const isOurs = (output: TxOutput, i: number): boolean =>
    i < sites.length ? (sites[i]?.internalKeyIndex ?? null) !== null : wallet.scripts.has(output.script);
  return brought - tx.outputs.reduce((sum, output, i) => (isOurs(output, i) ? sum + output.amount : sum), 0n);
}

/** Ours signed over all of it, whatever the PSBT asks for or has; others' as they are. */
function signedTx(
  { tx, inputs: maps }: PsbtMaps,
  { spent, env }: { readonly spent: readonly Spent[]; readonly env: NodeEnv },
): Result<Tx, NodeFailure> {
  const prevouts = spent.map(({ output }) => output);
  const keys = env.walletKeys;
  const inputs: Tx['inputs'][number][] = [];
  for (const [index, input] of tx.inputs.entries()) {
    const each = must(spent[index], 'an input');
    const map = maps[index] ?? [];
    if (each.kind === 'foreign') {
      const witness = othersWitness(map, each.output);
      if (!witness.ok) return fail({ code: witness.failure.code, message: `input ${index}: ${witness.failure.message}` });
      inputs.push({ ...input, witness: witness.value });
      continue;
    }
    if (isOpen(map)) return policy(`input ${index} is ours, and it asks for a signature that leaves the transaction open`);
    if (each.kind === 'assets') {
      const { privateKey } = keys.assetKey(must(each.input.internalKeyIndex ?? undefined, 'an output of ours'));
      inputs.push({ ...input, witness: signP2trInput({ tx, index, prevouts, privateKey, merkleRoot: each.input.merkleRoot }) });
      continue;
    }
    const { path } = each.coin;
    const privateKey = keys.privateKey(path);
    const { amount } = each.output;
    const witness =
      path.account === 'p2tr' ? signP2trInput({ tx, index, prevouts, privateKey }) : signP2wpkhInput({ tx, index, amount, privateKey });
    inputs.push({ ...input, witness });
  }
  return ok({ ...tx, inputs });
}

function feeOf(tx: Tx, { spent, env }: { readonly spent: readonly Spent[]; readonly env: NodeEnv }): Result<Sat, NodeFailure> {
  const paid = tx.outputs.reduce((sum, { amount }) => sum + amount, 0n);
  const fee = spent.reduce((sum, { output }) => sum + output.amount, 0n) - paid;
  if (fee < 0n) return policy(`the outputs take ${-fee} sat more than the inputs bring`);
  const weight = txWeight(tx);
  const rate = feerateOf(sat(fee), weight);
  if (rate < env.feerates.minimum || rate > DEFAULT_FEE_LIMITS.maxFeerate)
    return policy(`the fee of ${fee} sat is ${toSatPerVbyte(rate)} sat/vB, which is not relayed or too much`);
  const tooMuch = limits({ feeSat: sat(fee), weight });
  return tooMuch === null ? ok(sat(fee)) : fail(tooMuch);
}

const refused = (message: string, hint?: string): NodeFailure => ({ code: 'POLICY', message, ...(hint === undefined ? {} : { hint }) });
const policy = (message: string, hint?: string) => fail<NodeFailure>(refused(message, hint));
