import { expect, test } from 'vitest';
import { type Bytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { sat } from '../../src/base/units.ts';
import { encodeAddress } from '../../src/bitcoin/address.ts';
import { p2trScript } from '../../src/bitcoin/script.ts';
import { sighashTaproot, sighashTaprootMessage } from '../../src/bitcoin/sighash.ts';
import { signP2trInput } from '../../src/bitcoin/sign.ts';
import {
  controlBlock,
  tapBranchHash,
  tapLeafHash,
  taprootOutputKey,
  taprootPrivateKey,
  tapTweak,
  xOnly,
} from '../../src/bitcoin/taproot.ts';
import { decodeTx } from '../../src/bitcoin/tx.ts';
import { secp } from '../../src/crypto/ec.ts';
import vectors from './bip341-wallet-test-vectors.json' with { type: 'json' };

interface Leaf {
  readonly id: number;
  readonly script: string;
  readonly leafVersion: number;
}
type Tree = Leaf | readonly [Tree, Tree];

test.each(vectors.scriptPubKey.map((v, i) => ({ i, ...v })))(
  'script $i: leaf hashes, root, tweak, key, address and control blocks',
  (v) => {
    const internalKey = fromHex(v.given.internalPubkey);
    const leaves: { readonly id: number; readonly hash: Bytes; readonly version: number; readonly path: Bytes[] }[] = [];
    const root = v.given.scriptTree === null ? null : hashTree(v.given.scriptTree as Tree, leaves);
    leaves.sort((a, b) => a.id - b.id);
    if ('leafHashes' in v.intermediary) expect(leaves.map((l) => toHex(l.hash))).toEqual(v.intermediary.leafHashes);
    expect(root === null ? null : toHex(root)).toBe(v.intermediary.merkleRoot);
    expect(toHex(tapTweak(internalKey, root))).toBe(v.intermediary.tweak);
    const output = taprootOutputKey(internalKey, root);
    if (output === null) throw new Error('no key');
    expect(toHex(output.key)).toBe(v.intermediary.tweakedPubkey);
    expect(toHex(p2trScript(output.key))).toBe(v.expected.scriptPubKey);
    expect(encodeAddress(p2trScript(output.key), 'bitcoin')).toBe(v.expected.bip350Address);
    const blocks = leaves.map((l) => toHex(controlBlock({ internalKey, parity: output.parity, leafVersion: l.version, path: l.path })));
    expect(blocks).toEqual('scriptPathControlBlocks' in v.expected ? v.expected.scriptPathControlBlocks : []);
  },
);

const [spending] = vectors.keyPathSpending;
if (spending === undefined) throw new Error('no key path vector');
const decoded = decodeTx(fromHex(spending.given.rawUnsignedTx));
if (!decoded.ok) throw new Error('vector does not decode');
const tx = decoded.value;
const prevouts = spending.given.utxosSpent.map((u) => ({ amount: sat(u.amountSats), script: fromHex(u.scriptPubKey) }));

test.each(spending.inputSpending)(
  'key path input $given.txinIndex: message, hash, tweaked key and signature',
  ({ given, intermediary, expected }) => {
    const { txinIndex: index, hashType } = given;
    const privateKey = fromHex(given.internalPrivkey);
    const merkleRoot = given.merkleRoot === null ? null : fromHex(given.merkleRoot);
    expect(toHex(xOnly(secp.publicKey(privateKey)))).toBe(intermediary.internalPubkey);
    expect(toHex(taprootPrivateKey(privateKey, merkleRoot))).toBe(intermediary.tweakedPrivkey);
    expect(`00${toHex(sighashTaprootMessage({ tx, index, prevouts, hashType }))}`).toBe(intermediary.sigMsg);
    expect(toHex(sighashTaproot({ tx, index, prevouts, hashType }))).toBe(intermediary.sigHash);
    const witness = signP2trInput({ tx, index, prevouts, privateKey, merkleRoot, hashType });
    expect(witness.map(toHex)).toEqual(expected.witness);
  },
);

function hashTree(tree: Tree, leaves: { id: number; hash: Bytes; version: number; path: Bytes[] }[]): Bytes {
  if (!Array.isArray(tree)) {
    const leaf = tree as Leaf;
    const hash = tapLeafHash(fromHex(leaf.script), leaf.leafVersion);
    leaves.push({ id: leaf.id, hash, version: leaf.leafVersion, path: [] });
    return hash;
  }
  const [left, right]: [typeof leaves, typeof leaves] = [[], []];
  const [a, b] = [hashTree(tree[0] as Tree, left), hashTree(tree[1] as Tree, right)];
  for (const leaf of left) leaf.path.push(b);
  for (const leaf of right) leaf.path.push(a);
  leaves.push(...left, ...right);
  return tapBranchHash(a, b);
}
