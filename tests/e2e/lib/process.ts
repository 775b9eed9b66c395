// Programs under test: started as children that end with this process whatever happens to it, their log read line by line.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const linnet = `${root}build-asan/linnet`;

export type LogLine = { event?: string } & { [key: string]: unknown };

export class Program {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  private readonly waiting = new Set<() => void>();
  private over = false;
  private wanted = false;

  constructor(command: string, args: string[], env: { [name: string]: string } = {}) {
    const path = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', TMPDIR: process.env.TMPDIR ?? '/tmp' };
    const sanitizers = { ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '' };
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: root,
      env: { ...path, ...sanitizers, ...env },
    });
    this.child.stdin?.on('error', () => {});
    for (const stream of [this.child.stdout, this.child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          this.lines.push(line);
          this.wake();
        });
    this.child.on('close', () => {
      this.over = true;
      this.wake();
    });
  }

  private wake(): void {
    for (const again of [...this.waiting]) again();
  }

  /** The first line, written already or to come, of which `pick` makes something. */
  async line<T>(pick: (line: string) => T | undefined, what: string): Promise<T> {
    for (let seen = 0; ;) {
      while (seen < this.lines.length) {
        const found = pick(this.lines[seen++] ?? '');
        if (found !== undefined) return found;
      }
      if (this.over) throw new Error(`it ended before ${what}:\n${this.lines.slice(-40).join('\n')}`);
      await new Promise<void>((resolve) => {
        const again = (): void => {
          this.waiting.delete(again);
          resolve();
        };
        this.waiting.add(again);
      });
    }
  }

  /** The first log line of this event that also `match`es. */
  log(event: string, match: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    return this.line((text) => {
      if (!text.startsWith('{')) return undefined;
      const line = JSON.parse(text) as LogLine;
      return line.event === event && match(line) ? line : undefined;
    }, `the log line ${event}`);
  }

  /** Asks it to end and waits until it has; what the sanitizers found, or a signal, is an error. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.wanted = true;
    if (!this.over) {
      this.child.kill(signal);
      this.child.stdin?.end();
      await once(this.child, 'close');
    }
    const { exitCode, signalCode } = this.child;
    const text = this.lines.join('\n');
    const bad = /ERROR: (Address|Leak|Thread|Undefined\w*)Sanitizer|runtime error:/.test(text);
    if (bad || (signal !== 'SIGKILL' && exitCode !== 0))
      throw new Error(`it ended with ${signalCode ?? exitCode}:\n${this.lines.slice(-60).join('\n')}`);
  }

  /** Ends its input, upon which it is to end by itself. */
  async finish(): Promise<void> {
    this.wanted = true;
    this.child.stdin?.end();
    if (!this.over) await once(this.child, 'close');
  }

  /** When it has ended without being asked to: what it wrote at the end. */
  async lastWords(): Promise<string> {
    const { exitCode, signalCode } = this.child;
    if (
      this.wanted ||
      (exitCode === null && signalCode === null && !this.lines.some((l) => /Sanitizer|Assertion/.test(l)))
    )
      return '';
    if (!this.over) await once(this.child, 'close');
    const from = this.lines.findIndex((l) => /Sanitizer|runtime error|Assertion/.test(l));
    const tail = this.lines.filter((l) => !l.includes('"http.request"'));
    return `the server ended with ${signalCode ?? exitCode}:\n${(from < 0 ? tail.slice(-20) : this.lines.slice(from, from + 40)).join('\n')}`;
  }
}
