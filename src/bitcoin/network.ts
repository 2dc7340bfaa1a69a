import { fromHex, reversed } from '../base/bytes.ts';
import type { BlockHash } from '../base/ids.ts';

export const NETWORKS = ['bitcoin', 'testnet4', 'signet', 'regtest'] as const;
export type Network = (typeof NETWORKS)[number];

export interface NetworkParams {
  readonly network: Network;
  /** BOLT 0: chain_hash, the hash of the genesis block in the order in which it is sent. */
  readonly chainHash: BlockHash;
  /** BIP 173: the human-readable part of addresses; testnet4 and signet share theirs. */
  readonly bech32Prefix: string;
  /** BOLT 11: what follows `ln`. */
  readonly invoicePrefix: string;
  /** First byte of base58 addresses. */
  readonly p2pkhVersion: number;
  readonly p2shVersion: number;
  readonly wifVersion: number;
  /** BIP 32: the four bytes in front of serialized extended keys. */
  readonly xpubVersion: number;
  readonly xprvVersion: number;
  /** BIP 44: 0 for bitcoin, 1 for every test network. */
  readonly coinType: number;
}

const genesis = (text: string): BlockHash => reversed(fromHex(text)) as BlockHash;

const TEST = { p2pkhVersion: 0x6f, p2shVersion: 0xc4, wifVersion: 0xef, xpubVersion: 0x043587cf, xprvVersion: 0x04358394, coinType: 1 };

export const NETWORK_PARAMS: { readonly [N in Network]: NetworkParams } = {
  bitcoin: {
    network: 'bitcoin',
    chainHash: genesis('000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'),
    bech32Prefix: 'bc',
    invoicePrefix: 'bc',
    p2pkhVersion: 0x00,
    p2shVersion: 0x05,
    wifVersion: 0x80,
    xpubVersion: 0x0488b21e,
    xprvVersion: 0x0488ade4,
    coinType: 0,
  },
  testnet4: {
    ...TEST,
    network: 'testnet4',
    chainHash: genesis('00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043'),
    bech32Prefix: 'tb',
    invoicePrefix: 'tb',
  },
  signet: {
    ...TEST,
    network: 'signet',
    chainHash: genesis('00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6'),
    bech32Prefix: 'tb',
    invoicePrefix: 'tbs',
  },
  regtest: {
    ...TEST,
    network: 'regtest',
    chainHash: genesis('0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206'),
    bech32Prefix: 'bcrt',
    invoicePrefix: 'bcrt',
  },
};

export const networkParams = (network: Network): NetworkParams => NETWORK_PARAMS[network];
export const isNetwork = (text: string): text is Network => (NETWORKS as readonly string[]).includes(text);
