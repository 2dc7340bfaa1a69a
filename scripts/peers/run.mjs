import { spawn } from 'node:child_process';

/** The child that runs now, so that an interrupted installer can pass the signal on. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

let interrupted = false;

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    interrupted = true;
    for (const child of running) child.kill(signal);
    process.exitCode = 130;
  });
}

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string>} its standard output
 * @throws {Error} with the end of its standard error, when it cannot start or exits with anything but 0
 */
export function run(command, args, options = {}) {
  if (interrupted) return Promise.reject(new Error('interrupted'));
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const out = /** @type {Buffer[]} */ ([]);
    let errorText = '';
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => {
      errorText = (errorText + chunk).slice(-4000);
    });
    child.once('error', (error) => {
      running.delete(child);
      reject(new Error(`cannot run ${command}: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      if (code === 0) resolve(Buffer.concat(out).toString());
      else reject(new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${signal ?? code}\n${errorText.trim()}`));
    });
  });
}

/**
 * Whether a program exists, asked by running it once.
 * @param {string} command
 * @param {readonly string[]} args
 */
export const runs = (command, args) =>
  run(command, args).then(
    () => true,
    () => false,
  );
