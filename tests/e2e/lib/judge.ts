// What must hold whatever has happened: the log of a channel against what its senders and its readers remember.
import { expect } from 'vitest';
import type { Api } from './api.ts';
import type { Device } from './device.ts';
import type { Sent } from './load.ts';
import type { ChangePage, Event, Message, MessagePage } from './types.ts';

/** The whole log from its beginning; a rev that is missing is an error. */
export async function logOf(api: Api, id: number): Promise<Event[]> {
  const events: Event[] = [];
  for (let more = true; more;) {
    const query = { since_rev: events.length, limit: 500 };
    const page = await api.ok<ChangePage>('change_list', { path: { id }, query });
    for (const event of page.items) {
      events.push(event);
      expect(event.rev, `a rev in channel ${id}`).toBe(events.length);
    }
    more = page.after;
    if (!more) expect(page.rev).toBe(events.length);
  }
  return events;
}

/** All messages as they are now. */
export async function messagesOf(api: Api, id: number): Promise<Map<number, Message>> {
  const all = new Map<number, Message>();
  for (let after: number | string = '2001-01-01T00:00:00.000Z', more = true; more;) {
    const query: { [name: string]: number | string | boolean } = { after, limit: 100, threads: true };
    const page: MessagePage = await api.ok<MessagePage>('message_list', { path: { id }, query });
    for (const message of page.items) all.set(message.message_id, message);
    after = page.items.at(-1)?.message_id ?? after;
    more = page.after;
  }
  return all;
}

/** The senders' side: every acknowledged message is there exactly once and as it was acknowledged, any other at most
 * once, each author's in the order of sending (`ordered`: the database never went back), and nothing else. While they go on: what was acknowledged when this is
 * called must be in the log that is read then. */
export async function judgeSent(api: Api, sent: Sent[], id: number, ordered = true): Promise<void> {
  const certain = sent.filter((s) => s.channel_id === id && s.message).map((s) => s.nonce);
  const log = await logOf(api, id);
  const mine = new Map(sent.filter((s) => s.channel_id === id).map((s) => [s.nonce, s]));
  const found = new Set<string>();
  const last = new Map<number, number>();
  let ids = 0;
  for (const { type, message, rev } of log) {
    if (type !== 'message' || !message) continue;
    expect(message.message_id, `message at rev ${rev}`).toBe(++ids);
    const one = mine.get(message.nonce);
    if (!one) throw new Error(`nobody sent ${JSON.stringify(message)}`);
    if (found.has(message.nonce)) throw new Error(`twice in the log: ${JSON.stringify(message)}`);
    found.add(message.nonce);
    expect([message.author_id, message.body]).toEqual([one.author_id, `${one.author_id} ${one.n}`]);
    if (one.message) expect([rev, message.message_id]).toEqual([one.message.rev, one.message.message_id]);
    const before = last.get(one.author_id) ?? -1;
    if (ordered && one.n <= before) throw new Error(`${one.n} after ${before} of author ${one.author_id}`);
    last.set(one.author_id, one.n);
  }
  const lost = certain.filter((nonce) => !found.has(nonce)).map((nonce) => mine.get(nonce));
  expect(lost, 'acknowledged, and not in the log').toEqual([]);
}

/** expect() costs much, and there are many. */
function same(a: unknown, b: unknown): void {
  if (JSON.stringify(a) !== JSON.stringify(b)) expect(a).toEqual(b);
}

const known = ({ rev, at, type, actor_id, user_id, message_id }: Event): unknown[] => [
  rev,
  at,
  type,
  actor_id,
  user_id,
  message_id,
];

/** The reader's side: what a device was told of a channel is what the log says. `log` and `messages` are of one moment
 * which the device has reached. */
export function judgeSeen(device: Device, id: number, log: Event[], messages: Map<number, Message>): void {
  const stream = device.stream(id);
  for (const { after, events } of stream.segments)
    for (const [i, event] of events.entries()) same(known(event), known(log[after + i] as Event));
  expect(stream.rev).toBe(log.length);
  const from = stream.resets ? Number.POSITIVE_INFINITY : (stream.segments[0]?.after ?? 0);
  for (const [message_id, message] of messages) {
    const have = stream.messages.get(message_id);
    if (have || message.rev > from) same(have, message);
  }
  for (const message_id of stream.messages.keys())
    if (!messages.has(message_id)) throw new Error(`message ${message_id} of channel ${id} is not in the database`);
}
