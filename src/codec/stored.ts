// What the stored forms of state share: each begins with a version, and names are kept as their place in a list.
import { type Bytes, tryText, utf8 } from '../base/bytes.ts';
import { bigsizeNumber, type Codec, map, u8, varBytes } from './codec.ts';
import { CodecError } from './reader.ts';

/** Bytes with their length in front. */
export const blob: Codec<Bytes> = varBytes(bigsizeNumber);

/** UTF-8 with its length in front. */
export const text: Codec<string> = map(
  blob,
  (value) => {
    const decoded = tryText(value);
    if (decoded === null) throw new CodecError('not UTF-8');
    return decoded;
  },
  utf8,
);

/** One of the names, by its place in the list, which is part of the format. */
export function oneOf<const T extends string>(...names: readonly T[]): Codec<T> {
  return map(
    u8,
    (index) => {
      const name = names[index];
      if (name === undefined) throw new CodecError(`no name ${index}`);
      return name;
    },
    (name) => names.indexOf(name),
  );
}

/** The forms of a record, oldest first: all are read, the newest is written. A blob begins with the number of its form, from 1. */
export function versioned<T>(...forms: readonly [Codec<T>, ...Codec<T>[]]): Codec<T> {
  return {
    write(to, value) {
      to.u8(forms.length);
      (forms.at(-1) as Codec<T>).write(to, value);
    },
    read(from) {
      const version = from.u8();
      const form = forms[version - 1];
      if (form === undefined) throw new CodecError(`version ${version}, newer than ${forms.length}`);
      return form.read(from);
    },
  };
}
