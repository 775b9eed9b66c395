// A Redis without any persistence, so that each start is an empty one, and between it and the pods a proxy that can lose what
// Pub/Sub delivers.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Program } from '../e2e/lib/process.ts';
import { freePort } from './ports.ts';
import type { Random } from './random.ts';

/** Cuts a stream of RESP into its values, without reading them; `push` returns those that are whole. */
export class Values {
  private rest: Buffer = Buffer.alloc(0);

  push(data: Buffer): Buffer[] {
    this.rest = this.rest.length ? Buffer.concat([this.rest, data]) : data;
    const values: Buffer[] = [];
    let from = 0;
    for (let to = this.end(0); to !== undefined; to = this.end(from)) {
      values.push(this.rest.subarray(from, to));
      from = to;
    }
    this.rest = this.rest.subarray(from);
    return values;
  }

  /** Where the value that begins at `from` ends. */
  private end(from: number): number | undefined {
    const line = this.rest.indexOf('\r\n', from);
    if (from >= this.rest.length || line < 0) return undefined;
    const kind = String.fromCharCode(this.rest[from] as number);
    const n = Number(this.rest.toString('latin1', from + 1, line));
    if (kind === '$') {
      const to = n < 0 ? line + 2 : line + 2 + n + 2;
      return to <= this.rest.length ? to : undefined;
    }
    if (kind !== '*' && kind !== '>') return line + 2;
    let to: number | undefined = line + 2;
    for (let i = 0; i < n && to !== undefined; i++) to = this.end(to);
    return to;
  }
}

/** A delivery to a subscriber of a channel or a person; a pod's own echo is none, by which it knows its link. */
function isNews(value: Buffer): boolean {
  const head = value.toString('latin1', 0, 120);
  return /^[*>]\d+\r\n\$7\r\nmessage\r\n\$\d+\r\n[^\r]*(channel|user):/.test(head);
}

export class Redis {
  /** what the pods are given */
  readonly url: string;
  dropped = 0;
  /** of deliveries, while set */
  drop = 0;
  private readonly port: number;
  private readonly random: Random;
  private program: Program | undefined;

  private constructor(port: number, proxy_port: number, random: Random) {
    this.port = port;
    this.random = random;
    this.url = `redis://127.0.0.1:${proxy_port}/0`;
  }

  static async start(random: Random): Promise<Redis> {
    const proxy_port = await freePort();
    const redis = new Redis(await freePort(), proxy_port, random);
    await redis.again();
    const proxy = createServer((socket) => redis.join(socket));
    proxy.listen(proxy_port, '127.0.0.1');
    await once(proxy, 'listening');
    if ((proxy.address() as AddressInfo).port !== proxy_port) throw new Error('the proxy of Redis has no port');
    return redis;
  }

  private join(pod: Socket): void {
    const server = connect(this.port, '127.0.0.1');
    const values = new Values();
    pod.setNoDelay(true);
    server.setNoDelay(true);
    pod.on('data', (data) => server.write(data));
    server.on('data', (data) => {
      for (const value of values.push(data)) {
        if (this.drop && isNews(value) && this.random.chance(this.drop)) this.dropped++;
        else pod.write(value);
      }
    });
    for (const [one, other] of [
      [pod, server],
      [server, pod],
    ] as const) {
      one.on('error', () => {}); // 'close' follows
      one.on('close', () => other.destroy());
    }
  }

  async again(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.program = new Program('redis-server', args);
    await this.program.line((line) => (/Ready to accept connections/.test(line) ? true : undefined), 'it is ready');
  }

  async kill(): Promise<void> {
    await this.program?.stop('SIGKILL');
  }

  pause(): void {
    this.program?.child.kill('SIGSTOP');
  }

  resume(): void {
    this.program?.child.kill('SIGCONT');
  }
}
