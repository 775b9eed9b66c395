// The cluster that is attacked: PostgreSQL, Redis, pods, nginx, each a process of its own.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { linnet, Program, root } from '../e2e/lib/process.ts';
import { Database } from './database.ts';
import { type Env, Pod } from './pod.ts';
import { freePort } from './ports.ts';
import { Random } from './random.ts';
import { Redis } from './redis.ts';

const run = promisify(execFile);

export interface RigOptions {
  seed: number;
  pods: number;
  redis: boolean;
  env: Env;
  /** what they run at the beginning; else the test build */
  binary?: string;
  /** of the pods: start when a step says so */
  spare?: number;
}

/** Many clients at one address; and limits low enough that a short run meets them. */
const base_env: Env = {
  JWT_SECRET: 'a secret of the tests, long enough to be accepted',
  TRUSTED_PROXIES: '127.0.0.0/8',
  LINNET_ACCESS_LOG: 'false',
  LINNET_RATE_REQUESTS: 'off',
  LINNET_RATE_MESSAGES: 'off',
  LINNET_RATE_LOGIN: 'off',
  LINNET_RATE_REGISTER: 'off',
  LINNET_REACTORS: '2',
  LINNET_DRAIN_ACCEPT_S: '1',
  LINNET_DRAIN_S: '2',
  LINNET_RING_EVENTS: '16',
  LINNET_REPLAY_CHANNEL: '25',
  LINNET_CONN_SOFT: '4096',
  LINNET_MESSAGE_BODY: '50000', // more than Redis carries
};

/** What a version that is to be upgraded would not start with. */
const newer_env: Env = { LINNET_RATE_PEOPLE: 'off' };

export class Rig {
  readonly database: Database;
  readonly redis: Redis | undefined;
  readonly pods: Pod[] = [];
  /** what the pods run at the beginning */
  readonly binary: string;
  /** by the pods of the beginning, before another version came */
  delivered_before = 0;
  private readonly dir: string;
  private origin_ = '';

  private constructor(dir: string, binary: string, database: Database, redis: Redis | undefined) {
    this.dir = dir;
    this.binary = binary;
    this.database = database;
    this.redis = redis;
  }

  get origin(): string {
    return this.origin_;
  }

  static async start(options: RigOptions): Promise<Rig> {
    const dir = await mkdtemp(`${tmpdir()}/linnet-faults-`);
    await run('chmod', ['711', dir]);
    process.on('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        console.error(`ended by ${signal}`);
        process.exit(1);
      });
    const redis = options.redis ? await Redis.start(new Random(options.seed, 'redis')) : undefined;
    const rig = new Rig(dir, options.binary ?? linnet, await Database.start(`${dir}/postgres`), redis);
    const env = {
      ...base_env,
      ...(rig.binary === linnet ? newer_env : {}),
      DATABASE_URL: rig.database.url,
      ...options.env,
    };
    for (let i = 0; i < options.pods; i++) {
      const own = redis ? { REDIS_URL: await redis.link(i) } : {};
      rig.pods.push(await Pod.make(`pod-${i}`, rig.binary, { ...env, ...own }));
    }
    for (const pod of rig.pods.slice(0, options.pods - (options.spare ?? 0))) await pod.start();
    await rig.nginx();
    return rig;
  }

  private async nginx(): Promise<void> {
    const port = await freePort();
    const ports = this.pods.map((pod) => String(pod.port));
    const { stdout } = await run('bash', [`${root}tools/dev/nginx.sh`, this.dir, String(port), ...ports]);
    const tells = stdout.replace(
      'location = /ws {',
      (where) => `${where}\n\t\t\tadd_header X-Pod $upstream_addr always;`,
    );
    await writeFile(`${this.dir}/nginx.conf`, tells);
    // One process, which ends with this one: a master that is killed leaves its worker behind.
    const one = ['-g', 'master_process off;'];
    const nginx = new Program('nginx', ['-p', this.dir, '-c', `${this.dir}/nginx.conf`, '-e', 'stderr', ...one]);
    this.origin_ = `http://127.0.0.1:${port}`;
    for (let up = false; !up;) {
      if (nginx.child.exitCode !== null) throw new Error(`nginx ended:\n${nginx.lines.join('\n')}`);
      up = await fetch(this.origin_).then((answer) => answer.ok, () => false); // prettier-ignore
      if (!up) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Makes people; a line of name and token each. */
  async people(n: number): Promise<{ tokens: string; ids: Map<string, number> }> {
    const tokens = `${this.dir}/tokens`;
    const args = ['admin', 'create-user', '--count', String(n), '--prefix', 'person', '--tokens', tokens];
    const asan = { ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '' };
    await run(this.binary, args, { env: { ...asan, DATABASE_URL: this.database.url } });
    const rows = await this.database.rows<{ user_id: number; username: string }>('SELECT user_id, username FROM users');
    return { tokens, ids: new Map(rows.map((r) => [r.username, r.user_id])) };
  }

  /** What `linnet admin check` finds, a line each; it reads the database by itself, not the clients. */
  async check(): Promise<string[]> {
    const args = ['admin', 'check', '--database-url', this.database.url];
    const asan = { ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '' };
    try {
      await run(linnet, args, { env: { ...asan, LINNET_STATEMENT_TIMEOUT_MS: '60000' } });
      return [];
    } catch (e) {
      const { stdout, stderr } = e as { stdout?: string; stderr?: string };
      return `${stdout || (stderr ?? String(e))}`.trim().split('\n');
    }
  }

  async scrape(): Promise<void> {
    await Promise.all(this.pods.map((pod) => (pod.up ? pod.scrape() : undefined)));
  }

  count(name: string, binary?: string): number {
    return this.pods.reduce((sum, pod) => sum + pod.count(name, binary), 0);
  }

  faults(): string[] {
    return this.pods.flatMap((pod) => pod.faults);
  }

  errors(): string[] {
    return this.pods.flatMap((pod) => pod.errors());
  }

  /** What it does not end ends with this process, and so does the directory. */
  async stop(): Promise<void> {
    for (const pod of this.pods) await pod.kill();
    await this.database.kill();
    await this.redis?.kill();
  }
}
