import { expect, test } from 'vitest';
import { barLine, startProgress } from '../../../src/app/view/progress.ts';

test('a bar shows how much is done, with its text, in one line', () => {
  expect(barLine('0 of 8', { done: 0, total: 8 }, 80)).toBe('[>                       ]   0 %  0 of 8');
  expect(barLine('4 of 8', { done: 4, total: 8 }, 80)).toBe('[============>           ]  50 %  4 of 8');
  expect(barLine('8 of 8', { done: 8, total: 8 }, 80)).toBe('[========================] 100 %  8 of 8');
  expect(barLine('a text that is too long', { done: 4, total: 8 }, 40)).toHaveLength(39);
  for (const of of [
    { done: 3, total: 0 },
    { done: -1, total: 5 },
    { done: 9, total: 5 },
  ])
    expect(barLine('', of, 80)).toMatch(/^\[[=> ]{24}\] {1,3}\d+ % {2}$/);
});

test('where stderr is no terminal nothing is drawn', () => {
  const { isTTY } = process.stderr;
  process.stderr.isTTY = false;
  const progress = startProgress({ quiet: false, verbose: false, noColor: false });
  const write = process.stderr.write;
  const written: unknown[] = [];
  process.stderr.write = ((text: unknown) => written.push(text) > 0) as typeof write;
  try {
    progress.step('working');
    progress.step('working', { done: 1, total: 2 });
    progress.done();
  } finally {
    process.stderr.write = write;
    process.stderr.isTTY = isTTY;
  }
  expect(written).toEqual([]);
});
