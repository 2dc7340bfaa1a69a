import { randomBytes } from 'node:crypto';
import { unixTime } from '../../base/units.ts';
import { assetSection } from '../../node/backup/assets.ts';
import { fingerprintOf, sealBackup } from '../../node/backup/format.ts';
import { writeBackupFile } from '../backup/file.ts';
import { backupJson, backupSchema } from '../backup/inspect.ts';
import { defineOperation } from '../define.ts';
import { count, object, text, withProperties } from '../schema.ts';

export const backupExport = defineOperation({
  name: 'backup.export',
  needs: 'store',
  params: object({ path: text({ description: 'on the machine of the node; an older backup of it there is written over' }) }),
  result: withProperties(backupSchema, { path: text(), bytes: count() }),
  async run({ runtime, network }, { path }) {
    const { state } = runtime;
    const env = runtime.env();
    const fingerprint = fingerprintOf(state.nodeId);
    const head = { network, fingerprint, createdAt: unixTime(Math.floor(Date.now() / 1000)), height: env.height };
    const sections = [assetSection(state, (link) => runtime.store.assetHistory(link))];
    const file = sealBackup({ head, sections }, { key: env.walletKeys.backupKey(), nonce: new Uint8Array(randomBytes(24)) });
    writeBackupFile(path, file, fingerprint);
    return { ...backupJson({ head, sections, assets: state.assets }, []), path, bytes: file.length };
  },
});
