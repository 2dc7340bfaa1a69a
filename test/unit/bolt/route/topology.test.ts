import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { htlcMaximumMsat, readTopology, TOPOLOGY_DIRECTORY } from '../../../bench/topology/read.ts';

const summary = JSON.parse(readFileSync(join(TOPOLOGY_DIRECTORY, 'summary.json'), 'utf8'));
const topology = readTopology();

describe('the snapshot of the main network', () => {
  it('has the sections, nodes and channels that a separate reader found', () => {
    expect(topology.sections).toEqual(summary.section_end_offsets);
    expect(topology.uncompressedBytes).toBe(summary.uncompressed_bytes);
    expect({ nodes: topology.nodes, channels: topology.channels }).toEqual({
      nodes: summary.counts.nodes,
      channels: summary.counts.channels,
    });
    const disabled = topology.disabled.reduce((a, b) => a + b, 0);
    expect(disabled).toBe(summary.counts.disabled_directions);
  });

  it('has the policies that a separate reader found, each of them', () => {
    const hash = createHash('sha256');
    const sums = { capacity_sat: 0, htlc_min: 0, base_fee: 0, prop_fee: 0, delay: 0, htlc_maximum_msat: 0 };
    for (let i = 0; i < topology.channels; i++) {
      let line = `${i},${topology.start[i]},${topology.end[i]},${topology.capacitySat[i]}`;
      sums.capacity_sat += topology.capacitySat[i] as number;
      for (const edge of [2 * i, 2 * i + 1]) {
        if (topology.disabled[edge] === 1) {
          line += ';disabled';
          continue;
        }
        const policy = [
          topology.htlcMinimumMsat[edge],
          htlcMaximumMsat(topology, edge),
          topology.feeBaseMsat[edge],
          topology.feeProportionalMillionths[edge],
          topology.cltvExpiryDelta[edge],
        ] as [number, number, number, number, number];
        line += `;${policy.join(',')}`;
        sums.htlc_min += policy[0];
        sums.htlc_maximum_msat += policy[1];
        sums.base_fee += policy[2];
        sums.prop_fee += policy[3];
        sums.delay += policy[4];
      }
      hash.update(`${line}\n`);
    }
    expect(Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, `${sum}`]))).toEqual(summary.sums);
    expect(hash.digest('hex')).toBe(summary.canonical_sha256);
  });
});
