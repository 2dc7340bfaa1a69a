import { createServer } from 'node:net';

// Ports of outgoing sockets start at 32768 on Linux: a listener above collides with them now and then.
const FIRST = 10_000;
const END = 32_000;

const given = new Set<number>();

/**
 * A TCP port on 127.0.0.1 that nothing listens on and that this process has not given out before.
 * @throws Error when 200 random ports are all taken
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port found between ${FIRST} and ${END}`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
