import type { AnchorOutput } from '../../asset/proof/create.ts';
import { must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, type Height, type Sat, sat } from '../../base/units.ts';
import { feeOfWeightCeil, toSatPerVbyte } from '../../bitcoin/fees.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { signP2trInput, signP2wpkhInput } from '../../bitcoin/sign.ts';
import { type Tx, type TxOutput, txInput } from '../../bitcoin/tx.ts';
import { checkFeerate, MAX_STANDARD_WEIGHT, RBF_SEQUENCE, settle, total, weightOf } from '../wallet/build.ts';
import { spendable } from '../wallet/coins.ts';
import { effectiveValue } from '../wallet/select.ts';
import { type Coin, DEFAULT_FEE_LIMITS, type KeyPath, type Wallet, type WalletFailure, type WalletKeys } from '../wallet/types.ts';
import { peekChange } from '../wallet/wallet.ts';
import { placeOf } from './fate.ts';
import { ASSET_OUTPUT_SAT, type Lease } from './types.ts';

/** An output with assets that an anchor spends. */
export interface AssetInput {
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
  /** null where it is another's, who has signed. */
  readonly internalKeyIndex: number | null;
  /** Of the output's script tree. */
  readonly merkleRoot: Bytes;
  /** Of the other's input: its signature and the sequence that it covers. */
  readonly signed?: { readonly witness: readonly Bytes[]; readonly sequence: number };
}

/** An output in front of those with assets, and how it shows that it has none; null where it is no taproot output. */
export interface LeadingOutput {
  readonly output: TxOutput;
  readonly proof: Pick<AnchorOutput, 'internalKey' | 'content'> | null;
}

/** Which coins pay for an anchor, before anything is known of what its outputs commit to. */
export interface Funding {
  readonly assetInputs: readonly AssetInput[];
  readonly coins: readonly Coin[];
  readonly firstPrevOut: OutPoint;
  readonly leading: readonly LeadingOutput[];
  readonly outputs: number;
  readonly change: { readonly amount: Sat; readonly script: Bytes; readonly path: KeyPath; readonly internalKey: Bytes } | null;
  readonly feeSat: Sat;
  readonly weight: number;
}

export interface FundingRequest {
  readonly assetInputs: readonly AssetInput[];
  /** How many outputs with assets, ASSET_OUTPUT_SAT each; the change comes after them. */
  readonly outputs: number;
  readonly feerate: FeeratePerKw;
  readonly height: Height;
  /** Outputs in front of those with assets, in this order; default: none. */
  readonly leading?: readonly LeadingOutput[];
  /** Coins that a packet holds back. */
  readonly leases: readonly Lease[];
}

/** Any taproot script: only its length matters before the outputs are known. */
const PLACEHOLDER = p2trScript(new Uint8Array(32));

/** Chooses coins, largest first; confirmed ones, and only where those do not suffice our own unconfirmed change. */
export function fundAnchor(wallet: Wallet, keys: WalletKeys, request: FundingRequest): Result<Funding, WalletFailure> {
  const { assetInputs, feerate, height, leading = [] } = request;
  const refusal = checkFeerate(feerate, { feerate, height, random: () => new Uint8Array(4) });
  if (refusal !== null) return fail(refusal);
  const withAssets = Array.from({ length: request.outputs }, () => ({ amount: sat(ASSET_OUTPUT_SAT), script: PLACEHOLDER }));
  const outputs = [...leading.map(({ output }) => output), ...withAssets];
  const fixed = assetInputs.map(coinOf);
  const change = peekChange(wallet, keys);
  const feeFor = (weight: number): Sat => feeOfWeightCeil(weight, feerate);
  const { confirmed, trusted } = spendable(wallet, height);
  const held = new Set(request.leases.map(({ outPoint }) => placeOf(outPoint)));
  const isFree = (coin: Coin): boolean => effectiveValue(coin, feerate) > 0n && !held.has(placeOf(coin.outpoint));
  const pool = [...confirmed, ...trusted].filter(isFree);
  // A minting needs a coin in any case: the first input makes the asset id unique.
  for (let count = assetInputs.length === 0 ? 1 : 0; count <= pool.length; count++) {
    const coins = pool.slice(0, count);
    const inputs = [...fixed, ...coins];
    const settled = settle({ inputs, outputs, changeScript: change.script, feeFor });
    if (settled === null) continue;
    const back = settled.change === null ? null : { amount: settled.change, ...change, internalKey: keys.publicKey(change.path) };
    const all = [...outputs, ...(back === null ? [] : [back])];
    const feeSat = sat(total(inputs) - all.reduce((sum, { amount }) => sum + amount, 0n));
    const weight = weightOf(inputs, all);
    const tooMuch = limits({ feeSat, weight });
    const firstPrevOut = (inputs[0] as Coin).outpoint;
    return tooMuch === null
      ? ok({ assetInputs, coins, firstPrevOut, leading, outputs: withAssets.length, change: back, feeSat, weight })
      : fail(tooMuch);
  }
  return fail({
    code: 'INSUFFICIENT_FUNDS',
    message: `the wallet's coins (${total(pool)} sat can be spent) do not pay for the transaction at ${toSatPerVbyte(feerate)} sat/vB`,
    hint: 'send more to the wallet, or ask for a lower fee rate',
    details: { spendable_sat: total(pool), asset_outputs_sat: ASSET_OUTPUT_SAT * BigInt(request.outputs) },
  });
}

/** The signed transaction with its outputs' scripts, in order. */
export function signAnchor(
  funding: Funding,
  keys: WalletKeys,
  part: { readonly scripts: readonly Bytes[]; readonly locktime: number },
): Tx {
  const { assetInputs, coins, change } = funding;
  if (part.scripts.length !== funding.outputs) throw new RangeError('other outputs than were paid for');
  const outputs: TxOutput[] = funding.leading.map(({ output }) => output);
  outputs.push(...part.scripts.map((script) => ({ amount: sat(ASSET_OUTPUT_SAT), script })));
  if (change !== null) outputs.push({ amount: change.amount, script: change.script });
  const spent = [...assetInputs.map(coinOf), ...coins];
  const sequenceOf = (index: number): number => assetInputs[index]?.signed?.sequence ?? RBF_SEQUENCE;
  const inputs = spent.map((coin, index) => txInput(coin.outpoint, sequenceOf(index)));
  return signAll({ version: 2, inputs, outputs, locktime: part.locktime }, { assetInputs, coins }, keys);
}

/** Every input signed anew: those with assets come first, the wallet's coins after them; what another has signed stays. */
export function signAll(
  tx: Tx,
  part: { readonly assetInputs: readonly AssetInput[]; readonly coins: readonly Coin[] },
  keys: WalletKeys,
): Tx {
  const { assetInputs, coins } = part;
  const spent = [...assetInputs.map(coinOf), ...coins];
  const prevouts = spent.map((coin) => coin.output);
  const inputs = tx.inputs.map((input, index) => {
    const asset = assetInputs[index];
    if (asset?.signed !== undefined) return { ...input, witness: asset.signed.witness };
    if (asset !== undefined) {
      const { privateKey } = keys.assetKey(must(asset.internalKeyIndex ?? undefined, 'an output of ours, or a signature'));
      return { ...input, witness: signP2trInput({ tx, index, prevouts, privateKey, merkleRoot: asset.merkleRoot }) };
    }
    const coin = spent[index] as Coin;
    const privateKey = keys.privateKey(coin.path);
    const witness =
      coin.path.account === 'p2tr'
        ? signP2trInput({ tx, index, prevouts, privateKey })
        : signP2wpkhInput({ tx, index, amount: coin.output.amount, privateKey });
    return { ...input, witness };
  });
  return { ...tx, inputs };
}

/** An output with assets weighs as a coin does: both are spent by one signature. */
export const coinOf = ({ outPoint, output }: AssetInput): Coin => ({
  outpoint: outPoint,
  output,
  path: { account: 'p2tr', chain: 'receive', index: 0 },
  height: null,
  coinbase: false,
  spentBy: null as TxId | null,
});

export function limits({ feeSat, weight }: { readonly feeSat: Sat; readonly weight: number }): WalletFailure | null {
  if (weight > MAX_STANDARD_WEIGHT)
    return { code: 'POLICY', message: `the transaction would weigh ${weight}, and ${MAX_STANDARD_WEIGHT} is the most that is relayed` };
  const { maxFee } = DEFAULT_FEE_LIMITS;
  if (feeSat <= maxFee) return null;
  return { code: 'POLICY', message: `the fee would be ${feeSat} sat, above the ceiling of ${maxFee} sat`, hint: 'lower the fee rate' };
}
