import { backupSchema } from '../backup/inspect.ts';
import { restoreBackup } from '../backup/restore.ts';
import { defineOperation } from '../define.ts';
import { object, text } from '../schema.ts';

export const backupRestore = defineOperation({
  name: 'backup.restore',
  needs: 'chain',
  params: object({ path: text({ description: 'on the machine of the node' }) }),
  result: backupSchema,
  run: (context, { path }) => restoreBackup(context, path),
});
