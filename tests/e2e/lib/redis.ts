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

export class Redis {
  readonly port: number;
  private program: Program;

  private constructor(port: number, program: Program) {
    this.port = port;
    this.program = program;
  }

  /** Comes back once this very process listens: on a port that was taken meanwhile another Redis would answer as well. */
  private static async run(port: number): Promise<Program> {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
    const program = new Program('redis-server', args);
    await program.line((line) => (/Ready to accept connections/.test(line) ? true : undefined), 'it was ready');
    return program;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  static async start(): Promise<Redis> {
    for (let tries = 1; ; tries++) {
      const port = await freePort();
      try {
        return new Redis(port, await Redis.run(port));
      } catch (e) {
        if (tries === 5) throw e; // somebody else was quicker to take it, but not each time
      }
    }
  }

  /** One command; its answer's first line, or the text of a string. */
  async ask(...words: string[]): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.setEncoding('utf8');
    const command = words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join('');
    let text = '';
    try {
      socket.write(`*${words.length}\r\n${command}`);
      for await (const chunk of socket) {
        text += chunk as string;
        const [, line, more] = /^([^\r]*)\r\n(?:(.*)\r\n)?$/s.exec(text) ?? [];
        if (line === undefined) continue;
        if (!line.startsWith('$') || line === '$-1') return line.slice(1);
        if (more !== undefined) return more;
      }
    } finally {
      socket.destroy();
    }
    throw new Error(`no answer to ${words.join(' ')}`);
  }

  async kill(): Promise<void> {
    await this.program.stop('SIGKILL');
  }

  /** After a kill: the same address, empty. */
  async again(): Promise<void> {
    this.program = await Redis.run(this.port);
  }

  /** Stands still, its connections stay open. */
  pause(): void {
    this.program.child.kill('SIGSTOP');
  }

  resume(): void {
    this.program.child.kill('SIGCONT');
  }
}
