import { toHex } from '../../base/bytes.ts';
import { decodeAddress } from '../../bitcoin/address.ts';
import { NETWORKS, networkParams } from '../../bitcoin/network.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { type Decoded, type DecodeEnv, type Piece, refused } from './types.ts';

/** A Bitcoin address of any network (BIP 173, BIP 350, base58check). */
export function decodeAddressText(text: string, env: DecodeEnv): Decoded {
  const decoded = decodeAddress(text);
  if (!decoded.ok) {
    const prefix = text.toLowerCase().slice(0, Math.max(0, text.lastIndexOf('1')));
    const network = NETWORKS.find((name) => networkParams(name).bech32Prefix === prefix) ?? null;
    return refused({ kind: 'address', network }, decoded.failure);
  }
  const { script, kind, networks } = decoded.value;
  const problems =
    env.network === null || networks.includes(env.network)
      ? []
      : [`wrong network: it is for ${networks.join(' or ')}, not for ${env.network}`];
  const network = env.network !== null && networks.includes(env.network) ? env.network : (networks[0] ?? null);
  const witness = witnessProgram(script);
  const json = {
    kind: 'address',
    network,
    valid: true,
    problems,
    networks,
    address: text,
    type: kind,
    script: toHex(script),
    witness_version: witness === null ? null : witness.version,
    witness_program: witness === null ? null : toHex(witness.program),
  };
  return { json, error: null, explain: () => explainAddress(text, script) };
}

function explainAddress(text: string, script: Uint8Array): readonly Piece[] {
  const witness = witnessProgram(script);
  if (witness === null) return [{ at: 0, raw: text, name: 'base58check', meaning: `version, hash and checksum; script ${toHex(script)}` }];
  const one = text.lastIndexOf('1');
  return [
    { at: 0, raw: text.slice(0, one), name: 'prefix', meaning: 'the network' },
    { at: one, raw: '1', name: 'separator', meaning: 'the data begins' },
    { at: one + 1, raw: text.slice(one + 1, one + 2), name: 'version', meaning: `witness version ${witness.version}` },
    { at: one + 2, raw: text.slice(one + 2, -6), name: 'program', meaning: toHex(witness.program) },
    { at: text.length - 6, raw: text.slice(-6), name: 'checksum', meaning: witness.version === 0 ? 'bech32' : 'bech32m' },
  ];
}
