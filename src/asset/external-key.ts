import type { Bytes } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { derivePath, HARDENED, type HdKey, parseHdKey } from '../bitcoin/bip32.ts';
import { type AssetFailure, refuse } from './failure.ts';

/** A key of somebody who signs elsewhere, as hardware wallets name theirs: an account's extended public key, and the way to the key from it. */
export interface ExternalKey {
  /** Of the account (depth 3). */
  readonly xpub: string;
  /** BIP 32, of the master key, read big-endian. */
  readonly masterFingerprint: number;
  /** From the master key: purpose, coin and account, hardened, then chain and index. */
  readonly path: readonly number[];
}

/** BIP 86: taproot keys without scripts. */
const PURPOSE = HARDENED + 86;
const DEPTH = 3;

/** An external key that was checked, with what it leads to. */
export interface ResolvedKey {
  readonly account: HdKey;
  /** 33 bytes. */
  readonly publicKey: Bytes;
}

/** Refused where it is not the account of a BIP 86 wallet and a key right below it. */
export function resolveExternalKey({ xpub, path }: ExternalKey): Result<ResolvedKey, AssetFailure<'INVALID_GROUP_KEY'>> {
  const bad = (message: string) => refuse('INVALID_GROUP_KEY', message);
  const account = parseHdKey(xpub);
  if (!account.ok) return bad(`the extended public key: ${account.failure.message}`);
  if (account.value.privateKey !== null) return bad('an extended private key stands where a public one belongs');
  if (account.value.depth !== DEPTH) return bad(`the extended public key has depth ${account.value.depth}, an account has ${DEPTH}`);
  if (path.length !== 5 || path[0] !== PURPOSE) return bad("the path of the key is not of the form m/86'/coin'/account'/chain/index");
  if (path.slice(0, 3).some((index) => index < HARDENED) || path.slice(3).some((index) => index >= HARDENED))
    return bad("the path's first three parts are hardened, the last two are not");
  if (path[2] !== account.value.index) return bad('the path leads to another account than the extended public key');
  return ok({ account: account.value, publicKey: derivePath(account.value, path.slice(3)).publicKey });
}
