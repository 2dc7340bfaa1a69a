// The same proof file verified by lnkit and by tapd, both against the bitcoind that holds it.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findDaemon } from '../../src/app/remote.ts';
import { universeLeaves } from '../../src/asset/courier.ts';
import { readFile } from '../../src/asset/proof/file.ts';
import { toHex } from '../../src/base/bytes.ts';
import { formatOutPoint } from '../../src/bitcoin/tx.ts';
import { Bitcoind } from '../interop/harness/bitcoind.ts';
import { Lnd } from '../interop/harness/lnd.ts';
import { Lnkit } from '../interop/harness/lnkit.ts';
import { missingPeers, peerBinary } from '../interop/harness/peers.ts';
import { eventually } from '../interop/harness/poll.ts';
import { Tapd } from '../interop/harness/tapd.ts';
import { inTurns } from './harness.ts';
import { fileOnChain } from './proof-on-chain.ts';

const execute = promisify(execFile);

export interface Rivals {
  /** Milliseconds a run. `cold`: the whole command, lnkit as its own node, tapcli beside its running tapd. `warm`: a call to the running daemon. */
  readonly lnkit: { readonly cold: readonly number[]; readonly warm: readonly number[] };
  readonly tapd: { readonly cold: readonly number[]; readonly warm: readonly number[] };
}

/** null where tapd, or what it needs, is not installed. */
export async function withTapd(part: {
  readonly transitions: number;
  readonly rounds: number;
  readonly note: (text: string) => void;
}): Promise<Rivals | null> {
  const missing = missingPeers(['bitcoind', 'lnd', 'tapd']);
  if (missing !== undefined) {
    part.note(`not compared with tapd: ${missing}`);
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), 'lnkit-bench-'));
  const stops: (() => Promise<unknown>)[] = [() => Promise.resolve(rmSync(folder, { recursive: true, force: true }))];
  try {
    const bitcoind = await Bitcoind.start(join(folder, 'bitcoind'));
    stops.push(() => bitcoind.stop());
    const path = join(folder, 'asset.proof');
    const file = await fileOnChain(bitcoind, part.transitions);
    writeFileSync(path, file);
    part.note(`a file of ${part.transitions} transitions in blocks of bitcoind, ${file.length} bytes`);
    const lnd = await Lnd.start({ bitcoind, directory: join(folder, 'lnd'), alias: 'bench' });
    stops.push(() => lnd.stop());
    const tapd = await Tapd.start({ lnd, directory: join(folder, 'tapd'), name: 'bench' });
    stops.push(() => tapd.stop());
    const lnkit = await Lnkit.create({ name: 'bench', directory: join(folder, 'lnkit'), chainUrl: bitcoind.chainUrl });
    return await race({ path, raw: Buffer.from(file).toString('hex'), tapd, lnkit, rounds: part.rounds, stops });
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

interface Race {
  readonly path: string;
  readonly raw: string;
  readonly tapd: Tapd;
  readonly lnkit: Lnkit;
  readonly rounds: number;
  readonly stops: (() => Promise<unknown>)[];
}

async function race({ path, raw, tapd, lnkit, rounds, stops }: Race): Promise<Rivals> {
  const tapcli = join(dirname(peerBinary('tapd')), 'tapcli');
  const access = [`--rpcserver=127.0.0.1:${tapd.ports.rpc}`, `--tapddir=${tapd.directory}`, '--network=regtest'];
  const byTapcli = async (): Promise<void> => {
    const { stdout } = await execute(tapcli, [...access, 'proofs', 'verify', '--proof_file', path], { maxBuffer: 64 << 20 });
    if ((JSON.parse(stdout) as { valid: boolean }).valid !== true) throw new Error('tapd does not find the file valid');
  };
  const byCommand = async (): Promise<void> => check(await lnkit.ok('proof', 'verify', path));
  // Both have seen the whole chain before any time is taken.
  await introduce(tapd, path);
  let refused = '';
  const verifies = (): Promise<true | undefined> =>
    byTapcli().then(
      () => true,
      (error: Error) => {
        refused = error.message;
        return undefined;
      },
    );
  await eventually('tapd to verify the file', verifies, { timeoutMs: 60_000 }).catch((error: Error) => {
    throw new Error(`${error.message}: ${refused}`);
  });
  await byCommand();
  const cold = await inTurns(rounds, { lnkit: () => took(byCommand), tapd: () => took(byTapcli) });
  await lnkit.startDaemon();
  stops.push(() => lnkit.stopDaemon());
  const daemon = await findDaemon(join(lnkit.directory, 'regtest', 'rpc.sock'));
  if (daemon === null) throw new Error('the daemon does not answer');
  const hooks = { progress: () => {}, emit: () => {}, signal: new AbortController().signal };
  const byDaemon = async (): Promise<void> => check(await daemon.call('proof.verify', { path }, hooks));
  const byRest = async (): Promise<void> => {
    const answer = await tapd.rest.call<{ valid: boolean }>('POST', '/v1/taproot-assets/proofs/verify', { raw_proof_file: raw });
    if (!answer.valid) throw new Error('tapd does not find the file valid');
  };
  for (let warmUp = 0; warmUp < 2; warmUp++) await byDaemon();
  await byRest();
  const warm = await inTurns(rounds, { lnkit: () => took(byDaemon), tapd: () => took(byRest) });
  daemon.close();
  return { lnkit: { cold: cold.lnkit, warm: warm.lnkit }, tapd: { cold: cold.tapd, warm: warm.tapd } };
}

/** tapd verifies a file of any asset, but tells of those only whose minting its universe has. */
async function introduce(tapd: Tapd, path: string): Promise<void> {
  const transitions = readFile(new Uint8Array(readFileSync(path)));
  const leaves = transitions.ok ? universeLeaves(transitions.value.slice(0, 1)) : transitions;
  const [minting] = leaves.ok ? leaves.value : [];
  if (minting === undefined) throw new Error('the file is empty');
  const raw = `${path}.minting`;
  writeFileSync(raw, minting.proof);
  const leaf = [
    '--asset_id',
    toHex(minting.assetId),
    '--outpoint',
    formatOutPoint(minting.outPoint),
    '--script_key',
    toHex(minting.scriptKey),
  ];
  const insert = () => tapd.cli('universe', 'proofs', 'insert', ...leaf, '--proof_type', 'issuance', '--proof_file', raw).then(() => true);
  await eventually('the universe to take the minting', insert, { timeoutMs: 30_000 });
}

function check(answer: object): void {
  if ((answer as { readonly valid?: boolean }).valid !== true) throw new Error('lnkit does not find the file valid');
}

async function took(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}
