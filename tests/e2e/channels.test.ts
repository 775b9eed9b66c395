import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import type { Channel, List, Member, User } from './lib/types.ts';

type Members = List<Member> & { users: User[] };

describe.each(backends)('channels on $name', ({ start }) => {
  let server: Server;
  let owner: Person; // of the server
  let ann: Person;
  let bob: Person;

  beforeAll(async () => {
    server = await start();
    owner = await person(server.api(), 'owner');
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
  });
  afterAll(() => server?.stop());

  const members = (who: Person, id: number, query = {}): Promise<Members> =>
    who.api.ok<Members>('member_list', { path: { id }, query });

  test('its maker owns a channel and is its only member', async () => {
    const channel = await ann.api.channel('garden', { topic: 'Plants and soil' });
    expect(channel).toMatchObject({
      kind: 'public',
      name: 'garden',
      topic: 'Plants and soil',
      history: 'all',
      member_count: 1,
    });
    expect(channel.me).toMatchObject({ role: 'owner', read_id: 0, mention_count: 0, level: 'default', hidden: false });
    expect(await ann.api.ok<Channel>('channel_get', { path: { id: channel.id } })).toEqual(channel);
    const list = await members(ann, channel.id);
    expect(list.items.map((m) => [m.user_id, m.role])).toEqual([[ann.user.id, 'owner']]);
    expect(list.users.map((u) => u.username)).toEqual(['ann']);
  });

  test('names are unique whatever their case or composition', async () => {
    await ann.api.channel('Größe');
    for (const name of ['größe', 'GRÖSSE', 'gro\u0308ße'.normalize('NFD')])
      await bob.api.refused(409, 'name_taken', 'channel_create', { body: { name } });
  });

  test.each(['', 'with space', 'a,b', '#hash', 'a\u0007', 'a\u200eb', 'x'.repeat(65), '漢'.repeat(43)])(
    'the name %j is not valid',
    async (name) => {
      const problem = await ann.api.refused(422, 'invalid', 'channel_create', { body: { name } });
      expect(problem.errors?.map((e) => e.field)).toEqual(['name']);
    },
  );

  test.each([
    ['with space', 'a space (U+0020) is not allowed'],
    ['a\u00a0b', 'a space (U+00A0) is not allowed'],
    ['a,b', 'a comma (U+002C) is not allowed'],
    ['a\u200eb', 'a character that does not show (U+200E) is not allowed'],
  ])('the fault of the name %j is called what it is', async (name, detail) => {
    const problem = await ann.api.refused(422, 'invalid', 'channel_create', { body: { name } });
    expect(problem.errors).toEqual([{ field: 'name', detail }]);
  });

  test('the reason of a kick is refused under its own name', async () => {
    const { id } = await ann.api.channel('reasons');
    const path = { id, user_id: bob.user.id };
    for (const [reason, detail] of [
      ['x'.repeat(391), 'at most 390 bytes'],
      ['two\nlines', 'one line without control characters'],
    ]) {
      const problem = await ann.api.refused(422, 'invalid', 'member_delete', { path, query: { reason: reason ?? '' } });
      expect(problem.errors).toEqual([{ field: 'reason', detail }]);
    }
  });

  test('two who make one name at once make one channel', async () => {
    const answers = await Promise.all(
      [ann, bob, owner].map((p) => p.api.call('channel_create', { body: { name: 'race' } })),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([201, 409, 409]);
  });

  test('a public channel is browsed, joined, left and joined again', async () => {
    const { id } = await ann.api.channel('open-house');
    const found = await bob.api.ok<List<Channel>>('channel_browse', { query: { q: 'open-h' } });
    expect(found.items.map((c) => [c.id, c.me])).toEqual([[id, undefined]]);
    await bob.api.refused(403, 'not_member', 'message_list', { path: { id } });
    const joined = await bob.api.ok<Channel>('channel_join', { path: { id } }, 200);
    expect(joined).toMatchObject({ id, member_count: 2, me: { role: 'member' } });
    const again = await bob.api.ok<Channel>('channel_join', { path: { id } }, 200);
    expect(again.rev).toBe(joined.rev); // a change that changes nothing takes no rev
    await bob.api.ok('channel_leave', { path: { id } }, 204);
    expect((await ann.api.ok<Channel>('channel_get', { path: { id } })).member_count).toBe(1);
    await bob.api.refused(403, 'not_member', 'message_list', { path: { id } });
    expect((await bob.api.ok<Channel>('channel_join', { path: { id } }, 200)).rev).toBe(joined.rev + 2);
  });

  test('a private channel is nothing to those outside', async () => {
    const { id } = await ann.api.channel('secret', { private: true });
    for (const op of ['channel_get', 'message_list', 'member_list', 'channel_join', 'channel_leave'])
      await bob.api.refused(404, 'not_found', op, { path: { id } });
    const found = await bob.api.ok<List<Channel>>('channel_browse', { query: { q: 'secret' } });
    expect(found.items).toEqual([]);
    await bob.api.refused(404, 'not_found', 'channel_get', { path: { id: 987_654 } }); // the same as for none
  });

  test('a cursor tells nothing of a channel that is not browsed', async () => {
    const browse = async (cursor: number | string): Promise<List<Channel>> =>
      bob.api.ok<List<Channel>>('channel_browse', { query: { q: 'probe-', limit: 1, cursor: String(cursor) } });
    const first = await ann.api.channel('probe-a');
    await ann.api.channel('probe-z');
    const hidden = await ann.api.channel('probe-m', { private: true });
    const behind = await browse(first.id);
    expect(behind.items.map((c) => c.name)).toEqual(['probe-z']);
    const nobodys = await browse(987_654);
    expect(nobodys.items.map((c) => c.name)).toEqual(['probe-a']);
    expect(await browse(hidden.id)).toEqual(nobodys);
  });

  test('server roles give no reading', async () => {
    const { id } = await ann.api.channel('private-matters', { private: true });
    const path = { id, user_id: bob.user.id, message_id: 1 };
    const asks: [string, object][] = [
      ['message_list', {}],
      ['message_get', {}],
      ['message_history', {}],
      ['message_create', { body: { nonce: randomUUID(), body: 'x' } }],
      ['change_list', { query: { since_rev: 0 } }],
      ['member_list', {}],
      ['member_delete', {}],
      ['pin_list', {}],
      ['pin_put', {}],
      ['ban_list', {}],
      ['thread_get', {}],
      ['thread_follow', {}],
      ['reaction_list', { path: { ...path, emoji: '👍' } }],
      ['channel_patch', { body: { topic: 'x' } }],
      ['channel_me_patch', { body: { level: 'all' } }],
      ['channel_read', { body: { message_id: 1 } }],
      ['typing_create', {}],
      ['user_list', { query: { channel_id: id } }],
      ['invite_list', { query: { channel_id: id } }],
      ['invite_create', { body: { channel_id: id } }],
      ['search', { query: { q: 'x', channel_id: id } }],
    ];
    // That it is there they may know, and are told the same by all that needs a member.
    for (const [op, ask] of asks) await owner.api.refused(403, 'not_member', op, { path, ...ask });
    await owner.api.ok('channel_get', { path });
    for (const [op, ask] of asks) await bob.api.refused(404, 'not_found', op, { path, ...ask });
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    await owner.api.refused(404, 'not_found', 'message_list', { path: { id: dm.id } });
  });

  test('who runs a channel adds people and puts them out', async () => {
    const { id } = await ann.api.channel('team', { private: true });
    const path = { id, user_id: bob.user.id };
    await bob.api.refused(404, 'not_found', 'member_put', { path, body: {} });
    await ann.api.ok('member_put', { path, body: {} }, 204);
    expect((await bob.api.ok<Channel>('channel_get', { path: { id } })).me?.role).toBe('member');
    await bob.api.refused(403, 'not_allowed', 'member_delete', { path: { id, user_id: ann.user.id } });
    await ann.api.ok('member_delete', { path, query: { reason: 'enough' } }, 204);
    await bob.api.refused(404, 'not_found', 'channel_get', { path: { id } });
    for (const user_id of [987_654, 0])
      // nobody; above all not oneself
      await ann.api.refused(404, 'not_found', 'member_put', { path: { id, user_id }, body: {} });
    await ann.api.refused(404, 'not_found', 'member_delete', { path: { id, user_id: 0 } });
  });

  test('roles are given by owners, not by members', async () => {
    const { id } = await ann.api.channel('ranks');
    await bob.api.ok('channel_join', { path: { id } });
    const bobs = { id, user_id: bob.user.id };
    await bob.api.refused(403, 'not_allowed', 'member_put', { path: bobs, body: { role: 'op' } });
    await bob.api.refused(403, 'not_allowed', 'channel_patch', { path: { id }, body: { name: 'mine-now' } });
    await ann.api.ok('member_put', { path: bobs, body: { role: 'op' } }, 204);
    const list = await members(ann, id);
    expect(list.items.find((m) => m.user_id === bob.user.id)?.role).toBe('op');
    await bob.api.ok('channel_patch', { path: { id }, body: { topic: 'by an op' } }, 200);
    await ann.api.refused(422, 'invalid', 'member_put', { path: bobs, body: { role: 'emperor' } });
  });

  test('the only owner cannot leave a channel without one unnoticed', async () => {
    const { id } = await ann.api.channel('single-owner');
    await bob.api.ok('channel_join', { path: { id } });
    const answer = await ann.api.call('channel_leave', { path: { id } });
    expect(answer.status).toBe(409); // moderation.test.ts says how to
  });

  test('topic and name change, each as one rev', async () => {
    const { id, rev } = await ann.api.channel('names');
    const topic = await ann.api.ok<Channel>('channel_patch', { path: { id }, body: { topic: 'Ünïcode — topic' } }, 200);
    expect([topic.topic, topic.rev]).toEqual(['Ünïcode — topic', rev + 1]);
    const same = await ann.api.ok<Channel>('channel_patch', { path: { id }, body: { topic: 'Ünïcode — topic' } }, 200);
    expect(same.rev).toBe(rev + 1);
    const named = await ann.api.ok<Channel>('channel_patch', { path: { id }, body: { name: 'other-names' } }, 200);
    expect([named.name, named.rev]).toEqual(['other-names', rev + 2]);
    for (const body of [{ topic: 'two\nlines' }, { topic: 'x'.repeat(391) }, { name: 'a b' }, { slow: 1 }])
      await ann.api.refused(422, 'invalid', 'channel_patch', { path: { id }, body });
    for (const [body, errors] of [
      [{ topic: null }, [{ field: 'topic', detail: 'must not be null' }]],
      [{ read_only: null }, [{ field: 'read_only', detail: 'must not be null' }]],
      [
        { name: 'n', topic: 't' },
        [{ field: 'topic', detail: 'is changed apart from name and settings: one a request' }],
      ],
    ] as const)
      expect((await ann.api.refused(422, 'invalid', 'channel_patch', { path: { id }, body })).errors).toEqual(errors);
    const empty = await ann.api.refused(422, 'invalid', 'channel_patch', { path: { id }, body: {} });
    expect(empty.detail).toBe('Nothing to change: a name, a topic or a setting is wanted');
    await ann.api.channel('occupied');
    await ann.api.refused(409, 'name_taken', 'channel_patch', { path: { id }, body: { name: 'Occupied' } });
  });

  test("one's own part: level, mute, hiding", async () => {
    const { id } = await ann.api.channel('mine');
    const until = '2040-01-02T03:04:05.678Z';
    const patched = await ann.api.ok<Channel>(
      'channel_me_patch',
      { path: { id }, body: { level: 'mentions', muted_until: until } },
      200,
    );
    expect(patched.me).toMatchObject({ level: 'mentions', muted_until: until });
    const back = await ann.api.ok<Channel>('channel_me_patch', { path: { id }, body: { muted_until: null } }, 200);
    expect(back.me).toMatchObject({ level: 'mentions', muted_until: null });
    for (const body of [{ level: 'loud' }, { muted_until: 'tomorrow' }, { hidden: 'yes' }, { role: 'owner' }])
      await ann.api.refused(422, 'invalid', 'channel_me_patch', { path: { id }, body });
  });

  test('members are found by name and read in pages', async () => {
    const { id } = await ann.api.channel('crowd');
    for (const p of [bob, owner]) await p.api.ok('channel_join', { path: { id } });
    expect((await members(ann, id, { q: 'bo' })).items.map((m) => m.user_id)).toEqual([bob.user.id]);
    const seen: number[] = [];
    for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
      const page: Members = await members(ann, id, cursor === null ? { limit: 2 } : { limit: 2, cursor });
      seen.push(...page.items.map((m) => m.user_id));
      cursor = page.next;
    }
    expect(seen.sort((a, b) => a - b)).toEqual([ann, bob, owner].map((p) => p.user.id).sort((a, b) => a - b));
  });

  test('a refusal says why, and a 404 what is missing', async () => {
    const { id } = await ann.api.channel('refusals');
    const hidden = await ann.api.channel('hidden-refusals', { private: true });
    await bob.api.ok('channel_join', { path: { id } });
    const { message_id } = await ann.api.send(id, 'x');
    await ann.api.send(hidden.id, 'x');
    const path = { id, message_id };
    const none = { id, message_id: 987_654 };
    const says = async (who: Person, status: number, op: string, ask: object, detail: string): Promise<void> => {
      const problem = await who.api.refused(status, status === 403 ? 'not_allowed' : 'not_found', op, ask);
      expect(problem.detail, op).toBe(detail);
    };
    const rename = { path: { id }, body: { name: 'mine-now' } };
    await says(bob, 403, 'channel_patch', rename, 'only operators change name, topic and settings');
    await says(bob, 403, 'message_delete', { path }, 'only its author and operators delete a message');
    await says(bob, 403, 'message_patch', { path, body: { body: 'y' } }, 'only its author edits a message');
    await says(bob, 404, 'message_get', { path: none }, 'There is no such message');
    await says(bob, 404, 'message_delete', { path: none }, 'there is no such message');
    await says(bob, 404, 'pin_put', { path: none }, 'there is no such message');
    await says(bob, 404, 'thread_get', { path: none }, 'There is no such message');
    await says(ann, 404, 'message_patch', { path: none, body: { body: 'y' } }, 'there is no such message');
    const mark = { path: { id }, body: { message_id: 987_654 } };
    await says(bob, 404, 'channel_read', mark, 'There is no such message yet');
    await ann.api.ok('message_delete', { path }, 204);
    await says(ann, 404, 'message_patch', { path, body: { body: 'y' } }, 'this message was deleted');
    const reaction = { path: { ...path, emoji: '👍' } };
    const stray = { path: { ...none, emoji: '👍' } };
    await says(bob, 404, 'reaction_put', reaction, 'this message was deleted');
    await says(bob, 404, 'reaction_list', reaction, 'this message was deleted');
    await says(bob, 404, 'reaction_put', stray, 'there is no such message');
    await says(bob, 404, 'reaction_list', stray, 'There is no such message');
    await says(bob, 404, 'user_get', { path: { id: 987_654 } }, 'There is no such person');
    await says(bob, 404, 'session_delete', { path: { id: 'x' } }, 'There is no such session');
    await says(bob, 404, 'token_delete', { path: { id: 'x' } }, 'There is no such token');
    // To a stranger one that is hidden and one that is not there are the same.
    for (const channel of [hidden.id, 987_654]) {
      const there = { id: channel, message_id: 1, user_id: bob.user.id };
      const asks: [string, object][] = [
        ['channel_get', {}],
        ['message_list', {}],
        ['message_get', {}],
        ['message_delete', {}],
        ['message_patch', { body: { body: 'y' } }],
        ['channel_read', { body: { message_id: 1 } }],
        ['reaction_list', { path: { ...there, emoji: '👍' } }],
        ['reaction_put', { path: { ...there, emoji: '👍' } }],
        ['channel_join', {}],
        ['member_put', { body: {} }],
        ['member_delete', {}],
        ['user_list', { query: { channel_id: channel } }],
        ['invite_list', { query: { channel_id: channel } }],
        ['invite_create', { body: { channel_id: channel } }],
        ['search', { query: { q: 'x', channel_id: channel } }],
      ];
      for (const [op, ask] of asks) await says(bob, 404, op, { path: there, ...ask }, 'There is no such channel');
    }
    expect(await (await fetch(`${bob.api.origin}/nowhere`)).json()).toMatchObject({ detail: 'There is no such path' });
  });

  test('ids that are none answer 404', async () => {
    for (const id of ['x', '-1', '1.5', '99999999999999999999', '%20'])
      await ann.api.refused(404, 'not_found', 'channel_get', { path: { id: decodeURIComponent(id) } });
    await ann.api.refused(400, 'malformed', 'channel_get', { path: { id: '1\u0000' } });
  });
});
