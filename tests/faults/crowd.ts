// The people, their channels, and what they do by themselves: an open loop, whose pace does not ask whether anything is answered.
import { readFile } from 'node:fs/promises';
import type { Channel } from '../e2e/lib/types.ts';
import { ask, type Ask } from './ask.ts';
import { Client, type Person, type World } from './client.ts';
import { type Deed, Outbox, type Sent } from './outbox.ts';
import { Random } from './random.ts';

export interface CrowdOptions {
  seed: number;
  clients: number;
  channels: number;
  /** messages and changes a second, of all together */
  rate: number;
  kicks_per_second: number;
  /** of the people: come while it runs */
  late: number;
  cut_after: number;
  pods: number;
  /** of them: not there at the beginning */
  spare?: number;
  /** nobody replies in threads, is banned or silenced: some pods know of none of it */
  unthreaded?: boolean;
}

interface Room {
  id: number;
  owner: Client;
  private: boolean;
  /** how much is said here, in proportion */
  weight: number;
}

const members_of_room = 22;
/** Of what people do. */
const reacting = 0.1;
const quoting = 0.7;
const replying = 0.8; // above it, up to what reacts
const emojis = ['👍', '🎉', '👀', '🏴󠁧󠁢󠁷󠁬󠁳󠁿'];

/** Of the loud room: who stops to read, who speaks, and how much at once. */
const loud_readers = 2;
const loud_talkers = 5;
const loud_burst = 3;
const loud_length = 40_000;

/** On a machine too busy for its pace it leaves out what it is later with, rather than make up for it all at once. */
const lag_most_ms = 1000;

/** A small room in which much is said while some of it do not read. */
export interface Loud {
  id: number;
  readers: Client[];
  talkers: Client[];
}

export class Crowd {
  readonly clients: Client[] = [];
  readonly rooms: Room[] = [];
  loud: Loud = { id: 0, readers: [], talkers: [] };
  readonly outbox: Outbox;
  private readonly options: CrowdOptions;
  private readonly world: World;
  private readonly random: Random;
  private readonly late: Client[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly mine = new Map<string, Sent[]>();
  private readonly busy = new Set<string>();
  /** how late it was itself, ms */
  readonly lags: number[] = [];
  private weights = 0;
  private said = 0;
  private stopped = false;

  constructor(options: CrowdOptions, world: World) {
    this.options = options;
    this.world = world;
    this.random = new Random(options.seed, 'crowd');
    this.outbox = new Outbox(world.origin, new Random(options.seed, 'outbox'), options.cut_after);
    this.outbox.acknowledged = (one) => {
      const key = `${one.author_id} ${one.channel_id}`;
      this.mine.set(key, [...(this.mine.get(key) ?? []).slice(-20), one]);
    };
  }

  /** `tokens` has lines of a name and a token; `ids` the ids of the names. */
  async gather(tokens: string, ids: Map<string, number>): Promise<void> {
    const lines = (await readFile(tokens, 'utf8')).split('\n').filter(Boolean);
    const people = lines.map((line): Person => {
      const [name, token] = line.split(' ') as [string, string];
      return { id: ids.get(name) as number, name, token };
    });
    for (const person of people)
      this.clients.push(new Client(this.world, person, new Random(this.options.seed, person.name)));
    const n_late = Math.floor(people.length * this.options.late);
    this.late.push(...this.clients.slice(people.length - n_late));
    for (let i = 0; i < this.options.channels; i++) await this.open(i);
    for (const room of this.rooms) this.weights += room.weight;
    await this.openLoud();
  }

  /** Its readers' connections go to a pod each, so that nothing but the kernel stands between. */
  private async openLoud(): Promise<void> {
    const members = this.clients.slice(0, loud_readers + loud_talkers);
    const readers = members.slice(0, loud_readers);
    const talkers = members.slice(loud_readers);
    const owner = talkers[0] as Client;
    const { id } = (await this.must(owner, 'POST', '/channels', { name: 'loud' })) as Channel;
    for (const who of members) if (who !== owner) await this.must(who, 'POST', `/channels/${id}/join`);
    const pods = this.options.pods - (this.options.spare ?? 0);
    readers.forEach((client, i) => (client.direct = i % pods));
    this.loud = { id, readers, talkers };
  }

  /** Until all of it is answered. */
  async shout(): Promise<void> {
    const { id, talkers } = this.loud;
    const said = talkers.flatMap((who) =>
      Array.from({ length: loud_burst }, () =>
        this.outbox.send(who, id, `${who.person.name} ${++this.said} ${'x'.repeat(loud_length)}`, Date.now()),
      ),
    );
    await Promise.all(said);
  }

  private async open(i: number): Promise<void> {
    const early = this.clients.length - this.late.length;
    const owner = this.clients[i % early] as Client;
    const is_private = i % 4 === 3;
    const body = { name: `room-${i}`, ...(is_private ? { private: true, history: 'joined' } : {}) };
    const channel = (await this.must(owner, 'POST', '/channels', body)) as Channel;
    // A few are busy, most are not.
    const room = { id: channel.id, owner, private: is_private, weight: 1 + 8 / (1 + i) };
    this.rooms.push(room);
    const others = this.random.shuffle(this.clients.slice(0, early).filter((c) => c !== owner));
    await Promise.all(others.slice(0, members_of_room).map((c) => this.must(...this.wayIn(room, c))));
  }

  private wayIn(room: Room, who: Client): [Client, string, string] {
    if (room.private) return [room.owner, 'PUT', `/channels/${room.id}/members/${who.person.id}`];
    return [who, 'POST', `/channels/${room.id}/join`];
  }

  private async must(who: Client, method: string, path: string, body?: unknown): Promise<unknown> {
    const outcome = await ask(this.world.origin(), who.person.token, { method, path, body });
    if (typeof outcome === 'object' && 'body' in outcome) return outcome.body;
    throw new Error(`${method} ${path}: ${JSON.stringify(outcome)}`);
  }

  /** Those who are there from the start. */
  get early(): Client[] {
    return this.clients.filter((c) => !this.late.includes(c));
  }

  private after(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.stopped) what();
    }, ms);
    this.timers.add(timer);
  }

  /** Begins; late ones come within `seconds`. */
  start(seconds: number): void {
    this.repeat(this.options.rate, new Random(this.options.seed, 'load'), (r, due) => this.act(r, due));
    this.repeat(this.options.kicks_per_second, new Random(this.options.seed, 'kicks'), (r) => this.moderate(r));
    for (const client of this.late) this.after(this.random.between(0, seconds * 1000), () => this.join(client));
  }

  private repeat(per_second: number, random: Random, what: (r: Random, due: number) => void): void {
    if (!per_second) return;
    let due = Date.now();
    const next = (): void => {
      due += random.pause_ms(per_second);
      this.after(Math.max(0, due - Date.now()), () => {
        const now = Date.now();
        this.lags.push(now - due);
        due = Math.max(due, now - lag_most_ms);
        what(random, now); // that the checker comes late is no latency of what it measures
        next();
      });
    };
    next();
  }

  close(): void {
    this.outbox.giveUp();
    for (const client of this.clients) client.close();
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
  }

  private join(client: Client): void {
    client.connect();
    const rooms = this.random.shuffle([...this.rooms]).slice(0, 5);
    for (const room of rooms) void this.enter(room, client);
  }

  private enter(room: Room, client: Client): Promise<void> {
    const deed = { kind: 'join' as const, channel_id: room.id, user_id: client.person.id, done: false };
    const [by, method, path] = this.wayIn(room, client);
    return this.outbox.do(by, deed, { method, path });
  }

  private room(random: Random): Room {
    let at = random.between(0, this.weights);
    for (const room of this.rooms) if ((at -= room.weight) < 0) return room;
    return this.rooms[0] as Room;
  }

  private act(random: Random, due: number): void {
    const room = this.room(random);
    const what = random.next();
    const there = this.clients.filter((c) => c.streams.has(room.id));
    if (there.length === 0) return;
    const client = random.pick(there);
    if (what > 1 - reacting) return this.react(random, room, client, random.pick(there));
    const own = this.mine.get(`${client.person.id} ${room.id}`) ?? [];
    const one = own.length ? random.pick(own) : undefined;
    const key = one?.nonce ?? '';
    if (one?.message && what < 0.14 && !this.busy.has(key)) {
      const { message_id } = one.message;
      const path = `/channels/${room.id}/messages/${message_id}`;
      const deed = { channel_id: room.id, user_id: client.person.id, message_id, done: false };
      this.busy.add(key);
      if (what < 0.1) {
        const body = `edited ${random.below(1e9)}`;
        const edit = { ...deed, kind: 'edit' as const, body };
        void this.outbox.do(client, edit, { method: 'PATCH', path, body: { body } }).then(() => this.busy.delete(key));
      } else void this.outbox.do(client, { ...deed, kind: 'delete' }, { method: 'DELETE', path }); // and none touches it again
      return;
    }
    const length = random.chance(0.02) ? random.below(6000) : random.below(200);
    const more = what > replying ? this.reply(random, room, random.pick(there)) : {};
    if (one?.message && what > quoting && what <= replying) Object.assign(more, { reply_to: one.message.message_id });
    void this.outbox.send(client, room.id, `${client.person.name} ${++this.said} ${'x'.repeat(length)}`, due, more);
  }

  /** In the thread of what the other has said, which may be gone, or not to be seen by this one. */
  private reply(random: Random, room: Room, other: Client): { thread_id?: number; in_channel?: boolean } {
    const said = (this.mine.get(`${other.person.id} ${room.id}`) ?? []).filter((one) => !one.more.thread_id);
    const root = said.length ? random.pick(said).message?.message_id : undefined;
    if (!root || this.options.unthreaded) return {};
    return { thread_id: root, ...(random.chance(0.3) ? { in_channel: true } : {}) };
  }

  /** To something that the other has said, which may be gone, or not to be seen by this one. */
  private react(random: Random, room: Room, client: Client, other: Client): void {
    const said = this.mine.get(`${other.person.id} ${room.id}`) ?? [];
    const message_id = said.length ? random.pick(said).message?.message_id : undefined;
    if (!message_id) return;
    const emoji = random.pick(emojis);
    const given = random.chance(0.7);
    const path = `/channels/${room.id}/messages/${message_id}/reactions/${encodeURIComponent(emoji)}`;
    const deed = {
      kind: 'react' as const,
      channel_id: room.id,
      user_id: client.person.id,
      message_id,
      emoji,
      given,
      done: false,
    };
    void this.outbox.do(client, deed, { method: given ? 'PUT' : 'DELETE', path });
  }

  /** What an owner does with somebody, one thing with each at a time. */
  private moderate(random: Random): void {
    const room = random.pick(this.rooms);
    const there = this.clients.filter((c) => c !== room.owner && c.streams.has(room.id));
    if (there.length < 5) return;
    const client = random.pick(there);
    const what = random.next();
    const away_ms = random.between(200, 3000);
    if (this.options.unthreaded || what < 0.4) return void this.kick(room, client, away_ms);
    const key = what < 0.9 ? `${room.id} ${client.person.id}` : `${room.id}`;
    if (this.busy.has(key)) return;
    this.busy.add(key);
    const done =
      what < 0.7
        ? this.ban(room, client)
        : what < 0.9
          ? this.silence(room, client)
          : this.close_room(room, client, what < 0.95);
    void this.outbox.together(key, done).then(() => this.busy.delete(key));
  }

  /** Put out, and back after a while. */
  private async kick(room: Room, client: Client, away_ms: number): Promise<void> {
    const deed = { kind: 'kick' as const, channel_id: room.id, user_id: client.person.id, done: false };
    await this.outbox.do(room.owner, deed, { method: 'DELETE', path: this.member(room, client) });
    this.after(away_ms, () => void this.enter(room, client));
  }

  private member(room: Room, client: Client): string {
    return `/channels/${room.id}/members/${client.person.id}`;
  }

  private deed(kind: Deed['kind'], room: Room, client: Client): Deed {
    return { kind, channel_id: room.id, user_id: client.person.id, done: false };
  }

  /** Put out, kept out, and back once that is lifted. */
  private async ban(room: Room, client: Client): Promise<void> {
    const path = `/channels/${room.id}/bans/${client.person.id}`;
    const [by, method, way] = this.wayIn(room, client);
    const banned = this.deed('ban', room, client);
    await this.outbox.do(room.owner, banned, { method: 'PUT', path });
    if (banned.done) await this.outbox.do(by, this.deed('barred', room, client), { method, path: way });
    await this.outbox.do(room.owner, this.deed('unban', room, client), { method: 'DELETE', path });
    await this.enter(room, client);
  }

  private async silence(room: Room, client: Client): Promise<void> {
    const ask = (muted_until: string | null): Ask => ({
      method: 'PUT',
      path: this.member(room, client),
      body: { muted_until },
    });
    const hushed = this.deed('silence', room, client);
    await this.outbox.do(room.owner, hushed, ask(new Date(Date.now() + 3_600_000).toISOString()));
    if (hushed.done) await this.tryToSay(room, client);
    await this.outbox.do(room.owner, this.deed('silence', room, client), ask(null));
  }

  /** To all but its owner; its archive is closed to them too, which the owner knows. */
  private async close_room(room: Room, client: Client, archived: boolean): Promise<void> {
    const ask = (on: boolean): Ask => ({
      method: 'PATCH',
      path: `/channels/${room.id}`,
      body: archived ? { archived: on } : { read_only: on },
    });
    const closed = this.deed('close', room, room.owner);
    await this.outbox.do(room.owner, closed, ask(true));
    if (closed.done) await this.tryToSay(room, client);
    await this.outbox.do(room.owner, this.deed('close', room, room.owner), ask(false));
  }

  /** Which must be refused: the judge knows of no such message. */
  private tryToSay(room: Room, client: Client): Promise<void> {
    const body = { nonce: this.random.uuid(), body: 'may not be said' };
    return this.outbox.do(client, this.deed('hushed', room, client), {
      method: 'POST',
      path: `/channels/${room.id}/messages`,
      body,
    });
  }

  /** Some of the room in which most is said, and how far that room has come. */
  busiest(n: number): Client[] {
    const [room] = this.rooms;
    return room ? this.clients.filter((c) => c !== room.owner && c.streams.has(room.id)).slice(0, n) : [];
  }

  busiest_rev(): number {
    const [room] = this.rooms;
    return room ? Math.max(0, ...this.clients.map((c) => c.streams.get(room.id)?.rev ?? 0)) : 0;
  }
}
