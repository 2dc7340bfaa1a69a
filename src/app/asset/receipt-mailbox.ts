import { decodeTapAddress, type TapAddress } from '../../asset/address/address.ts';
import { optionalSiblingHash } from '../../asset/commitment/sibling.ts';
import { decodeFragment, type SendFragment } from '../../asset/fragment.ts';
import { openSealed } from '../../asset/fragment-seal.ts';
import { uniqueScriptKey } from '../../asset/keys.ts';
import { taprootKeyOf } from '../../asset/proof/output.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Height, height } from '../../base/units.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { tapBranchHash, taprootOutputKey, xOnly } from '../../bitcoin/taproot.ts';
import { formatOutPoint, type Tx, txId } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import type { MailboxMessage } from '../../io/universe/mailbox-contract.ts';
import { sameOutPoint } from '../../node/asset/arrivals.ts';
import type { TryFailure } from '../../node/asset/custody.ts';
import type { ArrivalPart, AssetAddress } from '../../node/asset/types.ts';
import { type CustodyPorts, DONE, type Tried } from './custody-ports.ts';

/** Answers a challenge of a mailbox: it hands the messages to nobody else. */
export function mailboxSigner(ports: CustodyPorts, address: AssetAddress): (digest: Bytes) => Bytes {
  return (digest) => {
    const { walletKeys, random } = ports.env();
    return secp.schnorrSign(digest, walletKeys.assetKey(address.scriptKeyIndex).privateKey, random(32));
  };
}

/** What a message says, where it is one for us. Anybody can write one: what cannot be read is left where it is. */
export function readNotice(
  ports: CustodyPorts,
  address: AssetAddress,
  { encryptedPayload }: MailboxMessage,
): Result<SendFragment, TryFailure> {
  const { privateKey } = ports.env().walletKeys.assetKey(address.scriptKeyIndex);
  const opened = openSealed(encryptedPayload, privateKey);
  return opened.ok ? decodeFragment(opened.value) : opened;
}

/** NOT_FOUND may come right when the chain has gone on; another failure stays one. */
export const isForNow = ({ code }: TryFailure): boolean => code === 'NOT_FOUND' || code.startsWith('CHAIN_');

/**
 * Holds a notice against the chain: the block is there and has the transaction, the output is made of the address's key and of the commitment that
 * the notice names, and every script key follows from the address. What the assets really are, their proofs say.
 */
export async function placeNotice(ports: CustodyPorts, address: AssetAddress, fragment: SendFragment): Promise<Tried> {
  const known = address.arrivals.some((arrival) => sameOutPoint(arrival.outPoint, fragment.outPoint));
  if (known) return DONE;
  const decoded = decodeTapAddress(address.text);
  if (!decoded.ok) return decoded;
  const parts = partsIn(decoded.value.address, fragment);
  if (!parts.ok) return parts;
  const { outPoint } = fragment;
  const found = await findTransfer(ports.chain, fragment);
  if (!found.ok) return found;
  const { tx, at } = found.value;
  const key = taprootKeyOf(tx, outPoint.vout);
  const expected = outputKey(decoded.value.address, fragment.taprootAssetRoot);
  if (key === null || expected === null || !equal(key, expected))
    return refused('SPOOFED', `the output ${formatOutPoint(outPoint)} is not made for the address`);
  const placed = await ports.command({
    kind: 'arrived',
    script: address.script,
    outPoint,
    height: at,
    parts: parts.value,
  });
  return placed.ok ? DONE : placed;
}

interface Found {
  readonly tx: Tx;
  readonly at: Height;
}

/** A mailbox keeps the first word of an output: after a reorganisation the transfer may stand so many blocks further on. */
const BLOCKS_ON = 6;

/** The transfer in the block that the notice names, or, where the chain has another one there, in one of the next. */
async function findTransfer(chain: ChainSource, { outPoint, blockHeader, blockHeight }: SendFragment): Promise<Result<Found, TryFailure>> {
  for (let at = blockHeight; at <= blockHeight + BLOCKS_ON; at++) {
    const hash = await chain.blockHash(height(at));
    if (!hash.ok) return hash;
    if (hash.value === null) return refused('NOT_FOUND', `no block from ${blockHeight} on holds ${formatOutPoint(outPoint)} yet`);
    const block = await chain.block(hash.value);
    if (!block.ok) return block;
    if (block.value === null) return refused('NOT_FOUND', `block ${at} left the chain while it was read`);
    const tx = block.value.txs.find((each) => equal(txId(each), outPoint.txid));
    if (tx !== undefined) return ok({ tx, at: height(at) });
    if (at === blockHeight && equal(hash.value, blockHash(blockHeader)))
      return refused('NOT_IN_CHAIN', `block ${blockHeight} does not hold ${formatOutPoint(outPoint)}`);
  }
  // Nothing that is still to come changes that: such a message is not looked at again.
  return refused('NOT_IN_CHAIN', `no block from ${blockHeight} to ${blockHeight + BLOCKS_ON} holds ${formatOutPoint(outPoint)}`);
}

const refused = (code: string, message: string): { readonly ok: false; readonly failure: TryFailure } => fail({ code, message });

function partsIn({ scriptKey, assetId }: TapAddress, { outputs }: SendFragment): Result<readonly ArrivalPart[], TryFailure> {
  const parts: ArrivalPart[] = [];
  for (const output of outputs) {
    if (assetId !== null && !equal(assetId, output.assetId))
      return refused('SPOOFED', `asset ${toHex(output.assetId)} is not that of the address`);
    const derived = uniqueScriptKey(scriptKey, output.assetId).publicKey;
    if (!equal(xOnly(derived), xOnly(output.scriptKey))) return refused('SPOOFED', 'a script key does not follow from that of the address');
    parts.push({ assetId: output.assetId, amount: output.amount, scriptKey: derived });
  }
  return ok(parts);
}

function outputKey({ internalKey, tapscriptSibling }: TapAddress, leaf: Bytes): Bytes | null {
  const sibling = optionalSiblingHash(tapscriptSibling);
  if (!sibling.ok) return null;
  const root = sibling.value === null ? leaf : tapBranchHash(leaf, sibling.value);
  return taprootOutputKey(xOnly(internalKey), root)?.key ?? null;
}
