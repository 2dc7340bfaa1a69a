import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal, fromHex, reversed, toHex } from '../../../src/base/bytes.ts';
import type { BlockHash, TxId } from '../../../src/base/ids.ts';
import {
  type BlockHeader,
  blockHash,
  decodeBlock,
  decodeBlockHeader,
  encodeBlock,
  encodeBlockHeader,
  formatBlockHash,
  hasProofOfWork,
  merkleBranch,
  merkleRoot,
  merkleRootOfBranch,
  parseBlockHash,
} from '../../../src/bitcoin/block.ts';
import { NETWORK_PARAMS, type Network } from '../../../src/bitcoin/network.ts';

const NO_BLOCK = new Uint8Array(32) as BlockHash;
const SATOSHI = '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b';
const GENESIS: { readonly [N in Network]: { root: string; time: number; bits: number; nonce: number } } = {
  bitcoin: { root: SATOSHI, time: 1231006505, bits: 0x1d00ffff, nonce: 2083236893 },
  testnet4: {
    root: '7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e',
    time: 1714777860,
    bits: 0x1d00ffff,
    nonce: 393743547,
  },
  signet: { root: SATOSHI, time: 1598918400, bits: 0x1e0377ae, nonce: 52613770 },
  regtest: { root: SATOSHI, time: 1296688602, bits: 0x207fffff, nonce: 2 },
};

test.each(Object.values(NETWORK_PARAMS))(
  'the genesis block of $network hashes to its chain hash and has its work',
  ({ network, chainHash }) => {
    const { root, ...rest } = GENESIS[network];
    const header: BlockHeader = { version: 1, previous: NO_BLOCK, merkleRoot: reversed(fromHex(root)), ...rest };
    expect(toHex(blockHash(header))).toBe(toHex(chainHash));
    expect(hasProofOfWork(header)).toBe(true);
    expect(hasProofOfWork({ ...header, bits: 0x1b00ffff })).toBe(false);
    expect(encodeBlockHeader(header).length).toBe(80);
    expect(decodeBlockHeader(encodeBlockHeader(header))).toEqual({ ok: true, value: header });
    expect(parseBlockHash(formatBlockHash(chainHash))).toEqual(chainHash);
  },
);

test('every branch leads to the root, and with another transaction it does not', () => {
  const txid = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => b as TxId);
  fc.assert(
    fc.property(fc.array(txid, { minLength: 1, maxLength: 40 }), txid, (txids, other) => {
      const root = merkleRoot(txids);
      txids.forEach((id, index) => {
        const branch = merkleBranch(txids, index);
        expect(merkleRootOfBranch({ txid: id, index, branch })).toEqual(root);
        if (!equal(other, id)) expect(merkleRootOfBranch({ txid: other, index, branch })).not.toEqual(root);
      });
    }),
  );
});

test('the merkle root of block 100000 is the one in its header', () => {
  const txids = [
    '8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87',
    'fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4',
    '6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4',
    'e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d',
  ].map((t) => reversed(fromHex(t)) as TxId);
  expect(toHex(reversed(merkleRoot(txids)))).toBe('f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766');
});

test('a block that claims more transactions than it has bytes is refused before memory is spent', () => {
  const header: BlockHeader = { version: 1, previous: NO_BLOCK, merkleRoot: new Uint8Array(32), time: 0, bits: 0, nonce: 0 };
  const block = encodeBlock({ header, txs: [] });
  expect(decodeBlock(block)).toEqual({ ok: true, value: { header, txs: [] } });
  const lying = Uint8Array.from([...block.slice(0, 80), 0xfe, 0xff, 0xff, 0xff, 0xff]);
  expect(decodeBlock(lying).ok).toBe(false);
});
