import { expect, test } from 'vitest';
import { useLab } from './harness/lab.ts';
import { parseOutpoint } from './harness/lnd-client.ts';
import { eventually } from './harness/poll.ts';
import { call, channelAt, confirmed, fund, invoice, type LnkitPayment, pay, waitForState, waitUntilUsable } from './moves.ts';

const lab = useLab(['bitcoind'], async (lab) => {
  const [carol, dave] = await Promise.all([lab.lnkit('carol'), lab.lnkit('dave')]);
  await Promise.all([carol.startDaemon(), dave.startDaemon()]);
  await fund(lab, carol, 20_000_000);
  const opened = await carol.ok<{ funding_outpoint: string }>('channel', 'open', dave.address, '5000000sat', '--push', '2000000sat');
  const channel = parseOutpoint(opened.funding_outpoint);
  await lab.confirm(channel.txid, 6);
  await Promise.all([waitUntilUsable(carol, channel), waitUntilUsable(dave, channel)]);
  return { carol, dave, channel };
});

test('update_fee reaches the side that does not fund, while payments go on in both directions', async () => {
  const { lab: network, carol, dave, channel } = lab();
  const old = (await channelAt(dave, channel))?.feerate_per_kw ?? 0;
  let done = false;
  const traffic = async (from: typeof carol, to: typeof carol): Promise<number> => {
    let settled = 0;
    while (!done) {
      const made = await Promise.all(
        Array.from({ length: 5 }, () => call<{ bolt11: string }>(to, 'invoice.create', { amount_msat: 1_000_000 })),
      );
      const paid = await Promise.all(made.map(({ bolt11 }) => call<LnkitPayment>(from, 'pay', { destination: bolt11, dry_run: false })));
      expect(paid.map((each) => each.status)).toEqual(made.map(() => 'settled'));
      settled += paid.length;
    }
    return settled;
  };
  const both = Promise.all([traffic(carol, dave), traffic(dave, carol)]);
  try {
    const rate = await network.bitcoind.fundFeeHistory(2);
    expect(rate).toBeLessThan(4);
    await waitForState(dave, channel, 'cheaper', (found) => found.feerate_per_kw <= old / 2);
  } finally {
    done = true;
  }
  const [there, back] = await both;
  expect(there).toBeGreaterThan(0);
  expect(back).toBeGreaterThan(0);
  await eventually('both ends to be at rest', async () => {
    const [one, other] = [await channelAt(carol, channel), await channelAt(dave, channel)];
    return one?.htlcs.length === 0 && other?.htlcs.length === 0 && one.feerate_per_kw === other.feerate_per_kw;
  });
  const [one, other] = [await channelAt(carol, channel), await channelAt(dave, channel)];
  expect(one?.local_msat).toBe(other?.remote_msat);
  expect((one?.local_msat ?? 0) - 3_000_000_000).toBe((back - there) * 1_000_000);
});

test('two lnkits close with option_simple_close, and each has its money', async () => {
  const { lab: network, carol, dave, channel } = lab();
  expect(await pay(carol, (await invoice(dave, '123sat')).bolt11)).toMatchObject({ exitCode: 0 });
  const before = await Promise.all([confirmed(carol), confirmed(dave)]);
  const mine = await channelAt(carol, channel);
  await dave.ok('channel', 'close', `${channel.txid}:${channel.index}`);
  await network.bitcoind.waitForSpend(channel);
  await network.mine(1);
  const after = await Promise.all([confirmed(carol), confirmed(dave)]);
  const gained = after.map((value, i) => value - (before[i] ?? 0));
  const due = [mine?.local_msat ?? 0, mine?.remote_msat ?? 0].map((value) => Math.floor(value / 1000));
  for (const i of [0, 1]) {
    expect(gained[i]).toBeLessThanOrEqual(due[i] ?? 0);
    expect(gained[i]).toBeGreaterThan((due[i] ?? 0) - 4_000);
  }
});
