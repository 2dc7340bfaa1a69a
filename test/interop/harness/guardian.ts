// A process of its own that outlives the test run for a moment. It reads lines: "+PID" and "-PID" for each peer that starts and
// ends, "/PATH" for each temporary directory. When its input closes, which the kernel does however the test run ended, it kills
// what still runs and removes the directories.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const pids = new Set<number>();
const directories = new Set<string>();

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.startsWith('+')) pids.add(Number(line.slice(1)));
    else if (line.startsWith('-')) pids.delete(Number(line.slice(1)));
    else if (line.startsWith('/')) directories.add(line);
  })
  .on('close', () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended by itself
      }
    }
    for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
