import type { Bytes } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import { deriveChild, derivePath, fingerprint, HARDENED, type HdKey, masterKey } from './bip32.ts';
import { type Network, networkParams } from './network.ts';
import { p2wpkhScript } from './script.ts';
import { bip86Script } from './taproot.ts';

// Every key comes from the one seed (BIP 32), along these paths; C is BIP 44's coin type (0 for bitcoin, 1 for test networks):
//
//   m/1017'/C'/6'/0/0        node id, the path that lnd uses (purpose 1017, key family 6)
//   m/1017'/C'/20'/N'/K'     channel N (0, 1, 2, ...); K: 0 funding, 1 revocation basepoint, 2 payment basepoint,
//                            3 delayed payment basepoint, 4 htlc basepoint, 5 seed of the per-commitment secrets
//   m/1017'/C'/30'/0'       seals backups
//   m/1017'/C'/212'/0/I      Taproot Assets (the key family that tapd uses): script keys, keys of outputs with assets, keys of groups
//   m/84'/C'/0'/B/I          wallet, P2WPKH (BIP 84); B: 0 addresses to receive on, 1 change
//   m/86'/C'/0'/B/I          wallet, P2TR without scripts (BIP 86)
//
// Channel keys are hardened throughout: after a cheat some of them are derivable by the peer, and none may lead to another.
const LIGHTNING_PURPOSE = 1017 + HARDENED;
const NODE_FAMILY = 6 + HARDENED;
const CHANNEL_FAMILY = 20 + HARDENED;
const BACKUP_FAMILY = 30 + HARDENED;
const ASSET_FAMILY = 212 + HARDENED;

export type AccountKind = 'p2tr' | 'p2wpkh';
export const ACCOUNT_KINDS: readonly AccountKind[] = ['p2tr', 'p2wpkh'];
export type KeyChain = 'receive' | 'change';
export const KEY_CHAINS: readonly KeyChain[] = ['receive', 'change'];

/** Names one key of the wallet. */
export interface KeyPath {
  readonly account: AccountKind;
  readonly chain: KeyChain;
  /** 0 to 2^31 - 1. */
  readonly index: number;
}

/** The wallet's keys by path; holds no state that matters. */
export interface WalletKeys {
  readonly network: Network;
  /** The output script at a path. */
  script(path: KeyPath): Bytes;
  /** 33 bytes, before any taproot tweak. */
  publicKey(path: KeyPath): Bytes;
  /** 32 bytes, before any taproot tweak. */
  privateKey(path: KeyPath): Bytes;
  /** The account's extended public key (BIP 84 or 86), for watching elsewhere. */
  accountKey(account: AccountKind): HdKey;
  /** A key of Taproot Assets by its index (0 to 2^31 - 1), before any tweak. */
  assetKey(index: number): { readonly publicKey: Bytes; readonly privateKey: Bytes };
  /** What seals backups of this node, 32 bytes. */
  backupKey(): Bytes;
  /** BIP 32 fingerprint of the master key, as PSBTs want it. */
  readonly masterFingerprint: number;
}

/** The secrets of one channel (BOLT 3, "Key Derivation"), each 32 bytes. */
export interface HdChannelSecrets {
  readonly fundingKey: Bytes;
  readonly revocationBasepointSecret: Bytes;
  readonly paymentBasepointSecret: Bytes;
  readonly delayedPaymentBasepointSecret: Bytes;
  readonly htlcBasepointSecret: Bytes;
  readonly commitmentSeed: Bytes;
}

/** All keys of a node. Fits `KeyManager` of the channel room. */
export interface HdKeys {
  readonly nodeId: NodeId;
  readonly nodeSecret: Bytes;
  channelSecrets(index: number): HdChannelSecrets;
  readonly wallet: WalletKeys;
}

/** The keys of a BIP 39 or BIP 32 seed (16 to 64 bytes). */
export function hdKeys(seed: Bytes, network: Network): HdKeys {
  const master = masterKey(seed);
  const coin = networkParams(network).coinType + HARDENED;
  const lightning = derivePath(master, [LIGHTNING_PURPOSE, coin]);
  const node = derivePath(lightning, [NODE_FAMILY, 0, 0]);
  let channels: HdKey | null = null;
  // Seven derivations take as long as ten signatures, and every commitment asks for them.
  const known = new Map<number, HdChannelSecrets>();
  return {
    nodeId: node.publicKey as NodeId,
    nodeSecret: secretOf(node),
    channelSecrets(index) {
      const before = known.get(index);
      if (before !== undefined) return before;
      channels ??= deriveChild(lightning, CHANNEL_FAMILY);
      const channel = deriveChild(channels, index + HARDENED);
      const key = (k: number): Bytes => secretOf(deriveChild(channel, k + HARDENED));
      const secrets = {
        fundingKey: key(0),
        revocationBasepointSecret: key(1),
        paymentBasepointSecret: key(2),
        delayedPaymentBasepointSecret: key(3),
        htlcBasepointSecret: key(4),
        commitmentSeed: key(5),
      };
      known.set(index, secrets);
      return secrets;
    },
    wallet: walletKeys(master, network),
  };
}

/** BIP 84: 84', BIP 86: 86'. */
export const accountPath = (account: AccountKind, network: Network): readonly number[] => [
  (account === 'p2tr' ? 86 : 84) + HARDENED,
  networkParams(network).coinType + HARDENED,
  HARDENED,
];

/** The whole path from the master key. */
export const fullPath = (path: KeyPath, network: Network): readonly number[] => [
  ...accountPath(path.account, network),
  chainIndex(path.chain),
  path.index,
];

/** The whole path of a key of Taproot Assets. */
export const assetKeyPath = (index: number, network: Network): readonly number[] => [
  LIGHTNING_PURPOSE,
  networkParams(network).coinType + HARDENED,
  ASSET_FAMILY,
  0,
  index,
];

export function walletKeys(master: HdKey, network: Network): WalletKeys {
  const branches = new Map<string, HdKey>();
  let assets: HdKey | null = null;
  const branch = (account: AccountKind, path: readonly number[]): HdKey => {
    const name = `${account}/${path.join('/')}`;
    let key = branches.get(name);
    if (key === undefined) {
      key = path.length === 0 ? derivePath(master, accountPath(account, network)) : derivePath(branch(account, []), path);
      branches.set(name, key);
    }
    return key;
  };
  const leaf = ({ account, chain, index }: KeyPath): HdKey => deriveChild(branch(account, [chainIndex(chain)]), index);
  return {
    network,
    masterFingerprint: fingerprint(master),
    script(path) {
      const { publicKey } = leaf(path);
      return path.account === 'p2tr' ? bip86Script(publicKey) : p2wpkhScript(publicKey);
    },
    publicKey: (path) => leaf(path).publicKey,
    privateKey: (path) => secretOf(leaf(path)),
    assetKey(index) {
      assets ??= derivePath(master, [LIGHTNING_PURPOSE, networkParams(network).coinType + HARDENED, ASSET_FAMILY, 0]);
      const key = deriveChild(assets, index);
      return { publicKey: key.publicKey, privateKey: secretOf(key) };
    },
    backupKey: () => secretOf(derivePath(master, [LIGHTNING_PURPOSE, networkParams(network).coinType + HARDENED, BACKUP_FAMILY, HARDENED])),
    accountKey: (account) => ({ ...branch(account, []), privateKey: null }),
  };
}

const chainIndex = (chain: KeyChain): number => (chain === 'receive' ? 0 : 1);

function secretOf(key: HdKey): Bytes {
  if (key.privateKey === null) throw new RangeError('the private key is not known');
  return key.privateKey;
}
