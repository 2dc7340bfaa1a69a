import { createServer } from 'node:net';

// Outgoing sockets take their ports from 32768 on (Linux) or 49152 on (elsewhere): a listener there collides with them now and then.
const FIRST = 10_000;
const END = 32_000;

/** A TCP port on 127.0.0.1 that nothing listens on now and that is not in `taken`, to which it is added. */
export async function freePort(taken: Set<number>): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    if (taken.has(port) || !(await canListen(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Error(`no free port was found between ${FIRST} and ${END}`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
