import { ok, type Result } from '../../base/result.ts';
import { type AssetFailure, refuse } from '../failure.ts';

/** How a proof gets from sender to receiver. */
export const COURIER_SCHEMES = ['hashmail', 'universerpc', 'authmailbox+universerpc'] as const;
export type CourierScheme = (typeof COURIER_SCHEMES)[number];

export interface Courier {
  readonly scheme: CourierScheme;
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]*))?\/?$/;
const MOST_LENGTH = 1024;

/** Reads `scheme://host:port`. The port must be there; nothing may follow it. */
export function parseCourier(text: string): Result<Courier, AssetFailure<'INVALID_COURIER'>> {
  const match = text.length > MOST_LENGTH ? null : URL_FORM.exec(text);
  if (match === null) return refuse('INVALID_COURIER', 'the courier is not of the form scheme://host:port');
  const scheme = COURIER_SCHEMES.find((each) => each === match[1]);
  if (scheme === undefined) return refuse('INVALID_COURIER', `unknown courier protocol ${match[1]}`);
  if (match[4] === undefined || match[4] === '') return refuse('INVALID_COURIER', 'the courier has no port');
  const port = Number(match[4]);
  if (port < 1 || port > 65_535) return refuse('INVALID_COURIER', `port ${match[4]} does not exist`);
  return ok({ scheme, host: (match[2] ?? match[3]) as string, port });
}

export const formatCourier = ({ scheme, host, port }: Courier): string => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Reads a courier as addresses of one version may have it: V2 needs a mailbox, V0 and V1 cannot use one. */
export function parseCourierFor(version: number, text: string): Result<Courier, AssetFailure<'INVALID_COURIER'>> {
  const courier = parseCourier(text);
  if (!courier.ok) return courier;
  const isMailbox = courier.value.scheme === 'authmailbox+universerpc';
  if (isMailbox === version >= 2) return courier;
  return refuse('INVALID_COURIER', `an address of version ${version} cannot use the courier protocol ${courier.value.scheme}`);
}
