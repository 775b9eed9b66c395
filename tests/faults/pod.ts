// One pod on a port of its own, on which it comes back, and what it counted before each of its ends.
import { Program } from '../e2e/lib/process.ts';
import { freePort } from './ports.ts';

export type Env = { [name: string]: string };
export type Numbers = Map<string, number>;

/** What docs/operations.md calls our fault: no trouble with the database or the network explains it. */
const our_fault =
  /"level":"error",.*"event":"(db\.(statement_failed|statement_malformed|argument_wrong|commit_refused|commit_without_begin|connections_exceeded)|append\.row_strange)"/;

export class Pod {
  readonly name: string;
  readonly port: number;
  /** what its next start runs */
  binary: string;
  private readonly env: Env;
  private program: Program | undefined;
  /** of the running process, as last read */
  private present: Numbers = new Map();
  private running = '';
  /** of those before it, by their binary */
  private readonly before = new Map<string, Numbers>();
  /** ends that nobody asked for, and what the sanitizers said */
  readonly faults: string[] = [];
  private readonly said: string[] = [];

  private constructor(name: string, port: number, binary: string, env: Env) {
    this.name = name;
    this.port = port;
    this.binary = binary;
    this.env = env;
  }

  static async make(name: string, binary: string, env: Env): Promise<Pod> {
    return new Pod(name, await freePort(), binary, env);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get up(): boolean {
    return this.program !== undefined;
  }

  /** Again when it finds no database: as whatever supervises it would. */
  async start(): Promise<void> {
    for (;;) {
      const program = new Program(this.binary, ['backend', '--listen', this.address], this.env);
      this.program = program;
      this.running = this.binary;
      if (await program.log('listening').then(() => true, () => false)) break; // prettier-ignore
      if (this.program !== program) return; // was ended meanwhile
      if (program.child.exitCode !== 1 || !/"process.start_failed".*"unavailable"/.test(program.lines.at(-1) ?? ''))
        throw new Error(`${this.name} did not start:\n${this.tail(program)}`);
      this.program = undefined;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const program = this.program as Program;
    program.child.on('close', (code, signal) => {
      if (this.program === program)
        this.faults.push(`${this.name} ended by itself: ${signal ?? code}\n${this.tail(program)}`);
    });
  }

  private tail(program: Program): string {
    const from = program.lines.findIndex((line) => /Sanitizer|runtime error|Assertion/.test(line));
    return (from < 0 ? program.lines.slice(-10) : program.lines.slice(from, from + 40)).join('\n');
  }

  private complaints(program: Program | undefined): string[] {
    return (program?.lines ?? []).filter((line) => our_fault.test(line)).map((line) => `${this.name}: ${line}`);
  }

  /** What it logged as errors that must not be. */
  errors(): string[] {
    return [...this.said, ...this.complaints(this.program)];
  }

  /** Its counters are read first: what it counts in the last moment before a kill is not counted here. */
  private async end(signal: NodeJS.Signals): Promise<void> {
    const program = this.program;
    if (!program) return;
    await this.scrape();
    this.program = undefined;
    this.said.push(...this.complaints(program));
    const before = this.before.get(this.running) ?? new Map<string, number>();
    for (const [name, n] of this.present) before.set(name, (before.get(name) ?? 0) + n);
    this.before.set(this.running, before);
    this.present = new Map();
    await program.stop(signal).catch((e: Error) => this.faults.push(`${this.name}: ${e.message}`));
  }

  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  /** Returns when it has sent everybody away and ended. */
  drain(): Promise<void> {
    return this.end('SIGTERM');
  }

  /** Reads /metrics; one that hangs or is away keeps what it last said. */
  async scrape(): Promise<void> {
    try {
      const answer = await fetch(`http://${this.address}/metrics`, { signal: AbortSignal.timeout(2000) });
      if (!answer.ok) return;
      const numbers: Numbers = new Map();
      for (const line of (await answer.text()).split('\n')) {
        const m = /^(linnet_\w+)(?:\{[^}]*\})? (\d+(?:\.\d+)?)$/.exec(line);
        if (m) numbers.set(m[1] as string, (numbers.get(m[1] as string) ?? 0) + Number(m[2]));
      }
      if (this.program) this.present = numbers;
    } catch {
      // it is away
    }
  }

  /** By all that it ran, or by one binary. */
  count(name: string, binary?: string): number {
    let sum = !binary || binary === this.running ? (this.present.get(name) ?? 0) : 0;
    for (const [of, numbers] of this.before) if (!binary || binary === of) sum += numbers.get(name) ?? 0;
    return sum;
  }
}
