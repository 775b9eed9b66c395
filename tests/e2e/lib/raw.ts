// Bytes to a port and what comes back, for requests that no well-behaved client would write.
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** Takes the answers apart; bodies by Content-Length or chunks. What is no answer of HTTP is an error. */
export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes.toString('latin1');
  while (rest) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`a head without an end: ${JSON.stringify(rest.slice(0, 200))}`);
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
    if (!status) throw new Error(`no status line: ${JSON.stringify(first)}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    rest = rest.slice(end + 4);
    const length = Number(headers.get('content-length') ?? 0);
    if (rest.length < length) throw new Error(`a body cut short: ${length - rest.length} bytes are missing`);
    const body = Buffer.from(rest.slice(0, length), 'latin1').toString('utf8');
    rest = rest.slice(length);
    if (status !== '100') answers.push({ status: Number(status), headers, body });
  }
  return answers;
}

export class Raw {
  readonly socket: Socket;
  private readonly chunks: Buffer[] = [];
  private readonly waiting = new Set<() => void>();
  private over = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.wake();
    });
    socket.on('close', () => {
      this.over = true;
      this.wake();
    });
    socket.on('error', () => {}); // 'close' follows
  }

  static async open(port: number, host = '127.0.0.1'): Promise<Raw> {
    const socket = connect({ port, host, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    return new Raw(socket);
  }

  private wake(): void {
    for (const again of [...this.waiting]) again();
  }

  private async until(enough: () => boolean): Promise<void> {
    while (!enough())
      await new Promise<void>((resolve) => {
        const again = (): void => {
          this.waiting.delete(again);
          resolve();
        };
        this.waiting.add(again);
      });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  write(data: string | Buffer): this {
    this.socket.write(data);
    return this;
  }

  /** Until the server has closed: all answers. */
  async closed(): Promise<RawAnswer[]> {
    await this.until(() => this.over);
    return parseAnswers(this.bytes);
  }

  /** Until so many whole answers are there; the connection may live on. */
  async answers(n: number): Promise<RawAnswer[]> {
    let found: RawAnswer[] = [];
    await this.until(() => {
      try {
        found = parseAnswers(this.bytes);
      } catch {
        found = [];
      }
      return found.length >= n || this.over;
    });
    return found;
  }

  end(): void {
    this.socket.destroy();
  }
}

/** Sends these bytes on a connection of their own; the one answer, whether the connection ends after it or not. */
export async function ask(port: number, data: string | Buffer): Promise<RawAnswer> {
  const raw = await Raw.open(port);
  const [answer] = await raw.write(data).answers(1);
  raw.end();
  if (!answer) throw new Error(`no answer to ${JSON.stringify(data.toString('latin1').slice(0, 120))}`);
  return answer;
}
