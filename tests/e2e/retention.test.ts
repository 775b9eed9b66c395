// What is older than is kept goes: first it is told, then it is not shown, then it is deleted.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { person, type Person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, connect, type EventFrame, settle } from './lib/socket.ts';
import { type Place, places } from './lib/target.ts';
import type { Message } from './lib/types.ts';

describe.each(places)('retention on $name', ({ open }) => {
  let place: Place;
  let server: Server;
  let ann: Person;

  beforeAll(async () => {
    place = await open();
    server = await place.start({
      LINNET_ACCESS_LOG: 'false',
      LINNET_RETENTION_DAYS: '1',
      LINNET_RETENTION_SWEEP_MS: '50',
    });
    ann = await person(server.api(), 'ann');
  });
  afterEach(settle);
  afterAll(async () => {
    await server?.stop();
    await place?.remove();
  });

  test('what is too old is told, hidden, and deleted; its nonces stay', async () => {
    const { id } = await ann.api.channel('room');
    const nonce = randomUUID();
    const first = await ann.api.ok<Message>('message_create', { path: { id }, body: { nonce, body: 'one' } }, 201);
    const sent: Message[] = [first];
    for (const body of ['two', 'three', 'four', 'five']) sent.push(await ann.api.send(id, body));
    await ann.api.ok('reaction_put', { path: { id, message_id: 2, emoji: '👍' } }, 204);
    const rev = sent[2]?.rev as number;
    const socket = await attach(server, { token: ann.signed.access_token }, id);
    // The first row comes last: until it is old, nothing is. Nonces go 30 days later.
    const old = Date.now() - 3 * 86_400_000;
    await place.sql(`UPDATE messages SET created_at = ${old} WHERE channel_id = ${id} AND message_id <= 3`);
    await place.sql(`UPDATE changes SET at = ${old} WHERE channel_id = ${id} AND rev <= ${rev}`);
    const retain = await socket.next((f) => f.op === 'event' && f.type === 'retain', 'retain');
    expect(retain).toMatchObject({ channel_id: id, actor_id: null, min_rev: rev } satisfies
      Partial<EventFrame> | object);

    const page = await ann.api.ok<{ items: Message[]; before: boolean }>('message_list', { path: { id } });
    expect([page.before, page.items.map((m) => m.body)]).toEqual([false, ['four', 'five']]);
    await ann.api.refused(404, 'not_found', 'message_get', { path: { id, message_id: 2 } });
    await ann.api.refused(410, 'reset', 'change_list', { path: { id }, query: { since_rev: rev - 1 } });
    const since = await ann.api.ok<{ items: EventFrame[] }>('change_list', { path: { id }, query: { since_rev: rev } });
    expect(since.items.map((e) => e.type)).toEqual(['message', 'message', 'reaction', 'retain']);
    const back = await connect(server, { token: ann.signed.access_token }, { cursors: { [id]: rev - 1 } });
    await back.until(() => back.frames.find((f) => f.op === 'reset' && f.channel_id === id), 'reset');

    const left = (what: string): Promise<string> =>
      place.sql(`SELECT count(*) FROM ${what} channel_id = ${id} AND message_id <= 3`);
    for (;;) if ((await left("messages WHERE body <> '' AND")) === '0') break;
    expect(await left('reactions WHERE')).toBe('0');
    // Sent again, it is answered by what is left of it.
    const again = await ann.api.ok<Message>('message_create', { path: { id }, body: { nonce, body: 'one' } }, 200);
    expect(again.message_id).toBe(1);
    expect(again.body ?? '').toBe('');
    expect((await ann.api.send(id, 'six')).message_id).toBe(6);
  }, 60_000); // the database is asked from outside, by processes
});
