import { resolve } from 'node:path';
import type { Msat } from '../../base/units.ts';
import { AppError } from '../error.ts';
import { blindedPathOf } from '../forms/blinded-path.ts';
import { type Asking, askGraph } from './ask.ts';
import { storedChannels } from './own.ts';
import { answer, type RouteJson, type RouteParams } from './route.ts';
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
  const prior = flags.prior ?? words.settings.routing.prior;
  const params: RouteParams = {
    destination: args.destination,
    explain,
    ...(args.amount === undefined ? {} : { amount_msat: args.amount }),
    ...(flags.from === undefined ? {} : { from: flags.from }),
    ...(flags['max-fee'] === undefined ? {} : { max_fee_msat: flags['max-fee'] }),
    ...(flags.parts === undefined ? {} : { parts: flags.parts }),
    ...(flags['final-cltv'] === undefined ? {} : { final_cltv: flags['final-cltv'] }),
    ...(prior === null ? {} : { prior }),
    ...(flags['blinded-path'].length === 0 ? {} : { blinded_paths: flags['blinded-path'].map(blindedPathOf) }),
    ...(flags.export === undefined ? {} : { export: resolve(flags.export) }),
  };
  if (flags.graph !== undefined) return answer(recordedOf(params, openNamedGraph(flags.graph), null), { explain });
  return await askGraph('route', params, words, (source, directory) => {
    // Our own channels are only read where they are the beginning.
    const own = flags.from === undefined ? storedChannels(directory, source.graph) : null;
    return answer(recordedOf(params, source, own), { explain });
  });
}
