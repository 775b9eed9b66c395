// What people do, and what they remember of it. Messages of one person in one channel go one after another, each under its nonce
// until it is answered, as docs/sync.md wants of a client; they are due at the time of the plan, whether or not the one before has
// been answered.
import type { Message } from '../e2e/lib/types.ts';
import { ask, type Ask, type Outcome } from './ask.ts';
import type { Client } from './client.ts';
import type { Random } from './random.ts';

export interface Sent {
  channel_id: number;
  author_id: number;
  nonce: string;
  body: string;
  more: { [key: string]: unknown };
  due: number;
  /** when a try was last left without an answer */
  lost_at?: number;
  /** tries that were never answered */
  lost: number;
  /** as it was acknowledged, first */
  message?: Message;
  /** finally */
  refused?: string;
}

/** An edit, a deletion, a kick or a way back in, and what must be refused (`barred` from a way in, `hushed`): until it is answered, all of them may be asked for twice. */
export interface Deed {
  kind: 'edit' | 'delete' | 'kick' | 'join' | 'react' | 'ban' | 'unban' | 'barred' | 'silence' | 'close' | 'hushed';
  channel_id: number;
  /** whom a kick or a join is about; else the author */
  user_id: number;
  message_id?: number;
  body?: string;
  emoji?: string;
  /** a reaction is given, or taken back */
  given?: boolean;
  message?: Message;
  done: boolean;
  refused?: string;
}

const backoff_ms = 200;
/** A refusal is final only when no earlier try was left unanswered for so long: it may be still under way. */
const doubt_ms = 10_000;

export class Outbox {
  readonly sent: Sent[] = [];
  readonly deeds: Deed[] = [];
  readonly stats = { acknowledged: 0, refusals: 0, lost: 0 };
  private readonly last = new Map<string, Promise<void>>();
  private readonly random: Random;
  private readonly origin: () => string;
  /** how many are cut on purpose in the moment after they were sent */
  private readonly cut_after: number;
  private given_up = false;
  queued: (one: Sent) => void = () => {};
  acknowledged: (one: Sent) => void = () => {};
  answered: (at: number, ms: number) => void = () => {};

  constructor(origin: () => string, random: Random, cut_after: number) {
    this.origin = origin;
    this.random = random;
    this.cut_after = cut_after;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.random.between(0, backoff_ms)));
  }

  private queue(key: string, job: () => Promise<void>): Promise<void> {
    const before = this.last.get(key) ?? Promise.resolve();
    const done = before.then(job);
    this.last.set(key, done);
    return done;
  }

  /** Until it is answered. */
  send(
    client: Client,
    channel_id: number,
    body: string,
    due: number,
    more: { [key: string]: unknown } = {},
  ): Promise<void> {
    const nonce = this.random.uuid();
    const one: Sent = { channel_id, author_id: client.person.id, nonce, body, more, due, lost: 0 };
    const by_socket = this.random.chance(0.5);
    this.sent.push(one);
    this.queued(one);
    return this.queue(`${client.person.id} ${channel_id}`, () => this.run(client, one, by_socket));
  }

  private async run(client: Client, one: Sent, by_socket: boolean): Promise<void> {
    while (!this.given_up) {
      const asked = Date.now();
      const outcome = await this.try(client, one, by_socket);
      if (typeof outcome === 'object' && 'body' in outcome) {
        this.answered(Date.now(), Date.now() - asked);
        one.message = outcome.body as Message;
        this.stats.acknowledged++;
        this.acknowledged(one);
        return;
      }
      if (outcome === 'lost') {
        this.stats.lost++;
        one.lost++;
        one.lost_at = Date.now();
      } else if (typeof outcome === 'object') {
        this.stats.refusals++;
        if (outcome.final && Date.now() - (one.lost_at ?? 0) > doubt_ms) {
          one.refused = outcome.refused;
          return;
        }
      }
      await this.pause();
    }
  }

  private try(client: Client, one: Sent, by_socket: boolean): Promise<Outcome> {
    const fields = { nonce: one.nonce, body: one.body, ...one.more };
    const then_cut = this.random.chance(this.cut_after);
    if (by_socket || then_cut) return client.request('send', { channel_id: one.channel_id, ...fields }, then_cut);
    const what = { method: 'POST', path: `/channels/${one.channel_id}/messages`, body: fields };
    return ask(this.origin(), client.person.token, what);
  }

  /** By HTTP, until it is answered. */
  do(by: Client, deed: Deed, what: Ask): Promise<void> {
    this.deeds.push(deed);
    const job = async (): Promise<void> => {
      while (!this.given_up) {
        const outcome = await ask(this.origin(), by.person.token, what);
        if (typeof outcome === 'object' && 'body' in outcome) {
          if (deed.kind === 'edit' || deed.kind === 'delete') deed.message = outcome.body as Message;
          deed.done = true;
          return;
        }
        if (typeof outcome === 'object' && outcome.final) {
          deed.refused = outcome.refused;
          return;
        }
        await this.pause();
      }
    };
    return this.queue(`${deed.kind} ${deed.channel_id} ${deed.user_id}`, job);
  }

  /** Several deeds, of which a later one follows from the one before: waited for as a whole. */
  together(key: string, deeds: Promise<void>): Promise<void> {
    this.last.set(`together ${key}`, deeds);
    return deeds;
  }

  /** Until everything is answered; false: it was not, in that time. */
  async finish(patience_ms: number): Promise<boolean> {
    const timer = setTimeout(() => (this.given_up = true), patience_ms);
    await Promise.all(this.last.values());
    clearTimeout(timer);
    return !this.given_up;
  }

  giveUp(): void {
    this.given_up = true;
  }
}
