// What one client was told of one channel, from the beginning of its stream to its end: every rev exactly once and in order
// between resets, and the messages as they stand by it.
import type { Event, Message } from '../e2e/lib/types.ts';

type Root = NonNullable<Event['root']>;

/** Events without a hole; `after` is the rev before the first. */
export interface Segment {
  after: number;
  events: Event[];
  /** when each came */
  times: number[];
}

export class Stream {
  readonly channel_id: number;
  readonly user_id: number;
  readonly segments: Segment[] = [];
  /** since the last reset */
  messages = new Map<number, Message>();
  /** since the last reset: messages of which only that they changed was told, and their last change */
  changed = new Map<number, number>();
  /** since the last reset: whether one has given a reaction, by message and emoji, as of a rev */
  own = new Map<string, { given: boolean; rev: number }>();
  /** the first message of the page that was read after a reset; undefined: no page, only what came by the stream */
  page_from: number | undefined;
  /** it has begun by itself, by a `channel` or `ready` frame, and ended by `channel_gone` */
  ended = false;

  constructor(channel_id: number, user_id: number, after: number) {
    this.channel_id = channel_id;
    this.user_id = user_id;
    this.segments.push({ after, events: [], times: [] });
  }

  get last(): Segment {
    return this.segments.at(-1) as Segment;
  }

  get rev(): number {
    return this.last.after + this.last.events.length;
  }

  get cursor(): number | [number, string] {
    const event = this.last.events.at(-1);
    return event ? [event.rev, event.at] : this.last.after;
  }

  reset(rev: number): void {
    this.messages = new Map();
    this.changed = new Map();
    this.own = new Map();
    this.page_from = undefined;
    this.segments.push({ after: rev, events: [], times: [] });
  }

  /** What is wrong with it, or nothing. After a fault it goes on from there, so that one is not told many times. */
  take(event: Event, now: number): string | undefined {
    const before = this.rev;
    const wrong = event.rev !== before + 1;
    if (wrong) this.segments.push({ after: event.rev - 1, events: [], times: [] });
    this.last.events.push(event);
    this.last.times.push(now);
    if (event.type === 'reaction') this.react(event);
    else if (event.message) this.merge(event.message);
    else if (event.message_id && event.changed_rev) this.changed.set(event.message_id, event.changed_rev);
    if (event.root) this.rooted(event, event.root);
    return wrong ? `rev ${event.rev} after ${before}` : undefined;
  }

  /** It holds a form of this message that it knows to be older than another. */
  outdated(message_id: number): boolean {
    const have = this.messages.get(message_id);
    return have !== undefined && have.changed_rev < (this.changed.get(message_id) ?? 0);
  }

  /**
   * One emoji's value as of its rev. It makes a message that is known to be out of date no newer, and is of no use where the message
   * is not held: both are read, whole.
   */
  private react(event: Event): void {
    const { message_id = 0, rev, emoji = '', count = 0, user_ids = [], actor_id } = event;
    if (actor_id === this.user_id) this.own.set(`${message_id} ${emoji}`, { given: event.given === true, rev });
    const have = this.messages.get(message_id);
    if (!have || this.outdated(message_id)) {
      this.changed.set(message_id, event.changed_rev ?? rev);
      return;
    }
    if (have.changed_rev >= rev) return;
    const value = { emoji, count, user_ids };
    const others = (have.reactions ?? []).map((r) => (r.emoji === emoji ? value : r)); // an old pod's message has none
    if (!others.includes(value)) others.push(value);
    this.messages.set(message_id, { ...have, changed_rev: rev, reactions: others.filter((r) => r.count > 0) });
  }

  /** What the thread of a root is by a reply that was sent or deleted: a value as of its rev, as a reaction's is. */
  private rooted({ rev }: Event, { message_id, thread }: Root): void {
    const have = this.messages.get(message_id);
    if (!have || this.outdated(message_id)) {
      this.changed.set(message_id, rev);
      return;
    }
    if (have.changed_rev >= rev) return;
    const { thread: _, ...rest } = have;
    this.messages.set(message_id, { ...rest, changed_rev: rev, ...(thread ? { thread } : {}) });
  }

  /** One's own reactions to a page's messages, as of its rev. */
  mine(page: { message_id: number; emoji: string }[], rev: number): void {
    for (const { message_id, emoji } of page) {
      const key = `${message_id} ${emoji}`;
      if ((this.own.get(key)?.rev ?? 0) <= rev) this.own.set(key, { given: true, rev });
    }
  }

  merge(message: Message): void {
    const have = this.messages.get(message.message_id);
    if (!have || have.changed_rev < message.changed_rev) this.messages.set(message.message_id, message);
  }
}
