import { syncFrom } from '../../io/universe/sync.ts';
import { defineOperation } from '../define.ts';
import { flag, object, text } from '../schema.ts';
import { exchangeWith, reportSchema } from '../universe/run.ts';

export const universeSync = defineOperation({
  name: 'universe.sync',
  needs: 'chain',
  params: object(
    { universe: text({ description: 'HOST:PORT' }) },
    { asset: text({ description: 'an asset id or name, or the key of a group' }), issuance_only: flag() },
  ),
  result: reportSchema,
  run: (context, params) => exchangeWith(context, params, syncFrom),
});
