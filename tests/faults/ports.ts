// Ports that stay one's own while nobody listens on them: below those that the kernel gives to outgoing connections.
import { once } from 'node:events';
import { createServer } from 'node:net';

const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * 18000);
    if (given.has(port)) continue;
    const server = createServer();
    const free = new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!(await free)) continue;
    server.close();
    await once(server, 'close');
    given.add(port);
    return port;
  }
}
