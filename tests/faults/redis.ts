// A Redis without any persistence, so that each start is an empty one, and between it and the pods a proxy that can lose what
// Pub/Sub delivers.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
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

/** News of a channel or a person, as published or delivered. */
interface News {
  /** 0: of a person */
  channel_id: number;
  /** 0: no change of a channel */
  rev: number;
  /** who published it */
  from: string;
}

const news_form =
  /^[*>]3\r\n\$7\r\n(?:message|PUBLISH)\r\n\$\d+\r\n[^\r]*?(channel|user):(\d+)\r\n\$\d+\r\n\{"pod":"([^"]+)"/;

/** A pod's own echo is none, by which it knows its link. */
function newsOf(value: Buffer): News | undefined {
  const head = value.toString('latin1', 0, 400);
  const m = news_form.exec(head);
  if (!m) return undefined;
  const rev = m[1] === 'channel' ? Number(/,"rev":(\d+)/.exec(head)?.[1] ?? 0) : 0;
  return { channel_id: m[1] === 'channel' ? Number(m[2]) : 0, rev, from: m[3] as string };
}

/** What a pod learns of a channel from its link. */
export interface Watcher {
  /** it knows of this rev, by a delivery or because it is its own */
  told(pod: number, channel_id: number, rev: number): void;
  lost(pod: number, channel_id: number, rev: number): void;
}

/** Each pod comes to it by an address of its own. */
export class Redis {
  /** deliveries that another pod published, and that were lost */
  dropped = 0;
  /** of deliveries, while set */
  drop = 0;
  watcher: Watcher | undefined;
  private readonly port: number;
  private readonly random: Random;
  private readonly names = new Map<number, string>(); // what each pod calls itself now
  private program: Program | undefined;

  private constructor(port: number, random: Random) {
    this.port = port;
    this.random = random;
  }

  static async start(random: Random): Promise<Redis> {
    const redis = new Redis(await freePort(), random);
    await redis.again();
    return redis;
  }

  /** A URL for this pod. */
  async link(pod: number): Promise<string> {
    const port = await freePort();
    const proxy = createServer((socket) => this.join(pod, socket));
    proxy.listen(port, '127.0.0.1');
    await once(proxy, 'listening');
    return `redis://127.0.0.1:${port}/0`;
  }

  private join(pod: number, link: Socket): void {
    const server = connect(this.port, '127.0.0.1');
    const said = new Values();
    const heard = new Values();
    link.setNoDelay(true);
    server.setNoDelay(true);
    link.on('data', (data) => {
      server.write(data);
      for (const value of said.push(data)) this.published(pod, value);
    });
    server.on('data', (data) => {
      for (const value of heard.push(data)) if (!this.loses(pod, value)) link.write(value);
    });
    for (const [one, other] of [
      [link, server],
      [server, link],
    ] as const) {
      one.on('error', () => {}); // 'close' follows
      one.on('close', () => other.destroy());
    }
  }

  private published(pod: number, value: Buffer): void {
    const news = newsOf(value);
    if (!news) return;
    this.names.set(pod, news.from);
    if (news.rev) this.watcher?.told(pod, news.channel_id, news.rev);
  }

  /** What a pod hears of itself tells it nothing: that would be no loss. */
  private loses(pod: number, value: Buffer): boolean {
    const news = newsOf(value);
    if (!news || news.from === this.names.get(pod)) return false;
    const lost = this.drop > 0 && this.random.chance(this.drop);
    if (lost) this.dropped++;
    if (news.rev) this.watcher?.[lost ? 'lost' : 'told'](pod, news.channel_id, news.rev);
    return lost;
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
