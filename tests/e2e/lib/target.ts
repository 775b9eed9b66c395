// Where clients that live through faults find their server: it may go away and another one come in its place. And what
// keeps the data of those servers.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { createDatabase, type Server, startBackend, startEmbedded } from './server.ts';
import { Signal } from './signal.ts';

export class Target {
  private server: Server | undefined;
  private over = false;
  private readonly changed = new Signal();

  /** undefined: there is none for now. */
  put(server: Server | undefined): void {
    this.server = server;
    this.changed.raise();
  }

  /** None will come any more. */
  end(): void {
    this.over = true;
    this.changed.raise();
  }

  /** The present server, or the next; undefined: it is over. */
  async get(): Promise<Server | undefined> {
    await this.changed.until(() => this.over || this.server !== undefined);
    return this.over ? undefined : this.server;
  }
}

type Env = { [name: string]: string };

/** Data that outlives a server. */
export interface Place {
  start(env?: Env): Promise<Server>;
  /** One statement; its rows as lines, their columns with | between. */
  sql(text: string): Promise<string>;
  remove(): Promise<void>;
}

export const places: { name: string; open(): Promise<Place> }[] = [
  {
    name: 'SQLite',
    open: async () => {
      const dir = await mkdtemp(`${tmpdir()}/linnet-e2e-`);
      return {
        start: (env) => startEmbedded(env, dir),
        sql: async (text) => {
          const db = new DatabaseSync(`${dir}/linnet.db`);
          try {
            db.exec('PRAGMA busy_timeout = 10000');
            const rows = db.prepare(text).all();
            return rows.map((row) => Object.values(row).join('|')).join('\n');
          } finally {
            db.close();
          }
        },
        remove: () => rm(dir, { recursive: true, force: true }),
      };
    },
  },
  {
    name: 'PostgreSQL',
    open: async () => {
      const url = await createDatabase();
      return {
        start: (env) => startBackend(url, env),
        sql: async (text) =>
          (await promisify(execFile)('psql', ['-X', '-q', '-A', '-t', '-d', url, '-c', text])).stdout.trim(),
        remove: async () => {},
      };
    },
  },
];
