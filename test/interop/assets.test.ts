// Taproot Assets between lnkit and tapd: each verifies what the other proves, by files.
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { universeLeaves } from '../../src/asset/courier.ts';
import { readFile } from '../../src/asset/proof/file.ts';
import { toHex } from '../../src/base/bytes.ts';
import { formatOutPoint } from '../../src/bitcoin/tx.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import type { Tapd } from './harness/tapd.ts';
import { fund } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  const lnd = await lab.lnd('alice', { fundSats: 2_000_000 });
  const tapd = await lab.tapd('tapd', lnd);
  const lnkit = await lab.lnkit('carol');
  await fund(lab, lnkit, 1_000_000);
  await fund(lab, lnkit, 1_000_000);
  return { tapd, lnkit };
});

interface Held {
  readonly name: string;
  readonly asset_id: string;
  readonly group_key: string | null;
  readonly amount: string;
  readonly state: string;
  readonly script_key: string;
}
interface Sent {
  readonly txid: string;
  readonly assets: readonly Held[];
}
const held = async (lnkit: Lnkit): Promise<readonly Held[]> => (await lnkit.ok<{ assets: readonly Held[] }>('asset', 'list')).assets;
const amounts = async (lnkit: Lnkit, name: string): Promise<readonly number[]> =>
  (await held(lnkit))
    .filter((each) => each.name === name && each.state === 'confirmed')
    .map(({ amount }) => Number(amount))
    .sort((a, b) => a - b);

let files = 0;
const file = (): string => join(lab().lab.directory, `proof-${++files}`);

async function exported(lnkit: Lnkit, what: string, ...flags: readonly string[]): Promise<string> {
  const path = file();
  await lnkit.ok('proof', 'export', what, ...flags, '--out', path);
  return path;
}
/** What tapd says of a proof file. */
async function tapdVerifies(tapd: Tapd, path: string): Promise<boolean> {
  // Its chain view comes over lnd, which may be a block behind.
  return eventually(
    'tapd to say that the proof is valid',
    async () => {
      const answer = await tapd.cli<{ valid: boolean }>('proofs', 'verify', '--proof_file', path);
      return answer.valid ? answer.valid : undefined;
    },
    { timeoutMs: 20_000 },
  );
}

/**
 * Puts every transition of a file into tapd's universe, the minting first, as a courier delivers them: each is verified against the one before it.
 * tapd shows proofs only of assets that it knows.
 */
async function teach(tapd: Tapd, path: string): Promise<void> {
  const transitions = readFile(new Uint8Array(readFileSync(path)));
  const leaves = transitions.ok ? universeLeaves(transitions.value) : transitions;
  if (!leaves.ok) throw new Error(leaves.failure.message);
  for (const { kind, groupKey, assetId, outPoint, scriptKey, proof } of leaves.value) {
    const raw = file();
    writeFileSync(raw, proof);
    const tree = groupKey === null ? ['--asset_id', toHex(assetId)] : ['--group_key', toHex(groupKey)];
    const leaf = ['--outpoint', formatOutPoint(outPoint), '--script_key', toHex(scriptKey), '--proof_type', kind, '--proof_file', raw];
    const insert = () => tapd.cli('universe', 'proofs', 'insert', ...tree, ...leaf).then(() => true);
    await eventually('the universe to take the proof', insert, { timeoutMs: 20_000 });
  }
}

async function mint(lnkit: Lnkit, ...flags: readonly (readonly string[])[]): Promise<Sent> {
  for (const each of flags) await lnkit.ok('asset', 'mint', ...each);
  const minted = await lnkit.ok<Sent>('asset', 'mint', 'finalize');
  await lab().lab.confirm(minted.txid);
  return minted;
}

/** Mints with tapd, and gives the proof file of the asset as tapd exports it. */
async function mintWithTapd(
  tapd: Tapd,
  name: string,
  ...flags: readonly string[]
): Promise<{ id: string; scriptKey: string; path: string }> {
  await tapd.cli('assets', 'mint', '--name', name, ...flags);
  await tapd.cli('assets', 'mint', 'finalize');
  await eventually('the minting in the mempool', async () => (await lab().lab.bitcoind.mempool())[0]);
  await lab().lab.mine(1);
  interface Assets {
    readonly assets: readonly { script_key: string; asset_genesis: { name: string; asset_id: string } }[];
  }
  const asset = await eventually('tapd to list the asset', async () =>
    (await tapd.cli<Assets>('assets', 'list')).assets.find(({ asset_genesis }) => asset_genesis.name === name),
  );
  const id = asset.asset_genesis.asset_id;
  return { id, scriptKey: asset.script_key, path: await exportedByTapd(tapd, id, asset.script_key) };
}
async function exportedByTapd(tapd: Tapd, id: string, scriptKey: string): Promise<string> {
  const path = file();
  await eventually('tapd to have the proof', async () => {
    await tapd.cli('proofs', 'export', '--asset_id', id, '--script_key', scriptKey, '--proof_file', path).catch(() => undefined);
    return readFileSync(path).length > 0;
  });
  return path;
}

interface Receives {
  readonly events: readonly { readonly status: string; readonly outpoint: string }[];
}
/** Until tapd has the output, its confirmation and its proof. */
async function received(tapd: Tapd, address: string, txid: string): Promise<void> {
  await eventually('tapd to have received it', async () => {
    const { events } = await tapd.cli<Receives>('addrs', 'receives', '--addr', address);
    return events.some(({ outpoint, status }) => outpoint.startsWith(txid) && status === 'ADDR_EVENT_STATUS_COMPLETED');
  });
}

test('tapd verifies what lnkit mints: plain, grouped with metadata, a collectible, and a second tranche', async () => {
  const { lnkit, tapd } = lab();
  await mint(
    lnkit,
    ['--name', 'plain', '--supply', '1000'],
    ['--name', 'grouped', '--supply', '500', '--grouped', '--meta', '{"a":1}', '--meta-type', 'json', '--decimal-display', '2'],
    ['--name', 'portrait', '--type', 'collectible', '--meta', 'a face'],
    ['--name', 'segwit', '--supply', '7', '--asset-version', '1'],
  );
  for (const name of ['plain', 'grouped', 'portrait', 'segwit']) {
    const path = await exported(lnkit, name);
    await teach(tapd, path);
    expect(await tapdVerifies(tapd, path), name).toBe(true);
  }
  const { group_key: group } = (await held(lnkit)).find(({ name }) => name === 'grouped') as Held;
  await mint(lnkit, ['--name', 'second tranche', '--supply', '5', '--group-key', group as string, '--decimal-display', '2']);
  expect((await held(lnkit)).find(({ name }) => name === 'second tranche')?.group_key).toBe(group);
  const tranche = await exported(lnkit, 'second tranche');
  await teach(tapd, tranche);
  expect(await tapdVerifies(tapd, tranche)).toBe(true);
  expect(await lnkit.ok('asset', 'verify')).toMatchObject({ valid: true });
});

test('lnkit verifies what tapd mints, and knows the asset from then on', async () => {
  const { lnkit, tapd } = lab();
  const coin = await mintWithTapd(tapd, 'tapcoin', '--type', 'normal', '--supply', '900', '--meta_bytes', 'hello');
  expect(await lnkit.ok('proof', 'verify', coin.path)).toMatchObject({ valid: true, asset_id: coin.id, amount: '900', transitions: 1 });
  expect(await lnkit.ok('proof', 'import', coin.path)).toMatchObject({ owned: false });
  const grouped = await mintWithTapd(tapd, 'tapgroup', '--type', 'normal', '--supply', '40', '--new_grouped_asset');
  const verified = await lnkit.ok<{ group_key: string | null }>('proof', 'verify', grouped.path);
  expect(verified.group_key).toMatch(/^0[23]/);
  const whole = readFileSync(coin.path);
  const forged = file();
  const bent = Buffer.from(whole);
  bent[bent.length - 200] = (bent[bent.length - 200] as number) ^ 1;
  writeFileSync(forged, bent);
  expect((await lnkit.run('proof', 'verify', forged)).exitCode).toBe(2);
});

test('tapd verifies what lnkit sends, in part and onward, and what it burns', async () => {
  const { lnkit, tapd, lab: network } = lab();
  const other = await network.lnkit('dave');
  await fund(network, other, 500_000);
  await other.ok('proof', 'import', await exported(lnkit, 'plain'));
  const address = async (node: Lnkit, amount: number): Promise<string> =>
    (await node.ok<{ address: string }>('asset', 'address', 'plain', `${amount}`, '--courier', tapd.courier)).address;
  const send = async (from: Lnkit, ...to: readonly string[]): Promise<void> =>
    network.confirm((await from.ok<Sent>('asset', 'send', ...to)).txid);

  const first = await address(other, 300);
  await send(lnkit, first);
  const arrived = await exported(lnkit, first);
  expect(await tapdVerifies(tapd, arrived)).toBe(true);
  expect(await other.ok('proof', 'import', arrived)).toMatchObject({ owned: true, amount: '300', transitions: 2 });
  expect([await amounts(lnkit, 'plain'), await amounts(other, 'plain')]).toEqual([[700], [300]]);
  expect(await tapdVerifies(tapd, await exported(lnkit, 'plain'))).toBe(true);

  // All of it back: a tombstone stays behind, and two inputs go into the next one.
  const back = await address(lnkit, 300);
  await send(other, back);
  const returned = await exported(other, back);
  expect(await tapdVerifies(tapd, returned)).toBe(true);
  await lnkit.ok('proof', 'import', returned);
  const merged = await address(other, 950);
  await send(lnkit, merged);
  const both = await exported(lnkit, merged);
  expect(await tapdVerifies(tapd, both)).toBe(true);
  expect(await other.ok('proof', 'import', both)).toMatchObject({ owned: true, amount: '950' });

  const burnt = await other.ok<Sent>('asset', 'burn', 'plain', '50');
  await network.confirm(burnt.txid);
  expect(await amounts(other, 'plain')).toEqual([900]);
  expect(await tapdVerifies(tapd, await exported(other, 'plain'))).toBe(true);
  const ashes = (await other.ok<{ assets: readonly Held[] }>('asset', 'list', '--all')).assets.find(
    ({ state }) => state === 'burnt',
  ) as Held;
  expect(await tapdVerifies(tapd, await exported(other, 'plain', '--outpoint', burnt.txid, '--script-key', ashes.script_key))).toBe(true);
});

test('tapd sends to an address of lnkit, which takes the proof from a file as from the courier, verifies it, and sends it back to tapd', async () => {
  const { lnkit, tapd, lab: network } = lab();
  const coin = (await tapd.cli<{ assets: readonly { asset_genesis: { name: string; asset_id: string } }[] }>('assets', 'list')).assets.find(
    ({ asset_genesis }) => asset_genesis.name === 'tapcoin',
  );
  const id = coin?.asset_genesis.asset_id as string;
  const { address } = await lnkit.ok<{ address: string }>('asset', 'address', id, '250', '--courier', tapd.courier);
  const decoded = await tapd.cli<{ asset_id: string; amount: string }>('addrs', 'decode', '--addr', address);
  expect([decoded.asset_id, decoded.amount]).toEqual([id, '250']);
  await tapd.cli('assets', 'send', '--addr', address);
  await eventually('the transfer in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
  const arrival = await eventually('the output', async () => {
    const { arrivals } = await lnkit.ok<{
      arrivals: readonly { outpoint: string; assets: readonly { amount: string }[] }[];
    }>('asset', 'transfers');
    // Its proof may be here already: each command asks the courier.
    return arrivals.find(({ assets }) => assets[0]?.amount === '250');
  });
  expect(arrival.outpoint).toMatch(/^[0-9a-f]{64}:\d+$/);
  const { script_key: scriptKey } = await tapd.cli<{ script_key: string }>('addrs', 'decode', '--addr', address);
  const path = await exportedByTapd(tapd, id, scriptKey);
  expect(await lnkit.ok('proof', 'import', path)).toMatchObject({ owned: true, amount: '250', transitions: 2 });
  expect(await amounts(lnkit, 'tapcoin')).toEqual([250]);

  const theirs = await tapd.cli<{ encoded: string; script_key: string }>('addrs', 'new', '--asset_id', id, '--amt', '100');
  const sent = await lnkit.ok<Sent>('asset', 'send', theirs.encoded);
  await network.confirm(sent.txid);
  const proof = await exported(lnkit, theirs.encoded);
  expect(await tapdVerifies(tapd, proof)).toBe(true);
  expect(await amounts(lnkit, 'tapcoin')).toEqual([150]);
  // tapd watches the output that the address predicts, and takes the proof from its universe.
  await teach(tapd, proof);
  await received(tapd, theirs.encoded, sent.txid);
  interface Balance {
    readonly asset_balances: Readonly<Record<string, { readonly balance: string }>>;
  }
  expect((await tapd.cli<Balance>('assets', 'balance')).asset_balances[id]?.balance).toBe('750');
});

test('a collectible and units of a group go to tapd in one transaction, and tapd spends the units onward', async () => {
  const { lnkit, tapd, lab: network } = lab();
  const assets = await held(lnkit);
  const idOf = (name: string): string => assets.find((each) => each.name === name)?.asset_id as string;
  const newAddress = async (name: string, amount: string, version: string): Promise<string> =>
    (await tapd.cli<{ encoded: string }>('addrs', 'new', '--asset_id', idOf(name), '--amt', amount, '--address_version', version)).encoded;
  const addresses = [await newAddress('grouped', '120', 'v1'), await newAddress('portrait', '1', 'v1')];
  const sent = await lnkit.ok<Sent>('asset', 'send', ...addresses);
  await network.confirm(sent.txid);
  for (const address of addresses) {
    const proof = await exported(lnkit, address);
    await teach(tapd, proof);
    expect(await tapdVerifies(tapd, proof)).toBe(true);
    await received(tapd, address, sent.txid);
  }
  expect([await amounts(lnkit, 'grouped'), await amounts(lnkit, 'portrait')]).toEqual([[380], []]);
  expect(await lnkit.ok('asset', 'verify')).toMatchObject({ valid: true });

  // Version 0 as well: its commitment has another form.
  const old = await newAddress('grouped', '30', 'v0');
  const second = await lnkit.ok<Sent>('asset', 'send', old);
  await network.confirm(second.txid);
  await teach(tapd, await exported(lnkit, old));
  await received(tapd, old, second.txid);

  const back = await lnkit.ok<{ address: string }>('asset', 'address', 'grouped', '125', '--courier', tapd.courier);
  await tapd.cli('assets', 'send', '--addr', back.address);
  await eventually('the transfer in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
  const { script_key: scriptKey } = await tapd.cli<{ script_key: string }>('addrs', 'decode', '--addr', back.address);
  const returned = await exportedByTapd(tapd, idOf('grouped'), scriptKey);
  expect(await lnkit.ok('proof', 'import', returned)).toMatchObject({ owned: true, amount: '125' });
  expect(await amounts(lnkit, 'grouped')).toEqual([125, 350]);
});
