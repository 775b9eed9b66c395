// Messages: their order, retries, edits, deletion, markers. Ann's client is on one server, the others' on the other.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { ChangePage, Channel, Message, MessagePage, Problem } from './lib/types.ts';

describe.each(stages)('messages on $name', ({ open }) => {
  let stage: Stage;
  let ann: Person; // here,
  let annThere: Api; // and there
  let bob: Person; // there
  let eve: Person; // there
  let made = 0;

  beforeAll(async () => {
    stage = await open();
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
    eve = await person(stage.there.api(), 'eve');
    annThere = stage.there.api();
    annThere.bearer = ann.signed.access_token;
  });
  afterAll(() => stage?.stop());

  /** A new channel with ann and bob in it. */
  async function room(): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`);
    await bob.api.ok('channel_join', { path: { id } });
    return id;
  }
  const get = (who: Person, id: number, message_id: number): Promise<Message> =>
    who.api.ok<Message>('message_get', { path: { id, message_id } });
  const page = (who: Person, id: number, query = {}): Promise<MessagePage> =>
    who.api.ok<MessagePage>('message_list', { path: { id }, query });
  const changes = (who: Person, id: number, query: { [name: string]: number | string }): Promise<ChangePage> =>
    who.api.ok<ChangePage>('change_list', { path: { id }, query });
  const row = (who: Person, id: number): Promise<Channel> => who.api.ok<Channel>('channel_get', { path: { id } });

  test('ids count from one without a hole, revs follow the commits', async () => {
    const id = await room();
    const { rev } = await row(ann, id);
    for (let i = 1; i <= 3; i++) {
      const m = await ann.api.send(id, `line ${i}`);
      expect([m.message_id, m.seq, m.rev, m.changed_rev, m.author_id]).toEqual([i, i, rev + i, rev + i, ann.user.id]);
    }
    expect((await page(bob, id)).items.map((m) => m.body)).toEqual(['line 1', 'line 2', 'line 3']);
    expect(await row(bob, id)).toMatchObject({ last_id: 3, last_seq: 3, rev: rev + 3 });
  });

  test('many who send at once are put in one order', async () => {
    const id = await room();
    const sent = await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 2 ? ann : bob).api.send(id, `n ${i}`)));
    expect(sent.map((m) => m.message_id).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    const { items } = await page(ann, id, { limit: 100 });
    expect(items.map((m) => m.rev)).toEqual(items.map((_, i) => (items[0]?.rev ?? 0) + i));
    expect(new Set(items.map((m) => m.nonce)).size).toBe(60);
  });

  test('a retry answers the same message, another request under its nonce is refused', async () => {
    const id = await room();
    const nonce = randomUUID();
    const body = { nonce, body: 'only once' };
    const first = await ann.api.ok<Message>('message_create', { path: { id }, body }, 201);
    for (const api of [annThere, ann.api]) {
      expect(await api.ok<Message>('message_create', { path: { id }, body }, 200)).toEqual(first);
      await api.refused(409, 'nonce_reused', 'message_create', {
        path: { id },
        body: { nonce, body: 'something else' },
      });
    }
    const others = await bob.api.ok<Message>('message_create', { path: { id }, body }, 201); // a nonce is its author's
    expect(others.message_id).toBe(2);
  });

  test('a retry at the same moment makes one message', async () => {
    const id = await room();
    const body = { nonce: randomUUID(), body: 'impatient' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => (i % 2 ? annThere : ann.api).call('message_create', { path: { id }, body })),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(new Set(answers.map((a) => (a.body as Message).message_id))).toEqual(new Set([1]));
  });

  test('a retry by one who has left tells ids, nonce and time alone', async () => {
    const id = await room();
    const body = { nonce: randomUUID(), body: 'parting words' };
    const sent = await bob.api.ok<Message>('message_create', { path: { id }, body }, 201);
    await bob.api.ok('channel_leave', { path: { id } });
    const stub = await bob.api.ok<object>('message_create', { path: { id }, body }, 200);
    expect(stub).toEqual({ channel_id: id, message_id: 1, nonce: body.nonce, created_at: sent.created_at });
    const fresh = { nonce: randomUUID(), body: 'from outside' };
    await bob.api.refused(403, 'not_member', 'message_create', { path: { id }, body: fresh });
  });

  test('an edit shows, and moves body_rev', async () => {
    const id = await room();
    const sent = await ann.api.send(id, 'teh text');
    const path = { id, message_id: sent.message_id };
    const edited = await ann.api.ok<Message>('message_patch', { path, body: { body: 'the text' } }, 200);
    expect(edited).toMatchObject({
      body: 'the text',
      rev: sent.rev,
      changed_rev: sent.rev + 1,
      body_rev: sent.rev + 1,
    });
    expect(edited.edited_at).toBeDefined();
    expect(await get(bob, id, sent.message_id)).toEqual(edited);
    await bob.api.refused(403, 'not_allowed', 'message_patch', { path, body: { body: 'mine' } });
    await eve.api.refused(403, 'not_member', 'message_patch', { path, body: { body: 'mine' } });
    await ann.api.refused(404, 'not_found', 'message_patch', { path: { id, message_id: 99 }, body: { body: 'x' } });
  });

  test('two edits of one text: the second must know of the first', async () => {
    const id = await room();
    const sent = await ann.api.send(id, 'draft');
    const path = { id, message_id: sent.message_id };
    const edit = (api: Api, body: string, if_rev: number): Promise<Message> =>
      api.ok<Message>('message_patch', { path, body: { body, if_rev } }, 200);
    const refused = (api: Api, if_rev: number): Promise<Problem> =>
      api.refused(409, 'rev_changed', 'message_patch', { path, body: { body: 'other', if_rev } });
    const one = await edit(annThere, 'one', sent.body_rev);
    expect(await edit(ann.api, 'one', sent.body_rev)).toEqual(one); // whose answer was lost
    await refused(ann.api, sent.body_rev);
    expect(await get(ann, id, sent.message_id)).toEqual(one);
    // What others do to it does not move its text's rev, nor does the same text again.
    await bob.api.ok('reaction_put', { path: { ...path, emoji: '👍' } }, 204);
    await ann.api.ok('pin_put', { path }, 204);
    expect(await edit(ann.api, 'one', one.body_rev)).toMatchObject({ body_rev: one.body_rev, body: 'one' });
    const two = await edit(ann.api, 'two', one.body_rev);
    expect(two.body_rev).toBe(one.body_rev + 3);
    for (const api of [ann.api, annThere])
      for (const rev of [sent.body_rev, one.body_rev, two.body_rev + 1]) await refused(api, rev);
    expect(await get(bob, id, sent.message_id)).toEqual(two);
    // Of two at once on two servers one is the first.
    const answers = await Promise.all(
      [ann.api, annThere].map((api, i) =>
        api.call('message_patch', { path, body: { body: `at once ${i}`, if_rev: two.body_rev } }),
      ),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([200, 409]);
    const won = answers.find((a) => a.status === 200)?.body as Message;
    expect(await get(bob, id, sent.message_id)).toEqual(won);
    expect(won.body_rev).toBe(two.body_rev + 1);
  });

  test('an edit to the same text takes no rev', async () => {
    const id = await room();
    const sent = await ann.api.send(id, 'same');
    const path = { id, message_id: sent.message_id };
    const same = await ann.api.ok<Message>('message_patch', { path, body: { body: 'same' } }, 200);
    expect(same.changed_rev).toBe(sent.changed_rev);
    expect((await row(ann, id)).rev).toBe(sent.rev);
  });

  test('a deleted message keeps its place and loses its text', async () => {
    const id = await room();
    const [first, second] = [await bob.api.send(id, 'keep'), await bob.api.send(id, 'a secret slip')];
    const path = { id, message_id: second.message_id };
    await eve.api.refused(403, 'not_member', 'message_delete', { path });
    await bob.api.ok('message_delete', { path }, 204);
    const gone = await get(ann, id, second.message_id);
    expect(gone).toMatchObject({ body: '', rev: second.rev, changed_rev: second.rev + 1 });
    expect(gone.deleted_at).toBeDefined();
    await bob.api.ok('message_delete', { path }, 204);
    expect((await row(ann, id)).rev).toBe(second.rev + 1);
    await bob.api.refused(404, 'not_found', 'message_patch', { path, body: { body: 'back again' } });
    expect((await page(ann, id)).items.map((m) => m.body)).toEqual(['keep', '']);
    const raw = JSON.stringify([await page(ann, id), await changes(ann, id, { since_rev: 0 })]);
    expect(raw).not.toContain('a secret slip');
    await bob.api.refused(403, 'not_allowed', 'message_delete', {
      path: { id, message_id: (await ann.api.send(id, 'x')).message_id },
    });
    await ann.api.ok('message_delete', { path: { id, message_id: first.message_id } }, 204); // who runs the channel may
  });

  test('pages: before, after, around, by id and by time', async () => {
    const id = await room();
    const sent: Message[] = [];
    for (let i = 1; i <= 9; i++) sent.push(await ann.api.send(id, `${i}`));
    const ids = (p: MessagePage): number[] => p.items.map((m) => m.message_id);
    const last = await page(ann, id, { limit: 4 });
    expect([ids(last), last.before, last.after]).toEqual([[6, 7, 8, 9], true, false]);
    const before = await page(ann, id, { before: 4, limit: 2 });
    expect([ids(before), before.before, before.after]).toEqual([[2, 3], true, true]);
    const start = await page(ann, id, { before: 3 });
    expect([ids(start), start.before, start.after]).toEqual([[1, 2], false, true]);
    const after = await page(ann, id, { after: 7, limit: 10 });
    expect([ids(after), after.before, after.after]).toEqual([[8, 9], true, false]);
    const around = await page(ann, id, { around: 5, limit: 5 });
    expect([ids(around), around.before, around.after]).toEqual([[3, 4, 5, 6, 7], true, true]);
    const time = await page(ann, id, { after: '2001-01-01T00:00:00.000Z', limit: 3 });
    expect(ids(time)).toEqual([1, 2, 3]);
    expect(ids(await page(ann, id, { after: 9 }))).toEqual([]);
    for (const query of [
      { limit: 0 },
      { limit: 101 },
      { before: -1 },
      { before: 'x' },
      { around: -1 },
      { before: 3, after: 5 },
    ])
      await ann.api.refused(422, 'invalid', 'message_list', { path: { id }, query });
  });

  test('a page names its people, what it quotes, and the changes between', async () => {
    const id = await room();
    const quoted = await ann.api.send(id, 'long ago');
    for (let i = 0; i < 3; i++) await ann.api.send(id, `filler ${i}`);
    await ann.api.ok('channel_patch', { path: { id }, body: { topic: 'between' } });
    const reply = await bob.api.send(id, 'indeed', { reply_to: quoted.message_id });
    expect(reply.reply_to).toBe(quoted.message_id);
    const p = await page(ann, id, { limit: 2 });
    expect(p.refs.map((m) => m.message_id)).toEqual([quoted.message_id]);
    expect(p.users.map((u) => u.username).sort()).toEqual(['ann', 'bob']);
    expect(p.changes.map((c) => c.type)).toEqual(['topic']);
    expect(p.rev).toBe(reply.rev);
    await bob.api.refused(422, 'invalid', 'message_create', {
      path: { id },
      body: { nonce: randomUUID(), body: 'x', reply_to: 999 },
    });
  });

  test('changes since a rev have no hole, and messages stand in their present form', async () => {
    const id = await room();
    const { rev } = await row(ann, id);
    const one = await ann.api.send(id, 'one');
    await ann.api.send(id, 'two');
    await ann.api.ok('message_patch', { path: { id, message_id: one.message_id }, body: { body: 'one, edited' } });
    await ann.api.ok('channel_patch', { path: { id }, body: { topic: 'changed' } });
    await bob.api.ok('channel_leave', { path: { id } });
    const all = await changes(ann, id, { since_rev: rev });
    expect(all.items.map((e) => [e.rev - rev, e.type])).toEqual([
      [1, 'message'],
      [2, 'message'],
      [3, 'edit'],
      [4, 'topic'],
      [5, 'member'],
    ]);
    expect(all.items[0]?.message?.body).toBe('one, edited');
    expect([all.after, all.rev]).toEqual([false, rev + 5]);
    const parts: number[] = [];
    for (let since = rev, more = true; more;) {
      const part = await changes(ann, id, { since_rev: since, limit: 2 });
      parts.push(...part.items.map((e) => e.rev));
      since = part.items.at(-1)?.rev ?? since;
      more = part.after;
    }
    expect(parts).toEqual([1, 2, 3, 4, 5].map((n) => rev + n));
    const caught = await changes(ann, id, { since_message_id: one.message_id });
    expect(caught.items.map((e) => e.rev - rev)).toEqual([2, 3, 4, 5]);
    await ann.api.refused(410, 'reset', 'change_list', {
      path: { id },
      query: { since_rev: rev, epoch: '0123456789abcdef' },
    });
    expect((await changes(ann, id, { since_rev: rev, epoch: all.epoch })).items.length).toBe(5);
    await ann.api.refused(403, 'not_member', 'change_list', {
      path: { id: await roomOf(bob) },
      query: { since_rev: 0 },
    });
  });

  async function roomOf(who: Person): Promise<number> {
    return (await who.api.channel(`room-${++made}`)).id;
  }

  test('a rev above the head is another history', async () => {
    const id = await room();
    const past = await ann.api.refused(410, 'reset', 'change_list', { path: { id }, query: { since_rev: 1_000_000 } });
    expect(past.detail).toContain("past the channel's end");
  });

  test('a request about a message of another history is refused', async () => {
    const id = await room();
    const sent = await ann.api.send(id, 'here');
    const path = { id, message_id: sent.message_id };
    const epoch = '0123456789abcdef';
    await ann.api.refused(409, 'epoch_changed', 'message_patch', { path, body: { body: 'x', epoch } });
    await ann.api.refused(409, 'epoch_changed', 'message_delete', { path, query: { epoch } });
    await ann.api.refused(409, 'epoch_changed', 'message_create', {
      path: { id },
      body: { nonce: randomUUID(), body: 'so', reply_to: sent.message_id, epoch },
    });
    for (const call of ['channel_read', 'channel_unread'] as const)
      await ann.api.refused(409, 'epoch_changed', call, { path: { id }, body: { message_id: 1, epoch } });
    expect((await get(ann, id, sent.message_id)).body).toBe('here');
    expect((await row(ann, id)).me?.read_id).toBe(0);
  });

  test('an epoch that is none is no disaster of the database but a mistake', async () => {
    const id = await room();
    const { message_id } = await ann.api.send(id, 'here');
    const path = { id, message_id };
    for (const epoch of ['', 'abc', '0123456789ABCDEF', '0123456789abcdef0', 'g123456789abcdef']) {
      const nonce = randomUUID();
      const asked: [string, object][] = [
        ['message_patch', { path, body: { body: 'x', epoch } }],
        ['message_delete', { path, query: { epoch } }],
        ['message_create', { path: { id }, body: { nonce, body: 'x', epoch } }],
        ['channel_read', { path: { id }, body: { message_id, epoch } }],
        ['channel_unread', { path: { id }, body: { message_id, epoch } }],
        ['change_list', { path: { id }, query: { since_rev: 1, epoch } }],
      ];
      for (const [call, ask] of asked) {
        const { errors } = await ann.api.refused(422, 'invalid', call, ask);
        expect(errors, call).toEqual([{ field: 'epoch', detail: 'must be 16 digits of 0-9a-f' }]);
      }
    }
    const zero = '0000000000000000';
    await ann.api.refused(410, 'reset', 'change_list', { path: { id }, query: { since_rev: 1, epoch: zero } });
    await ann.api.refused(409, 'epoch_changed', 'message_delete', { path, query: { epoch: zero } });
  });

  test('read markers go forward by read, back by unread, and count what is missing', async () => {
    const id = await room();
    for (let i = 0; i < 4; i++) await ann.api.send(id, `m ${i}`);
    const unread = async (): Promise<number> => {
      const c = await row(bob, id);
      return c.last_seq - (c.me?.read_seq ?? 0);
    };
    expect(await unread()).toBe(4);
    await bob.api.ok('channel_read', { path: { id }, body: { message_id: 3 } }, 204);
    expect(await unread()).toBe(1);
    await bob.api.ok('channel_read', { path: { id }, body: { message_id: 2 } }, 204); // never back
    expect(await unread()).toBe(1);
    await bob.api.ok('channel_unread', { path: { id }, body: { message_id: 2 } }, 204);
    expect(await unread()).toBe(3);
    await bob.api.ok('channel_read', { path: { id }, body: { message_id: 4 } }, 204);
    expect(await unread()).toBe(0);
    await bob.api.refused(404, 'not_found', 'channel_read', { path: { id }, body: { message_id: 99 } });
    expect(await unread()).toBe(0);
    await eve.api.refused(403, 'not_member', 'channel_read', { path: { id }, body: { message_id: 1 } });
    expect((await row(ann, id)).me?.read_id).toBe(0); // shown to nobody else
  });

  test('joining sets the marker at the head', async () => {
    const id = await roomOf(ann);
    for (let i = 0; i < 3; i++) await ann.api.send(id, `before ${i}`);
    const joined = await bob.api.ok<Channel>('channel_join', { path: { id } });
    expect(joined.me).toMatchObject({ read_id: 3, read_seq: 3, mention_count: 0 });
  });

  test('mentions are found, counted until read, and not found in code', async () => {
    const id = await room();
    const m = await ann.api.send(id, 'hello @bob and @eve, `not @ann`');
    expect(m.mentions.user_ids.includes(bob.user.id)).toBe(true);
    expect(m.mentions.user_ids.includes(ann.user.id)).toBe(false);
    expect((await row(bob, id)).me?.mention_count).toBe(1);
    await bob.api.ok('channel_read', { path: { id }, body: { message_id: m.message_id } });
    expect((await row(bob, id)).me?.mention_count).toBe(0);
    expect((await ann.api.send(id, '@channel wake up')).mentions.all).toBe(true);
  });

  test('what a body may hold', async () => {
    const id = await room();
    for (const body of ['x', 'two\nlines\tand a tab', '👩‍👩‍👧‍👦 Ünïcödé ‮rtl', 'x'.repeat(8192), '漢'.repeat(2730)])
      expect((await ann.api.send(id, body)).body).toBe(body);
    expect((await ann.api.send(id, 'a\r\nb')).body).toBe('a\nb');
    for (const body of ['', '   ', '\n\n', 'bell \u0007', '\u007f'])
      await ann.api.refused(422, 'invalid', 'message_create', { path: { id }, body: { nonce: randomUUID(), body } });
    await ann.api.refused(413, 'too_large', 'message_create', {
      path: { id },
      body: { nonce: randomUUID(), body: 'x'.repeat(8193) },
    });
  });

  test('what a request may hold', async () => {
    const id = await room();
    const fine = { nonce: randomUUID(), body: 'x' };
    const bad: { [name: string]: unknown }[] = [
      { ...fine, nonce: 'not a uuid' },
      { ...fine, nonce: 7 },
      { body: 'no nonce' },
      { nonce: fine.nonce },
      { ...fine, kind: 'shout' },
      { ...fine, reply_to: 'x' },
      { ...fine, reply_to: -1 },
      { ...fine, thread_id: 1.5 },
      { ...fine, in_channel: 'yes' },
      { ...fine, author_id: 1 },
    ];
    for (const body of bad) await ann.api.refused(422, 'invalid', 'message_create', { path: { id }, body });
    for (const kind of ['text', 'action', 'notice']) expect((await ann.api.send(id, 'k', { kind })).kind).toBe(kind);
  });

  test('only members send, and nothing is written for others', async () => {
    const id = await room();
    const body = { nonce: randomUUID(), body: 'let me in' };
    await eve.api.refused(403, 'not_member', 'message_create', { path: { id }, body });
    await eve.api.refused(404, 'not_found', 'message_create', { path: { id: 987_654 }, body });
    expect((await row(ann, id)).last_id).toBe(0);
    await ann.api.refused(403, 'not_allowed', 'message_create', { path: { id: 0 }, body }); // the server's own log
  });

  test('typing is told to members only', async () => {
    const id = await room();
    await ann.api.ok('typing_create', { path: { id }, body: {} }, 204);
    await ann.api.ok('typing_create', { path: { id } }, 204);
    await eve.api.refused(403, 'not_member', 'typing_create', { path: { id }, body: {} });
  });
});
