// One person's client, as docs/sync.md wants one: a cursor a channel, back after each cut with full jitter, the last page after a
// reset. It keeps everything that it was told, for the judge.
import { WebSocket } from 'ws';
import type { Channel, Event, Message, MessagePage } from '../e2e/lib/types.ts';
import { ask, type Ask, type Outcome } from './ask.ts';
import type { Random } from './random.ts';
import { Stream } from './stream.ts';

export interface Frame {
  op: string;
  ref?: number;
  [key: string]: unknown;
}

/** What all clients of a run share. */
export interface World {
  origin: () => string;
  /** where its socket goes: to one pod, or to the ingress */
  socket(client: Client): string;
  /** the pod that answers there, by the address that the ingress tells */
  pod(address: string): number;
  /** breaks the promise: the run has failed */
  fault(kind: string, text: string): void;
  /** one event at one client */
  delivered(client: Client, stream: Stream, event: Event, now: number): void;
  /** the client has nothing to listen to, or again */
  online(client: Client, on: boolean): void;
}

export interface Person {
  id: number;
  name: string;
  token: string;
}

// Everybody gets the same frames: one reading is enough.
const cache = new Map<string, Frame>();
const cache_most = 4000;

function read(text: string): Frame {
  let frame = cache.get(text);
  if (frame) return frame;
  frame = JSON.parse(text) as Frame;
  if (frame.op !== 'event') return frame;
  if (cache.size >= cache_most) cache.delete(cache.keys().next().value as string);
  cache.set(text, frame);
  return frame;
}

const backoff_ms = 100;
const backoff_most_ms = 1600;

export class Client {
  readonly person: Person;
  readonly streams = new Map<number, Stream>();
  /** those that `channel_gone` has ended */
  readonly past: Stream[] = [];
  readonly stats = { hellos: 0, resets: 0, drains: 0, closes: 0, replays: 0, reattached: 0 };
  /** its connections go to this pod, past the ingress */
  direct: number | undefined;
  /** of its connection */
  pod: number | undefined;
  ready = false;
  /** does not listen, by its own will */
  absent = false;
  listens_since = 0;
  ready_since = 0;
  /** pages and messages that are being read */
  readonly reading = new Set<Promise<void>>();
  private readonly world: World;
  private readonly random: Random;
  private ws: WebSocket | undefined;
  private stalled: WebSocket | undefined;
  /** the connection, counted, on which it did not read */
  private slow = 0;
  private over = false;
  private tries = 0;
  private timer: NodeJS.Timeout | undefined;
  private user_rev: number | undefined;
  private epoch: string | undefined;
  private refs = 0;
  private readonly asked = new Map<number, (outcome: Outcome) => void>();

  constructor(world: World, person: Person, random: Random) {
    this.world = world;
    this.person = person;
    this.random = random;
  }

  connect(): void {
    if (this.over || this.absent) return;
    const headers = { authorization: `Bearer ${this.person.token}` };
    const url = `${this.world.socket(this).replace('http', 'ws')}/ws`;
    // No compression: the library inflates message by message on a thread, seconds late on a busy machine.
    const ws = new WebSocket(url, { headers, perMessageDeflate: false, handshakeTimeout: 5000 });
    this.ws = ws;
    ws.on('upgrade', ({ headers: said }) => {
      if (ws === this.ws) this.pod = this.direct ?? this.world.pod(String(said['x-pod']));
    });
    ws.on('open', () => {
      this.stats.hellos++;
      const cursors = Object.fromEntries([...this.streams].map(([id, stream]) => [id, stream.cursor]));
      const known = this.user_rev === undefined ? {} : { user_rev: this.user_rev, epoch: this.epoch };
      ws.send(JSON.stringify({ op: 'hello', cursors, ...known }));
    });
    ws.on('message', (data) => {
      if (ws === this.ws) this.take((data as Buffer).toString('utf8'));
    });
    ws.on('error', () => {}); // 'close' follows
    ws.on('close', (code) => this.closed(ws, code));
  }

  private closed(ws: WebSocket, code: number): void {
    if (ws !== this.ws) return;
    this.ws = undefined;
    if (this.ready) {
      this.stats.closes++;
      this.tries = 0;
    }
    this.setReady(false);
    for (const answer of this.asked.values()) answer('lost');
    this.asked.clear();
    if ([1002, 1003, 1007, 1011, 4001, 4002, 4003, 4009].includes(code))
      this.world.fault('refused', `${this.person.name} was closed with ${code}`);
    const most = Math.min(backoff_most_ms, backoff_ms * 2 ** this.tries++);
    if (!this.over && !this.absent) this.timer = setTimeout(() => this.connect(), this.random.between(0, most));
  }

  private setReady(on: boolean): void {
    if (on === this.ready) return;
    this.ready = on;
    this.ready_since = Date.now();
    this.world.online(this, on);
  }

  private take(text: string): void {
    const frame = read(text);
    switch (frame.op) {
      case 'event':
        this.event(frame as Frame & Event);
        break;
      case 'ready':
        this.greeted(frame);
        break;
      case 'channel':
        this.begin(frame.channel as Channel);
        this.user_rev = frame.user_rev as number;
        break;
      case 'channel_gone':
        this.gone(frame.channel_id as number);
        break;
      case 'reset':
        this.reset(frame.channel_id as number, frame.rev as number);
        break;
      case 'synced':
        this.stats.replays++;
        this.attachedAgain();
        break;
      case 'drain':
        this.stats.drains++;
        break;
      case 'ack':
      case 'error':
        this.answer(frame);
        break;
      default: // typing, read, me and such
    }
  }

  private greeted(frame: Frame): void {
    for (const channel of frame.channels as Channel[]) this.begin(channel);
    for (const id of (frame.gone ?? []) as number[]) this.gone(id);
    if (frame.user_rev !== undefined) this.user_rev = frame.user_rev as number;
    if (frame.epoch !== undefined) this.epoch = frame.epoch as string;
    if (!frame.more) this.setReady(true);
  }

  private begin(channel: Channel): void {
    if (!this.streams.has(channel.id))
      this.streams.set(channel.id, new Stream(channel.id, this.person.id, channel.rev));
  }

  private gone(id: number): void {
    const stream = this.streams.get(id);
    if (!stream) return;
    stream.ended = true;
    this.past.push(stream);
    this.streams.delete(id);
  }

  private event(event: Frame & Event): void {
    const stream = this.streams.get(event.channel_id);
    if (!stream) {
      this.world.fault(
        'leak',
        `${this.person.name} got rev ${event.rev} of channel ${event.channel_id}, whose stream had not begun or was over`,
      );
      return;
    }
    const now = Date.now();
    const wrong = stream.take(event, now);
    if (wrong) this.world.fault('order', `${this.person.name}, channel ${event.channel_id}: ${wrong}`);
    this.world.delivered(this, stream, event, now);
    if (event.message_id) this.again(stream, event.message_id);
    if (event.root) this.again(stream, event.root.message_id);
  }

  /** On the connection on which it was parked: by no hello of its own. */
  private attachedAgain(): void {
    if (this.slow !== this.stats.hellos) return;
    this.slow = 0;
    this.stats.reattached++;
  }

  private reset(id: number, rev: number): void {
    const stream = this.streams.get(id);
    if (!stream) {
      this.world.fault('order', `${this.person.name}: a reset of channel ${id}, which has no stream`);
      return;
    }
    this.stats.resets++;
    this.attachedAgain();
    stream.reset(rev);
    if (id)
      this.read({ method: 'GET', path: `/channels/${id}/messages?limit=100&threads=true` }, stream, (body) => {
        const page = body as MessagePage;
        stream.page_from = page.items[0]?.message_id;
        stream.mine(page.mine ?? [], page.rev); // an old pod knows of none
        for (const message of page.items) {
          stream.merge(message);
          this.again(stream, message.message_id); // its change may have come before the page
        }
      });
  }

  /** Under `history: joined` an edit comes without the message: who holds an older form reads it. */
  private again(stream: Stream, message_id: number): void {
    if (!stream.outdated(message_id)) return;
    this.read({ method: 'GET', path: `/channels/${stream.channel_id}/messages/${message_id}` }, stream, (body) =>
      stream.merge(body as Message),
    );
  }

  /** Until it is answered, or the stream has been reset or ended meanwhile: then nobody needs it. */
  private read(what: Ask, stream: Stream, take: (body: unknown) => void): void {
    const segment = stream.last;
    const wanted = (): boolean => !this.over && !stream.ended && stream.last === segment;
    const job = (async () => {
      while (wanted()) {
        const outcome = await ask(this.world.origin(), this.person.token, what);
        if (typeof outcome === 'object' && !('refused' in outcome)) {
          if (wanted()) take(outcome.body);
          return;
        }
        if (typeof outcome === 'object' && outcome.final) return; // put out meanwhile: channel_gone follows
        await new Promise((resolve) => setTimeout(resolve, this.random.between(0, 2 * backoff_ms)));
      }
    })().finally(() => this.reading.delete(job));
    this.reading.add(job);
  }

  private answer(frame: Frame): void {
    const waiting = this.asked.get(Number(frame.ref));
    if (!waiting) return this.world.fault('answer', `an answer to nothing: ${JSON.stringify(frame)}`);
    this.asked.delete(Number(frame.ref));
    if (frame.op === 'ack') return waiting({ body: frame.message });
    const code = String(frame.code);
    if (code === 'internal') return waiting('lost');
    waiting({ refused: code, final: frame.retry_after === undefined });
  }

  /** By the socket; 'lost' at once where there is none. */
  request(op: string, fields: { [key: string]: unknown }, then_cut: boolean): Promise<Outcome> {
    const ws = this.ws;
    if (!ws || !this.ready) return Promise.resolve('unsent');
    const ref = ++this.refs;
    const answer = new Promise<Outcome>((resolve) => this.asked.set(ref, resolve));
    ws.send(JSON.stringify({ ...fields, op, ref }), () => {
      if (then_cut) ws.terminate();
    });
    return answer;
  }

  cut(): void {
    this.ws?.terminate();
  }

  /** Breaks the connection and stays away until `comeBack`. */
  leave(): void {
    this.absent = true;
    clearTimeout(this.timer);
    this.cut();
    this.world.online(this, false);
  }

  comeBack(): void {
    this.listening();
    if (!this.ws) this.connect();
  }

  /** Stops to read, without a word; false: it was not connected. */
  stall(): boolean {
    if (!this.ws || !this.ready || this.absent) return false;
    this.absent = true;
    this.stalled = this.ws;
    this.slow = this.stats.hellos;
    this.ws.pause();
    this.world.online(this, false);
    return true;
  }

  resume(): void {
    this.listening();
    this.stalled?.resume();
    this.stalled = undefined;
    if (!this.ws) this.connect();
  }

  private listening(): void {
    this.absent = false;
    this.listens_since = Date.now();
  }

  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.ws?.terminate();
  }
}
