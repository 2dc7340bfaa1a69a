import { read } from 'node:fs';
import { AppError } from './error.ts';

const CHUNK = 1 << 16;
/** Longer than anything lnkit reads on one line; a message has at most 65,535 bytes, a PSBT may be larger. */
const MAX_LINE = 1 << 24;

/**
 * The lines of stdin, several at a time as they arrive, without their line ends; the last one also where it has none. Throws USAGE for
 * a line above 16 MiB.
 */
export async function* stdinLines(): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of chunks()) {
    const lines = (held + decoder.decode(chunk, { stream: true })).split('\n');
    held = lines.pop() as string;
    if (held.length > MAX_LINE) throw new AppError({ code: 'USAGE', message: 'a line on stdin is longer than 16 MiB' });
    if (lines.length > 0) yield lines.map(withoutReturn);
  }
  held += decoder.decode();
  if (held !== '') yield [withoutReturn(held)];
}

/** All of stdin as text, without white space at its ends. */
export async function stdinText(): Promise<string> {
  const lines: string[] = [];
  for await (const some of stdinLines()) lines.push(...some);
  return lines.join('\n').trim();
}

/** Several words as they were given, or (a - alone) one from each line of stdin. */
export async function wordsOrStdin(given: readonly string[]): Promise<readonly string[]> {
  if (given.length !== 1 || given[0] !== '-') return given;
  const lines = (await stdinText()).split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = await readChunk();
    // Standard input does not block here (a terminal or a socket set so by another program): the stream knows how to wait.
    if (chunk === 'again') {
      for await (const piece of process.stdin) yield piece as Uint8Array;
      return;
    }
    if (chunk.length === 0) return;
    yield chunk;
  }
}

function readChunk(): Promise<Uint8Array | 'again'> {
  return new Promise((resolve, reject) => {
    const buffer = new Uint8Array(CHUNK);
    read(0, buffer, 0, CHUNK, null, (error, length) => {
      if (error === null) resolve(buffer.subarray(0, length));
      else if (error.code === 'EAGAIN') resolve('again');
      else if (error.code === 'EOF' || error.code === 'EISDIR') resolve(buffer.subarray(0, 0));
      else reject(error);
    });
  });
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);
