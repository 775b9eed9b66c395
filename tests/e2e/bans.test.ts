// Who is banned from a channel goes, stays out, and is told no more of it.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { attach, connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Ban, Channel, List, Member, User } from './lib/types.ts';

type Bans = List<Ban> & { users: User[] };

describe.each(stages)('bans on $name', ({ open }) => {
  let stage: Stage;
  let root: Person; // owns the server
  let ann: Person; // owns the channels
  let bob: Person;
  let cat: Person;
  let made = 0;

  beforeAll(async () => {
    stage = await open({ LINNET_BANS: '3' });
    root = await person(stage.here.api(), 'root');
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
    cat = await person(stage.there.api(), 'cat');
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  const room = async (...others: Person[]): Promise<number> => {
    const { id } = await ann.api.channel(`ban-${++made}`);
    for (const p of others) await p.api.ok('channel_join', { path: { id } }, 200);
    return id;
  };
  const of = (id: number, p: Person): { id: number; user_id: number } => ({ id, user_id: p.user.id });
  const ban = (id: number, p: Person, body?: object, by = ann): Promise<undefined> =>
    by.api.ok('ban_put', { path: of(id, p), ...(body ? { body } : {}) }, 204);
  const bans = (id: number, query = {}): Promise<Bans> => ann.api.ok<Bans>('ban_list', { path: { id }, query }, 200);
  /** What comes next is live. */
  const on = async (p: Person, ...ids: number[]): Promise<Socket> => {
    const socket = await attach(p === ann ? stage.here : stage.there, { token: p.signed.access_token }, ...ids);
    for (let i = 0; i < ids.length; i++) await socket.nextOp('synced');
    return socket;
  };
  const gone =
    (id: number) =>
    (f: Frame): boolean =>
      f.op === 'channel_gone' && f.channel_id === id;

  test('a member hears of the ban and their removal, then nothing', async () => {
    const id = await room(bob, cat);
    const [b, c] = [await on(bob, id), await on(cat, id)];
    const before = b.cursors.get(id) as number;
    const until = '2090-01-02T03:04:05.678Z';
    await ban(id, bob, { until, reason: 'spam' });
    const said = { actor_id: ann.user.id, user_id: bob.user.id, reason: 'spam' };
    for (const socket of [b, c]) {
      const first = await socket.nextEvent(id);
      expect(first).toMatchObject({ ...said, rev: before + 1, type: 'ban', banned: true, until });
      expect(await socket.nextEvent(id)).toMatchObject({ ...said, rev: before + 2, type: 'member', change: 'kick' });
    }
    await b.next(gone(id), 'its end');
    const sent = await ann.api.send(id, 'without bob');
    await c.reach(id, sent.rev);
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
    expect(b.events(id).filter((e) => e.rev > before + 2)).toEqual([]);
    const members = await ann.api.ok<List<Member>>('member_list', { path: { id } });
    expect(members.items.map((m) => m.user_id)).not.toContain(bob.user.id);
    expect((await ann.api.ok<Channel>('channel_get', { path: { id } })).member_count).toBe(2);
    await bob.api.refused(403, 'not_member', 'message_list', { path: { id } });
    const refusal = await bob.api.refused(403, 'not_allowed', 'channel_join', { path: { id } });
    expect(refusal.detail).toBe('you are banned from this channel');
    await ann.api.refused(403, 'not_allowed', 'member_put', { path: of(id, bob), body: {} });
    const { items, users, next } = await bans(id);
    expect(items).toMatchObject([{ user_id: bob.user.id, actor_id: ann.user.id, until, reason: 'spam' }]);
    expect([users.map((u) => u.username), next]).toEqual([['bob'], null]);
    expect(
      await stage.sql(
        `SELECT count(*) FROM audit WHERE action = 'member.ban' AND target = 'channel:${id}/user:${bob.user.id}'`,
      ),
    ).toBe('1');
    // Lifted, and once more: only the first is a change.
    for (let i = 0; i < 2; i++) await ann.api.ok('ban_delete', { path: of(id, bob) }, 204);
    expect(await c.nextEvent(id, 'ban')).toMatchObject({ user_id: bob.user.id, banned: false, rev: sent.rev + 1 });
    const back = await bob.api.ok<Channel>('channel_join', { path: { id } }, 200);
    expect(back.rev).toBe(sent.rev + 2);
    await bob.api.send(id, 'sorry');
    expect((await bans(id)).items).toEqual([]);
  });

  test('who was away finds the channel gone', async () => {
    const id = await room(bob);
    const b = await on(bob, id);
    const cursor = b.cursors.get(id) as number;
    await b.close();
    await ann.api.send(id, 'meanwhile');
    await ban(id, bob);
    await ann.api.send(id, 'not for bob');
    const back = await connect(stage.there, { token: bob.signed.access_token }, { cursors: { [id]: cursor } });
    expect(back.ready.gone).toContain(id);
    expect((await back.request({ op: 'ping' })).op).toBe('pong');
    expect(back.events(id)).toEqual([]);
  });

  test('who is no member is banned beforehand', async () => {
    const id = await room(cat);
    const c = await on(cat, id);
    await ban(id, bob);
    const event = await c.nextEvent(id, 'ban');
    expect(event).toMatchObject({ user_id: bob.user.id, banned: true, until: null });
    expect(event.reason).toBeUndefined();
    await ban(id, bob); // as it is: no change
    const sent = await ann.api.send(id, 'next');
    expect(sent.rev).toBe(event.rev + 1);
    await bob.api.refused(403, 'not_allowed', 'channel_join', { path: { id } });
    await ban(id, bob, { reason: 'another reason' });
    expect(await c.nextEvent(id, 'ban')).toMatchObject({ rev: sent.rev + 1, reason: 'another reason' });
    expect((await bans(id)).items).toMatchObject([{ user_id: bob.user.id, until: null, reason: 'another reason' }]);
  });

  test('a ban ends by itself', async () => {
    const id = await room(bob);
    // Where the machine is slow it may be over before it is asked for.
    let until = '';
    for (let ms = 1500, status = 422; status !== 204; ms *= 2) {
      until = new Date(Date.now() + ms).toISOString();
      status = (await ann.api.call('ban_put', { path: of(id, bob), body: { until } })).status;
      expect([204, 422]).toContain(status);
    }
    for (;;) {
      const answer = await bob.api.call('channel_join', { path: { id } });
      if (answer.status === 200) break;
      expect(answer.status).toBe(403);
    }
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until));
    expect((await bans(id)).items).toEqual([]);
  });

  test('an end in the past is none, however long ago', async () => {
    const id = await room(bob);
    for (const until of ['1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00Z', '1970-01-01T00:00:00.001Z']) {
      const problem = await ann.api.refused(422, 'invalid', 'ban_put', { path: of(id, bob), body: { until } });
      expect(problem.errors).toEqual([{ field: 'until', detail: 'must be in the future' }]);
    }
    expect((await bans(id)).items).toEqual([]);
  });

  test('who may ban whom', async () => {
    const id = await room(bob, cat, root);
    const refused = (by: Person, p: Person): Promise<unknown> =>
      by.api.refused(403, 'not_allowed', 'ban_put', { path: of(id, p) });
    await refused(bob, cat); // a plain member
    await bob.api.refused(403, 'not_allowed', 'ban_delete', { path: of(id, cat) });
    await bob.api.refused(403, 'not_allowed', 'ban_list', { path: { id } });
    await ann.api.ok('member_put', { path: of(id, bob), body: { role: 'op' } }, 204);
    for (const p of [ann, bob, root]) await refused(bob, p); // an owner, oneself, an admin of the server
    await refused(ann, ann);
    await bob.api.ok('ban_put', { path: of(id, cat) }, 204);
    await bob.api.ok<Bans>('ban_list', { path: { id } }, 200);
    await root.api.ok('ban_put', { path: of(id, ann) }, 204); // an admin of the server may
    await ann.api.refused(403, 'not_member', 'ban_list', { path: { id } });
    await ann.api.refused(403, 'not_member', 'ban_delete', { path: of(id, ann) });
    for (const user_id of [987_654, 0]) await root.api.refused(404, 'not_found', 'ban_put', { path: { id, user_id } });
    const dm = await bob.api.ok<Channel>('dm_create', { body: { user_ids: [cat.user.id] } });
    await bob.api.refused(403, 'not_allowed', 'ban_put', { path: of(dm.id, cat) });
    await bob.api.refused(403, 'not_allowed', 'ban_list', { path: { id: dm.id } });
    const secret = await root.api.channel(`ban-secret-${made}`, { private: true });
    for (const op of ['ban_put', 'ban_delete'])
      await bob.api.refused(404, 'not_found', op, { path: of(secret.id, cat) });
    await bob.api.refused(404, 'not_found', 'ban_list', { path: { id: secret.id } });
  });

  test('bans are counted, and listed in pages', async () => {
    const id = await room();
    for (const p of [bob, cat]) await ban(id, p);
    await ban(id, await person(stage.here.api(), `dan${made}`));
    const eli = await person(stage.here.api(), `eli${made}`);
    await ann.api.refused(409, 'limit_reached', 'ban_put', { path: of(id, eli) });
    await ban(id, bob, { reason: 'changed, not one more' });
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: Bans = await bans(id, cursor === null ? { limit: 2 } : { limit: 2, cursor });
      seen.push(...page.items.map((b) => b.user_id));
      cursor = page.next;
    } while (cursor !== null);
    expect(seen).toHaveLength(3);
    expect(seen).toEqual([...seen].sort((x, y) => x - y));
    for (const query of [{ cursor: 'x' }, { cursor: '-1' }, { limit: 0 }, { limit: 'x' }, { until: 1 }])
      await ann.api.refused(422, 'invalid', 'ban_list', { path: { id }, query });
  });

  test('what is no ban is refused by name', async () => {
    const id = await room(bob);
    const wrong: [object, string][] = [
      [{ until: 'tomorrow' }, 'until'],
      [{ until: 5 }, 'until'],
      [{ until: '' }, 'until'],
      [{ until: '2001-01-01T00:00:00.000Z' }, 'until'],
      [{ reason: 'x'.repeat(391) }, 'reason'],
      [{ reason: 'two\nlines' }, 'reason'],
      [{ reason: ['x'] }, 'reason'],
      [{ for: 'ever' }, 'for'],
    ];
    for (const [body, field] of wrong) {
      const problem = await ann.api.refused(422, 'invalid', 'ban_put', { path: of(id, bob), body });
      expect(problem.errors?.map((e) => e.field)).toEqual([field]);
    }
    let deep: unknown = 'x';
    for (let i = 0; i < 40; i++) deep = [deep];
    for (const reason of ['a\u0000b', deep])
      await ann.api.refused(400, 'malformed', 'ban_put', { path: of(id, bob), body: { reason } });
    await ann.api.refused(422, 'invalid', 'ban_put', { path: of(id, bob), query: { until: 1 } });
    await bob.api.send(id, 'still here');
  });
});
