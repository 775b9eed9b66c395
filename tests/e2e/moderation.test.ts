// What operators of a channel set, and what comes of it for everybody, at once and on every pod.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { attach, type EventFrame, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, List, Member, Message, MessagePage, Problem } from './lib/types.ts';

describe.each(stages)('moderation on $name', ({ open }) => {
  let stage: Stage;
  let root: Person; // owns the server
  let ann: Person; // owns the channels
  let bob: Person;
  let bobHere: Api; // another client of his
  let made = 0;

  beforeAll(async () => {
    stage = await open();
    root = await person(stage.here.api(), 'root');
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
    bobHere = stage.here.api();
    bobHere.bearer = bob.signed.access_token;
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  const room = async (...others: Person[]): Promise<number> => {
    const { id } = await ann.api.channel(`room-${++made}`);
    for (const p of others) await p.api.ok('channel_join', { path: { id } }, 200);
    return id;
  };
  const set = (id: number, body: object, who = ann): Promise<Channel> =>
    who.api.ok<Channel>('channel_patch', { path: { id }, body }, 200);
  /** What comes next is live. */
  const on = async (p: Person, ...ids: number[]): Promise<Socket> => {
    const socket = await attach(p === bob ? stage.there : stage.here, { token: p.signed.access_token }, ...ids);
    for (let i = 0; i < ids.length; i++) await socket.nextOp('synced');
    return socket;
  };
  const message = (): { nonce: string; body: string } => ({ nonce: randomUUID(), body: 'may I?' });
  const refusedSend = (p: Person, id: number): Promise<Problem> =>
    p.api.refused(403, 'not_allowed', 'message_create', { path: { id }, body: message() });
  const audits = (action: string, target: string): Promise<string> =>
    stage.sql(`SELECT count(*) FROM audit WHERE action = '${action}' AND target = '${target}'`);

  test('name and settings are one change with its values, seen by all and audited', async () => {
    const id = await room(bob);
    const [a, b] = [await on(ann, id), await on(bob, id)];
    const before = b.cursors.get(id) as number;
    const body = { name: `set-${made}`, slow_mode_s: 30, read_only: true, history: 'joined' };
    const row = await set(id, body);
    expect(row).toMatchObject({ ...body, rev: before + 1, archived: false, default: false });
    for (const socket of [a, b])
      expect(await socket.nextEvent(id, 'channel')).toMatchObject({ rev: before + 1, actor_id: ann.user.id, ...body });
    expect((await set(id, body)).rev).toBe(before + 1); // as it is
    expect(await bob.api.ok<Channel>('channel_get', { path: { id } })).toMatchObject(body);
    expect(await audits('channel.update', `channel:${id}`)).toBe('1');
    await bob.api.refused(403, 'not_allowed', 'channel_patch', { path: { id }, body: { read_only: false } });
    await root.api.refused(403, 'not_member', 'channel_patch', { path: { id }, body: { read_only: false } });
    await ann.api.refused(422, 'invalid', 'channel_patch', { path: { id }, body: { history: 'all' } });
  });

  test('settings are bounded, and of their types', async () => {
    const id = await room();
    const wrong: [object, string][] = [
      [{ slow_mode_s: -1 }, 'slow_mode_s'],
      [{ slow_mode_s: 21601 }, 'slow_mode_s'],
      [{ slow_mode_s: 1.5 }, 'slow_mode_s'],
      [{ slow_mode_s: '5' }, 'slow_mode_s'],
      [{ slow_mode_s: 1e300 }, 'slow_mode_s'],
      [{ read_only: 1 }, 'read_only'],
      [{ archived: 'yes' }, 'archived'],
      [{ private: [] }, 'private'],
      [{ default: {} }, 'default'],
      [{ history: 'none' }, 'history'],
      [{ history: 'joined\u0000' }, 'history'],
      [{ read_only: true, kind: 'private' }, 'kind'],
      [{ topic: 'x', read_only: true }, 'topic'],
    ];
    for (const [body, field] of wrong) {
      const answer = await ann.api.call('channel_patch', { path: { id }, body });
      if (JSON.stringify(body).includes('\\u0000')) expect(answer.status).toBe(400);
      else expect([answer.status, (answer.body as Problem).errors?.[0]?.field]).toEqual([422, field]);
    }
    let deep: unknown = true;
    for (let i = 0; i < 40; i++) deep = [deep];
    await ann.api.refused(400, 'malformed', 'channel_patch', { path: { id }, body: { read_only: deep } });
    await ann.api.refused(422, 'invalid', 'channel_patch', {
      path: { id },
      query: { force: 1 },
      body: { archived: true },
    });
    expect(await set(id, { slow_mode_s: 21600 })).toMatchObject({ slow_mode_s: 21600, archived: false });
  });

  test('in a read-only channel operators and those with voice write', async () => {
    const id = await room(bob);
    const b = await on(bob, id);
    const first = await ann.api.send(id, 'to be reacted to');
    await set(id, { read_only: true });
    expect((await refusedSend(bob, id)).detail).toBe('the channel is read-only');
    expect(await b.request({ op: 'send', channel_id: id, ...message() })).toMatchObject({ code: 'not_allowed' });
    expect(await b.request({ op: 'typing', channel_id: id })).toMatchObject({ code: 'not_allowed' });
    const reaction = { path: { id, message_id: first.message_id, emoji: '👍' } };
    await bob.api.refused(403, 'not_allowed', 'reaction_put', reaction);
    await ann.api.send(id, 'an announcement');
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: { voice: true } }, 204);
    await bob.api.send(id, 'with voice');
    await bob.api.ok('reaction_put', reaction);
    expect((await bob.api.ok<Channel>('channel_get', { path: { id } })).me?.voice).toBe(true);
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: { voice: false } }, 204);
    await refusedSend(bob, id);
    await set(id, { read_only: false });
    await bob.api.send(id, 'free again');
  });

  test('slow mode is each person’s, over HTTP and sockets of every server, and says when', async () => {
    const id = await room(bob, root);
    const sockets = [await on(bob, id), await attach(stage.here, { token: bob.signed.access_token }, id)];
    const [b] = sockets as [Socket];
    await set(id, { slow_mode_s: 600 });
    const nonce = randomUUID();
    const sent = await b.send(id, nonce, 'once');
    const within = (seconds: number): void => {
      const left = Date.parse(sent.created_at) + 600_000 - Date.now(); // less than it was when it was said
      expect(seconds).toBeGreaterThanOrEqual(Math.ceil(left / 1000));
      expect(seconds).toBeLessThanOrEqual(600);
    };
    /** When he may again, as each server says by HTTP and by socket: all in the seconds that are left. */
    const refused = async (): Promise<void> => {
      for (const api of [bobHere, bob.api]) {
        const answer = await api.call('message_create', { path: { id }, body: message() });
        const { code, detail } = answer.body as Problem;
        expect([answer.status, code, detail]).toEqual([429, 'rate_limited', 'the channel is in slow mode']);
        within(Number(answer.headers.get('retry-after')));
      }
      for (const socket of sockets) {
        const error = await socket.request({ op: 'send', channel_id: id, ...message() });
        expect(error).toMatchObject({ op: 'error', code: 'rate_limited' });
        within(error.retry_after as number);
      }
    };
    await refused();
    // A retry is no second message, and a change of mind is none either.
    for (const socket of sockets) expect((await socket.send(id, nonce, 'once')).message_id).toBe(sent.message_id);
    const own = { id, message_id: sent.message_id };
    await bobHere.ok('message_patch', { path: own, body: { body: 'once, edited' } });
    await bobHere.ok('reaction_put', { path: { ...own, emoji: '👍' } }, 204);
    // Who operates the channel is not slowed: its owner, an admin of the server in it, an op; voice makes nobody one.
    for (let i = 0; i < 3; i++) await ann.api.send(id, `an owner ${i}`);
    for (let i = 0; i < 2; i++) await root.api.send(id, `an admin ${i}`);
    const member = { path: { id, user_id: bob.user.id } };
    await ann.api.ok('member_put', { ...member, body: { voice: true } }, 204);
    await refused();
    await ann.api.ok('member_put', { ...member, body: { voice: false, role: 'op' } }, 204);
    for (const api of [bob.api, bobHere, bob.api]) await api.send(id, 'an op');
    await ann.api.ok('member_put', { ...member, body: { role: 'member' } }, 204);
    await refused();
    await bobHere.ok('channel_leave', { path: { id } }, 204); // to go and come back does not help
    await bobHere.ok('channel_join', { path: { id } }, 200);
    for (const api of [bobHere, bob.api])
      await api.refused(429, 'rate_limited', 'message_create', { path: { id }, body: message() });
    await set(id, { slow_mode_s: 0 });
    for (const api of [bob.api, bobHere]) await api.send(id, 'at will');
  });

  test('of two sends at once on two servers slow mode lets one through', async () => {
    const id = await room(bob);
    await set(id, { slow_mode_s: 600 });
    const answers = await Promise.all(
      [bobHere, bob.api, bobHere, bob.api].map((api) => api.call('message_create', { path: { id }, body: message() })),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([201, 429, 429, 429]);
    expect((await ann.api.ok<MessagePage>('message_list', { path: { id } })).items).toHaveLength(1);
  });

  test('slow mode ends after its seconds', async () => {
    const id = await room(bob);
    await set(id, { slow_mode_s: 1 });
    const one = await bob.api.send(id, 'one');
    for (let i = 0; ; i++) {
      const answer = await (i % 2 ? bob.api : bobHere).call('message_create', { path: { id }, body: message() });
      if (answer.status === 201) {
        const two = answer.body as Message;
        expect(Date.parse(two.created_at) - Date.parse(one.created_at)).toBeGreaterThanOrEqual(1000);
        break;
      }
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
    }
  });

  test('in an archived channel all is read and nothing written, until it is opened again', async () => {
    const id = await room(bob);
    const b = await on(bob, id);
    const { message_id } = await bob.api.send(id, 'of old');
    const gone = await bob.api.send(id, 'to be deleted');
    const path = { id, message_id };
    await set(id, { archived: true });
    expect(await b.nextEvent(id, 'channel')).toMatchObject({ archived: true });
    for (const p of [ann, bob]) {
      expect((await refusedSend(p, id)).detail).toBe('the channel is archived');
      await p.api.refused(403, 'not_allowed', 'reaction_put', { path: { ...path, emoji: '👍' } });
      await p.api.refused(403, 'not_allowed', 'pin_put', { path });
      await p.api.refused(403, 'not_allowed', 'typing_create', { path: { id } });
    }
    await bob.api.refused(403, 'not_allowed', 'message_patch', { path, body: { body: 'other' } });
    expect(await b.request({ op: 'send', channel_id: id, ...message() })).toMatchObject({ code: 'not_allowed' });
    expect((await bob.api.ok<MessagePage>('message_list', { path: { id } })).items).toHaveLength(2);
    await bob.api.ok('channel_read', { path: { id }, body: { message_id } }, 204);
    await bob.api.ok('message_delete', { path: { id, message_id: gone.message_id } }, 204); // what is one's own
    await set(id, { archived: false });
    await bob.api.send(id, 'alive');
    await ann.api.ok('pin_put', { path });
  });

  test('a public channel becomes private, and never public again', async () => {
    const id = await room(bob);
    const b = await on(bob, id);
    expect((await set(id, { private: true })).kind).toBe('private');
    expect(await b.nextEvent(id, 'channel')).toMatchObject({ kind: 'private' });
    const cat = await person(stage.there.api(), `cat${made}`);
    for (const op of ['channel_get', 'channel_join', 'message_list'])
      await cat.api.refused(404, 'not_found', op, { path: { id } });
    const found = await cat.api.ok<List<Channel>>('channel_browse', { query: { q: `room-${made}` } });
    expect(found.items).toEqual([]);
    const sent = await ann.api.send(id, 'among us');
    await b.reach(id, sent.rev);
    const problem = await ann.api.refused(422, 'invalid', 'channel_patch', { path: { id }, body: { private: false } });
    expect(problem.errors).toEqual([{ field: 'private', detail: 'a private channel stays private' }]);
  });

  test('admins choose what new accounts join', async () => {
    const id = await room(root);
    await ann.api.refused(403, 'not_allowed', 'channel_patch', { path: { id }, body: { default: true } });
    expect((await set(id, { default: true }, root)).default).toBe(true);
    const dan = await person(stage.there.api(), `dan${made}`);
    expect((await dan.api.ok<Channel>('channel_get', { path: { id } })).me?.role).toBe('member');
    // What everybody joins is open to everybody, and is there.
    await ann.api.refused(409, 'conflict', 'channel_patch', { path: { id }, body: { private: true } });
    await ann.api.refused(409, 'conflict', 'channel_delete', { path: { id } });
    await set(id, { default: false, private: true }, root);
    await root.api.refused(409, 'conflict', 'channel_patch', { path: { id }, body: { default: true } });
    const eli = await person(stage.here.api(), `eli${made}`);
    await eli.api.refused(404, 'not_found', 'channel_get', { path: { id } });
  });

  test('who is silenced reads on and writes nothing, until it is lifted', async () => {
    const id = await room(bob);
    const [a, b] = [await on(ann, id), await on(bob, id)];
    const path = { id, user_id: bob.user.id };
    const until = '2090-01-02T03:04:05.678Z';
    const { message_id } = await bob.api.send(id, 'loud');
    await ann.api.ok('member_put', { path, body: { muted_until: until } }, 204);
    const seen = { change: 'role', user_id: bob.user.id, role: 'member', voice: false, muted_until: until };
    for (const socket of [a, b]) expect(await socket.nextEvent(id, 'member')).toMatchObject(seen);
    const ownRow = (f: Frame): boolean => f.op === 'channel' && (f.channel as Channel).me?.silenced_until === until;
    await b.until(() => b.frames.find(ownRow), 'one’s own row'); // before the event, or after it
    expect((await refusedSend(bob, id)).detail).toBe('you were silenced here');
    expect(await b.request({ op: 'send', channel_id: id, ...message() })).toMatchObject({ code: 'not_allowed' });
    const own = { id, message_id };
    await bob.api.refused(403, 'not_allowed', 'message_patch', { path: own, body: { body: 'louder' } });
    await bob.api.refused(403, 'not_allowed', 'reaction_put', { path: { ...own, emoji: '👍' } });
    await bob.api.refused(403, 'not_allowed', 'typing_create', { path: { id } });
    await bob.api.refused(403, 'not_allowed', 'member_put', { path, body: { muted_until: null } });
    const sent = await ann.api.send(id, 'do you read me');
    await b.reach(id, sent.rev);
    const row = async (): Promise<Member | undefined> =>
      (await ann.api.ok<List<Member>>('member_list', { path: { id } })).items.find((m) => m.user_id === bob.user.id);
    expect((await row())?.muted_until).toBe(until);
    await bob.api.ok('channel_leave', { path: { id } }, 204);
    await bob.api.ok('channel_join', { path: { id } }, 200);
    expect(await a.next((f) => f.op === 'event' && f.change === 'join', 'the join')).toMatchObject({
      muted_until: until,
    });
    await refusedSend(bob, id);
    await ann.api.ok('member_put', { path, body: { muted_until: null } }, 204);
    expect(await a.nextEvent(id, 'member')).toMatchObject({ change: 'role', muted_until: null });
    await bob.api.send(id, 'thank you');
    expect((await row())?.muted_until).toBeNull();
    expect(await audits('member.role', `channel:${id}/user:${bob.user.id}`)).toBe('2');
    for (const muted_until of ['soon', 1, true, '', {}])
      await ann.api.refused(422, 'invalid', 'member_put', { path, body: { muted_until } });
  });

  test('an admin of the server is silenced and put out by another admin alone', async () => {
    const id = await room(root);
    const path = { id, user_id: root.user.id };
    const silence = { path, body: { muted_until: '2090-01-01T00:00:00Z' } };
    expect((await ann.api.refused(403, 'not_allowed', 'member_put', silence)).detail).toBe(
      'only an admin silences an admin',
    );
    expect((await ann.api.refused(403, 'not_allowed', 'member_delete', { path })).detail).toBe(
      'only an admin kicks an admin',
    );
    await ann.api.ok('member_put', { path, body: { voice: true } }, 204);
    await root.api.send(id, 'still here');
  });

  test('a silence ends by itself', async () => {
    const id = await room(bob);
    const path = { id, user_id: bob.user.id };
    const muted_until = new Date(Date.now() + 1500).toISOString();
    await ann.api.ok('member_put', { path, body: { muted_until } }, 204);
    for (;;) {
      const answer = await bob.api.call('message_create', { path: { id }, body: message() });
      if (answer.status === 201) break;
      expect([answer.status, (answer.body as Problem).code]).toEqual([403, 'not_allowed']);
    }
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(muted_until));
  });

  test('the only owner names another one before they go', async () => {
    const id = await room(bob);
    const problem = await ann.api.refused(409, 'conflict', 'channel_leave', { path: { id } });
    expect(problem.detail).toBe('you are the only owner: name another one first');
    const path = { id, user_id: ann.user.id };
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: { role: 'op' } }, 204);
    await ann.api.refused(409, 'conflict', 'member_put', { path, body: { role: 'member' } });
    await bob.api.refused(403, 'not_allowed', 'member_put', { path, body: { role: 'member' } });
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: { role: 'owner' } }, 204);
    await ann.api.ok('channel_leave', { path: { id } }, 204);
    await bob.api.ok('channel_leave', { path: { id } }, 204); // alone
    // An admin takes up a channel that has none.
    const left = await root.api.ok<Channel>('channel_join', { path: { id } }, 200);
    expect(left.me?.role).toBe('member');
    await root.api.ok('member_put', { path: { id, user_id: root.user.id }, body: { role: 'owner' } }, 204);
    expect((await root.api.ok<Channel>('channel_get', { path: { id } })).me?.role).toBe('owner');
  });

  test('one’s own mute, level and hiding are told to one’s other devices, and to nobody else', async () => {
    const id = await room(bob);
    const [one, two, a] = [await on(bob, id), await on(bob, id), await on(ann, id)];
    const mine = (field: 'level' | 'muted_until' | 'hidden', value: unknown): Promise<unknown[]> =>
      Promise.all(
        [one, two].map((s) =>
          s.next((f) => f.op === 'channel' && (f.channel as Channel).me?.[field] === value, `${field} ${value}`),
        ),
      );
    const until = '2040-01-02T03:04:05.678Z';
    for (const [field, value] of [
      ['level', 'mentions'],
      ['muted_until', until],
      ['muted_until', null],
      ['hidden', true],
      ['hidden', false],
    ] as const) {
      await bob.api.ok('channel_me_patch', { path: { id }, body: { [field]: value } }, 200);
      await mine(field, value);
    }
    const sent = await bob.api.send(id, 'muted, not silenced');
    await a.reach(id, sent.rev);
    const rest = a.frames.filter((f) => f.op === 'channel' || (f.op === 'event' && f.type !== 'message'));
    expect(rest.filter((f) => (f as EventFrame).rev === undefined || (f as EventFrame).rev >= sent.rev)).toEqual([]);
  });
});
