import type { NodeId, ShortChannelId } from '../../src/base/ids.ts';
import { height, msat } from '../../src/base/units.ts';
import { buildOnion, ecdhWith, peelOnion } from '../../src/bolt/onion/packet.ts';
import { encodePayload } from '../../src/bolt/onion/payload.ts';
import { secp } from '../../src/crypto/ec.ts';
import { type Bench, inTurns, median, pseudoRandom, rate, timed } from './harness.ts';

const HOPS = [1, 3, 8, 20] as const;
const BUILDS = 40;

/** Payment onions: `build_ms` is a whole onion with fresh session key, `peel_per_s` the work of its first hop. */
export const bench: Bench = {
  summary: 'payment onions: building one, and peeling a layer, by hops',
  parameters: ['hops'],
  async run({ report, runs, only }) {
    const rounds = runs(9);
    for (const hops of HOPS.filter((count) => only('hops') === null || `${count}` === only('hops'))) {
      const route = routeOf(hops);
      const packets = Array.from({ length: BUILDS }, () => route.build());
      const ecdh = ecdhWith(route.firstKey);
      const peel = (i: number): void => {
        const packet = packets[i % BUILDS] as Uint8Array;
        if (!peelOnion({ packet, ecdh, associatedData: route.associatedData }).ok) throw new Error('an onion does not peel');
      };
      const samples = await inTurns(rounds, {
        build: () => timed(() => void Array.from({ length: BUILDS }, route.build)) / BUILDS,
        peel: () => rate(peel, { least: 150, stride: 16 }),
      });
      report({ metric: 'build_ms', value: median(samples.build), unit: 'ms', n: rounds, hops });
      report({ metric: 'peel_per_s', value: median(samples.peel), unit: '1/s', n: rounds, hops });
    }
  },
};

/** A route with the payloads that a payment has, the last one with its payment secret. */
function routeOf(count: number): { build(): Uint8Array; readonly firstKey: Uint8Array; readonly associatedData: Uint8Array } {
  const random = pseudoRandom(0x31 + count);
  const keys = Array.from({ length: count }, () => random(32));
  const associatedData = random(32);
  const hops = keys.map((privateKey, i) => {
    const common = { amtToForward: msat(1_000_000 + 1000 * (count - i)), outgoingCltvValue: height(900_000 + 40 * (count - i)) };
    const payload =
      i === count - 1
        ? encodePayload({ ...common, paymentData: { paymentSecret: random(32), totalMsat: msat(1_001_000) } })
        : encodePayload({ ...common, shortChannelId: ((BigInt(800_000 + i) << 40n) | 0x10001n) as ShortChannelId });
    return { nodeId: secp.publicKey(privateKey) as NodeId, payload };
  });
  return {
    firstKey: keys[0] as Uint8Array,
    associatedData,
    build() {
      const built = buildOnion({ sessionKey: random(32), hops, associatedData });
      if (!built.ok) throw new Error(`an onion of ${count} hops cannot be built: ${built.failure.kind}`);
      return built.value.packet;
    },
  };
}
