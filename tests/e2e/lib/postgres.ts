// A PostgreSQL of one test's own, which it may kill and pause; and a standby of it.
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Program, root } from './process.ts';

/** One line is asked and one answered at a time. */
class Keeper {
  readonly program: Program;
  private turn: Promise<unknown> = Promise.resolve();
  private seen = 1; // the first line is the URL

  constructor(program: Program) {
    this.program = program;
  }

  ask(line: string): Promise<string> {
    const answer = this.turn.then(async () => {
      this.program.child.stdin?.write(`${line}\n`);
      let at = 0;
      const said = await this.program.line((text) => (at++ === this.seen ? text : undefined), `it obeyed ${line}`);
      this.seen++;
      if (said === 'unknown') throw new Error(`pgserver does not know ${line}`);
      return said;
    });
    this.turn = answer.catch(() => {});
    return answer;
  }
}

class Life {
  readonly url: string;
  protected readonly keeper: Keeper;
  private readonly whom: string;

  constructor(keeper: Keeper, url: string, whom: string) {
    this.keeper = keeper;
    this.url = url;
    this.whom = whom;
  }

  /** Returns when it has happened. */
  protected async tell(word: string): Promise<void> {
    await this.keeper.ask(`${this.whom}${word}`);
  }

  /** As by a crash. */
  kill(): Promise<void> {
    return this.tell('kill');
  }

  /** In order: a standby that listens gets everything first. */
  shutDown(): Promise<void> {
    return this.tell('stop');
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
}

export class Standby extends Life {
  /** It is a primary from now on. */
  promote(): Promise<void> {
    return this.tell('promote');
  }
}

export class Postgres extends Life {
  static async start(): Promise<Postgres> {
    const dir = `${tmpdir()}/linnet-pg-${randomBytes(6).toString('hex')}`; // made and removed by pgserver
    const program = new Program(`${root}build-asan/tests/pgserver`, [dir]);
    const url = await program.line((line) => /^postgres(?:ql)?:\S+/.exec(line)?.[0], 'its URL');
    return new Postgres(new Keeper(program), url, '');
  }

  /** Makes an empty database and says its URL. */
  database(name: string): Promise<string> {
    return this.keeper.ask(`database ${name}`);
  }

  /** A standby of all that is there, made once. */
  async standby(): Promise<Standby> {
    return new Standby(this.keeper, await this.keeper.ask('standby'), 'standby ');
  }

  stop(): Promise<void> {
    return this.keeper.program.finish();
  }
}
