// Assets that travel by themselves between lnkit and tapd: couriers, mailboxes, addresses of version 1 and 2. No proof is carried by hand: the courier
// is once a tapd that is neither end's, and once lnkit.
import { expect, test } from 'vitest';
import { parseCourier } from '../../src/asset/address/courier.ts';
import { universeLeaves } from '../../src/asset/courier.ts';
import { readFile } from '../../src/asset/proof/file.ts';
import { fromHex } from '../../src/base/bytes.ts';
import { openCourier } from '../../src/io/courier/courier.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { freePort } from './harness/ports.ts';
import type { Tapd } from './harness/tapd.ts';
import { fund } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  // Two tapds cannot share an lnd: only one may intercept its HTLCs.
  const [lnd, bare] = await Promise.all([lab.lnd('alice', { fundSats: 3_000_000 }), lab.lnd('bare')]);
  const [office, lnkit, post] = await Promise.all([lab.tapd('office', bare), lab.lnkit('carol'), lab.lnkit('post')]);
  const tapd = await lab.tapd('tapd', lnd, office.courier);
  await fund(lab, lnkit, 1_000_000);
  await fund(lab, lnkit, 1_000_000);
  await lnkit.startDaemon();
  return { tapd, office, lnkit, post };
});

interface Held {
  readonly name: string;
  readonly asset_id: string;
  readonly group_key: string | null;
  readonly amount: string;
  readonly state: string;
}
interface Sent {
  readonly txid: string;
  readonly deliveries: readonly { readonly state: string; readonly attempts: number }[];
}
interface Received {
  readonly receives: readonly {
    readonly status: string;
    readonly outpoint: string;
    readonly assets: readonly { readonly amount: string }[];
  }[];
}
const mailbox = (tapd: Tapd): string => `authmailbox+${tapd.courier}`;
const held = async (lnkit: Lnkit): Promise<readonly Held[]> => (await lnkit.ok<{ assets: readonly Held[] }>('asset', 'list')).assets;
const amounts = async (lnkit: Lnkit, name: string): Promise<readonly number[]> =>
  (await held(lnkit))
    .filter((each) => each.name === name && each.state === 'confirmed')
    .map(({ amount }) => Number(amount))
    .sort((a, b) => a - b);
const assetNamed = async (lnkit: Lnkit, name: string): Promise<Held> => {
  const found = (await held(lnkit)).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no asset ${name}`);
  return found;
};

/** Mints with lnkit; tapd learns of it as from any universe: it shows and takes only assets whose minting it knows. */
async function mint(lnkit: Lnkit, tapd: Tapd, ...flags: readonly (readonly string[])[]): Promise<void> {
  for (const each of flags) await lnkit.ok('asset', 'mint', ...each);
  await lab().lab.confirm((await lnkit.ok<{ txid: string }>('asset', 'mint', 'finalize')).txid);
  const address = parseCourier(tapd.courier);
  if (!address.ok) throw new Error(address.failure.message);
  const courier = openCourier(address.value);
  for (const each of flags) {
    const { proof } = await lnkit.ok<{ proof: string }>('proof', 'export', each[1] as string);
    const transitions = readFile(fromHex(proof));
    const leaves = transitions.ok ? universeLeaves(transitions.value) : transitions;
    if (!leaves.ok) throw new Error(leaves.failure.message);
    // lnd, whose chain view tapd has, may be a block behind.
    await eventually('tapd to take the minting', async () => (await courier.deliver(leaves.value)).ok);
  }
  courier.close();
}

async function tapdAddress(tapd: Tapd, ...flags: readonly string[]): Promise<string> {
  return (await tapd.cli<{ encoded: string }>('addrs', 'new', ...flags)).encoded;
}
/** Until tapd has the output, its confirmation and every proof. */
async function tapdReceived(tapd: Tapd, address: string, txid: string): Promise<void> {
  interface Receives {
    readonly events: readonly { readonly status: string; readonly outpoint: string; readonly has_proof: boolean }[];
  }
  await eventually('tapd to have received it', async () => {
    const { events } = await tapd.cli<Receives>('addrs', 'receives', '--addr', address);
    return events.some(({ outpoint, status }) => outpoint.startsWith(txid) && status === 'ADDR_EVENT_STATUS_COMPLETED');
  });
}
async function tapdBalance(tapd: Tapd, id: string): Promise<number> {
  interface Balance {
    readonly asset_balances: Readonly<Record<string, { readonly balance: string } | undefined>>;
  }
  return Number((await tapd.cli<Balance>('assets', 'balance')).asset_balances[id]?.balance ?? 0);
}
/** tapd sends, and the block with it comes. */
async function tapdSends(tapd: Tapd, ...flags: readonly string[]): Promise<void> {
  await eventually('tapd to send', () => tapd.cli('assets', 'send', ...flags).then(() => true), { timeoutMs: 20_000, intervalMs: 500 });
  await eventually('the transfer in the mempool', async () => (await lab().lab.bitcoind.mempool())[0]);
  await lab().lab.mine(1);
}
/** lnkit sends and mines; its daemon delivers by itself. */
async function send(lnkit: Lnkit, ...words: readonly string[]): Promise<Sent> {
  const sent = await lnkit.ok<Sent>('asset', 'send', ...words);
  await lab().lab.confirm(sent.txid);
  return sent;
}
/** Until the daemon has taken in what came to an address. */
async function lnkitReceived(lnkit: Lnkit, address: string, times = 1): Promise<void> {
  await eventually('lnkit to have received it by itself', async () => {
    const { receives } = await lnkit.ok<Received>('asset', 'receives', address);
    if (receives.filter(({ status }) => status === 'completed').length === times) return true;
    throw new Error(JSON.stringify(receives));
  });
}
async function newAddress(lnkit: Lnkit, ...words: readonly string[]): Promise<string> {
  return (await lnkit.ok<{ address: string }>('asset', 'address', ...words)).address;
}

test('a third tapd carries units and a collectible to addresses of version 1: tapd receives them from lnkit, counts them, and spends them onward to lnkit, which receives by itself', async () => {
  const { lnkit, tapd, office } = lab();
  await mint(lnkit, tapd, ['--name', 'coin', '--supply', '1000'], ['--name', 'portrait', '--type', 'collectible']);
  const [coin, portrait] = [await assetNamed(lnkit, 'coin'), await assetNamed(lnkit, 'portrait')];
  const theirs = [
    await tapdAddress(tapd, '--asset_id', coin.asset_id, '--amt', '300', '--address_version', 'v1'),
    await tapdAddress(tapd, '--asset_id', portrait.asset_id, '--amt', '1', '--address_version', 'v1'),
  ];
  for (const address of theirs) expect(await lnkit.ok('decode', address)).toMatchObject({ version: 1, proof_courier: office.courier });
  const { txid } = await send(lnkit, ...theirs);
  for (const address of theirs) await tapdReceived(tapd, address, txid);
  expect([await tapdBalance(tapd, coin.asset_id), await tapdBalance(tapd, portrait.asset_id)]).toEqual([300, 1]);
  const { transfers } = await lnkit.ok<{ transfers: readonly (Sent & { kind: string })[] }>('asset', 'transfers');
  expect(transfers.find((each) => each.txid === txid)?.deliveries.map(({ state }) => state)).toEqual(['delivered', 'delivered']);

  const ours = [
    await newAddress(lnkit, 'coin', '120', '--courier', office.courier),
    await newAddress(lnkit, 'portrait', '--courier', office.courier),
  ];
  for (const address of ours) {
    await tapdSends(tapd, '--addr', address);
    await lnkitReceived(lnkit, address);
  }
  expect([await amounts(lnkit, 'coin'), await amounts(lnkit, 'portrait')]).toEqual([[120, 700], [1]]);
  expect(await lnkit.ok('asset', 'verify')).toMatchObject({ valid: true });
  expect(await tapdBalance(office, coin.asset_id)).toBe(0);

  // And onward once more: what came from tapd goes back to it.
  const again = await tapdAddress(tapd, '--asset_id', coin.asset_id, '--amt', '750', '--address_version', 'v1');
  const back = await send(lnkit, again);
  await tapdReceived(tapd, again, back.txid);
  expect([await tapdBalance(tapd, coin.asset_id), await amounts(lnkit, 'coin')]).toEqual([930, [70]]);
});

test('a third tapd has the mailbox: two tranches of a group go to an address of version 2 without an amount, and come back to one of lnkit, which spends both onward', async () => {
  const { lnkit, tapd, office } = lab();
  await mint(lnkit, tapd, ['--name', 'first', '--supply', '100', '--grouped']);
  const { group_key: group, asset_id: firstId } = await assetNamed(lnkit, 'first');
  await mint(lnkit, tapd, ['--name', 'second', '--supply', '50', '--group-key', group as string]);
  const { asset_id: secondId } = await assetNamed(lnkit, 'second');
  const theirs = await tapdAddress(tapd, '--group_key', group as string, '--address_version', 'v2');
  expect(await lnkit.ok('decode', theirs)).toMatchObject({
    version: 2,
    asset_id: null,
    group_key: group,
    amount: '0',
    proof_courier: mailbox(office),
  });
  const sent = await send(lnkit, theirs, '--amount', '130');
  await tapdReceived(tapd, theirs, sent.txid);
  expect([await tapdBalance(tapd, firstId), await tapdBalance(tapd, secondId)]).toEqual([100, 30]);
  expect(await amounts(lnkit, 'second')).toEqual([20]);

  const ours = await newAddress(lnkit, group as string, '--courier', office.courier);
  await tapdSends(tapd, '--addr_with_amount', `${ours}:125`);
  await lnkitReceived(lnkit, ours);
  const sum = async (): Promise<number> =>
    [...(await amounts(lnkit, 'first')), ...(await amounts(lnkit, 'second'))].reduce((all, each) => all + each, 0);
  expect(await sum()).toBe(145);
  // The same address again.
  await tapdSends(tapd, '--addr_with_amount', `${ours}:5`);
  await lnkitReceived(lnkit, ours, 2);
  expect(await sum()).toBe(150);
  expect(await lnkit.ok('asset', 'verify')).toMatchObject({ valid: true });
  const last = await send(lnkit, theirs, '--amount', '140');
  await tapdReceived(tapd, theirs, last.txid);
  expect([(await tapdBalance(tapd, firstId)) + (await tapdBalance(tapd, secondId)), await sum()]).toEqual([140, 10]);
});

test("lnkit's own universe and mailbox carry both versions in both directions", async () => {
  const { lnkit, tapd, post } = lab();
  const port = await freePort();
  const serving = await post.spawn(['universe', 'serve', '--listen', `127.0.0.1:${port}`], { timeoutMs: 600_000 });
  const [courier, courier2] = [`universerpc://127.0.0.1:${port}`, `authmailbox+universerpc://127.0.0.1:${port}`];
  try {
    const { asset_id: coin } = await assetNamed(lnkit, 'coin');
    // Which tranche is left is left to the selection.
    const group = (await held(lnkit)).find((each) => each.group_key !== null)?.group_key;
    const plain = ['--asset_id', coin, '--amt', '11', '--address_version', 'v1', '--proof_courier_addr', courier];
    const theirs = await eventually('the courier to answer tapd', () => tapdAddress(tapd, ...plain));
    const before = await tapdBalance(tapd, coin);
    const one = await send(lnkit, theirs);
    await tapdReceived(tapd, theirs, one.txid);
    expect(await tapdBalance(tapd, coin)).toBe(before + 11);
    const open = await tapdAddress(tapd, '--group_key', group as string, '--address_version', 'v2', '--proof_courier_addr', courier2);
    const two = await send(lnkit, open, '--amount', '4');
    await tapdReceived(tapd, open, two.txid);

    const ours = await newAddress(lnkit, 'coin', '17', '--courier', courier);
    await tapdSends(tapd, '--addr', ours);
    await lnkitReceived(lnkit, ours);
    const grouped = await newAddress(lnkit, group as string, '--courier', courier2);
    await tapdSends(tapd, '--addr_with_amount', `${grouped}:9`);
    await lnkitReceived(lnkit, grouped);
    expect(await lnkit.ok('asset', 'verify')).toMatchObject({ valid: true });
    expect(await amounts(lnkit, 'coin')).toEqual([17, 59]);
  } finally {
    await serving.kill();
    await serving.result.catch(() => {});
  }
});
