import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import type { Channel, List, MessagePage } from './lib/types.ts';

describe.each(backends)('direct messages on $name', ({ start }) => {
  let server: Server;
  let people: Person[];
  let ann: Person;
  let bob: Person;
  let eve: Person;

  beforeAll(async () => {
    server = await start();
    people = [];
    for (const name of ['ann', 'bob', 'eve']) people.push(await person(server.api(), name));
    [ann, bob, eve] = people as [Person, Person, Person];
  });
  afterAll(() => server?.stop());

  const dm = (who: Person, ids: number[], status?: number): Promise<Channel> =>
    who.api.ok<Channel>('dm_create', { body: { user_ids: ids } }, status);

  test('the same people have one, whoever asks and in whatever order', async () => {
    const made = await dm(ann, [bob.user.id], 201);
    expect(made).toMatchObject({ kind: 'dm', name: null, user_ids: [ann.user.id, bob.user.id].sort((a, b) => a - b) });
    expect((await dm(bob, [ann.user.id], 200)).id).toBe(made.id);
    expect((await dm(ann, [bob.user.id, ann.user.id, bob.user.id], 200)).id).toBe(made.id);
    expect((await dm(ann, [bob.user.id, eve.user.id], 201)).id).not.toBe(made.id);
  });

  test('two who make it at once get one', async () => {
    const both = await Promise.all([dm(bob, [eve.user.id]), dm(eve, [bob.user.id]), dm(bob, [eve.user.id])]);
    expect(new Set(both.map((c) => c.id)).size).toBe(1);
  });

  test('notes to oneself', async () => {
    const notes = await dm(ann, [ann.user.id], 201);
    expect(notes.user_ids).toEqual([ann.user.id]);
    expect((await ann.api.send(notes.id, 'buy soil')).message_id).toBe(1);
  });

  test('it is hidden from the others until its first message', async () => {
    const zoe = await person(server.api(), 'zoe');
    const made = await dm(zoe, [bob.user.id], 201);
    const shown = async (p: Person): Promise<boolean | undefined> =>
      (await p.api.ok<List<Channel>>('channel_list', { query: { limit: 100 } })).items.find((c) => c.id === made.id)?.me
        ?.hidden;
    expect(await shown(zoe)).toBe(false);
    expect([true, undefined]).toContain(await shown(bob));
    await zoe.api.send(made.id, 'hello');
    expect(await shown(bob)).toBe(false);
    await bob.api.ok('channel_me_patch', { path: { id: made.id }, body: { hidden: true } });
    expect([true, undefined]).toContain(await shown(bob));
    await zoe.api.send(made.id, 'hello again');
    expect(await shown(bob)).toBe(false);
  });

  test('nobody else knows of it, and nobody can be added or leave', async () => {
    const { id } = await dm(ann, [bob.user.id]);
    for (const op of ['channel_get', 'message_list', 'channel_join', 'member_list'])
      await eve.api.refused(404, 'not_found', op, { path: { id } });
    const adding = await ann.api.call('member_put', { path: { id, user_id: eve.user.id }, body: {} });
    expect([403, 409, 422]).toContain(adding.status);
    const leaving = await ann.api.call('channel_leave', { path: { id } });
    expect([403, 409, 422]).toContain(leaving.status);
    const naming = await ann.api.call('channel_patch', { path: { id }, body: { name: 'ours' } });
    expect([403, 409, 422]).toContain(naming.status);
    await ann.api.send(id, 'between us');
    expect((await bob.api.ok<MessagePage>('message_list', { path: { id } })).items.at(-1)?.body).toBe('between us');
  });

  test('people must exist, and be ten at most', async () => {
    const answer = await ann.api.call('dm_create', { body: { user_ids: [987_654] } });
    expect([404, 422]).toContain(answer.status);
    const many = Array.from({ length: 11 }, (_, i) => i + 100);
    await ann.api.refused(422, 'invalid', 'dm_create', { body: { user_ids: many } });
    for (const user_ids of ['1', [1.5], ['x'], [-1], null, [true]])
      await ann.api.refused(422, 'invalid', 'dm_create', { body: { user_ids } });
  });
});
