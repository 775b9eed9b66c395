// A client of /ws that keeps all frames, holds each against the contract, and watches the one promise that matters most:
// in every channel each rev comes exactly once and in order.
import { WebSocket } from 'ws';
import { checkFrame } from './contract.ts';
import type { Server } from './server.ts';
import type { Channel, Event, Message, User } from './types.ts';

export type Frame = { op: string; ref?: string | number } & { [key: string]: unknown };
export type EventFrame = Frame & Event;

export interface Ready {
  session_id: string;
  user: User;
  epoch: string;
  user_rev: number;
  channels: Channel[];
  gone: number[];
  users: User[];
}

export interface Hello {
  cursors?: { [channel_id: string]: number | [number, string] };
  user_rev?: number;
  epoch?: string;
}

export interface Options {
  token?: string;
  cookie?: string;
  origin?: string;
  protocols?: string[];
  path?: string;
}

export class Socket {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly faults: string[] = [];
  /** channel_id: the last rev */
  readonly cursors = new Map<number, number>();
  closed?: { code: number; reason: string };
  refused?: { status: number; body: string };
  private readonly waiting = new Set<() => void>();
  private taken = 0;

  constructor(server: Server, options: Options) {
    const headers: { [name: string]: string } = {};
    if (options.token) headers.authorization = `Bearer ${options.token}`;
    if (options.cookie) headers.cookie = options.cookie;
    if (options.origin) headers.origin = options.origin;
    const url = `ws://${server.host}:${server.port}${options.path ?? '/ws'}`;
    this.ws = new WebSocket(url, options.protocols ?? [], { headers });
    this.ws.on('message', (data, binary) => this.take(data as Buffer, binary));
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.wake();
    });
    this.ws.on('open', () => this.wake());
    this.ws.on('unexpected-response', (_, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        this.refused = { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
        this.wake();
      });
    });
    this.ws.on('error', (e) => {
      if (!this.refused) this.faults.push(`error: ${e.message}`);
      this.wake();
    });
  }

  private wake(): void {
    for (const again of [...this.waiting]) again();
  }

  private take(data: Buffer, binary: boolean): void {
    try {
      if (binary) throw new Error('a binary frame');
      const frame = JSON.parse(data.toString('utf8')) as Frame;
      this.frames.push(frame);
      checkFrame(frame);
      this.follow(frame);
    } catch (e) {
      this.faults.push(e instanceof Error ? e.message : String(e));
    }
    this.wake();
  }

  private begin(channel: Channel): void {
    if (!this.cursors.has(channel.id)) this.cursors.set(channel.id, channel.rev);
  }

  private follow(frame: Frame): void {
    if (frame.op === 'ready') {
      for (const channel of frame.channels as Channel[]) this.begin(channel);
      for (const id of frame.gone as number[]) this.cursors.delete(id);
    } else if (frame.op === 'channel') this.begin(frame.channel as Channel);
    else if (frame.op === 'channel_gone') this.cursors.delete(frame.channel_id as number);
    else if (frame.op === 'reset') this.cursors.set(frame.channel_id as number, frame.rev as number);
    else if (frame.op === 'event') this.step(frame as EventFrame);
  }

  private step(event: EventFrame): void {
    const last = this.cursors.get(event.channel_id);
    if (last === undefined) throw new Error(`an event of channel ${event.channel_id}, whose stream had not begun`);
    if (event.rev !== last + 1) throw new Error(`rev ${event.rev} after ${last} in channel ${event.channel_id}`);
    this.cursors.set(event.channel_id, event.rev);
  }

  /** Waits until `enough` is no longer undefined; it is asked after everything that happens. */
  async until<T>(enough: () => T | undefined, what: string): Promise<T> {
    for (;;) {
      const found = enough();
      if (found !== undefined) return found;
      if (this.faults.length) throw new Error(`${what}: ${this.faults.join('\n')}`);
      if (this.closed || this.refused)
        throw new Error(`${what}: the socket is over: ${JSON.stringify(this.closed ?? this.refused)}`);
      await new Promise<void>((resolve) => {
        const again = (): void => {
          this.waiting.delete(again);
          resolve();
        };
        this.waiting.add(again);
      });
    }
  }

  /** The first frame after the last one taken that `match`es; those before it count as taken as well. */
  next(match: (frame: Frame) => boolean, what: string): Promise<Frame> {
    return this.until(() => {
      for (let i = this.taken; i < this.frames.length; i++) {
        const frame = this.frames[i];
        if (frame && match(frame)) {
          this.taken = i + 1;
          return frame;
        }
      }
      return undefined;
    }, `waiting for ${what}`);
  }

  nextOp(op: string): Promise<Frame> {
    return this.next((frame) => frame.op === op, op);
  }

  async nextEvent(channel_id: number, type?: string): Promise<EventFrame> {
    const match = (f: Frame): boolean => f.op === 'event' && f.channel_id === channel_id && (!type || f.type === type);
    return (await this.next(match, `${type ?? 'an event'} in channel ${channel_id}`)) as EventFrame;
  }

  /** Waits until the stream of a channel has come to a rev. */
  async reach(channel_id: number, rev: number): Promise<void> {
    const there = (): true | undefined => ((this.cursors.get(channel_id) ?? -1) >= rev ? true : undefined);
    await this.until(there, `waiting for rev ${rev} of channel ${channel_id}`);
  }

  opened(): Promise<true> {
    return this.until(() => (this.ws.readyState === WebSocket.OPEN ? true : undefined), 'opening');
  }

  async over(): Promise<{ code: number; reason: string }> {
    const end = (): { code: number; reason: string } | undefined => this.closed;
    while (!end())
      await new Promise<void>((resolve) => {
        const again = (): void => {
          this.waiting.delete(again);
          resolve();
        };
        this.waiting.add(again);
      });
    return end() ?? { code: 0, reason: '' };
  }

  say(frame: object | string): void {
    this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Says hello and gathers the parts of `ready`. */
  async hello(hello: Hello = {}): Promise<Ready> {
    await this.opened();
    for (const [id, cursor] of Object.entries(hello.cursors ?? {}))
      this.cursors.set(Number(id), Array.isArray(cursor) ? cursor[0] : cursor);
    this.say({ op: 'hello', cursors: {}, ...hello });
    const first = await this.nextOp('ready');
    const ready = { ...first } as unknown as Ready;
    for (let part = first; part.more;) {
      part = await this.nextOp('ready');
      ready.channels.push(...(part.channels as Channel[]));
      ready.gone.push(...(part.gone as number[]));
      ready.users.push(...(part.users as User[]));
      if (part.user_rev !== undefined) ready.user_rev = part.user_rev as number;
    }
    return ready;
  }

  /** Sends a request and waits for what answers its ref. */
  async request(frame: { op: string } & { [key: string]: unknown }): Promise<Frame> {
    const ref = `r${this.frames.length}-${Math.random().toString(36).slice(2)}`;
    this.say({ ...frame, ref });
    return this.until(() => this.frames.find((f) => f.ref === ref), `an answer to ${frame.op}`);
  }

  async send(channel_id: number, nonce: string, body: string): Promise<Message> {
    const answer = await this.request({ op: 'send', channel_id, nonce, body });
    if (answer.op !== 'ack') throw new Error(`no ack: ${JSON.stringify(answer)}`);
    return answer.message as Message;
  }

  events(channel_id: number): EventFrame[] {
    return this.frames.filter((f) => f.op === 'event' && f.channel_id === channel_id) as EventFrame[];
  }

  async close(): Promise<void> {
    this.ws.close();
    await this.over();
  }
}

const open = new Set<Socket>();

export async function connect(server: Server, options: Options, hello?: Hello): Promise<Socket & { ready: Ready }> {
  const socket = new Socket(server, options);
  open.add(socket);
  return Object.assign(socket, { ready: await socket.hello(hello) });
}

/** Connected, and past the point at which hints of these channels reach it: it hears that each stream has caught up. */
export async function attach(server: Server, options: Options, ...channels: number[]): Promise<Socket> {
  const socket = await connect(server, options, { cursors: Object.fromEntries(channels.map((id) => [id, 0])) });
  const synced = (id: number): Frame | undefined => socket.frames.find((f) => f.op === 'synced' && f.channel_id === id);
  for (const id of channels) await socket.until(() => synced(id), `being attached to channel ${id}`);
  return socket;
}

/** A socket before its hello. */
export async function dial(server: Server, options: Options): Promise<Socket> {
  const socket = new Socket(server, options);
  open.add(socket);
  return socket;
}

/** For afterEach: what any socket has complained of, after all of them are gone. */
export function settle(): void {
  const faults = [...open].flatMap((s) => s.faults);
  for (const socket of open) socket.ws.terminate();
  open.clear();
  if (faults.length) throw new Error(faults.join('\n'));
}
