// A proof file whose every transaction is in a real bitcoind: an asset that is minted and then moves from key to key, several times in a block.
import { spentLeavesOf } from '../../src/asset/alt-leaf.ts';
import { type Asset, genesisWitness, inputWitness, prevIdOf, spendTemplate } from '../../src/asset/asset.ts';
import {
  commitForChain,
  commitmentOutputKey,
  TAP_VERSION,
  tapRoot,
  tapscriptRoot,
  withAltLeaves,
} from '../../src/asset/commitment/tap-commitment.ts';
import type { Genesis } from '../../src/asset/genesis.ts';
import { bip86ScriptKey } from '../../src/asset/keys.ts';
import { type AnchorOutput, type BlockPlace, createProof } from '../../src/asset/proof/create.ts';
import { writeFile } from '../../src/asset/proof/file.ts';
import { META_TYPE, type MetaReveal, metaHash } from '../../src/asset/proof/meta.ts';
import { encodeProof, TRANSITION_VERSION } from '../../src/asset/proof/proof.ts';
import { proveTx } from '../../src/asset/proof/tx-merkle.ts';
import { type Bytes, fromBigInt, fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import type { OutPoint, TxId } from '../../src/base/ids.ts';
import type { Result } from '../../src/base/result.ts';
import { sat } from '../../src/base/units.ts';
import { encodeAddress } from '../../src/bitcoin/address.ts';
import { blockHeaderCodec } from '../../src/bitcoin/block.ts';
import { p2trScript } from '../../src/bitcoin/script.ts';
import { signP2trInput } from '../../src/bitcoin/sign.ts';
import { bip86Script } from '../../src/bitcoin/taproot.ts';
import { encodeTx, parseTxId, type Tx, type TxOutput, txId, txInput } from '../../src/bitcoin/tx.ts';
import { decodeWith } from '../../src/codec/codec.ts';
import { secp } from '../../src/crypto/ec.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { signTransition } from '../../src/node/asset/sign.ts';
import type { WalletKeys } from '../../src/node/wallet/types.ts';
import type { Bitcoind } from '../interop/harness/bitcoind.ts';

const PER_BLOCK = 25;
/** What is left to the last output. */
const LEFT_SAT = 10_000;
/** Of a transaction of one input and one output. */
const FEE_SAT = 300n;
const META: MetaReveal = {
  type: META_TYPE.OPAQUE,
  data: utf8('a bench'),
  decimalDisplay: null,
  universeCommitments: false,
  canonicalUniverses: null,
  delegationKey: null,
  unknown: [],
};

/** Keys of no wallet: the index is the secret. */
const privateKey = (index: number): Bytes => sha256(fromBigInt(BigInt(index), 8));
const publicKey = (index: number): Bytes => secp.publicKey(privateKey(index));
const keys = { assetKey: (index: number) => ({ privateKey: privateKey(index), publicKey: publicKey(index) }) } as unknown as WalletKeys;

interface Coin {
  readonly outPoint: OutPoint;
  readonly output: TxOutput;
  readonly keyIndex: number;
  readonly merkleRoot: Bytes | null;
}
/** A transition whose transaction is in no block yet. */
interface Moved {
  readonly asset: Asset;
  readonly tx: Tx;
  readonly prevOut: OutPoint;
  readonly output: AnchorOutput;
  readonly coin: Coin;
  readonly genesis: Genesis | null;
}

/** The file of `transitions`, at least one; `bitcoind` pays, and mines a block for each 25. */
export async function fileOnChain(bitcoind: Bitcoind, transitions: number): Promise<Bytes> {
  const proofs: Bytes[] = [];
  let last: Moved | null = null;
  let funds: Coin | null = await fund(bitcoind, LEFT_SAT + Number(FEE_SAT) * transitions);
  while (proofs.length < transitions) {
    const batch: Moved[] = [];
    while (batch.length < PER_BLOCK && proofs.length + batch.length < transitions) {
      const index = 1 + 2 * (proofs.length + batch.length);
      last = last === null ? mint(funds as Coin, index) : move(last, index);
      funds = null;
      batch.push(last);
    }
    const places = await mine(
      bitcoind,
      batch.map(({ tx }) => tx),
    );
    for (const [i, moved] of batch.entries()) proofs.push(proofOf(moved, places[i] as BlockPlace));
  }
  return writeFile(proofs);
}

async function fund(bitcoind: Bitcoind, sats: number): Promise<Coin> {
  const script = bip86Script(publicKey(0));
  const id = await bitcoind.sendToAddress(encodeAddress(script, 'regtest') as string, sats);
  await bitcoind.mine(1);
  const paid = (await bitcoind.transaction(id)).vout.find(({ scriptPubKey }) => scriptPubKey.hex === toHex(script));
  if (paid === undefined) throw new Error('bitcoind did not pay');
  const outPoint = { txid: parseTxId(id) as TxId, vout: paid.n };
  return { outPoint, output: { amount: sat(sats), script }, keyIndex: 0, merkleRoot: null };
}

function mint(coin: Coin, index: number): Moved {
  const genesis: Genesis = { firstPrevOut: coin.outPoint, tag: utf8('bench'), metaHash: metaHash(META), outputIndex: 0, type: 0 };
  const asset: Asset = {
    version: 0,
    genesis,
    amount: 1_000n,
    lockTime: 0n,
    relativeLockTime: 0n,
    prevWitnesses: [genesisWitness()],
    splitCommitmentRoot: null,
    scriptVersion: 0,
    scriptKey: bip86ScriptKey(publicKey(index)).publicKey,
    groupKey: null,
    unknown: [],
  };
  return { ...anchored(asset, coin, index + 1), genesis };
}

/** All units to the next key, interactively: one input, one output, one signature of each kind. */
function move({ asset: spent, coin }: Moved, index: number): Moved {
  const unsigned: Asset = {
    ...spendTemplate(spent),
    scriptKey: bip86ScriptKey(publicKey(index)).publicKey,
    prevWitnesses: [inputWitness(prevIdOf(spent, coin.outPoint))],
  };
  const asset = signTransition(
    unsigned,
    [{ asset: spent, outPoint: coin.outPoint, scriptKeyIndex: index - 2, scriptKeyTweak: null }],
    keys,
  );
  return { ...anchored(asset, coin, index + 1), genesis: null };
}

function anchored(asset: Asset, coin: Coin, keyIndex: number): Omit<Moved, 'genesis'> {
  const internalKey = publicKey(keyIndex);
  const commitment = valid(withAltLeaves(valid(commitForChain(TAP_VERSION.V2, [asset])), spentLeavesOf(asset)));
  const root = tapRoot(commitment);
  const key = commitmentOutputKey(root, { internalKey, sibling: null });
  if (key === null) throw new Error('no output key');
  const output: TxOutput = { amount: sat(coin.output.amount - FEE_SAT), script: p2trScript(key) };
  const unsigned: Tx = { version: 2, inputs: [txInput(coin.outPoint, 0xfffffffd)], outputs: [output], locktime: 0 };
  const { merkleRoot } = coin;
  const witness = signP2trInput({ tx: unsigned, index: 0, prevouts: [coin.output], privateKey: privateKey(coin.keyIndex), merkleRoot });
  const tx: Tx = { ...unsigned, inputs: unsigned.inputs.map((input) => ({ ...input, witness })) };
  const made: Coin = { outPoint: { txid: txId(tx), vout: 0 }, output, keyIndex, merkleRoot: tapscriptRoot(root, null) };
  return {
    asset,
    tx,
    prevOut: coin.outPoint,
    output: { outputIndex: 0, internalKey, content: { kind: 'assets', commitment, sibling: null } },
    coin: made,
  };
}

async function mine(bitcoind: Bitcoind, txs: readonly Tx[]): Promise<readonly BlockPlace[]> {
  const raw = txs.map((tx) => toHex(encodeTx(tx)));
  const { hash } = await bitcoind.rpc<{ hash: string }>('generateblock', [await bitcoind.newAddress(), raw]);
  const block = await bitcoind.rpc<{ height: number; tx: readonly string[] }>('getblock', [hash]);
  const header = decodeWith(blockHeaderCodec, fromHex(await bitcoind.rpc<string>('getblockheader', [hash, false])));
  if (!header.ok) throw new Error(header.failure.message);
  const ids = block.tx.map((each) => parseTxId(each) as TxId);
  return txs.map((_, i) => ({ header: header.value, height: block.height, txMerkleProof: proveTx(ids, i + 1) }));
}

function proofOf({ asset, tx, prevOut, output, genesis }: Moved, block: BlockPlace): Bytes {
  const parts = { version: TRANSITION_VERSION.V1, prevOut, anchorTx: tx, outputs: [output], asset, outputIndex: 0, block };
  return encodeProof(createProof(genesis === null ? parts : { ...parts, genesis, metaReveal: META }));
}

function valid<T>(result: Result<T, { readonly code: string; readonly message: string }>): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}
