// One PostgreSQL for the whole run; each server under test makes a database of its own in it.
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import type { TestProject } from 'vitest/node';
import { Program, root } from './process.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = `${tmpdir()}/linnet-pg-${randomBytes(6).toString('hex')}`; // made and removed by pgserver
  const program = new Program(`${root}build-asan/tests/pgserver`, [dir]);
  let url = '';
  try {
    url = await program.line((line) => /postgres(?:ql)?:\/\/\S+/.exec(line)?.[0], 'its URL');
  } catch (e) {
    console.error(e); // those tests that need it will say so
  }
  project.provide('postgresUrl', url);
  return async () => {
    await program.finish();
  };
}
