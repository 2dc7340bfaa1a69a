import type { JsonObject, Operation } from '../operation.ts';
import { misfit } from '../schema.ts';

/** Every operation by its name, loaded when it is asked for. */
const OPERATIONS = {
  status: () => import('./status.ts').then((file) => file.status),
  'wallet.address': () => import('./wallet-address.ts').then((file) => file.walletAddress),
  'wallet.balance': () => import('./wallet-balance.ts').then((file) => file.walletBalance),
  'wallet.utxos': () => import('./wallet-utxos.ts').then((file) => file.walletUtxos),
  'wallet.send': () => import('./wallet-send.ts').then((file) => file.walletSend),
  'wallet.bump': () => import('./wallet-bump.ts').then((file) => file.walletBump),
  'wallet.history': () => import('./wallet-history.ts').then((file) => file.walletHistory),
  'peer.connect': () => import('./peer-connect.ts').then((file) => file.peerConnect),
  'peer.list': () => import('./peer-list.ts').then((file) => file.peerList),
  'peer.disconnect': () => import('./peer-disconnect.ts').then((file) => file.peerDisconnect),
  'channel.open': () => import('./channel-open.ts').then((file) => file.channelOpen),
  'channel.list': () => import('./channel-list.ts').then((file) => file.channelList),
  'channel.show': () => import('./channel-show.ts').then((file) => file.channelShow),
  'channel.close': () => import('./channel-close.ts').then((file) => file.channelClose),
  'channel.policy': () => import('./channel-policy.ts').then((file) => file.channelPolicy),
  'channel.why': () => import('./channel-why.ts').then((file) => file.channelWhy),
  'channel.risk': () => import('./channel-risk.ts').then((file) => file.channelRisk),
  'invoice.create': () => import('./invoice-create.ts').then((file) => file.invoiceCreate),
  'invoice.list': () => import('./invoice-list.ts').then((file) => file.invoiceList),
  'invoice.show': () => import('./invoice-show.ts').then((file) => file.invoiceShow),
  'invoice.wait': () => import('./invoice-wait.ts').then((file) => file.invoiceWait),
  'invoice.cancel': () => import('./invoice-cancel.ts').then((file) => file.invoiceCancel),
  'invoice.settle': () => import('./invoice-settle.ts').then((file) => file.invoiceSettle),
  pay: () => import('./pay.ts').then((file) => file.pay),
  'payment.list': () => import('./payment-list.ts').then((file) => file.paymentList),
  'payment.show': () => import('./payment-show.ts').then((file) => file.paymentShow),
  'payment.wait': () => import('./payment-wait.ts').then((file) => file.paymentWait),
  'payment.explain': () => import('./payment-explain.ts').then((file) => file.paymentExplain),
  probe: () => import('./probe.ts').then((file) => file.probe),
  route: () => import('./route.ts').then((file) => file.route),
  'gossip.sync': () => import('./gossip-sync.ts').then((file) => file.gossipSync),
  'gossip.status': () => import('./gossip-status.ts').then((file) => file.gossipStatus),
  'gossip.import': () => import('./gossip-import.ts').then((file) => file.gossipImport),
  'graph.node': () => import('./graph-node.ts').then((file) => file.graphNode),
  'graph.channel': () => import('./graph-channel.ts').then((file) => file.graphChannel),
  'graph.stats': () => import('./graph-stats.ts').then((file) => file.graphStats),
  'message.sign': () => import('./message-sign.ts').then((file) => file.messageSign),
  'asset.mint': () => import('./asset-mint.ts').then((file) => file.assetMint),
  'asset.mint.list': () => import('./asset-mint-list.ts').then((file) => file.assetMintList),
  'asset.mint.show': () => import('./asset-mint-show.ts').then((file) => file.assetMintShow),
  'asset.mint.fund': () => import('./asset-mint-fund.ts').then((file) => file.assetMintFund),
  'asset.mint.seal': () => import('./asset-mint-seal.ts').then((file) => file.assetMintSeal),
  'asset.mint.finalize': () => import('./asset-mint-finalize.ts').then((file) => file.assetMintFinalize),
  'asset.mint.cancel': () => import('./asset-mint-cancel.ts').then((file) => file.assetMintCancel),
  'asset.supply': () => import('./asset-supply.ts').then((file) => file.assetSupply),
  'asset.list': () => import('./asset-list.ts').then((file) => file.assetList),
  'asset.balance': () => import('./asset-balance.ts').then((file) => file.assetBalance),
  'asset.groups': () => import('./asset-groups.ts').then((file) => file.assetGroups),
  'asset.address': () => import('./asset-address.ts').then((file) => file.assetAddress),
  'asset.send': () => import('./asset-send.ts').then((file) => file.assetSend),
  'asset.burn': () => import('./asset-burn.ts').then((file) => file.assetBurn),
  'asset.split': () => import('./asset-split.ts').then((file) => file.assetSplit),
  'asset.bump': () => import('./asset-bump.ts').then((file) => file.assetBump),
  'asset.keys': () => import('./asset-keys.ts').then((file) => file.assetKeys),
  'asset.lease.list': () => import('./asset-lease-list.ts').then((file) => file.assetLeaseList),
  'asset.lease.release': () => import('./asset-lease-release.ts').then((file) => file.assetLeaseRelease),
  'asset.receives': () => import('./asset-receives.ts').then((file) => file.assetReceives),
  'asset.resend': () => import('./asset-resend.ts').then((file) => file.assetResend),
  'asset.transfers': () => import('./asset-transfers.ts').then((file) => file.assetTransfers),
  'asset.verify': () => import('./asset-verify.ts').then((file) => file.assetVerify),
  'proof.export': () => import('./proof-export.ts').then((file) => file.proofExport),
  'proof.import': () => import('./proof-import.ts').then((file) => file.proofImport),
  'proof.verify': () => import('./proof-verify.ts').then((file) => file.proofVerify),
  'backup.export': () => import('./backup-export.ts').then((file) => file.backupExport),
  'backup.verify': () => import('./backup-verify.ts').then((file) => file.backupVerify),
  'backup.verify.chain': () => import('./backup-verify.ts').then((file) => file.backupVerifyChain),
  'backup.restore': () => import('./backup-restore.ts').then((file) => file.backupRestore),
  'universe.roots': () => import('./universe-roots.ts').then((file) => file.universeRoots),
  'universe.leaves': () => import('./universe-leaves.ts').then((file) => file.universeLeaves),
  'universe.proof': () => import('./universe-proof.ts').then((file) => file.universeProof),
  'universe.stats': () => import('./universe-stats.ts').then((file) => file.universeStats),
  'universe.sync': () => import('./universe-sync.ts').then((file) => file.universeSync),
  'universe.push': () => import('./universe-push.ts').then((file) => file.universePush),
  'universe.insert': () => import('./universe-insert.ts').then((file) => file.universeInsert),
  'universe.federation.list': () => import('./universe-federation.ts').then((file) => file.federationList),
  'universe.federation.add': () => import('./universe-federation.ts').then((file) => file.federationAdd),
  'universe.federation.remove': () => import('./universe-federation.ts').then((file) => file.federationRemove),
  'universe.federation.sync': () => import('./universe-federation.ts').then((file) => file.federationSync),
  'chain.status': () => import('./chain-status.ts').then((file) => file.chainStatus),
} as const;

export type OperationName = keyof typeof OPERATIONS;
type OperationOf<N extends OperationName> = Awaited<ReturnType<(typeof OPERATIONS)[N]>>;
export type ParamsOf<N extends OperationName> = OperationOf<N> extends Operation<infer P, infer _> ? P : never;
export type ResultOf<N extends OperationName> = OperationOf<N> extends Operation<infer _, infer R> ? R : never;

/** The operation, or null where there is none of that name. */
export async function findOperation(name: string): Promise<Operation | null> {
  if (!Object.hasOwn(OPERATIONS, name)) return null;
  return (await OPERATIONS[name as OperationName]()) as unknown as Operation;
}

/** Why `params` do not fit the operation, or null where they do: asked wherever they come from outside. */
export const wrongParams = (operation: Operation, params: JsonObject): string | null => misfit(params, operation.params);
