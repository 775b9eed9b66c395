// Two ways to run out of space.
import { execFile } from 'node:child_process';
import { closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import type { Server } from './server.ts';

const run = promisify(execFile);

export interface Disk {
  readonly dir: string;
  fill(server: Server): Promise<void>;
  free(server: Server): Promise<void>;
  remove(): Promise<void>;
}

/** A small file system with nothing left on it. Needs to mount one. `ease` gives some of it back. */
export async function diskFull(): Promise<Disk & { ease(bytes: number): void }> {
  const dir = await mkdtemp(`${tmpdir()}/linnet-disk-`);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'tmpfs', dir]);
  const ballast = `${dir}/ballast`;
  return {
    dir,
    async fill() {
      const file = openSync(ballast, 'a');
      try {
        for (const block = Buffer.alloc(65536); ;) writeSync(file, block);
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code !== 'ENOSPC') throw e;
      } finally {
        closeSync(file);
      }
    },
    free: () => rm(ballast),
    ease: (bytes) => truncateSync(ballast, statSync(ballast).size - bytes),
    async remove() {
      await run('umount', ['-l', dir]);
      await rm(dir, { recursive: true });
    },
  };
}

/**
 * No file of the process may be written any more: a quota for its own. (Were they kept from growing only, SQLite would go on
 * writing where its log begins again, for as long as that fits what the log has once been.)
 */
export async function fileLimit(): Promise<Disk> {
  const dir = await mkdtemp(`${tmpdir()}/linnet-disk-`);
  const limit = (server: Server, bytes: number | 'unlimited'): Promise<unknown> =>
    run('prlimit', ['--pid', String(server.program.child.pid), `--fsize=${bytes}:unlimited`]);
  return {
    dir,
    fill: async (server) => void (await limit(server, 0)),
    free: async (server) => void (await limit(server, 'unlimited')),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
