// A Redis of one test's own, which it may kill, pause and start again, then empty. It keeps nothing on disk.
import { createServer } from 'node:net';
import { connect } from 'node:net';
import { Program } from './process.ts';

/** Below those that connections are given, so that it is still free when the server comes back. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

export class Redis {
  readonly port: number;
  private program: Program;

  private constructor(port: number) {
    this.port = port;
    this.program = Redis.run(port);
  }

  private static run(port: number): Program {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
    return new Program('redis-server', args);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  private async ready(): Promise<void> {
    while (!(await answers(this.port))) await new Promise((again) => setTimeout(again, 5));
  }

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort());
    await redis.ready();
    return redis;
  }

  async kill(): Promise<void> {
    await this.program.stop('SIGKILL');
  }

  /** After a kill: the same address, empty. */
  async again(): Promise<void> {
    this.program = Redis.run(this.port);
    await this.ready();
  }

  /** Stands still, its connections stay open. */
  pause(): void {
    this.program.child.kill('SIGSTOP');
  }

  resume(): void {
    this.program.child.kill('SIGCONT');
  }
}
