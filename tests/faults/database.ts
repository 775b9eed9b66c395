// A PostgreSQL of the run's own, which can be killed as a whole and paused, and what the judge reads in it: by psql, past
// the product.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { freePort } from './ports.ts';

const run = promisify(execFile);
const root_user = process.getuid?.() === 0;

function bin(): string {
  const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b));
  return `/usr/lib/postgresql/${versions.at(-1)}/bin/`;
}

function descendants(pid: number): number[] {
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it has gone
  }
  return [...children, ...children.flatMap(descendants)];
}

/** First the one that would start others. */
function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const one of [pid, ...descendants(pid)])
    try {
      process.kill(one, signal);
    } catch {
      // it has gone
    }
}

export class Database {
  readonly url: string;
  private readonly dir: string;
  private readonly port: number;
  private server: ChildProcess | undefined;

  private constructor(dir: string, port: number) {
    this.dir = dir;
    this.port = port;
    this.url = `postgresql://linnet@127.0.0.1:${port}/linnet`;
  }

  private spawn(command: string, args: string[]): ChildProcess {
    const user = root_user ? ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups'] : [];
    const log = openSync(`${this.dir}/log`, 'a');
    const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C' };
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    const child = spawn('setpriv', [...user, '--pdeathsig', 'KILL', bin() + command, ...args], {
      cwd: this.dir,
      env,
      stdio,
    });
    closeSync(log);
    return child;
  }

  static async start(dir: string): Promise<Database> {
    const db = new Database(dir, await freePort());
    await mkdir(dir);
    if (root_user) {
      const { stdout } = await run('id', ['-u', 'postgres']);
      await chown(dir, Number(stdout), -1);
    }
    const init = db.spawn('initdb', ['-D', 'data', '-Ulinnet', '-Atrust', '-EUTF8', '--locale=C', '-N']);
    const [code] = (await once(init, 'close')) as [number];
    if (code !== 0) throw new Error(`initdb: ${readFileSync(`${dir}/log`, 'utf8')}`);
    await db.again();
    await db.psql('postgres', 'CREATE DATABASE linnet');
    return db;
  }

  private async psql(database: string, sql: string): Promise<string> {
    const args = ['-X', '-q', '-A', '-t', '-h', '127.0.0.1', '-p', String(this.port), '-U', 'linnet'];
    const { stdout } = await run('psql', [...args, '-d', database, '-c', sql], { maxBuffer: 1 << 30 });
    return stdout;
  }

  async exec(sql: string): Promise<void> {
    await this.psql('linnet', sql);
  }

  async rows<T>(sql: string): Promise<T[]> {
    const text = await this.psql('linnet', `SELECT row_to_json(t) FROM (${sql}) t`);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as T);
  }

  /** Starts it; returns when it takes connections. */
  async again(): Promise<void> {
    const settings = [`port=${this.port}`, `unix_socket_directories=${this.dir}`, 'listen_addresses=127.0.0.1'];
    settings.push('fsync=on', 'max_connections=120', 'shared_buffers=64MB');
    this.server = this.spawn('postgres', ['-D', 'data', ...settings.flatMap((s) => ['-c', s])]);
    while (this.server.exitCode === null) {
      const ready = run(`${bin()}pg_isready`, ['-q', '-h', '127.0.0.1', '-p', String(this.port)]);
      if (await ready.then(() => true, () => false)) return; // prettier-ignore
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`PostgreSQL: ${readFileSync(`${this.dir}/log`, 'utf8').split('\n').slice(-20).join('\n')}`);
  }

  /** SIGKILL to all of it at once, as when the machine stops. */
  async kill(): Promise<void> {
    const server = this.server;
    if (!server?.pid || server.exitCode !== null || server.signalCode !== null) return;
    const over = once(server, 'close');
    const all = [server.pid, ...descendants(server.pid)];
    signalTree(server.pid, 'SIGSTOP'); // so that none tidies up after another
    for (const pid of all) signalTree(pid, 'SIGKILL');
    await over;
  }

  pause(): void {
    if (this.server?.pid) signalTree(this.server.pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.server?.pid) signalTree(this.server.pid, 'SIGCONT');
  }
}
