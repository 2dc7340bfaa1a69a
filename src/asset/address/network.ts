/** Chains that Taproot Assets addresses name by a prefix. Three of them share theirs: the headers of a proof tell those apart. */
export const ASSET_NETWORKS = ['bitcoin', 'testnet3', 'testnet4', 'signet', 'regtest', 'simnet'] as const;
export type AssetNetwork = (typeof ASSET_NETWORKS)[number];

const PREFIXES: { readonly [N in AssetNetwork]: string } = {
  bitcoin: 'tapbc',
  testnet3: 'taptb',
  testnet4: 'taptb',
  signet: 'taptb',
  regtest: 'taprt',
  simnet: 'tapsb',
};

/** The human-readable part of a network's addresses. */
export const addressPrefix = (network: AssetNetwork): string => PREFIXES[network];

/** The networks that a human-readable part may mean; none where it is unknown. */
export const networksOfPrefix = (prefix: string): readonly AssetNetwork[] =>
  ASSET_NETWORKS.filter((network) => PREFIXES[network] === prefix);
