// A client of /ws that comes back after each cut with its cursors, and keeps what it was told: in each channel a stream, in
// which every rev must come exactly once and in order between resets, and the messages as they stand by it.
import { WebSocket } from 'ws';
import type { Person } from './api.ts';
import { checkFrame } from './contract.ts';
import { moment, Signal } from './signal.ts';
import type { Frame } from './socket.ts';
import type { Target } from './target.ts';
import type { Channel, Event, Message, MessagePage } from './types.ts';

/** Events without a hole; `after` is the rev before the first, `after_at` its time. */
export interface Segment {
  after: number;
  after_at: string | null | undefined;
  events: Event[];
}

export class Stream {
  readonly segments: Segment[] = [];
  readonly messages = new Map<number, Message>();
  resets = 0;
  /** The server's epoch has changed since; until a reset or an event tells whether this is still the same history. */
  doubted = false;

  constructor(after: number, at?: string | null) {
    this.segments.push({ after, after_at: at, events: [] });
  }

  private get last(): Segment {
    return this.segments.at(-1) as Segment;
  }

  get rev(): number {
    return this.last.after + this.last.events.length;
  }

  get cursor(): number | [number, string] {
    const event = this.last.events.at(-1);
    if (event) return [event.rev, event.at];
    return this.last.after_at ? [this.last.after, this.last.after_at] : this.last.after;
  }

  reset(rev: number, at?: string | null): void {
    this.resets++;
    this.messages.clear();
    if (this.doubted) this.segments.length = 0; // of another history: nothing of it counts any more
    this.doubted = false;
    this.segments.push({ after: rev, after_at: at, events: [] });
  }

  take(event: Event): void {
    if (event.rev !== this.rev + 1)
      throw new Error(`rev ${event.rev} after ${this.rev} in channel ${event.channel_id}`);
    this.doubted = false;
    this.last.events.push(event);
    this.apply(event);
  }

  /** To what is held; once or again, as long as the events come in order. */
  apply(event: Event): void {
    if (event.message) this.merge(event.message);
    if (event.type === 'reaction') this.react(event);
  }

  /** A page: what came while it was on its way is applied to it. */
  load(page: Message[]): void {
    for (const message of page) this.merge(message);
    for (const event of this.last.events) this.apply(event);
  }

  /** A reaction's value is of its rev: a message that has come as far knows better. */
  private react({ message_id, rev, emoji = '', count = 0, user_ids = [] }: Event): void {
    const have = this.messages.get(message_id as number);
    if (!have || have.changed_rev >= rev) return;
    const value = { emoji, count, user_ids };
    const others = have.reactions.map((r) => (r.emoji === emoji ? value : r));
    if (!others.includes(value)) others.push(value);
    const reactions = others.filter((r) => r.count > 0);
    this.messages.set(have.message_id, { ...have, changed_rev: rev, reactions });
  }

  merge(message: Message): void {
    const have = this.messages.get(message.message_id);
    if (!have || have.changed_rev < message.changed_rev) this.messages.set(message.message_id, message);
  }
}

// Everybody gets the same frames: one look at each is enough.
const checked = new Set<string>();

export interface DeviceOptions {
  /** Does not come back after a close by the server. */
  once?: boolean;
  /** Asks for no compression. */
  plain?: boolean;
}

export class Device {
  readonly person: Person;
  readonly streams = new Map<number, Stream>();
  readonly faults: string[] = [];
  /** frames that are neither events nor answers */
  readonly others: Frame[] = [];
  /** the code of each close */
  readonly closes: number[] = [];
  hellos = 0;
  ws: WebSocket | undefined;
  private readonly target: Target;
  private readonly options: DeviceOptions;
  private readonly changed = new Signal();
  private readonly asked = new Map<number, (answer: Frame | 'lost') => void>();
  private readonly pages = new Set<Promise<void>>();
  private refs = 0;
  private ready = false;
  private away = false;
  private over = false;
  private user_rev: number | undefined;
  private epoch: string | undefined;
  private readonly life: Promise<void>;

  constructor(target: Target, person: Person, options: DeviceOptions = {}) {
    this.target = target;
    this.person = person;
    this.options = options;
    this.life = this.live();
  }

  private async live(): Promise<void> {
    while (!this.over) {
      await this.changed.until(() => !this.away || this.over);
      const server = await this.target.get();
      if (!server || this.over) break;
      const opened = await this.visit(`ws://${server.host}:${server.port}/ws`);
      if (this.options.once && opened) break;
      if (!opened) await moment(60);
    }
    this.over = true;
    this.changed.raise();
  }

  /** One connection, until it is closed; false: it was never opened. */
  private visit(url: string): Promise<boolean> {
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${this.person.signed.access_token}` };
      const ws = new WebSocket(url, { headers, perMessageDeflate: !this.options.plain });
      let opened = false;
      this.ws = ws;
      ws.on('open', () => {
        opened = true;
        this.hellos++;
        const cursors = Object.fromEntries([...this.streams].map(([id, stream]) => [id, stream.cursor]));
        const known = this.user_rev === undefined ? {} : { user_rev: this.user_rev, epoch: this.epoch };
        ws.send(JSON.stringify({ op: 'hello', cursors, ...known }));
      });
      ws.on('message', (data) => {
        if (ws === this.ws) this.take((data as Buffer).toString('utf8'));
      });
      ws.on('error', () => {}); // 'close' follows
      ws.on('close', (code) => {
        this.ws = undefined;
        this.ready = false;
        if (opened) this.closes.push(code);
        for (const answer of this.asked.values()) answer('lost');
        this.asked.clear();
        resolve(opened);
        this.changed.raise();
      });
    });
  }

  private take(text: string): void {
    try {
      const frame = JSON.parse(text) as Frame;
      if (!checked.has(text)) {
        checkFrame(frame);
        checked.add(text);
      }
      this.apply(frame);
    } catch (e) {
      this.faults.push(e instanceof Error ? e.message : String(e));
    }
    this.changed.raise();
  }

  private apply(frame: Frame): void {
    switch (frame.op) {
      case 'ready':
        for (const channel of frame.channels as Channel[]) this.begin(channel);
        for (const id of frame.gone as number[]) this.streams.delete(id);
        if (frame.user_rev !== undefined) this.user_rev = frame.user_rev as number;
        if (frame.epoch !== undefined) this.learn(frame.epoch as string);
        this.ready = !frame.more;
        break;
      case 'channel':
        this.begin(frame.channel as Channel);
        this.user_rev = frame.user_rev as number;
        break;
      case 'channel_gone':
        this.streams.delete(frame.channel_id as number);
        break;
      case 'reset':
        this.stream(frame.channel_id as number).reset(frame.rev as number, (frame.channel as Channel).rev_at);
        this.reload(frame.channel_id as number);
        break;
      case 'event':
        this.stream(frame.channel_id as number).take(frame as Frame & Event);
        break;
      case 'ack':
      case 'error':
      case 'pong':
        this.answer(frame);
        break;
      default:
        this.others.push(frame);
    }
  }

  private begin(channel: Channel): void {
    if (!this.streams.has(channel.id)) this.streams.set(channel.id, new Stream(channel.rev, channel.rev_at));
  }

  private learn(epoch: string): void {
    if (this.epoch !== undefined && this.epoch !== epoch)
      for (const stream of this.streams.values()) stream.doubted = true;
    this.epoch = epoch;
  }

  /** As the last greeting said; waits for one. undefined: it is over. */
  async presentEpoch(): Promise<string | undefined> {
    await this.changed.until(() => this.ready || this.over || this.faults.length > 0);
    this.fail();
    return this.over ? undefined : this.epoch;
  }

  stream(channel_id: number): Stream {
    const stream = this.streams.get(channel_id);
    if (!stream) throw new Error(`a stream that has not begun: channel ${channel_id}`);
    return stream;
  }

  private answer(frame: Frame): void {
    const waiting = this.asked.get(Number(frame.ref));
    if (!waiting) throw new Error(`an answer to nothing: ${JSON.stringify(frame)}`);
    this.asked.delete(Number(frame.ref));
    waiting(frame);
  }

  /** After a reset the last page is read; events that come meanwhile are merged as well. */
  private reload(id: number): void {
    if (id === 0) return;
    const read = async (): Promise<void> => {
      const server = await this.target.get();
      if (!server) return;
      const api = server.api();
      api.bearer = this.person.signed.access_token;
      const page = await api.ok<MessagePage>('message_list', { path: { id }, query: { limit: 100, threads: true } });
      this.stream(id).load(page.items);
    };
    const job = read()
      .catch((e: unknown) => void this.faults.push(`the page after a reset: ${String(e)}`))
      .finally(() => this.pages.delete(job));
    this.pages.add(job);
  }

  private fail(): void {
    if (this.faults.length) throw new Error(this.faults.join('\n'));
  }

  private async until(enough: () => boolean, what: string): Promise<void> {
    await this.changed.until(() => this.faults.length > 0 || this.over || enough());
    this.fail();
    if (!enough()) throw new Error(`it is over before ${what}`);
  }

  /** Waits until it is greeted. */
  greeted(): Promise<void> {
    return this.until(() => this.ready, 'ready');
  }

  /** Waits until its stream of a channel has come to a rev, and everything is loaded. */
  async reach(channel_id: number, rev: number): Promise<void> {
    await this.until(() => (this.streams.get(channel_id)?.rev ?? -1) >= rev, `rev ${rev} of channel ${channel_id}`);
    await Promise.all(this.pages);
    this.fail();
  }

  async frame(op: string): Promise<Frame> {
    await this.until(() => this.others.some((f) => f.op === op), op);
    return this.others.find((f) => f.op === op) as Frame;
  }

  /** Sends a request once it is greeted. */
  async request(frame: { op: string } & { [key: string]: unknown }): Promise<Frame | 'lost' | 'over'> {
    await this.changed.until(() => this.ready || this.over || this.faults.length > 0);
    this.fail();
    if (this.over) return 'over';
    const ref = ++this.refs;
    const answer = new Promise<Frame | 'lost'>((resolve) => this.asked.set(ref, resolve));
    this.ws?.send(JSON.stringify({ ...frame, ref }));
    return answer;
  }

  /** The connection breaks, without a word; it comes back by itself. */
  cut(): void {
    this.ws?.terminate();
  }

  /** Breaks the connection and stays away until `comeBack`. */
  leave(): void {
    this.away = true;
    this.cut();
  }

  comeBack(): void {
    this.away = false;
    this.changed.raise();
  }

  /** Until the server has closed it for good (with `once`). */
  async ended(): Promise<number> {
    await this.life;
    this.fail();
    return this.closes.at(-1) ?? 0;
  }

  async close(): Promise<void> {
    this.over = true;
    this.ws?.terminate();
    this.changed.raise();
    await this.life;
  }
}
