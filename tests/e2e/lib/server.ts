// Servers on free ports: the embedded one on SQLite, and a backend on PostgreSQL. Each test file starts its own.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { Api } from './api.ts';
import { linnet, Program } from './process.ts';

type Env = { [name: string]: string };

// Tests are many clients at one address, and hash many passwords; those that test limits and costs set their own.
const relaxed: Env = {
  LINNET_RATE_REQUESTS: 'off',
  LINNET_RATE_MESSAGES: 'off',
  LINNET_RATE_SEARCH: 'off',
  LINNET_RATE_PEOPLE: 'off',
  LINNET_RATE_PROFILE: 'off',
  LINNET_RATE_LOGIN: 'off',
  LINNET_RATE_REGISTER: 'off',
  LINNET_RATE_DMS: 'off',
  LINNET_ARGON_OPS: '1',
  LINNET_ARGON_MEMORY: '8M',
  LINNET_REACTORS: '2',
  LINNET_DRAIN_ACCEPT_S: '0', // nobody else sends clients here
  LINNET_DRAIN_S: '1',
  // A disk that is slow, or a machine that others use, is no database that is away: it is not answered by 503.
  LINNET_APPEND_WAIT_MS: '60000',
  LINNET_STATEMENT_TIMEOUT_MS: '60000',
};

export class Server {
  readonly program: Program;
  readonly host: string;
  readonly port: number;
  private readonly ended: () => Promise<void>;

  constructor(program: Program, address: string, ended: () => Promise<void> = async () => {}) {
    this.program = program;
    this.host = address.slice(0, address.lastIndexOf(':')).replace(/[[\]]/g, '');
    this.port = Number(address.slice(address.lastIndexOf(':') + 1));
    this.ended = ended;
  }

  get origin(): string {
    return `http://${this.host}:${this.port}`;
  }

  /** A client that nobody has signed in yet. */
  api(prefix: '' | '/api' = ''): Api {
    return new Api(this.origin, prefix, () => this.program.lastWords());
  }

  async stop(): Promise<void> {
    try {
      await this.program.stop();
    } finally {
      await this.ended();
    }
  }

  async kill(): Promise<void> {
    await this.program.stop('SIGKILL');
  }
}

async function listening(program: Program): Promise<string> {
  const line = await program.log('listening');
  if (typeof line.address !== 'string') throw new Error(`no address in ${JSON.stringify(line)}`);
  return line.address;
}

/** `linnet serve` on a data directory, by default a new one that goes with the server. */
export async function startEmbedded(env: Env = {}, data?: string): Promise<Server> {
  const dir = data ?? (await mkdtemp(`${tmpdir()}/linnet-e2e-`));
  const program = new Program(linnet, ['serve', '--listen', '127.0.0.1:0', '--data', dir], { ...relaxed, ...env });
  return new Server(program, await listening(program), async () => {
    if (!data) await rm(dir, { recursive: true, force: true });
  });
}

/** `linnet backend` on a database. */
export async function startBackend(databaseUrl: string, env: Env = {}): Promise<Server> {
  const program = new Program(linnet, ['backend', '--listen', '127.0.0.1:0'], {
    ...relaxed,
    DATABASE_URL: databaseUrl,
    JWT_SECRET: 'a secret of the tests, long enough to be accepted',
    // One alone hears of all by itself. A check between a commit and its news would have an edit told in its present form.
    ...(env.REDIS_URL ? {} : { LINNET_HEAD_CHECK_MS: '60000' }),
    ...env,
  });
  return new Server(program, await listening(program));
}

/** A new, empty database on the PostgreSQL of this run. */
export async function createDatabase(): Promise<string> {
  const url = inject('postgresUrl');
  if (!url) throw new Error('no PostgreSQL: build-asan/tests/pgserver did not start');
  const name = `e2e_${randomBytes(6).toString('hex')}`;
  await promisify(execFile)('psql', ['-X', '-q', '-d', url, '-c', `CREATE DATABASE ${name} TEMPLATE template0`]);
  const at = new URL(url);
  at.pathname = `/${name}`;
  return at.href;
}

export interface Backend {
  name: string;
  start(env?: Env): Promise<Server>;
}

/** For describe.each: what everything is tried on. */
export const backends: Backend[] = [
  { name: 'SQLite', start: (env) => startEmbedded(env) },
  { name: 'PostgreSQL', start: async (env) => startBackend(await createDatabase(), env) },
];
