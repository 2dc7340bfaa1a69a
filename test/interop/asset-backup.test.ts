// Assets that came from tapd, restored from words and a backup into a new data directory, and after a reorganisation: tapd takes what is sent on.
import { expect, test } from 'vitest';
import { mnemonicOfEntropy } from '../../src/bitcoin/mnemonic.ts';
import { exported, exportedByTapd, type Held, newFile, type Sent, tapdVerifies, teach } from './asset-moves.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import type { Tapd } from './harness/tapd.ts';
import { fund } from './moves.ts';

const WORDS = mnemonicOfEntropy(new Uint8Array(32).fill(11));

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  const lnd = await lab.lnd('alice', { fundSats: 2_000_000 });
  const tapd = await lab.tapd('tapd', lnd);
  const carol = await lab.lnkit('carol', { mnemonic: WORDS });
  await fund(lab, carol, 1_000_000);
  return { tapd, carol };
});

const balance = async (lnkit: Lnkit, name: string): Promise<readonly string[]> => {
  interface Balance {
    readonly assets: readonly { readonly name: string; readonly confirmed: string; readonly pending: string }[];
  }
  const { assets } = await lnkit.ok<Balance>('asset', 'balance');
  return assets.filter((each) => each.name === name).map(({ confirmed, pending }) => `${confirmed}+${pending}`);
};
const mempool = (): Promise<string> => eventually('a transaction in the mempool', async () => (await lab().lab.bitcoind.mempool())[0]);

/** Until tapd has the output, its confirmation and its proof. */
async function received(tapd: Tapd, address: string, txid: string): Promise<void> {
  await eventually('tapd to have received it', async () => {
    type Receives = { readonly events: readonly { readonly status: string; readonly outpoint: string }[] };
    const { events } = await tapd.cli<Receives>('addrs', 'receives', '--addr', address);
    return events.some(({ outpoint, status }) => outpoint.startsWith(txid) && status === 'ADDR_EVENT_STATUS_COMPLETED');
  });
}

test('what tapd sent is restored from words and a backup into a new directory, spent onward, and taken in by tapd', async () => {
  const { tapd, carol, lab: network } = lab();
  await tapd.cli('assets', 'mint', '--name', 'tapcoin', '--type', 'normal', '--supply', '900', '--meta_bytes', 'hello');
  await tapd.cli('assets', 'mint', 'finalize');
  await mempool();
  await network.mine(1);
  type Assets = { readonly assets: readonly { readonly script_key: string; readonly asset_genesis: { readonly asset_id: string } }[] };
  const [minted] = await eventually('tapd to list the asset', async () => {
    const { assets } = await tapd.cli<Assets>('assets', 'list');
    return assets.length > 0 ? assets : undefined;
  });
  const id = (minted as Assets['assets'][number]).asset_genesis.asset_id;
  await carol.ok('proof', 'import', await exportedByTapd(network, tapd, id, (minted as Assets['assets'][number]).script_key));
  const { address } = await carol.ok<{ address: string }>('asset', 'address', id, '250', '--courier', tapd.courier);
  await tapd.cli('assets', 'send', '--addr', address);
  await mempool();
  await network.mine(1);
  const { script_key: scriptKey } = await tapd.cli<{ script_key: string }>('addrs', 'decode', '--addr', address);
  await carol.ok('proof', 'import', await exportedByTapd(network, tapd, id, scriptKey));
  await carol.ok('asset', 'mint', '--name', 'own', '--supply', '70', '--grouped');
  await network.confirm((await carol.ok<Sent>('asset', 'mint', 'finalize')).txid);
  const file = newFile(network, 'backup');
  expect(await carol.ok('backup', 'export', file)).toMatchObject({ assets: 2, restorable: true, problems: [] });

  const dave = await network.lnkit('dave', { mnemonic: WORDS });
  expect(dave.nodeId).toBe(carol.nodeId);
  expect(await balance(dave, 'tapcoin')).toEqual([]);
  expect(await dave.ok('backup', 'restore', file)).toMatchObject({ assets: 2, restorable: true, problems: [] });
  expect([await balance(dave, 'tapcoin'), await balance(dave, 'own')]).toEqual([['250+0'], ['70+0']]);
  expect(await dave.ok('asset', 'verify')).toMatchObject({ valid: true });
  const { encoded } = await tapd.cli<{ encoded: string }>('addrs', 'new', '--asset_id', id, '--amt', '100');
  const sent = await dave.ok<Sent>('asset', 'send', encoded);
  await network.confirm(sent.txid);
  const proof = await exported(network, dave, encoded);
  expect(await tapdVerifies(tapd, proof)).toBe(true);
  await teach(network, tapd, proof);
  await received(tapd, encoded, sent.txid);
  expect(await balance(dave, 'tapcoin')).toEqual(['150+0']);
  // No key of carol's life came up again, and a further tranche can be minted with the group's key.
  const keys = async (lnkit: Lnkit): Promise<readonly string[]> =>
    (await lnkit.ok<{ assets: readonly Held[] }>('asset', 'list')).assets.map(({ script_key }) => script_key);
  const [before, after] = [await keys(carol), await keys(dave)];
  expect(after.filter((key) => before.includes(key)).length).toBe(1);
  const group = (await dave.ok<{ assets: readonly Held[] }>('asset', 'list')).assets.find(({ name }) => name === 'own')?.group_key;
  await dave.ok('asset', 'mint', '--name', 'own two', '--supply', '5', '--group-key', group as string);
  await network.confirm((await dave.ok<Sent>('asset', 'mint', 'finalize')).txid);
  const tranche = await exported(network, dave, 'own two');
  await teach(network, tapd, await exported(network, dave, 'own'));
  await teach(network, tapd, tranche);
  expect(await tapdVerifies(tapd, tranche)).toBe(true);
});

test('after a reorganisation the proofs show the new blocks, and tapd finds them valid', async () => {
  const { tapd, carol, lab: network } = lab();
  const { bitcoind } = network;
  const dave = await network.lnkit('erin');
  await fund(network, dave, 500_000);
  await fund(network, carol, 500_000);
  await carol.ok('asset', 'mint', '--name', 'moving', '--supply', '40');
  await network.confirm((await carol.ok<Sent>('asset', 'mint', 'finalize')).txid);
  await dave.ok('proof', 'import', await exported(network, carol, 'moving'));
  const { address } = await dave.ok<{ address: string }>('asset', 'address', 'moving', '30', '--courier', tapd.courier);
  await network.confirm((await carol.ok<Sent>('asset', 'send', address)).txid);
  const old = await exported(network, carol, address);
  await dave.ok('proof', 'import', old);
  const height = await bitcoind.height();
  await bitcoind.rpc('invalidateblock', [await bitcoind.rpc<string>('getblockhash', [height - 1])]);
  // First a block of nobody's: what was in two blocks is in one, elsewhere.
  await bitcoind.rpc('generateblock', [await bitcoind.newAddress(), []]);
  expect([await balance(carol, 'moving'), await balance(dave, 'moving')]).toEqual([['0+10'], ['0+30']]);
  await network.mine(2);
  expect([await balance(carol, 'moving'), await balance(dave, 'moving')]).toEqual([['10+0'], ['30+0']]);
  expect((await carol.run('proof', 'verify', old)).exitCode).toBe(6);
  expect([await carol.ok('asset', 'verify'), await dave.ok('asset', 'verify')]).toMatchObject([{ valid: true }, { valid: true }]);
  for (const lnkit of [carol, dave]) {
    const moved = await exported(network, lnkit, 'moving');
    await teach(network, tapd, moved);
    expect(await tapdVerifies(tapd, moved)).toBe(true);
  }
});
