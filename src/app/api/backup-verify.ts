import { backupSchema } from '../backup/inspect.ts';
import { verifyBackup } from '../backup/verify.ts';
import { defineOperation } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { object, text } from '../schema.ts';

const params = object({ path: text({ description: 'on the machine of the node' }) });

const run = ({ runtime, network, progress }: OperationContext, { path }: { readonly path: string }) =>
  verifyBackup(path, { nodeId: runtime.state.nodeId, network, keys: runtime.env().walletKeys }, { chain: runtime.chain, progress });

export const backupVerify = defineOperation({ name: 'backup.verify', needs: 'store', params, result: backupSchema, run });

/** The same, and which outputs the chain still has. */
export const backupVerifyChain = defineOperation({ name: 'backup.verify.chain', needs: 'chain', params, result: backupSchema, run });
