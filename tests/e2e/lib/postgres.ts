// A PostgreSQL of one test's own, which it may kill and pause.
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Program, root } from './process.ts';

export class Postgres {
  readonly url: string;
  private readonly program: Program;
  private done = 0;

  private constructor(program: Program, url: string) {
    this.program = program;
    this.url = url;
  }

  static async start(): Promise<Postgres> {
    const dir = `${tmpdir()}/linnet-pg-${randomBytes(6).toString('hex')}`; // made and removed by pgserver
    const program = new Program(`${root}build-asan/tests/pgserver`, [dir]);
    return new Postgres(program, await program.line((line) => /^postgres(?:ql)?:\S+/.exec(line)?.[0], 'its URL'));
  }

  /** Returns when it has happened. */
  private async tell(word: string): Promise<void> {
    this.program.child.stdin?.write(`${word}\n`);
    const wanted = ++this.done;
    let seen = 0;
    await this.program.line((line) => (line === 'ok' && ++seen === wanted ? true : undefined), `it obeyed ${word}`);
  }

  /** Makes an empty database and says its URL. */
  async database(name: string): Promise<string> {
    this.program.child.stdin?.write(`database ${name}\n`);
    const mine = new RegExp(`^postgres(?:ql)?:\\S+/${name}$`);
    return this.program.line((line) => mine.exec(line)?.[0], `it made ${name}`);
  }

  /** As by a crash. */
  kill(): Promise<void> {
    return this.tell('kill');
  }

  /** Starts it again after a kill. */
  again(): Promise<void> {
    return this.tell('again');
  }

  /** Every process of it stands still; its connections stay open. */
  pause(): Promise<void> {
    return this.tell('pause');
  }

  resume(): Promise<void> {
    return this.tell('resume');
  }

  stop(): Promise<void> {
    return this.program.finish();
  }
}
