import { resolve } from 'node:path';
import type { Msat } from '../../base/units.ts';
import { AppError } from '../error.ts';
import { type Asking, askGraph } from './ask.ts';
import { storedChannels } from './own.ts';
import { answer, type BlindedPathParams, type RouteJson, type RouteParams } from './route.ts';
import { recordedOf, replayed } from './route-query.ts';
import { openNamedGraph } from './source.ts';

interface Words extends Asking {
  readonly args: { readonly destination?: string | undefined; readonly amount?: Msat | undefined };
  readonly flags: {
    readonly from?: string | undefined;
    readonly 'max-fee'?: Msat | undefined;
    readonly parts?: number | undefined;
    readonly 'final-cltv'?: number | undefined;
    readonly prior?: 'apriori' | 'bimodal' | undefined;
    readonly 'blinded-path': readonly string[];
    readonly graph?: string | undefined;
    readonly explain: boolean;
    readonly export?: string | undefined;
    readonly replay?: string | undefined;
  };
}

/** What the words ask for. Throws AppError; a route that does not exist is an answer with `error`. */
export async function routeCommand(words: Words): Promise<RouteJson> {
  const { args, flags } = words;
  const { explain } = flags;
  if (flags.replay !== undefined) {
    if (args.destination !== undefined)
      throw new AppError({ code: 'USAGE', message: '--replay brings its own question', hint: 'leave the destination out' });
    return answer(replayed(flags.replay), { explain });
  }
  if (args.destination === undefined) throw new AppError({ code: 'USAGE', message: 'DESTINATION is missing: node id or BOLT 11 invoice' });
  const params: RouteParams = {
    destination: args.destination,
    explain,
    ...(args.amount === undefined ? {} : { amount_msat: args.amount }),
    ...(flags.from === undefined ? {} : { from: flags.from }),
    ...(flags['max-fee'] === undefined ? {} : { max_fee_msat: flags['max-fee'] }),
    ...(flags.parts === undefined ? {} : { parts: flags.parts }),
    ...(flags['final-cltv'] === undefined ? {} : { final_cltv: flags['final-cltv'] }),
    ...(flags.prior === undefined ? {} : { prior: flags.prior }),
    ...(flags['blinded-path'].length === 0 ? {} : { blinded_paths: flags['blinded-path'].map(blindedPath) }),
    ...(flags.export === undefined ? {} : { export: resolve(flags.export) }),
  };
  if (flags.graph !== undefined) return answer(recordedOf(params, openNamedGraph(flags.graph), null), { explain });
  return await askGraph('route', params, words, (source, directory) => {
    // Our own channels are only read where they are the beginning.
    const own = flags.from === undefined ? storedChannels(directory, source.graph) : null;
    return answer(recordedOf(params, source, own), { explain });
  });
}

const NUMBERS = [
  'fee_base_msat',
  'fee_proportional_millionths',
  'cltv_expiry_delta',
  'htlc_minimum_msat',
  'htlc_maximum_msat',
  'hops',
  'onion_bytes',
] as const;

/** NODE_ID,fee_base_msat=1000,cltv_expiry_delta=80... Throws USAGE. */
function blindedPath(text: string): BlindedPathParams {
  const [node = '', ...words] = text.split(',');
  const wrong = (what: string): AppError =>
    new AppError({
      code: 'USAGE',
      message: `--blinded-path ${text}: ${what}`,
      hint: `a node id, then any of ${NUMBERS.map((name) => `${name}=N`).join(',')}`,
    });
  if (!/^0[23][0-9a-fA-F]{64}$/.test(node)) throw wrong('it begins with the introduction point’s node id');
  const found: { [name: string]: number } = {};
  for (const word of words) {
    const [name = '', value = ''] = word.split('=');
    if (!NUMBERS.some((known) => known === name)) throw wrong(`there is no "${name}"`);
    if (!/^\d{1,16}$/.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) throw wrong(`${name} is a whole number`);
    found[name] = Number(value);
  }
  return { node_id: node.toLowerCase(), ...found };
}
