// The universe between lnkit and tapd: synced and pushed, in both directions, until every root and both multiverses are equal.
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { universeName } from '../../src/asset/universe/id.ts';
import { fromHex } from '../../src/base/bytes.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { freePort } from './harness/ports.ts';
import type { Tapd } from './harness/tapd.ts';
import { fund } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  const lnd = await lab.lnd('alice', { fundSats: 2_000_000 });
  const tapd = await lab.tapd('tapd', lnd);
  const [carol, dave, erin] = [await lab.lnkit('carol'), await lab.lnkit('dave'), await lab.lnkit('erin')];
  await fund(lab, carol, 1_000_000);
  await fund(lab, carol, 1_000_000);
  return { tapd, carol, dave, erin, at: `127.0.0.1:${tapd.ports.rpc}` };
});

type Roots = ReadonlyMap<string, readonly [hash: string, sum: string]>;

interface Ref {
  readonly hash: string;
  readonly sum: string;
}
interface LnkitRoots {
  readonly roots: readonly {
    readonly proof_type: 'issuance' | 'transfer';
    readonly asset_id: string | null;
    readonly group_key: string | null;
    readonly root: Ref;
  }[];
  readonly multiverse: { readonly issuance: Ref | null; readonly transfer: Ref | null };
}
async function lnkitRoots(lnkit: Lnkit): Promise<Roots> {
  const { roots, multiverse } = await lnkit.ok<LnkitRoots>('universe', 'roots');
  const found = new Map<string, readonly [string, string]>();
  for (const { proof_type: proofType, asset_id: asset, group_key: group, root } of roots) {
    const of =
      asset === null ? { kind: 'group' as const, groupKey: fromHex(group ?? '') } : { kind: 'asset' as const, assetId: fromHex(asset) };
    found.set(universeName({ proofType, of }), [root.hash, root.sum]);
  }
  for (const type of ['issuance', 'transfer'] as const)
    found.set(`multiverse-${type}`, [multiverse[type]?.hash ?? '', multiverse[type]?.sum ?? '']);
  return found;
}

interface TapdNode {
  readonly root_hash: string;
  readonly root_sum: string;
}
async function tapdRoots(tapd: Tapd): Promise<Roots> {
  const { universe_roots: roots } = await tapd.cli<{ universe_roots: Readonly<Record<string, { mssmt_root: TapdNode }>> }>(
    'universe',
    'roots',
  );
  const found = new Map<string, readonly [string, string]>();
  for (const [name, { mssmt_root: root }] of Object.entries(roots)) found.set(name, [root.root_hash, root.root_sum]);
  for (const type of ['issuance', 'transfer'] as const) {
    const root = await multiverseRoot(tapd, type);
    found.set(`multiverse-${type}`, [root?.root_hash ?? '', root?.root_sum ?? '']);
  }
  return found;
}

/** tapd calls it an error where there is none yet. */
async function multiverseRoot(tapd: Tapd, type: string): Promise<TapdNode | null> {
  try {
    return (await tapd.cli<{ multiverse_root: TapdNode }>('universe', 'multiverse', '--proof_type', type)).multiverse_root;
  } catch (error) {
    if ((error as Error).message.includes('no multiverse root found')) return null;
    throw error;
  }
}

interface Report {
  readonly compared: number;
  readonly stored: number;
  readonly refused: number;
  readonly universes: readonly { readonly name: string; readonly after: Ref; readonly goal: Ref }[];
}

async function mintWithTapd(tapd: Tapd, ...flags: readonly string[]): Promise<void> {
  await tapd.cli('assets', 'mint', ...flags);
  await tapd.cli('assets', 'mint', 'finalize');
  await eventually('the minting in the mempool', async () => (await lab().lab.bitcoind.mempool())[0]);
  await lab().lab.mine(1);
}

interface TapdAsset {
  readonly asset_genesis: { readonly name: string; readonly asset_id: string };
  readonly asset_group: { readonly tweaked_group_key: string } | null;
}
const tapdAsset = (tapd: Tapd, name: string): Promise<TapdAsset> =>
  eventually(`tapd to list ${name}`, async () =>
    (await tapd.cli<{ assets: readonly TapdAsset[] }>('assets', 'list')).assets.find(({ asset_genesis }) => asset_genesis.name === name),
  );
const inTapdsUniverse = (tapd: Tapd, count: number): Promise<boolean> =>
  eventually(`tapd's universe to have ${count} trees`, async () => (await tapdRoots(tapd)).size - 2 === count || undefined);

test('what tapd minted is synced: plain, a group of two tranches, a collectible; all roots and the multiverse are equal', async () => {
  const { tapd, carol, at } = lab();
  await mintWithTapd(tapd, '--type', 'normal', '--name', 'plain', '--supply', '1000');
  await mintWithTapd(tapd, '--type', 'collectible', '--name', 'portrait', '--supply', '1');
  await mintWithTapd(tapd, '--type', 'normal', '--name', 'club', '--supply', '500', '--new_grouped_asset');
  const group = (await tapdAsset(tapd, 'club')).asset_group?.tweaked_group_key as string;
  await mintWithTapd(tapd, '--type', 'normal', '--name', 'club-two', '--supply', '70', '--grouped_asset', '--group_key', group);
  await inTapdsUniverse(tapd, 3);
  await eventually('both tranches in the tree', async () => [...(await tapdRoots(tapd)).values()].some(([, sum]) => sum === '570'));
  const report = await carol.ok<Report>('universe', 'sync', at);
  expect([report.compared, report.stored, report.refused]).toEqual([3, 4, 0]);
  expect(await lnkitRoots(carol)).toEqual(await tapdRoots(tapd));
  expect((await carol.ok<Report>('universe', 'sync', at)).universes).toEqual([]);
});

test('what a sync brought the wallet can be paid in', async () => {
  const { tapd, carol } = lab();
  const { asset_id: id } = (await tapdAsset(tapd, 'plain')).asset_genesis;
  const { address } = await carol.ok<{ address: string }>('asset', 'address', id, '250', '--courier', tapd.courier);
  const { txid } = (await tapd.cli<{ transfer: { anchor_tx_hash: string; anchor_txid?: string } }>(
    'assets',
    'send',
    '--addr',
    address,
  )) as never;
  void txid;
  await eventually('the transfer in the mempool', async () => (await lab().lab.bitcoind.mempool())[0]);
  await lab().lab.mine(1);
  // tapd delivers the sent output to its courier, which is its own universe.
  await inTapdsUniverse(tapd, 4);
  const report = await carol.ok<Report>('universe', 'sync', lab().at);
  expect([report.stored, report.refused]).toEqual([1, 0]);
  expect(await lnkitRoots(carol)).toEqual(await tapdRoots(tapd));
});

test('what lnkit minted and moved is pushed to tapd, which then has equal roots and can be paid in it', async () => {
  const { tapd, carol, at } = lab();
  await carol.startDaemon();
  await carol.ok('asset', 'mint', '--name', 'beans', '--supply', '1000');
  await carol.ok('asset', 'mint', '--name', 'rice', '--supply', '40', '--grouped');
  const { txid } = await carol.ok<{ txid: string }>('asset', 'mint', 'finalize');
  await lab().lab.confirm(txid);
  // The daemon keeps its own mintings in its own universe.
  await eventually('the mintings in the own universe', async () => (await lnkitRoots(carol)).size - 2 === 6);
  const pushed = await eventually('tapd to see the block', async () => {
    const report = await carol.ok<Report>('universe', 'push', at);
    return report.refused === 0 ? report : undefined;
  });
  expect(pushed.universes.map(({ after }) => after)).toEqual(pushed.universes.map(({ goal }) => goal));
  expect(await tapdRoots(tapd)).toEqual(await lnkitRoots(carol));

  const { asset_id: beans } = (await carol.ok<{ by_asset: readonly { name: string; asset_id: string }[] }>('universe', 'stats', 'beans'))
    .by_asset[0] as { asset_id: string };
  const { encoded } = await tapd.cli<{ encoded: string }>('addrs', 'new', '--asset_id', beans, '--amt', '300');
  const sent = await carol.ok<{ txid: string }>('asset', 'send', encoded);
  await lab().lab.confirm(sent.txid);
  await eventually('tapd to have received it', async () => {
    const { events } = await tapd.cli<{ events: readonly { status: string }[] }>('addrs', 'receives', '--addr', encoded);
    return events.some(({ status }) => status === 'ADDR_EVENT_STATUS_COMPLETED');
  });
  await eventually('equal roots after a push', async () => {
    await carol.ok('universe', 'push', at);
    await carol.ok('universe', 'sync', at);
    expect(await tapdRoots(tapd)).toEqual(await lnkitRoots(carol));
    return true;
  });
  await carol.stopDaemon();
});

test('a second lnkit takes one group alone, and then everything, from tapd', async () => {
  const { tapd, carol, dave, at } = lab();
  const group = (await tapdAsset(tapd, 'club')).asset_group?.tweaked_group_key as string;
  const one = await dave.ok<Report>('universe', 'sync', at, '--asset', group);
  expect([one.stored, one.refused, one.universes.map(({ name }) => name)]).toEqual([2, 0, ['club']]);
  const rest = await dave.ok<Report>('universe', 'sync', at);
  expect(rest.refused).toBe(0);
  expect(await lnkitRoots(dave)).toEqual(await tapdRoots(tapd));
  expect(await lnkitRoots(dave)).toEqual(await lnkitRoots(carol));
});

/** Serves the universe of a data directory as long as `use` runs; a daemon may run beside it. */
async function serving<T>(lnkit: Lnkit, use: (at: string) => Promise<T>): Promise<T> {
  const at = `127.0.0.1:${await freePort()}`;
  const server = await lnkit.spawn(['universe', 'serve', '--listen', at]);
  try {
    const [host = '', port = ''] = at.split(':');
    await eventually('the universe to be served', () => answers(host, Number(port)));
    return await use(at);
  } finally {
    await server.kill();
  }
}
const answers = (host: string, port: number): Promise<true | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => socket.destroy());
    socket.once('close', (hadError) => resolve(hadError ? undefined : true));
    socket.once('error', () => {});
  });

test('what only lnkit has tapd takes by its own sync over TLS, and has equal roots; so does another lnkit', async () => {
  const { tapd, dave, erin } = lab();
  await fund(lab().lab, dave, 1_000_000);
  await dave.ok('asset', 'mint', '--name', 'tea', '--supply', '90', '--grouped');
  await dave.ok('asset', 'mint', '--name', 'sugar', '--supply', '5');
  const { txid } = await dave.ok<{ txid: string }>('asset', 'mint', 'finalize');
  await lab().lab.confirm(txid);
  const { group_key: group } = (await dave.ok<{ groups: readonly { group_key: string }[] }>('asset', 'groups')).groups.at(-1) as {
    group_key: string;
  };
  await dave.ok('asset', 'mint', '--name', 'tea-two', '--supply', '10', '--group-key', group);
  const second = await dave.ok<{ txid: string }>('asset', 'mint', 'finalize');
  await lab().lab.confirm(second.txid);
  const moved = await dave.ok<{ txid: string }>('asset', 'burn', 'sugar', '2');
  await lab().lab.confirm(moved.txid);
  await dave.startDaemon();
  await eventually('the burn in the own universe', async () => {
    const { universes } = await dave.ok<{ universes: readonly { proof_type: string; leaves: readonly object[] }[] }>(
      'universe',
      'leaves',
      'sugar',
    );
    return universes.some(({ proof_type: type, leaves }) => type === 'transfer' && leaves.length >= 1);
  });
  await serving(dave, async (at) => {
    // tapcli asks for mintings alone; the interface takes the rest.
    await eventually('tapd to sync the mintings', async () => {
      await tapd.cli('universe', 'sync', '--universe_host', at);
      expect((await tapdRoots(tapd)).get('multiverse-issuance')).toEqual((await lnkitRoots(dave)).get('multiverse-issuance'));
      return true;
    });
    await tapd.rest.call('POST', '/v1/taproot-assets/universe/sync', { universe_host: at, sync_mode: 'SYNC_FULL' });
    expect(await tapdRoots(tapd)).toEqual(await lnkitRoots(dave));
    await erin.ok('universe', 'sync', at);
  });
  await dave.stopDaemon();
  expect(await lnkitRoots(erin)).toEqual(await lnkitRoots(dave));
});

test('a server of the federation gets what is inserted here, and gives what is new there', async () => {
  const { tapd, carol, erin, at } = lab();
  await erin.ok('universe', 'federation', 'add', at);
  await mintWithTapd(tapd, '--type', 'normal', '--name', 'late', '--supply', '3');
  await eventually('the minting in the universe of tapd', async () => {
    const { servers } = await erin.ok<{ servers: readonly { sync: Report | null }[] }>('universe', 'federation', 'sync');
    return servers.some(({ sync }) => (sync?.stored ?? 0) > 0);
  });
  expect(await lnkitRoots(erin)).toEqual(await tapdRoots(tapd));
  await fund(lab().lab, carol, 500_000);
  await carol.ok('asset', 'mint', '--name', 'new', '--supply', '11');
  const { txid } = await carol.ok<{ txid: string }>('asset', 'mint', 'finalize');
  await lab().lab.confirm(txid);
  const path = join(lab().lab.directory, 'new.proof');
  await carol.ok('proof', 'export', 'new', '--out', path);
  await erin.ok('universe', 'insert', path);
  expect(await erin.ok('universe', 'federation', 'list')).toMatchObject({ servers: [{ waiting: 1 }] });
  await eventually(
    'tapd to take it',
    async () => {
      await erin.ok('universe', 'federation', 'sync');
      return (await erin.ok<{ servers: readonly { waiting: number }[] }>('universe', 'federation', 'list')).servers[0]?.waiting === 0;
    },
    { timeoutMs: 90_000, intervalMs: 2_000 },
  );
  expect(await tapdRoots(tapd)).toEqual(await lnkitRoots(erin));
});
