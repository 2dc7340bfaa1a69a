import { defineOperation, usage } from '../define.ts';
import { importInto, importSchema } from '../graph/gossip.ts';
import { flag, object, text } from '../schema.ts';

export const gossipImport = defineOperation({
  name: 'gossip.import',
  needs: 'chain',
  params: object({ file: text() }, { assume_valid: flag() }),
  result: importSchema,
  async run({ runtime, progress }, params) {
    if (params.assume_valid === true && !runtime.assumesValid)
      throw usage('the daemon looks funding outputs up in the chain', 'start it with --assume-valid, or leave the flag out');
    return await importInto(runtime.gossip, { file: params.file, assumeValid: runtime.assumesValid, progress });
  },
});
