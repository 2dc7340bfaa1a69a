import { writeFileSync } from 'node:fs';
import { AppError } from '../error.ts';

/** Writes a drawing. Throws USAGE where the file cannot be written. */
export function writeSvg(path: string, svg: string): void {
  try {
    writeFileSync(path, svg);
  } catch (error) {
    throw new AppError({
      code: 'USAGE',
      message: `${path} cannot be written: ${(error as Error).message}`,
      hint: 'name another --svg FILE',
    });
  }
}
