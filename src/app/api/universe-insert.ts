import { leafOf } from '../../asset/courier.ts';
import { openFile } from '../../asset/proof/file.ts';
import { type Arrival, arrivalOf } from '../../asset/universe/diff.ts';
import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { proofParams, withProof } from '../asset/proof-file.ts';
import { defineOperation } from '../define.ts';
import { AppError } from '../error.ts';
import { universeError } from '../forms/universe.ts';
import { count, hex, list, nullable, object, outpoint } from '../schema.ts';
import { withOwnUniverse } from '../universe/run.ts';

export const universeInsert = defineOperation({
  name: 'universe.insert',
  needs: 'chain',
  params: proofParams,
  result: object({
    transitions: count(),
    stored: count({ description: 'that were not there before' }),
    leaves: list(object({ asset_id: hex(32), group_key: nullable(hex(33)), outpoint: outpoint(), script_key: hex(33) })),
  }),
  run: (context, given) =>
    withProof(given, (source) =>
      withOwnUniverse(context, async (universe) => {
        const cursor = openFile(source);
        if (!cursor.ok) throw malformed(cursor.failure.message);
        const leaves = [];
        let stored = 0;
        for (;;) {
          const raw = cursor.value.next();
          if (!raw.ok) throw malformed(raw.failure.message);
          if (raw.value === null) return { transitions: leaves.length, stored, leaves };
          const arrival = arrivalOf(raw.value.slice());
          if (!arrival.ok) throw malformed(arrival.failure.message);
          context.progress(`transition ${leaves.length + 1}`);
          const [result] = await universe.insertMany([leafOf(arrival.value.proof, arrival.value.raw)]);
          if (result === undefined || !result.ok) throw refusal(result?.failure, leaves.length);
          stored += result.value.isNew ? 1 : 0;
          leaves.push(leafJson(arrival.value));
        }
      }),
    ),
});

const leafJson = ({ proof, raw }: Arrival) => {
  const { assetId, groupKey, outPoint, scriptKey } = leafOf(proof, raw);
  return {
    asset_id: toHex(assetId),
    group_key: groupKey === null ? null : toHex(groupKey),
    outpoint: formatOutPoint(outPoint),
    script_key: toHex(scriptKey),
  };
};

const malformed = (message: string): AppError => new AppError({ code: 'MALFORMED', message });

function refusal(failure: Parameters<typeof universeError>[0] | undefined, index: number): AppError {
  if (failure === undefined) return malformed('nothing to insert');
  const { code, message } = failure;
  if (code === 'INVALID') return malformed(`transition ${index}: ${message}`);
  return universeError(failure, { transition: index });
}
