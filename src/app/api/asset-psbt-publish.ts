import { spentOutput } from '../../asset/packet/anchor-psbt.ts';
import type { PsbtMaps } from '../../asset/packet/psbt-map.ts';
import { must } from '../../base/assert.ts';
import type { OutPoint } from '../../base/ids.ts';
import { equalOutPoint, formatOutPoint, type TxOutput } from '../../bitcoin/tx.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { readAnchorFile, readAnchorPsbt } from '../asset/anchor-file.ts';
import { verifiedPacket } from '../asset/verified-packet.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { chainError } from '../node/chain-driver.ts';
import type { OperationContext } from '../operation.ts';
import { amount, flag, object, text } from '../schema.ts';

/** More would be no transaction that is relayed. */
const MOST_INPUTS = 1_000;

export const assetPsbtPublish = defineOperation({
  name: 'asset.psbt.publish',
  needs: 'chain',
  params: object({ commitment: text(), psbt: text(), dry_run: flag() }, { max_cost_sat: amount(), receive_sat: amount(), note: text() }),
  result: assetSentSchema,
  async run(context, { commitment, psbt, dry_run: dryRun, max_cost_sat: maxCost, receive_sat: receive, note }) {
    if (maxCost !== undefined && receive !== undefined) throw usage('it costs or it brings: give one of the two limits');
    const { anchor, packets: read } = readAnchorFile(commitment, context.network);
    const [first, ...others] = read.map(verifiedPacket);
    if (first === undefined) throw usage('the commitment is to nothing');
    const returned = readAnchorPsbt(psbt);
    const foreign = await foreignOf(context, anchor, returned);
    const limit = receive === undefined ? (maxCost === undefined ? null : BigInt(maxCost)) : -BigInt(receive);
    const parts = { packets: [first, ...others], committed: anchor.tx, returned, foreign, maxCostSat: limit, note: note ?? null } as const;
    const publish = (isDry: boolean) =>
      commanded(context, { kind: 'asset', what: { kind: 'publish_packets', ...parts, dryRun: isDry } }, 'asset_anchor');
    // Whatever it is made of: nothing is taken in and nothing leaves that the chain would refuse.
    const dry = await publish(true);
    const prevouts = dry.anchor.tx.inputs.map(({ prevout }) => spentIn(prevout, anchor, foreign));
    const fault = checkScripts(dry.anchor.tx, prevouts);
    if (fault !== null) throw new AppError({ code: 'BAD_SIGNATURE', message: `input ${fault.index} is not signed well: ${fault.reason}` });
    return assetSentJson(context.runtime.state.assets, dryRun ? dry : await publish(false));
  },
});

interface Foreign {
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
}

/** What the inputs that were added spend, as the chain says. Throws POLICY. */
async function foreignOf({ runtime }: OperationContext, anchor: PsbtMaps, { tx }: PsbtMaps): Promise<readonly Foreign[]> {
  const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
  const added = tx.inputs.filter(({ prevout }) => !anchor.tx.inputs.some((each) => equalOutPoint(each.prevout, prevout)));
  if (added.length > MOST_INPUTS) throw new AppError({ code: 'POLICY', message: `${added.length} inputs were added` });
  const foreign: Foreign[] = [];
  for (const { prevout: outPoint } of added) {
    const output = await chain.output(outPoint);
    if (!output.ok) throw chainError(output.failure);
    if (output.value === null)
      throw new AppError({
        code: 'POLICY',
        message: `${formatOutPoint(outPoint)} is in no block, or is spent`,
        hint: 'inputs that are added have to be confirmed',
      });
    const { amount: value, script } = output.value;
    foreign.push({ outPoint, output: { amount: value, script } });
  }
  return foreign;
}

function spentIn(outPoint: OutPoint, anchor: PsbtMaps, foreign: readonly Foreign[]): TxOutput {
  const added = foreign.find((each) => equalOutPoint(each.outPoint, outPoint));
  const index = anchor.tx.inputs.findIndex(({ prevout }) => equalOutPoint(prevout, outPoint));
  const known = added?.output ?? spentOutput(anchor.inputs[index] ?? []);
  if (known === null) throw new AppError({ code: 'MALFORMED', message: `the commitment does not say what ${formatOutPoint(outPoint)} is` });
  return known;
}
