// One pod on a port of its own, on which it comes back, and what it counted before each of its ends.
import { linnet, Program } from '../e2e/lib/process.ts';
import { freePort } from './ports.ts';

export type Env = { [name: string]: string };
export type Numbers = Map<string, number>;

export class Pod {
  readonly name: string;
  readonly port: number;
  private readonly env: Env;
  private program: Program | undefined;
  /** of the running process, as last read */
  private present: Numbers = new Map();
  /** of those before it */
  private readonly before: Numbers = new Map();
  /** ends that nobody asked for, and what the sanitizers said */
  readonly faults: string[] = [];

  private constructor(name: string, port: number, env: Env) {
    this.name = name;
    this.port = port;
    this.env = env;
  }

  static async make(name: string, env: Env): Promise<Pod> {
    return new Pod(name, await freePort(), env);
  }

  get up(): boolean {
    return this.program !== undefined;
  }

  async start(): Promise<void> {
    const program = new Program(linnet, ['backend', '--listen', `127.0.0.1:${this.port}`], this.env);
    this.program = program;
    program.child.on('close', (code, signal) => {
      if (this.program === program)
        this.faults.push(`${this.name} ended by itself: ${signal ?? code}\n${this.tail(program)}`);
    });
    await program.log('listening');
  }

  private tail(program: Program): string {
    const from = program.lines.findIndex((line) => /Sanitizer|runtime error|Assertion/.test(line));
    return (from < 0 ? program.lines.slice(-10) : program.lines.slice(from, from + 40)).join('\n');
  }

  /** Its counters are read first: what it counts in the last moment before a kill is not counted here. */
  private async end(signal: NodeJS.Signals): Promise<void> {
    const program = this.program;
    if (!program) return;
    await this.scrape();
    this.program = undefined;
    for (const [name, n] of this.present) this.before.set(name, (this.before.get(name) ?? 0) + n);
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
      const answer = await fetch(`http://127.0.0.1:${this.port}/metrics`, { signal: AbortSignal.timeout(2000) });
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

  count(name: string): number {
    return (this.before.get(name) ?? 0) + (this.present.get(name) ?? 0);
  }
}
