// Where what concerns several people is tried: embedded, on one backend, and on two that share a PostgreSQL and a Redis. Two
// names for the servers: on one server both are the same.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { Redis } from './redis.ts';
import { createDatabase, type Server, startBackend, startEmbedded } from './server.ts';

type Env = { [name: string]: string };

export interface Stage {
  here: Server;
  there: Server;
  redis?: Redis;
  /** One statement, past the servers; the first column of the first row. */
  sql(text: string): Promise<string>;
  stop(): Promise<void>;
}

function onFile(path: string, text: string): string {
  const db = new DatabaseSync(path);
  try {
    db.exec('PRAGMA busy_timeout = 30000');
    const row = db.prepare(text).get() as { [column: string]: unknown } | undefined;
    return String(Object.values(row ?? { none: '' })[0] ?? '');
  } finally {
    db.close();
  }
}

async function onServer(url: string, text: string): Promise<string> {
  const { stdout } = await promisify(execFile)('psql', ['-X', '-q', '-A', '-t', '-d', url, '-c', text]);
  return stdout.split('\n')[0] ?? '';
}

async function embedded(env: Env): Promise<Stage> {
  const dir = await mkdtemp(`${tmpdir()}/linnet-e2e-`);
  const server = await startEmbedded(env, dir);
  return {
    here: server,
    there: server,
    sql: async (text) => onFile(`${dir}/linnet.db`, text),
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function alone(env: Env): Promise<Stage> {
  const url = await createDatabase();
  const server = await startBackend(url, env);
  return { here: server, there: server, sql: (text) => onServer(url, text), stop: () => server.stop() };
}

export interface Pair extends Stage {
  redis: Redis;
}

export async function pair(env: Env = {}): Promise<Pair> {
  const [redis, url] = [await Redis.start(), await createDatabase()];
  // A busy machine is no Redis that is away; what is seen at once is not a head check's doing.
  const both = {
    REDIS_URL: redis.url,
    LINNET_ACCESS_LOG: 'false',
    LINNET_HEAD_CHECK_MS: '60000',
    LINNET_REDIS_AWAY_MS: '10000',
    LINNET_REDIS_TIMEOUT_MS: '20000',
    LINNET_REDIS_WAIT_MS: '10000',
    ...env,
  };
  const [here, there] = [await startBackend(url, both), await startBackend(url, both)];
  for (const server of [here, there]) await server.program.log('bus.link_back');
  return {
    here,
    there,
    redis,
    sql: (text) => onServer(url, text),
    stop: async () => {
      await here.stop();
      await there.stop();
      await redis.kill();
    },
  };
}

export const stages: { name: string; open(env?: Env): Promise<Stage> }[] = [
  { name: 'SQLite', open: (env = {}) => embedded(env) },
  { name: 'PostgreSQL', open: (env = {}) => alone(env) },
  { name: 'two pods', open: (env = {}) => pair(env) },
];
