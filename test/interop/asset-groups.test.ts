// Groups of every kind between lnkit and tapd: begun here, continued there, and verified by the other; metadata, decimals, burns and supply besides.
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { base64 } from '@scure/base';
import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import { formatPath } from '../../src/bitcoin/bip32.ts';
import { OP, script } from '../../src/bitcoin/script.ts';
import { controlBlock, tapLeafHash, taprootOutputKey, xOnly } from '../../src/bitcoin/taproot.ts';
import { secp } from '../../src/crypto/ec.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { external, leafSignature, signedElsewhere } from '../unit/asset/signer-elsewhere.ts';
import { exported, exportedByTapd, type Held, newFile, type Sent, tapdVerifies, teach } from './asset-moves.ts';
import { useLab } from './harness/lab.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { fund } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd', 'tapd'], async (lab) => {
  const lnd = await lab.lnd('alice', { fundSats: 3_000_000 });
  const tapd = await lab.tapd('tapd', lnd);
  const lnkit = await lab.lnkit('carol');
  await fund(lab, lnkit, 1_000_000);
  await fund(lab, lnkit, 1_000_000);
  return { tapd, lnkit };
});

interface Unsealed {
  readonly asset_id: string;
  readonly group_key: string;
  readonly ours: boolean;
  readonly internal_key: string;
  readonly psbt: string;
  readonly control_block: string | null;
}
interface Detail {
  readonly unsealed: readonly Unsealed[];
}
const keyFlags = (index: number, prefix: '--group-' | '--group_key_'): readonly string[] => {
  const { xpub, masterFingerprint, path } = external(index);
  const name = prefix === '--group-' ? 'path' : 'derivation_path';
  const fingerprint = masterFingerprint.toString(16).padStart(8, '0');
  return [`${prefix}xpub`, xpub, `${prefix}fingerprint`, fingerprint, `${prefix}${name}`, formatPath(path)];
};
const signed = (psbt: string, index: number): string => base64.encode(signedElsewhere(base64.decode(psbt), index));

async function add(lnkit: Lnkit, name: string, supply: number, ...flags: readonly string[]): Promise<void> {
  await lnkit.ok('asset', 'mint', '--name', name, '--supply', `${supply}`, ...flags);
}
async function finalize(lnkit: Lnkit): Promise<Sent> {
  const minted = await lnkit.ok<Sent>('asset', 'mint', 'finalize');
  await lab().lab.confirm(minted.txid);
  return minted;
}
async function accepted(name: string): Promise<void> {
  const { lab: network, lnkit, tapd } = lab();
  const path = await exported(network, lnkit, name);
  await teach(network, tapd, path);
  expect(await tapdVerifies(tapd, path), name).toBe(true);
}
const groupOf = async (name: string): Promise<string> => {
  const { assets } = await lab().lnkit.ok<{ assets: readonly Held[] }>('asset', 'list');
  return assets.find((each) => each.name === name)?.group_key as string;
};

const SCRIPT_SECRET = sha256(utf8('signs a script'));
const LEAF = script(xOnly(secp.publicKey(SCRIPT_SECRET)), OP.CHECKSIG);

test('tapd verifies groups of lnkit of every kind, and their further tranches: scripts, a key elsewhere, and both', async () => {
  const { lab: network, lnkit, tapd } = lab();
  const root = toHex(tapLeafHash(LEAF));
  await add(lnkit, 'scripted', 10, '--grouped', '--group-tapscript-root', root);
  await add(lnkit, 'beside it', 11, '--group-anchor', 'scripted');
  await add(
    lnkit,
    'elsewhere',
    12,
    '--grouped',
    ...keyFlags(1, '--group-'),
    '--meta',
    '{"a":1}',
    '--meta-type',
    'json',
    '--decimal-display',
    '3',
  );
  await add(lnkit, 'both', 13, '--grouped', '--group-tapscript-root', root, ...keyFlags(2, '--group-'));
  const { unsealed } = await lnkit.ok<Detail>('asset', 'mint', 'fund', '--sibling-leaf', '51');
  expect(unsealed.map(({ ours }) => ours)).toEqual([true, true, false, false]);
  expect((await lnkit.run('asset', 'mint', 'finalize')).exitCode).toBe(6);
  const [, , elsewhere, both] = unsealed as readonly [Unsealed, Unsealed, Unsealed, Unsealed];
  const file = newFile(network, 'signed.psbt');
  writeFileSync(file, signed(elsewhere.psbt, 1));
  const custom = leafSignature(base64.decode(both.psbt), SCRIPT_SECRET, tapLeafHash(LEAF));
  const witness = [toHex(custom), toHex(LEAF), both.control_block].join(',');
  await lnkit.ok('asset', 'mint', 'seal', '--psbt', file, '--witness', `${both.asset_id}:${witness}`);
  const minted = await finalize(lnkit);
  expect(await lnkit.ok('asset', 'mint', 'show', minted.txid.slice(0, 12))).toMatchObject({
    batch: { state: 'confirmed', txid: minted.txid },
  });
  for (const name of ['scripted', 'beside it', 'elsewhere', 'both']) await accepted(name);

  // The second tranches: by the script alone, by the key elsewhere, by that key beside scripts.
  await add(lnkit, 'scripted 2', 20, '--group-key', await groupOf('scripted'));
  await add(lnkit, 'elsewhere 2', 21, '--group-key', await groupOf('elsewhere'), '--decimal-display', '3');
  await add(lnkit, 'both 2', 22, '--group-key', await groupOf('both'));
  const { unsealed: next } = await lnkit.ok<Detail>('asset', 'mint', 'fund');
  const [byScript, byKey, byBoth] = next as readonly [Unsealed, Unsealed, Unsealed];
  const internalKey = xOnly(fromHex(byScript.internal_key));
  const parity = taprootOutputKey(internalKey, tapLeafHash(LEAF))?.parity as 0 | 1;
  const control = toHex(controlBlock({ internalKey, parity, path: [] }));
  const signature = toHex(leafSignature(base64.decode(byScript.psbt), SCRIPT_SECRET, tapLeafHash(LEAF)));
  const psbts = ['--psbt', signed(byKey.psbt, 1), '--psbt', signed(byBoth.psbt, 2)];
  await lnkit.ok('asset', 'mint', 'seal', ...psbts, '--witness', `${byScript.asset_id}:${[signature, toHex(LEAF), control].join(',')}`);
  await finalize(lnkit);
  for (const name of ['scripted 2', 'elsewhere 2', 'both 2']) await accepted(name);
  expect(await lnkit.ok('asset', 'verify')).toMatchObject({ valid: true });
  const known = (await lnkit.ok<{ assets: readonly Held[] }>('asset', 'list')).assets.find(({ name }) => name === 'elsewhere') as Held;
  // tapd shows the decimals and the metadata that were minted.
  const meta = await tapd.cli<{ decimal_display: number; data: string }>('assets', 'meta', '--asset_id', known.asset_id);
  expect([meta.decimal_display, JSON.parse(Buffer.from(meta.data, 'hex').toString())]).toEqual([3, { a: 1, decimal_display: 3 }]);
});

interface TapdAsset {
  readonly script_key: string;
  readonly asset_genesis: { readonly name: string; readonly asset_id: string };
  readonly asset_group: { readonly tweaked_group_key: string } | null;
}
interface TapdBatch {
  readonly batch: { readonly unsealed_assets: readonly { readonly group_virtual_psbt: string }[] };
}
async function confirmedByTapd(name: string): Promise<{ readonly asset: TapdAsset; readonly path: string }> {
  const { lab: network, tapd } = lab();
  await eventually('the minting in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
  const asset = await eventually('tapd to list the asset', async () =>
    (await tapd.cli<{ assets: readonly TapdAsset[] }>('assets', 'list')).assets.find(({ asset_genesis }) => asset_genesis.name === name),
  );
  return { asset, path: await exportedByTapd(network, tapd, asset.asset_genesis.asset_id, asset.script_key) };
}

test('lnkit verifies groups of tapd of every kind, and mints into one whose key signs elsewhere', async () => {
  const { lnkit, tapd } = lab();
  const leafHash = toHex(tapLeafHash(LEAF));
  const verified = async (path: string): Promise<Held> => {
    const held = await lnkit.ok<Held>('proof', 'verify', path);
    await lnkit.ok('proof', 'import', path);
    return held;
  };
  // A group of its own with scripts, and beside the assets a script in the output of the batch.
  const asset = { asset_type: 'NORMAL', name: 'tap scripted', amount: '30', new_grouped_asset: true, group_tapscript_root: leafHash };
  await tapd.rest.call('POST', '/v1/taproot-assets/assets', { asset });
  const fullTree = { all_leaves: [{ script: '51' }] };
  await tapd.rest.call('POST', '/v1/taproot-assets/assets/mint/finalize', { full_tree: fullTree });
  const scripted = await confirmedByTapd('tap scripted');
  const groupKey = scripted.asset.asset_group?.tweaked_group_key as string;
  expect((await verified(scripted.path)).group_key).toBe(groupKey);
  await tapd.cli(
    'assets',
    'mint',
    '--type',
    'normal',
    '--name',
    'tap scripted 2',
    '--supply',
    '31',
    '--grouped_asset',
    '--group_key',
    groupKey,
  );
  await tapd.cli('assets', 'mint', 'finalize');
  expect((await verified((await confirmedByTapd('tap scripted 2')).path)).group_key).toBe(groupKey);

  // Under a key elsewhere; its second tranche is minted by lnkit, with the same key.
  await tapd.cli(
    'assets',
    'mint',
    '--type',
    'normal',
    '--name',
    'tap elsewhere',
    '--supply',
    '40',
    '--new_grouped_asset',
    ...keyFlags(5, '--group_key_'),
  );
  const { batch } = await tapd.rest.call<TapdBatch>('POST', '/v1/taproot-assets/assets/mint/fund', {});
  const psbts = batch.unsealed_assets.map(({ group_virtual_psbt: psbt }) => signed(psbt, 5));
  await tapd.rest.call('POST', '/v1/taproot-assets/assets/mint/seal', { signed_group_virtual_psbts: psbts });
  await tapd.cli('assets', 'mint', 'finalize');
  const elsewhere = await confirmedByTapd('tap elsewhere');
  const theirs = (await verified(elsewhere.path)).group_key as string;
  expect(theirs).toBe(elsewhere.asset.asset_group?.tweaked_group_key);
  await add(lnkit, 'our tranche', 41, '--group-key', theirs, ...keyFlags(5, '--group-'));
  const { unsealed } = await lnkit.ok<Detail>('asset', 'mint', 'fund');
  await lnkit.ok('asset', 'mint', 'seal', '--psbt', signed((unsealed[0] as Unsealed).psbt, 5));
  await finalize(lnkit);
  expect(await groupOf('our tranche')).toBe(theirs);
  await accepted('our tranche');
});

interface Committed {
  readonly chain_data: { readonly block_height: number; readonly commit_outpoint: string };
  readonly total_outstanding_supply: string;
}
test('lnkit verifies the supply that an issuer with tapd commits to: minted, burnt, ignored', async () => {
  const { lab: network, lnkit, tapd } = lab();
  await tapd.cli(
    'assets',
    'mint',
    '--type',
    'normal',
    '--name',
    'supplied',
    '--supply',
    '1000',
    '--new_grouped_asset',
    '--enable_supply_commitments',
  );
  await tapd.cli('assets', 'mint', 'finalize');
  const { asset, path } = await confirmedByTapd('supplied');
  await lnkit.ok('proof', 'import', path);
  const { asset_id: id } = asset.asset_genesis;
  const key = asset.asset_group?.tweaked_group_key as string;
  const mined = async (): Promise<void> => {
    await eventually('a transaction in the mempool', async () => (await network.bitcoind.mempool())[0]);
    await network.mine(1);
  };
  const committed = async (name: string, ...which: readonly string[]): Promise<string> => {
    const supply = (...args: readonly string[]) => tapd.cli<Committed>('universe', 'supplycommit', ...args);
    await supply('update', '--group_key', key);
    await mined();
    const answer = await eventually('the commitment', async () => {
      const each = await supply('fetch', '--group_key', key, ...which).catch(() => undefined);
      return (each?.chain_data.block_height ?? 0) > 0 ? each : undefined;
    });
    const file = newFile(network, name);
    writeFileSync(file, JSON.stringify(answer));
    return file;
  };
  await tapd.cli('assets', 'burn', '--asset_id', id, '--amount', '4', '--override_confirmation_destroy_assets');
  await mined();
  const left = await eventually('the rest after the burn', async () =>
    (
      await tapd.cli<{ assets: readonly (TapdAsset & { amount: string; chain_anchor: { anchor_outpoint: string } })[] }>('assets', 'list')
    ).assets.find(({ asset_genesis, amount }) => asset_genesis.asset_id === id && amount === '996'),
  );
  // The burn is confirmed before it is among what the next commitment takes in; only the log tells when.
  await eventually('tapd to have the burn ready', async () => readFileSync(tapd.logFile, 'utf8').includes('Sent supply commit burn event'));
  const first = await committed('first', '--first');
  const sums = { minted: '1000', burnt: '4', ignored: '0', outstanding: '996' };
  expect(await lnkit.ok('asset', 'supply', first)).toMatchObject({ valid: true, group_key: key, ...sums });

  // tapd tells the leaves of two commitments apart by their heights alone.
  await network.mine(1);
  const point = ['--asset_anchor_point', left.chain_anchor.anchor_outpoint, '--asset_id', id, '--script_key', left.script_key];
  await tapd.cli('universe', 'supplycommit', 'ignore', ...point, '--amount', '996');
  const { commitments } = await lnkit.ok<{ commitments: readonly { outpoint: string }[] }>('asset', 'supply', first);
  const second = await committed('second', '--spent_outpoint', commitments[0]?.outpoint as string);
  const both = await lnkit.ok('asset', 'supply', first, second);
  expect(both).toMatchObject({
    outstanding: '0',
    ignored: '996',
    ignored_outputs: [{ outpoint: left.chain_anchor.anchor_outpoint, amount: '996' }],
  });
  expect((await lnkit.run('asset', 'supply', second)).exitCode).toBe(2);
  // The same from the universe itself, which asks nobody for a macaroon here.
  const place = tapd.courier.replace('universerpc://', '');
  expect(await lnkit.ok('asset', 'supply', '--universe', place, '--group-key', key)).toEqual(both);
});

test('who can spend an asset is shown to the other, for its challenge and no other', async () => {
  const { lab: network, lnkit, tapd } = lab();
  const challenge = toHex(sha256(utf8('show me')));
  const mine = newFile(network, 'mine');
  await lnkit.ok('proof', 'ownership', 'prove', 'scripted', '--challenge', challenge, '--out', mine);
  const ask = (proof: string, asked: string) =>
    tapd.rest.call<{ valid_proof: boolean }>('POST', '/v1/taproot-assets/wallet/ownership/verify', {
      proof_with_witness: proof,
      challenge: asked,
    });
  expect(await ask(readFileSync(mine, 'hex'), challenge)).toMatchObject({ valid_proof: true });
  await expect(ask(readFileSync(mine, 'hex'), toHex(sha256(utf8('another'))))).rejects.toThrow('ownership/verify');

  const { assets } = await tapd.cli<{ assets: readonly TapdAsset[] }>('assets', 'list');
  const theirs = assets.find(({ asset_genesis: { name } }) => name === 'tap scripted') as TapdAsset;
  const part = { asset_id: theirs.asset_genesis.asset_id, script_key: theirs.script_key, challenge };
  interface Proved {
    readonly proof_with_witness: string;
  }
  const proved = await tapd.rest.call<Proved>('POST', '/v1/taproot-assets/wallet/ownership/prove', part);
  const file = newFile(network, 'theirs');
  writeFileSync(file, Buffer.from(proved.proof_with_witness, /^[0-9a-f]+$/.test(proved.proof_with_witness) ? 'hex' : 'base64'));
  const owned = await lnkit.ok('proof', 'ownership', 'verify', file, '--challenge', challenge);
  expect(owned).toMatchObject({ valid: true, unspent: true, known: true, asset_id: part.asset_id });
  expect((await lnkit.run('proof', 'ownership', 'verify', file)).exitCode).toBe(2);
  expect((await lnkit.run('proof', 'verify', file)).exitCode).toBe(2);
});

test('what tapd burns lnkit sees burnt', async () => {
  const { lab: network, lnkit, tapd } = lab();
  await tapd.cli(
    'assets',
    'mint',
    '--type',
    'normal',
    '--name',
    'fuel',
    '--supply',
    '9',
    '--decimal_display',
    '2',
    '--meta_type',
    'json',
    '--meta_bytes',
    '{}',
  );
  await tapd.cli('assets', 'mint', 'finalize');
  const { asset, path } = await confirmedByTapd('fuel');
  await lnkit.ok('proof', 'import', path);
  expect(await lnkit.ok('proof', 'verify', path)).toMatchObject({ valid: true, burnt: false });
  const { asset_id: id } = asset.asset_genesis;
  interface Burn {
    readonly burn_proof: { readonly asset: { readonly script_key: string } };
  }
  const { burn_proof: burnt } = await tapd.cli<Burn>(
    'assets',
    'burn',
    '--asset_id',
    id,
    '--amount',
    '4',
    '--override_confirmation_destroy_assets',
  );
  await eventually('the burn in the mempool', async () => (await network.bitcoind.mempool())[0]);
  await network.mine(1);
  const file = await exportedByTapd(network, tapd, id, burnt.asset.script_key);
  expect(await lnkit.ok('proof', 'verify', file)).toMatchObject({ valid: true, burnt: true, amount: '4' });
});
