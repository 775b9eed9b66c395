// Where clients that live through faults find their server: it may go away and another one come in its place. And what
// keeps the data of those servers.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
  remove(): Promise<void>;
}

export const places: { name: string; open(): Promise<Place> }[] = [
  {
    name: 'SQLite',
    open: async () => {
      const dir = await mkdtemp(`${tmpdir()}/linnet-e2e-`);
      return {
        start: (env) => startEmbedded(env, dir),
        remove: () => rm(dir, { recursive: true, force: true }),
      };
    },
  },
  {
    name: 'PostgreSQL',
    open: async () => {
      const url = await createDatabase();
      return { start: (env) => startBackend(url, env), remove: async () => {} };
    },
  },
];
