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
import { ASSET_OUTPUT_SAT } from './types.ts';

/** An output with assets that an anchor spends. */
export interface AssetInput {
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
  readonly internalKeyIndex: number;
  /** Of the output's script tree. */
  readonly merkleRoot: Bytes;
}

/** Which coins pay for an anchor, before anything is known of what its outputs commit to. */
export interface Funding {
  readonly assetInputs: readonly AssetInput[];
  readonly coins: readonly Coin[];
  readonly firstPrevOut: OutPoint;
  readonly outputs: number;
  readonly change: { readonly amount: Sat; readonly script: Bytes; readonly path: KeyPath; readonly internalKey: Bytes } | null;
  readonly feeSat: Sat;
  readonly weight: number;
}

export interface FundingRequest {
  readonly assetInputs: readonly AssetInput[];
  /** How many outputs with assets, ASSET_OUTPUT_SAT each; they come first, the change after them. */
  readonly outputs: number;
  readonly feerate: FeeratePerKw;
  readonly height: Height;
}

/** Any taproot script: only its length matters before the outputs are known. */
const PLACEHOLDER = p2trScript(new Uint8Array(32));

/** Chooses coins, largest first; confirmed ones, and only where those do not suffice our own unconfirmed change. */
export function fundAnchor(wallet: Wallet, keys: WalletKeys, request: FundingRequest): Result<Funding, WalletFailure> {
  const { assetInputs, feerate, height } = request;
  const refusal = checkFeerate(feerate, { feerate, height, random: () => new Uint8Array(4) });
  if (refusal !== null) return fail(refusal);
  const outputs = Array.from({ length: request.outputs }, () => ({ amount: sat(ASSET_OUTPUT_SAT), script: PLACEHOLDER }));
  const fixed = assetInputs.map(coinOf);
  const change = peekChange(wallet, keys);
  const feeFor = (weight: number): Sat => feeOfWeightCeil(weight, feerate);
  const { confirmed, trusted } = spendable(wallet, height);
  const pool = [...confirmed, ...trusted].filter((coin) => effectiveValue(coin, feerate) > 0n);
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
      ? ok({ assetInputs, coins, firstPrevOut, outputs: outputs.length, change: back, feeSat, weight })
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
export function signAnchor(funding: Funding, keys: WalletKeys, part: { readonly scripts: readonly Bytes[]; readonly height: Height }): Tx {
  const { assetInputs, coins, change } = funding;
  if (part.scripts.length !== funding.outputs) throw new RangeError('other outputs than were paid for');
  const outputs: TxOutput[] = part.scripts.map((script) => ({ amount: sat(ASSET_OUTPUT_SAT), script }));
  if (change !== null) outputs.push({ amount: change.amount, script: change.script });
  const spent = [...assetInputs.map(coinOf), ...coins];
  const tx: Tx = { version: 2, inputs: spent.map((coin) => txInput(coin.outpoint, RBF_SEQUENCE)), outputs, locktime: part.height };
  const prevouts = spent.map((coin) => coin.output);
  const inputs = tx.inputs.map((input, index) => {
    const asset = assetInputs[index];
    if (asset !== undefined) {
      const { privateKey } = keys.assetKey(asset.internalKeyIndex);
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
const coinOf = ({ outPoint, output }: AssetInput): Coin => ({
  outpoint: outPoint,
  output,
  path: { account: 'p2tr', chain: 'receive', index: 0 },
  height: null,
  coinbase: false,
  spentBy: null as TxId | null,
});

function limits({ feeSat, weight }: { readonly feeSat: Sat; readonly weight: number }): WalletFailure | null {
  if (weight > MAX_STANDARD_WEIGHT)
    return { code: 'POLICY', message: `the transaction would weigh ${weight}, and ${MAX_STANDARD_WEIGHT} is the most that is relayed` };
  const { maxFee } = DEFAULT_FEE_LIMITS;
  if (feeSat <= maxFee) return null;
  return { code: 'POLICY', message: `the fee would be ${feeSat} sat, above the ceiling of ${maxFee} sat`, hint: 'lower the fee rate' };
}
