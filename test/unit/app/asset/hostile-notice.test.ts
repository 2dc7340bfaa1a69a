// Messages of a mailbox are anybody's: what they cost us ends with looking at them once.
import { expect, test } from 'vitest';
import type { CustodyPorts } from '../../../../src/app/asset/custody-ports.ts';
import { isForNow, placeNotice } from '../../../../src/app/asset/receipt-mailbox.ts';
import { decodeTapAddress } from '../../../../src/asset/address/address.ts';
import { FRAGMENT_VERSION, type SendFragment, UNIQUE_PEDERSEN } from '../../../../src/asset/fragment.ts';
import { uniqueScriptKey } from '../../../../src/asset/keys.ts';
import type { TxId } from '../../../../src/base/ids.ts';
import { AssetChain, seedling } from '../../node/asset-kit.ts';
import { chainOf, MAILBOX } from './custody-kit.ts';

test('a message about a transaction that no block has is looked at again only while the chain can still bring it', async () => {
  const chain = new AssetChain();
  const node = chain.node('bob');
  node.fund(12);
  node.told({ kind: 'add_seedling', seedling: seedling('coin', 9n), dryRun: false }, 'asset_batch');
  const { holdings } = node.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  const assetId = holdings[0]?.facts.assetId as Uint8Array;
  const request = { of: { kind: 'asset', assetId }, amount: 4n, version: 2, assetVersion: 0, courier: MAILBOX } as const;
  const { address } = node.told({ kind: 'new_address', request }, 'asset_address');
  const read = decodeTapAddress(address.text);
  if (!read.ok) throw new Error(read.failure.message);
  const ports = { state: () => node.state, chain: chainOf(chain) } as unknown as CustodyPorts;
  const told = async (blockHeight: number) => {
    const fragment: SendFragment = {
      version: FRAGMENT_VERSION,
      blockHeader: { ...(chain.blocks[0] as (typeof chain.blocks)[number]).header, nonce: 99 },
      blockHeight,
      outPoint: { txid: new Uint8Array(32).fill(5) as TxId, vout: 0 },
      outputs: [
        {
          assetId,
          assetVersion: 0,
          amount: 4n,
          derivation: UNIQUE_PEDERSEN,
          scriptKey: uniqueScriptKey(read.value.address.scriptKey, assetId).publicKey,
        },
      ],
      taprootAssetRoot: new Uint8Array(32),
      unknown: [],
    };
    const outcome = await placeNotice(ports, address, fragment);
    return outcome.ok ? 'placed' : isForNow(outcome.failure);
  };
  const tip = chain.blocks.length;
  expect([await told(tip), await told(tip - 3), await told(tip + 1_000_000)]).toEqual([true, true, true]);
  expect([await told(1), await told(2)]).toEqual([false, false]);
});
