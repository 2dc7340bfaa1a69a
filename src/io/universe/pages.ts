import type { Result } from '../../base/result.ts';
import type { Page, UniverseFailure } from './contract.ts';

/** As many as every server gives at once. */
export const PAGE = 512;

/** Pages of `ask` to the first empty one. A server that goes on without end, or gives one page again, is refused. */
export async function* pages<T>(part: {
  readonly ask: (page: Page) => Promise<Result<readonly T[], UniverseFailure>>;
  readonly name: (item: T) => string;
  readonly most: number;
  readonly what: string;
}): AsyncGenerator<readonly T[], UniverseFailure | null> {
  let before = '';
  for (let offset = 0; ; offset += PAGE) {
    if (offset > part.most) return { code: 'TOO_LARGE', message: `more than ${part.most} ${part.what}` };
    const page = await part.ask({ offset, limit: PAGE });
    if (!page.ok) return page.failure;
    const [first] = page.value;
    if (first === undefined) return null;
    if (page.value.length > PAGE) return protocol(`${page.value.length} ${part.what} where ${PAGE} were asked for`);
    if (part.name(first) === before) return protocol(`the same ${part.what} again`);
    before = part.name(first);
    yield page.value;
  }
}

export const protocol = (message: string): UniverseFailure => ({ code: 'PROTOCOL', message });
