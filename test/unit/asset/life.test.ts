import { expect, test } from 'vitest';
import {
  type Asset,
  inputWitness,
  isTransferRoot,
  prevIdOf,
  spendTemplate,
  splitOf,
  withoutSplitCommitment,
} from '../../../src/asset/asset.ts';
import { leafPreimage } from '../../../src/asset/commitment/sibling.ts';
import { assetId } from '../../../src/asset/genesis.ts';
import { burnKey, isBurn, isTombstone, scriptPathKey } from '../../../src/asset/keys.ts';
import { createProof } from '../../../src/asset/proof/create.ts';
import { bytesSource } from '../../../src/asset/proof/file.ts';
import { ownershipTransition } from '../../../src/asset/proof/ownership.ts';
import { decodeProof, encodeProof, outPointOf, type Proof } from '../../../src/asset/proof/proof.ts';
import { verifyOwnershipProof } from '../../../src/asset/proof/verify.ts';
import { type FileEnv, proofsOfFile, verifyFile } from '../../../src/asset/proof/verify-file.ts';
import { inputSet, prevOutput, virtualSighash, virtualTx } from '../../../src/asset/vm/virtual-tx.ts';
import { equal, utf8 } from '../../../src/base/bytes.ts';
import { OP, script, scriptNumber } from '../../../src/bitcoin/script.ts';
import { controlBlock, tapLeafHash, taprootOutputKey, taprootPrivateKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { hash160, sha256 } from '../../../src/crypto/hash.ts';
import { checkScripts } from '../../../src/io/regtest/scripts.ts';
import {
  anchor,
  fileOf,
  isInChain,
  longFile,
  mint,
  newKey,
  newWorld,
  type Owned,
  send,
  signed,
  transfer,
  valid,
  type World,
} from './asset-life.ts';

const envOf = (world: World, change: Partial<FileEnv> = {}): FileEnv => ({
  interpreter: checkScripts,
  chain: { txHeight: () => 1, medianTime: (height) => 1_700_000_000 + 600 * height },
  isInChain: isInChain(world),
  isKnownGroup: () => false,
  ...change,
});
const verify = (world: World, owned: Owned, change: Partial<FileEnv> = {}) => verifyFile(bytesSource(fileOf(owned)), envOf(world, change));
function code(world: World, owned: Owned, change: Partial<FileEnv> = {}): string {
  const result = verify(world, owned, change);
  return result.ok ? 'valid' : result.failure.code;
}
const lastProof = (owned: Owned): Proof => valid(decodeProof(owned.proofs.at(-1) as Uint8Array));

test.each([0, 1])('an asset of version %d is minted, moved, divided, sent wholly, merged, and every step is proved', (assetVersion) => {
  const world = newWorld();
  const minted = mint(world, { assetVersion, amount: 1000n });
  const moved = transfer(world, minted);
  const { sent, change } = send(world, moved, 300n);
  const onward = transfer(world, sent);
  const whole = send(world, change, 700n);
  const merged = transfer(world, onward, whole.sent);
  const last = transfer(world, merged);
  for (const owned of [minted, moved, sent, change, onward, whole.sent, whole.change, merged, last]) {
    const result = verify(world, owned);
    expect(result.ok ? 'valid' : `${result.failure.code}: ${result.failure.message}`).toBe('valid');
    expect(result.ok && result.value.asset).toEqual(owned.asset);
  }
  expect([sent.asset.amount, change.asset.amount, merged.asset.amount, last.asset.amount]).toEqual([300n, 700n, 1000n, 1000n]);
  expect([isTombstone(whole.change.asset), splitOf(sent.asset) !== null, isTransferRoot(change.asset)]).toEqual([true, true, true]);
  // The merge names the blocks of both its inputs.
  expect([...proofsOfFile(bytesSource(fileOf(merged)))].length).toBe(9);
});

test('a group takes a second tranche with its witness, and none whose group nobody has seen', () => {
  const world = newWorld();
  const rawKey = newKey(world);
  const first = mint(world, { group: { rawKey } });
  const anchorId = assetId(first.asset.genesis);
  const second = mint(world, { group: { rawKey, anchorId }, amount: 5n });
  const known = { isKnownGroup: (key: Uint8Array) => equal(key, first.asset.groupKey as Uint8Array) };
  expect(code(world, first)).toBe('valid');
  // The file of the first asset proves its group by itself.
  expect(code(world, transfer(world, first))).toBe('valid');
  expect(equal(first.asset.groupKey as Uint8Array, second.asset.groupKey as Uint8Array)).toBe(true);
  expect(code(world, second)).toBe('GROUP_KEY_UNKNOWN');
  expect(code(world, second, known)).toBe('valid');
  expect(code(world, transfer(world, second), known)).toBe('valid');
  const rooted = mint(world, { group: { rawKey: newKey(world), tapscriptRoot: sha256(utf8('scripts')) } });
  expect(code(world, rooted)).toBe('valid');
  const forged = lastProof(second);
  const stranger = {
    ...forged,
    asset: { ...forged.asset, prevWitnesses: [{ ...forged.asset.prevWitnesses[0], txWitness: [new Uint8Array(64)] }] },
  } as Proof;
  expect(code(world, { ...second, proofs: [encodeProof(stranger)] }, known)).not.toBe('valid');
});

test('a collectible is one, moves as one, and is never divided', () => {
  const world = newWorld();
  const one = mint(world, { type: 1, amount: 1n });
  expect(code(world, transfer(world, one))).toBe('valid');
  const { sent, change } = send(world, one, 1n);
  expect([code(world, sent), code(world, change), change.asset.amount]).toEqual(['valid', 'valid', 0n]);
});

test('more units than went in, another asset, or a missing signature are refused', () => {
  const world = newWorld();
  const minted = mint(world, { amount: 10n });
  const cheat = (change: (asset: Asset) => Asset, sign = true): string => {
    const unsigned: Asset = change({
      ...spendTemplate(minted.asset),
      scriptKey: minted.asset.scriptKey,
      prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint), [new Uint8Array(64).fill(1)])],
    });
    const asset = sign ? signed(unsigned, [minted]) : unsigned;
    const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [asset] }]);
    const proof = createProof({ prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
    const file = fileOf({ ...minted, proofs: [...minted.proofs, encodeProof(proof)] });
    const result = verifyFile(bytesSource(file), { ...envOf(world), isKnownGroup: () => true });
    return result.ok ? 'valid' : result.failure.code;
  };
  expect(cheat((asset) => asset)).toBe('valid');
  expect(cheat((asset) => ({ ...asset, amount: 11n }))).toBe('AMOUNT_MISMATCH');
  expect(cheat((asset) => ({ ...asset, amount: 9n }))).toBe('AMOUNT_MISMATCH');
  expect(cheat((asset) => ({ ...asset, genesis: { ...asset.genesis, type: 1 } }))).toBe('ID_MISMATCH');
  expect(cheat((asset) => ({ ...asset, genesis: { ...asset.genesis, tag: utf8('another') } }))).toBe('ID_MISMATCH');
  expect(cheat((asset) => ({ ...asset, groupKey: secp.publicKey(sha256(utf8('a group'))) }))).toBe('ID_MISMATCH');
  expect(cheat((asset) => asset, false)).toBe('INVALID_WITNESS');
  expect(cheat((asset) => ({ ...asset, lockTime: 5_000n }))).toBe('UNFINALIZED');
  expect(cheat((asset) => ({ ...asset, relativeLockTime: 99n }))).toBe('UNFINALIZED');
  expect(() => cheat((asset) => ({ ...asset, version: 2 }), false)).toThrow('UNKNOWN_VERSION');
});

test('one input cannot become two outputs of one transaction', () => {
  const world = newWorld();
  const minted = mint(world, { amount: 10n });
  const make = (owner: Uint8Array): Asset =>
    signed({ ...spendTemplate(minted.asset), scriptKey: owner, prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint))] }, [
      minted,
    ]);
  const [a, b] = [make(secp.publicKey(newKey(world))), make(secp.publicKey(newKey(world)))];
  const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [a] }, { assets: [b] }]);
  const proof = createProof({ version: 1, prevOut: minted.outPoint, anchorTx: tx, outputs, asset: a, outputIndex: 0, block });
  // Each stands alone under its own key, but both outputs say that they spent the one input.
  expect(code(world, { ...minted, proofs: [...minted.proofs, encodeProof(proof)] })).toBe('INVALID_PROOF');
});

test('a hash lock with a time lock is spent by its script, and not before its time', () => {
  const world = newWorld();
  const minted = mint(world, { amount: 10n });
  const preimage = utf8('open');
  const lock = script(scriptNumber(3), OP.CHECKSEQUENCEVERIFY, OP.DROP, OP.HASH160, hash160(preimage), OP.EQUAL);
  const internalKey = secp.publicKey(newKey(world));
  const leaf = tapLeafHash(lock);
  const key = scriptPathKey(internalKey, leaf);
  const locked = ((): Owned => {
    const asset = signed(
      { ...spendTemplate(minted.asset), scriptKey: key.publicKey, prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint))] },
      [minted],
    );
    const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [asset] }]);
    const proof = createProof({ version: 1, prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
    return { asset, outPoint: outPointOf(proof), privateKey: minted.privateKey, proofs: [...minted.proofs, encodeProof(proof)] };
  })();
  expect(code(world, locked)).toBe('valid');
  const parity = taprootOutputKey(xOnly(internalKey), leaf)?.parity ?? 0;
  const spend = (secret: Uint8Array, blocks: bigint, txHeight: number): string => {
    const witness = [secret, lock, controlBlock({ internalKey: xOnly(internalKey), parity, path: [] })];
    const asset: Asset = {
      ...spendTemplate(locked.asset),
      scriptKey: minted.asset.scriptKey,
      relativeLockTime: blocks,
      prevWitnesses: [inputWitness(prevIdOf(locked.asset, locked.outPoint), witness)],
    };
    const { tx, outputs, block } = anchor(world, [locked.outPoint], [{ assets: [asset] }]);
    const proof = createProof({ prevOut: locked.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
    const chain = { txHeight: () => txHeight, medianTime: () => 0 };
    return code(world, { ...locked, proofs: [...locked.proofs, encodeProof(proof)] }, { chain });
  };
  expect(spend(preimage, 3n, -10)).toBe('valid');
  expect(spend(preimage, 3n, 1000)).toBe('UNFINALIZED');
  expect(spend(preimage, 2n, -10)).toBe('INVALID_WITNESS');
  expect(spend(utf8('shut'), 3n, -10)).toBe('INVALID_WITNESS');
});

test('an owner proves that he can spend, for a challenge; nobody else does', () => {
  const world = newWorld();
  const { sent: owned } = send(world, mint(world), 400n);
  const challenge = sha256(utf8('who are you'));
  const { asset, prevId } = ownershipTransition(owned.asset, challenge);
  const { tx } = valid(virtualTx(asset, inputSet([[prevId, owned.asset]])));
  const hash = virtualSighash({ tx, asset, index: 0, prevOut: prevOutput(owned.asset) });
  const sign = (key: Uint8Array): Proof => ({
    ...lastProof(owned),
    challengeWitness: [secp.schnorrSign(hash, taprootPrivateKey(key, null), new Uint8Array(32))],
  });
  const check = (proof: Proof, asked: Uint8Array | null = challenge): string => {
    const result = verifyOwnershipProof(proof, asked, envOf(world));
    return result.ok ? 'valid' : result.failure.code;
  };
  expect(check(sign(owned.privateKey))).toBe('valid');
  expect(check(sign(newKey(world)))).toBe('INVALID_WITNESS');
  expect(check(sign(owned.privateKey), sha256(challenge))).toBe('INVALID_WITNESS');
  expect(check(lastProof(owned))).toBe('INVALID_PROOF');
  // It shows nothing of where the asset comes from: alone it is no history, and stands in none.
  const proof = encodeProof(sign(owned.privateKey));
  for (const proofs of [[proof], [...owned.proofs.slice(0, -1), proof]]) expect(code(world, { ...owned, proofs })).toBe('INVALID_PROOF');
});

test('burnt units are known by their key', () => {
  const world = newWorld();
  const minted = mint(world);
  const prevId = prevIdOf(minted.asset, minted.outPoint);
  const asset = signed({ ...spendTemplate(minted.asset), scriptKey: burnKey(prevId), prevWitnesses: [inputWitness(prevId)] }, [minted]);
  const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [asset] }]);
  const proof = createProof({ prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
  expect(code(world, { ...minted, proofs: [...minted.proofs, encodeProof(proof)] })).toBe('valid');
  expect([isBurn(asset), isBurn(minted.asset)]).toEqual([true, false]);
});

test('a commitment stands beside other scripts, but never beside another commitment', () => {
  const world = newWorld();
  const minted = mint(world);
  const sibling = valid(leafPreimage(script(OP[1])));
  const asset = signed({ ...spendTemplate(minted.asset), prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint))] }, [
    minted,
  ]);
  const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [withoutSplitCommitment(asset)], sibling }]);
  const proof = createProof({ version: 1, prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
  expect(code(world, { ...minted, proofs: [...minted.proofs, encodeProof(proof)] })).toBe('valid');
});

test('a file of 200 transitions is verified with one proof in memory at a time', () => {
  const world = newWorld();
  const file = longFile(world, 200);
  let [most, open] = [0, 0];
  const source = {
    size: file.length,
    read: (offset: number, length: number) => {
      open = length;
      most = Math.max(most, open);
      return file.slice(offset, offset + length);
    },
  };
  const result = verifyFile(source, envOf(world));
  expect(result.ok).toBe(true);
  expect(most).toBeLessThan(file.length / 100);
});
