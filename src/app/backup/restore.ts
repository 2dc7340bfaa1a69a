import { bytesSource } from '../../asset/proof/file.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { bytesMap } from '../../base/bytes-map.ts';
import { type ChainEvent, follow } from '../../io/chain/follow.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { fileOf } from '../../node/asset/files.ts';
import { holdingState } from '../../node/asset/select.ts';
import type { AssetState, Holding } from '../../node/asset/types.ts';
import type { Row } from '../../node/batch.ts';
import { step } from '../../node/step.ts';
import type { NodeState } from '../../node/types.ts';
import { newWallet } from '../../node/wallet/wallet.ts';
import { checkFile } from '../asset/check.ts';
import { commanded } from '../define.ts';
import { blockInput, chainError } from '../node/chain-driver.ts';
import type { OperationContext } from '../operation.ts';
import { readBackupFile } from './file.ts';
import { type BackupJson, backupJson, heldIn, holdingReport, nameOf, type OpenedBackup, openOwn } from './inspect.ts';

/** Rows of one commit. */
const ROWS = 500;
/** The chain may move while the last block is read. */
const TRIES = 5;

/**
 * Takes in the assets of a backup. They are led along the chain from where the backup stood, as the node that made it would have been: arrivals
 * at its addresses are found, what was spent since is spent, and what left the chain is pending again. Then each proof is verified against the
 * chain, and all of it is taken in by one commit. Throws AppError.
 */
export async function restoreBackup(context: OperationContext, path: string): Promise<BackupJson> {
  const { runtime, network } = context;
  const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
  const env = runtime.env();
  const owner = { nodeId: runtime.state.nodeId, network, keys: env.walletKeys };
  const backup = openOwn(readBackupFile(path), owner);
  const before = heldIn(backup.assets);
  let led = { assets: backup.assets, cursor: backup.cursor };
  for (let attempt = 1; ; attempt++) {
    led = await lead(context, chain, led);
    const found = await examine(context, chain, { ...backup, assets: led.assets });
    const links = backup.links;
    for (let at = 0; at < links.length; at += ROWS) await runtime.store.commit({ rows: links.slice(at, at + ROWS) as Row[], history: [] });
    const at = led.cursor.at(-1) ?? must(runtime.state.cursor.at(-1), 'a node with a chain has a cursor');
    // The node itself follows a moment later.
    await runtime.submit({ kind: 'tick' });
    const tip = runtime.state.cursor.at(-1);
    if ((tip === undefined || !equal(tip.hash, at.hash)) && attempt < TRIES) {
      await runtime.until((state) => (state.cursor.at(-1)?.height ?? 0) >= at.height || null, context.signal);
      continue;
    }
    const without = found.filter(({ problem }) => problem !== null).map(({ holding }) => holding.key);
    await commanded(context, { kind: 'asset', what: { kind: 'restore', assets: led.assets, at, without } }, 'done');
    return report({ ...backup, assets: led.assets }, before, found);
  }
}

type Led = Pick<NodeState, 'assets' | 'cursor'>;

/** The node's own way of following the chain, on a node that has nothing but these assets. */
async function lead({ runtime, progress }: OperationContext, chain: ChainSource, from: Led): Promise<Led> {
  if (from.cursor.length === 0) return { ...from, cursor: runtime.state.cursor };
  const env = runtime.env();
  let state: NodeState = { ...runtime.state, ...from, ...NOTHING_ELSE, wallet: { ...newWallet(env.walletKeys), scripts: bytesMap() } };
  for await (const event of follow(chain, { recent: from.cursor })) {
    if (!event.ok) throw chainError(event.failure);
    const { block } = event.value;
    if (block.height % 100 === 0) progress(`reading the chain: block ${block.height}`);
    const stepped = step(state, [inputOf(event.value)], env);
    const bug = stepped.effects.find((effect) => effect.kind === 'log' && effect.level === 'error');
    if (bug?.kind === 'log') throw new Error(bug.text);
    state = stepped.state;
  }
  return { assets: state.assets, cursor: state.cursor };
}

const NOTHING_ELSE = {
  peers: bytesMap(),
  channels: bytesMap(),
  extras: bytesMap(),
  payments: bytesMap(),
  invoices: bytesMap(),
  forwards: bytesMap(),
  probes: bytesMap(),
} satisfies Partial<NodeState>;

const inputOf = (event: ChainEvent) =>
  event.kind === 'connect' ? blockInput(event.block) : ({ kind: 'block_disconnected', ...event.block } as const);

interface Examined {
  readonly holding: Holding;
  readonly problem: string | null;
  readonly unspent: boolean | null;
}

/** Each holding that would be ours, against the chain as it is. */
async function examine(context: OperationContext, chain: ChainSource, backup: OpenedBackup): Promise<readonly Examined[]> {
  const { assets, history } = backup;
  const examined: Examined[] = [];
  for (const holding of heldIn(assets)) {
    context.progress(`verifying ${examined.length + 1}`);
    const is = holdingState(assets, holding);
    // No block has its anchor: it is published again, and what comes of it is seen then.
    if (is === 'pending') {
      examined.push({ holding, problem: null, unspent: null });
      continue;
    }
    const file = fileOf(assets, holding, history);
    const checked = file.ok ? await checkFile(bytesSource(file.value), checkWith(context, chain, assets)) : file;
    const output = await chain.output(holding.facts.outPoint);
    if (!output.ok) throw chainError(output.failure);
    const unspent = output.value !== null;
    const problem = !checked.ok ? checked.failure.message : unspent ? null : 'its output was spent since';
    examined.push({ holding, problem, unspent });
  }
  return examined;
}

const checkWith = ({ signal }: OperationContext, chain: ChainSource, assets: AssetState) => ({
  chain,
  signal,
  isKnownGroup: (key: Bytes): boolean => assets.groups.has(key),
});

function report(backup: OpenedBackup, before: readonly Holding[], found: readonly Examined[]): BackupJson {
  const problems = [...backup.problems];
  const gone = before.filter(({ key }) => !found.some(({ holding }) => equal(holding.key, key)));
  for (const holding of gone)
    problems.push(`${nameOf(holding)}: it was spent since the backup; what came back to us then is in a newer backup only`);
  for (const { holding, problem } of found) if (problem !== null) problems.push(`${nameOf(holding)}: ${problem}`);
  const kept = found.filter(({ problem }) => problem === null);
  const holdings = found.map(({ holding, problem, unspent }) => holdingReport(backup, holding, { valid: problem === null, unspent }));
  return { ...backupJson(backup, problems), assets: kept.length, holdings };
}
