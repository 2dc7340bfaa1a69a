import { BIP86_PROOF } from '../../asset/proof/create.ts';
import type { TaprootProof } from '../../asset/proof/taproot-proof.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, type Sat, sat } from '../../base/units.ts';
import { feeOfWeightCeil, feerateOf, toSatPerVbyte } from '../../bitcoin/fees.ts';
import { formatTxId, type Tx, type TxInput, type TxOutput, txId, txInput, txWeight } from '../../bitcoin/tx.ts';
import type { NodeEnv, NodeFailure } from '../types.ts';
import { checkFeerate, RBF_SEQUENCE, settle, total, weightOf } from '../wallet/build.ts';
import { spendable } from '../wallet/coins.ts';
import { effectiveValue } from '../wallet/select.ts';
import { type Coin, outPointKey, type Wallet, type WalletTx } from '../wallet/types.ts';
import { peekChange } from '../wallet/wallet.ts';
import { type AssetInput, coinOf, type Funding, limits, signAll } from './anchor-tx.ts';
import type { Transfer } from './assemble.ts';
import { isDead, placeOf, settleSpends } from './fate.ts';
import { holdingOf } from './holding.ts';
import { anchorInputOf } from './transfer.ts';
import { type Anchor, ASSET_OUTPUT_SAT, type AssetState, type Holding } from './types.ts';

/** BIP 125 rule 4: what a replacement pays for its own relay, Bitcoin Core's default of 1 sat/vB. */
const INCREMENTAL_SAT_PER_VBYTE = 1;

export interface BumpAnchorRequest {
  readonly txid: TxId;
  readonly feerate: FeeratePerKw;
}

/**
 * An unconfirmed minting, transfer or burn of ours once more at a higher fee: the same inputs in their order (the first one of a minting
 * makes its asset ids), the same outputs with assets, less change, and more coins behind where that does not suffice. Nothing of the assets
 * is signed anew, for no commitment knows its transaction; their places and proofs follow it.
 *
 * Fails with NOT_FOUND, USAGE (in a block already, or no gain), POLICY (may not be replaced) or INSUFFICIENT_FUNDS.
 */
export function bumpAnchor(state: AssetState, wallet: Wallet, env: NodeEnv, request: BumpAnchorRequest): Result<Transfer, NodeFailure> {
  const refusal = checkFeerate(request.feerate, { feerate: request.feerate, height: env.height, random: env.random });
  if (refusal !== null) return fail(refusal);
  const anchor = state.anchors.get(request.txid);
  if (anchor === undefined) return fail({ code: 'NOT_FOUND', message: `no transaction ${formatTxId(request.txid)} has assets of ours` });
  const obstacle = whyNot(state, wallet, anchor);
  if (obstacle !== null) return fail(obstacle);
  const inputs = inputsOf(state, wallet, anchor);
  if (!inputs.ok) return inputs;
  const plan = planFor(wallet, anchor, inputs.value, { state, env, feerate: request.feerate });
  if (!plan.ok) return plan;
  return ok(replaced(state, env, { anchor, inputs: inputs.value, plan: plan.value }));
}

function whyNot(state: AssetState, wallet: Wallet, anchor: Anchor): NodeFailure | null {
  const name = formatTxId(anchor.txid);
  if (anchor.kind === 'foreign' || anchor.feeSat === null) return { code: 'POLICY', message: `others made transaction ${name}` };
  if (anchor.block !== null) return { code: 'USAGE', message: `transaction ${name} is confirmed already` };
  if (isDead(state, anchor.txid)) return { code: 'POLICY', message: `another transaction has taken the place of ${name}` };
  const hint = 'try --method cpfp';
  for (const child of descendants(wallet, anchor.txid))
    if (child.tx?.outputs.some(({ script }) => !wallet.scripts.has(script)) === true)
      return { code: 'POLICY', message: `transaction ${formatTxId(child.txid)}, which spends its change, would be lost`, hint };
  for (const reserved of wallet.reservations.values())
    if (reserved.inputs.some(({ prevout }) => equal(prevout.txid, anchor.txid)))
      return { code: 'POLICY', message: 'a channel that is being opened spends its change', hint };
  return null;
}

interface Inputs {
  readonly assetInputs: readonly AssetInput[];
  readonly coins: readonly Coin[];
}

/** What the transaction spends, in its order: outputs with assets first, then coins of the wallet. */
function inputsOf(state: AssetState, wallet: Wallet, { tx }: Anchor): Result<Inputs, NodeFailure> {
  const held = new Map([...state.holdings.values()].map((holding) => [placeOf(holding.facts.outPoint), holding]));
  const assetInputs: AssetInput[] = [];
  const coins: Coin[] = [];
  for (const input of tx.inputs) {
    const holding = held.get(placeOf(input.prevout));
    const coin = wallet.coins.get(outPointKey(input.prevout));
    const { witness, sequence } = input;
    if (coin !== undefined) coins.push(coin);
    else if (coins.length > 0)
      return fail({ code: 'POLICY', message: 'its inputs stand in an order that is not ours', hint: 'try --method cpfp' });
    else if (holding !== undefined && holding.internalKeyIndex !== null)
      assetInputs.push({ ...anchorInputOf(holding.proof), internalKeyIndex: holding.internalKeyIndex });
    else if (holding !== undefined && lendsItself(input))
      assetInputs.push({ ...anchorInputOf(holding.proof), internalKeyIndex: null, signed: { witness, sequence } });
    else return fail({ code: 'POLICY', message: 'it spends what we cannot sign for again', hint: 'try --method cpfp' });
  }
  return ok({ assetInputs, coins });
}

/** SIGHASH_SINGLE with ANYONECANPAY: the signature of somebody else stays good while its own output stays. */
const lendsItself = ({ witness }: TxInput): boolean => witness.length === 1 && witness[0]?.length === 65 && witness[0][64] === 0x83;

interface Plan {
  readonly extra: readonly Coin[];
  readonly fixed: readonly TxOutput[];
  readonly change: Funding['change'];
  readonly feeSat: Sat;
  readonly weight: number;
}

function planFor(
  wallet: Wallet,
  { tx, txid, feeSat: oldFee }: Anchor,
  { assetInputs, coins }: Inputs,
  part: { readonly state: AssetState; readonly env: NodeEnv; readonly feerate: FeeratePerKw },
): Result<Plan, NodeFailure> {
  const { state, env, feerate } = part;
  const keys = env.walletKeys;
  const before = feerateOf(oldFee ?? sat(0), txWeight(tx));
  if (feerate <= before) return fail(noGain(before, feerate));
  const last = tx.outputs.at(-1);
  const oldPath = last === undefined ? undefined : wallet.scripts.get(last.script);
  const path = oldPath?.chain === 'change' ? oldPath : null;
  const fixed = path === null ? tx.outputs : tx.outputs.slice(0, -1);
  const change = path === null ? peekChange(wallet, keys) : { path, script: keys.script(path) };
  const evicted = descendants(wallet, txid).reduce((sum, { fee }) => sum + (fee ?? 0n), oldFee ?? 0n);
  const feeFor = (weight: number): Sat => {
    const asked = feeOfWeightCeil(weight, feerate);
    // BIP 125 rules 3 and 4: at least the fees of all it evicts, and the relay of itself on top.
    const rules = evicted + BigInt(Math.ceil(weight / 4) * INCREMENTAL_SAT_PER_VBYTE);
    return sat(asked > rules ? asked : rules);
  };
  const given = [...assetInputs.map(coinOf), ...coins];
  const held = new Set([...state.leases.map(({ outPoint }) => placeOf(outPoint)), ...given.map(({ outpoint }) => placeOf(outpoint))]);
  // BIP 125 rule 2: no new unconfirmed inputs.
  const pool = spendable(wallet, env.height).confirmed.filter(
    (coin) => effectiveValue(coin, feerate) > 0n && !held.has(placeOf(coin.outpoint)),
  );
  for (let count = 0; count <= pool.length; count++) {
    const extra = pool.slice(0, count);
    const inputs = [...given, ...extra];
    const settled = settle({ inputs, outputs: fixed, changeScript: change.script, feeFor });
    if (settled === null) continue;
    const back = settled.change === null ? null : { amount: settled.change, ...change, internalKey: keys.publicKey(change.path) };
    const outputs = [...fixed, ...(back === null ? [] : [back])];
    const feeSat = sat(total(inputs) - outputs.reduce((sum, { amount }) => sum + amount, 0n));
    const weight = weightOf(inputs, outputs);
    const tooMuch = limits({ feeSat, weight });
    return tooMuch === null ? ok({ extra, fixed, change: back, feeSat, weight }) : fail(tooMuch);
  }
  return fail({
    code: 'INSUFFICIENT_FUNDS',
    message: `the wallet has not enough confirmed money for the fee at ${toSatPerVbyte(feerate)} sat/vB`,
    hint: 'ask for a lower fee rate, or send more to the wallet',
  });
}

/** The transaction at its new fee, everything that was in the old one in its new place, and both in the state: a block decides. */
function replaced(
  state: AssetState,
  env: NodeEnv,
  { anchor, inputs, plan }: { readonly anchor: Anchor; readonly inputs: Inputs; readonly plan: Plan },
): Transfer {
  const { extra, fixed, change, feeSat, weight } = plan;
  const coins = [...inputs.coins, ...extra];
  const outputs: TxOutput[] = [...fixed];
  if (change !== null) outputs.push({ amount: change.amount, script: change.script });
  const txInputs = [
    ...anchor.tx.inputs.map(({ prevout, sequence }) => txInput(prevout, sequence)),
    ...extra.map((coin) => txInput(coin.outpoint, RBF_SEQUENCE)),
  ];
  const { assetInputs } = inputs;
  const tx = signAll(
    { version: anchor.tx.version, inputs: txInputs, outputs, locktime: anchor.tx.locktime },
    { assetInputs, coins },
    env.walletKeys,
  );
  const changeProof: TaprootProof | null =
    change === null
      ? null
      : { outputIndex: fixed.length, internalKey: change.internalKey, commitmentProof: null, tapscriptProof: BIP86_PROOF, unknown: [] };
  const moved = new Map<Holding, Holding>();
  for (const holding of state.holdings.values())
    if (equal(holding.facts.outPoint.txid, anchor.txid)) moved.set(holding, inPlace(holding, { tx, changeAt: fixed.length, changeProof }));
  const newKey = (key: Bytes): Bytes => [...moved].find(([old]) => equal(old.key, key))?.[1].key ?? key;
  const next: Anchor = {
    ...anchor,
    txid: txId(tx),
    tx,
    feeSat,
    createdAt: env.now,
    deliveries: anchor.deliveries.map((delivery) => ({ ...delivery, key: newKey(delivery.key) })),
    replaces: anchor.txid,
  };
  let { holdings } = state;
  for (const holding of moved.values()) holdings = holdings.set(holding.key, holding);
  const after = settleSpends({ ...state, holdings, anchors: state.anchors.set(next.txid, next) });
  const withAssets = fixed.filter(({ amount }) => amount === ASSET_OUTPUT_SAT).length;
  const firstPrevOut = must(tx.inputs[0], 'an input').prevout;
  const funding: Funding = { assetInputs, coins, firstPrevOut, leading: [], outputs: withAssets, change, feeSat, weight };
  return { state: after, anchor: next, holdings: [...moved.values()], funding };
}

/** The holding in the new transaction. Whatever shows that the change has no asset follows the change. */
function inPlace(
  { proof, ...rest }: Holding,
  part: { readonly tx: Tx; readonly changeAt: number; readonly changeProof: TaprootProof | null },
): Holding {
  const others = proof.exclusionProofs.filter(({ outputIndex }) => outputIndex !== part.changeAt);
  const exclusionProofs = part.changeProof === null ? others : [...others, part.changeProof];
  const { key, facts, proof: there } = holdingOf({ ...proof, anchorTx: part.tx, exclusionProofs });
  return { ...rest, key, facts, proof: there, spentBy: null };
}

/** Unconfirmed transactions of the wallet that spend from this one, at any distance. */
function descendants(wallet: Wallet, txid: TxId): readonly WalletTx[] {
  const found: WalletTx[] = [];
  const open: TxId[] = [txid];
  for (let each = open.pop(); each !== undefined; each = open.pop())
    for (const entry of wallet.txs.values()) {
      const parent = each;
      if (entry.height !== null || found.includes(entry)) continue;
      if (entry.tx?.inputs.some(({ prevout }) => equal(prevout.txid, parent)) !== true) continue;
      found.push(entry);
      open.push(entry.txid);
    }
  return found;
}

const noGain = (now: FeeratePerKw, asked: FeeratePerKw): NodeFailure => ({
  code: 'USAGE',
  message: `the transaction pays ${toSatPerVbyte(now)} sat/vB already, not less than the ${toSatPerVbyte(asked)} sat/vB asked for`,
  hint: 'give a higher --fee-rate',
});
