import { bech32, bech32m, createBase58check } from '@scure/base';
import { type Bytes, concat } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';
import { sha256 } from '../crypto/hash.ts';
import { NETWORKS, type Network, networkParams } from './network.ts';
import { classifyScript, OP, type ScriptKind, script, witnessProgram, witnessScript } from './script.ts';

export interface Address {
  readonly text: string;
  readonly script: Bytes;
  readonly kind: ScriptKind;
  /** The networks on which it reads the same: testnet4 and signet share one form, base58 is one for all test networks. */
  readonly networks: readonly Network[];
}

export interface AddressFailure {
  readonly code: 'MALFORMED' | 'CHECKSUM' | 'WRONG_NETWORK';
  readonly message: string;
}

const base58check = createBase58check((data: Uint8Array) => sha256(data) as Uint8Array<ArrayBuffer>);

/** The address of an output script (BIP 173, BIP 350, base58check), or null where the script has none. */
export function encodeAddress(output: Bytes, network: Network): string | null {
  const params = networkParams(network);
  const witness = witnessProgram(output);
  if (witness !== null) {
    const { version, program } = witness;
    if (version === 0 && program.length !== 20 && program.length !== 32) return null;
    const coder = version === 0 ? bech32 : bech32m;
    return coder.encode(params.bech32Prefix, [version, ...coder.toWords(program)]);
  }
  const { kind, payload } = classifyScript(output);
  if (kind === 'p2pkh') return base58check.encode(concat(Uint8Array.of(params.p2pkhVersion), payload));
  if (kind === 'p2sh') return base58check.encode(concat(Uint8Array.of(params.p2shVersion), payload));
  return null;
}

/** Reads an address of any network, strictly (BIP 173 with BIP 350, base58check). */
export function decodeAddress(text: string): Result<Address, AddressFailure> {
  const prefix = text.toLowerCase().slice(0, Math.max(0, text.lastIndexOf('1')));
  const networks = NETWORKS.filter((network) => networkParams(network).bech32Prefix === prefix);
  if (networks.length > 0) return decodeWitnessAddress(text, networks);
  return decodeBase58Address(text);
}

/** Reads an address that must belong to `network`. */
export function decodeAddressFor(text: string, network: Network): Result<Address, AddressFailure> {
  const address = decodeAddress(text);
  if (!address.ok || address.value.networks.includes(network)) return address;
  const belongs = address.value.networks.join(' or ');
  return fail({ code: 'WRONG_NETWORK', message: `the address belongs to ${belongs}, not to ${network}` });
}

function decodeWitnessAddress(text: string, networks: readonly Network[]): Result<Address, AddressFailure> {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return malformed('upper and lower case are mixed');
  // BIP 173: at most 90 characters.
  if (text.length > 90) return malformed('longer than 90 characters');
  const old = attempt(() => bech32.decode(text as `${string}1${string}`, 90));
  const decoded = old ?? attempt(() => bech32m.decode(text as `${string}1${string}`, 90));
  if (decoded === null) return fail({ code: 'CHECKSUM', message: 'the checksum does not match' });
  const [version, ...words] = decoded.words;
  if (version === undefined) return malformed('no witness version');
  if (version > 16) return malformed(`witness version ${version} does not exist`);
  // BIP 350: version 0 in Bech32, everything above in Bech32m.
  if ((version === 0) !== (old !== null))
    return fail({ code: 'CHECKSUM', message: 'the checksum is of the other kind (bech32 or bech32m) than the version asks for' });
  const program = attempt(() => bech32.fromWords(words));
  if (program === null) return malformed('the padding is wrong');
  if (program.length < 2 || program.length > 40) return malformed(`a witness program of ${program.length} bytes`);
  if (version === 0 && program.length !== 20 && program.length !== 32) return malformed(`a version 0 program of ${program.length} bytes`);
  const output = witnessScript({ version, program });
  return ok({ text, script: output, kind: classifyScript(output).kind, networks });
}

function decodeBase58Address(text: string): Result<Address, AddressFailure> {
  if (text.length < 26 || text.length > 35 || !/^[1-9A-HJ-NP-Za-km-z]+$/.test(text)) return malformed('not an address');
  const decoded = attempt(() => base58check.decode(text));
  if (decoded === null) return fail({ code: 'CHECKSUM', message: 'the checksum does not match' });
  if (decoded.length !== 21) return malformed(`${decoded.length} bytes where 21 belong`);
  const [version, hash] = [decoded[0] as number, decoded.slice(1)];
  const p2pkh = NETWORKS.filter((network) => networkParams(network).p2pkhVersion === version);
  const p2sh = NETWORKS.filter((network) => networkParams(network).p2shVersion === version);
  if (p2pkh.length > 0)
    return ok({ text, script: script(OP.DUP, OP.HASH160, hash, OP.EQUALVERIFY, OP.CHECKSIG), kind: 'p2pkh', networks: p2pkh });
  if (p2sh.length > 0) return ok({ text, script: script(OP.HASH160, hash, OP.EQUAL), kind: 'p2sh', networks: p2sh });
  return malformed(`version ${version} is of no known network`);
}

const malformed = (message: string): { readonly ok: false; readonly failure: AddressFailure } => fail({ code: 'MALFORMED', message });

/** @scure/base throws on bad text; here that is a value. */
function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch {
    return null;
  }
}
