// Channels with so many members that joins and leaves take no rev: on one server, and on two that share a Redis.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, person, type Person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import { attach, connect, type EventFrame, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type { Channel, List, Member } from './lib/types.ts';

const sizes = { LINNET_LARGE_FROM: '4', LINNET_LARGE_UNTIL: '3' };

const of =
  (op: string, id: number) =>
  (f: Frame): boolean =>
    f.op === op && f.channel_id === id;
const join = (api: Api, id: number): Promise<Channel> => api.ok<Channel>('channel_join', { path: { id } });
const leave = (api: Api, id: number): Promise<unknown> => api.ok('channel_leave', { path: { id } }, 204);
const row = (api: Api, id: number): Promise<Channel> => api.ok<Channel>('channel_get', { path: { id } });

/** Everything that the server had to say to this socket when it was asked. */
async function heard(socket: Socket): Promise<Frame[]> {
  await socket.request({ op: 'ping' });
  return socket.frames;
}

/** Of an earlier change one may come late from the other pod. */
const hint =
  (id: number, member_count: number) =>
  (f: Frame): boolean =>
    of('members', id)(f) && f.member_count === member_count;
const kinds = (events: EventFrame[]): string[] => events.map((e) => String(e.change ?? e.type));

describe.each(backends)('large channels on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let others: Person[];
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    server = await start(sizes);
    ann = await person(server.api(), 'ann');
    others = [];
    for (const name of ['bob', 'cid', 'dan']) others.push(await person(server.api(), name));
    eve = await person(server.api(), 'eve');
  });
  afterEach(settle);
  afterAll(() => server?.stop());

  const on = (p: Person, ...ids: number[]): Promise<Socket> => attach(server, { token: p.signed.access_token }, ...ids);
  /** Large: of four. */
  const crowd = async (more: { [name: string]: unknown } = {}): Promise<Channel> => {
    const { id } = await ann.api.channel(`crowd-${++made}`, more);
    for (const p of others) await join(p.api, id);
    const channel = await row(ann.api, id);
    expect(channel).toMatchObject({ large: true, member_count: 4, rev: 5 });
    return channel;
  };

  test('joins and leaves are hints there, and it is told where that begins and ends', async () => {
    const { id, rev } = await crowd();
    const anns = await on(ann, id);
    expect(kinds(anns.events(id))).toEqual(['channel', 'join', 'join', 'join', 'channel']);
    expect(anns.events(id)[4]).toMatchObject({ actor_id: null, large: true });
    const eves = await connect(server, { token: eve.signed.access_token });
    expect(await join(eve.api, id)).toMatchObject({ rev, member_count: 5, large: true });
    expect(await anns.next(of('members', id), 'a join')).toMatchObject({
      joined: [eve.user.id],
      left: [],
      member_count: 5,
    });
    const told = await eves.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'the row');
    expect(told.channel).toMatchObject({ rev, me: { role: 'member', read_id: 0 } });
    expect(await join(eve.api, id)).toMatchObject({ rev, member_count: 5 }); // again: nothing
    await others[0]?.api.send(id, 'hi');
    for (const s of [anns, eves]) await s.reach(id, rev + 1);
    const all = await ann.api.ok<List<Member>>('member_list', { path: { id } });
    expect(all.items.map((m) => m.user_id)).toContain(eve.user.id);
    for (const p of [eve, ...others.slice(1)]) await leave(p.api, id);
    expect(await anns.next((f) => of('members', id)(f) && f.member_count === 2, 'the last')).toBeTruthy();
    await anns.reach(id, rev + 2);
    expect(anns.events(id).at(-1)).toMatchObject({ type: 'channel', actor_id: null, large: false });
    expect(await row(ann.api, id)).toMatchObject({ rev: rev + 2, large: false, member_count: 2 });
    expect(await join(eve.api, id)).toMatchObject({ rev: rev + 3, member_count: 3 });
    await anns.reach(id, rev + 3);
    expect(kinds(anns.events(id)).at(-1)).toBe('join');
  });

  test('who leaves gets nothing more, on any socket, and begins anew when they come back', async () => {
    const { id, rev } = await crowd();
    await join(eve.api, id);
    const [one, two] = [await on(eve, id), await on(eve, id)] as [Socket, Socket];
    await ann.api.send(id, 'before');
    for (const s of [one, two]) await s.reach(id, rev + 1);
    await leave(eve.api, id);
    await ann.api.send(id, 'after');
    for (const s of [one, two]) {
      await s.next(of('channel_gone', id), 'channel_gone');
      expect((await heard(s)).filter((f) => of('event', id)(f) && (f.rev as number) > rev + 1)).toEqual([]);
    }
    await leave(eve.api, id); // again: nothing
    await eve.api.refused(403, 'not_member', 'message_list', { path: { id } });
    await join(eve.api, id);
    for (const s of [one, two]) {
      const told = await s.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'the row');
      expect(told.channel).toMatchObject({ rev: rev + 2 });
    }
    await ann.api.send(id, 'again');
    for (const s of [one, two]) await s.reach(id, rev + 3);
    expect(await row(eve.api, id)).toMatchObject({ member_count: 5, rev: rev + 3 });
  });

  test('a cursor of an earlier membership goes on, and is reset where history begins with the join', async () => {
    const open = await crowd();
    const clipped = await crowd({ history: 'joined' });
    const cursors: { [id: string]: number } = {};
    for (const { id, rev } of [open, clipped]) {
      await join(eve.api, id);
      cursors[id] = rev;
      await ann.api.send(id, 'seen');
      await leave(eve.api, id);
      await ann.api.send(id, 'not seen');
      await join(eve.api, id);
      await ann.api.send(id, 'seen again');
    }
    const socket = await connect(server, { token: eve.signed.access_token }, { cursors, user_rev: 1 });
    await socket.reach(open.id, open.rev + 3);
    expect(kinds(socket.events(open.id))).toEqual(['message', 'message', 'message']);
    const reset = await socket.until(() => socket.frames.find(of('reset', clipped.id)), 'reset');
    expect(reset.rev).toBe(clipped.rev + 3);
    expect(socket.events(clipped.id)).toEqual([]);
    const page = await eve.api.ok<List<{ body: string }>>('message_list', { path: { id: clipped.id } });
    expect(page.items.map((m) => m.body)).toEqual(['seen again']);
    await eve.api.refused(410, 'reset', 'change_list', { path: { id: clipped.id }, query: { since_rev: clipped.rev } });
  });

  test('a kick takes a rev, and is the last that its person gets', async () => {
    const { id, rev } = await crowd();
    await join(eve.api, id);
    const eves = await on(eve, id);
    await ann.api.ok('member_delete', { path: { id, user_id: eve.user.id }, query: { reason: 'enough' } }, 204);
    const kick = await eves.next((f) => of('event', id)(f) && f.change === 'kick', 'the kick');
    expect(kick).toMatchObject({ rev: rev + 1, user_id: eve.user.id, reason: 'enough' });
    await eves.next(of('channel_gone', id), 'channel_gone');
    await join(eve.api, id);
    await eves.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'the row');
    await ann.api.send(id, 'back');
    await eves.reach(id, rev + 2);
  });

  test('an operator who adds somebody is seen to', async () => {
    const { id } = await ann.api.channel('closed', { private: true });
    const add = (p: Person): Promise<unknown> => ann.api.ok('member_put', { path: { id, user_id: p.user.id } }, 204);
    for (const p of others) await add(p);
    const anns = await on(ann, id);
    await add(eve);
    await anns.reach(id, 6);
    expect(kinds(anns.events(id)).slice(-2)).toEqual(['channel', 'join']);
    expect(anns.events(id).at(-1)).toMatchObject({ actor_id: ann.user.id, user_id: eve.user.id });
  });
});

describe('large channels on two pods', () => {
  let pods: Pair;
  let here: Server;
  let there: Server;
  let ann: Person;
  let others: Person[];
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    pods = await pair(sizes);
    ({ here, there } = pods);
    ann = await person(here.api(), 'ann');
    others = [];
    for (const name of ['bob', 'cid', 'dan']) others.push(await person(here.api(), name));
    eve = await person(here.api(), 'eve');
  });
  afterEach(settle);
  afterAll(async () => {
    await pods?.stop();
  });

  const crowd = async (): Promise<Channel> => {
    const { id } = await ann.api.channel(`crowd-${++made}`);
    for (const p of others) await join(p.api, id);
    await join(eve.api, id);
    return row(ann.api, id);
  };

  test('who leaves on one pod is cut off on the other, and the others hear of it', async () => {
    const { id, rev } = await crowd();
    const eves = await attach(there, { token: eve.signed.access_token }, id);
    const bobs = await attach(there, { token: others[0]?.signed.access_token ?? '' }, id);
    await leave(eve.api, id);
    await eves.next(of('channel_gone', id), 'channel_gone');
    expect(await bobs.next(hint(id, 4), 'the hint')).toMatchObject({ joined: [], left: [eve.user.id] });
    await ann.api.send(id, 'after');
    await bobs.reach(id, rev + 1);
    expect((await heard(eves)).filter((f) => of('event', id)(f) && (f.rev as number) > rev)).toEqual([]);
    await join(eve.api, id);
    expect(await bobs.next(hint(id, 5), 'the hint')).toMatchObject({ joined: [eve.user.id], left: [] });
    await eves.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'the row');
    await ann.api.send(id, 'again');
    await eves.reach(id, rev + 2);
  });

  test('without Redis the head of the person tells', async () => {
    const { id, rev } = await crowd();
    const eves = await attach(there, { token: eve.signed.access_token }, id);
    const bobs = await attach(there, { token: others[0]?.signed.access_token ?? '' }, id);
    await pods.redis.kill();
    await leave(eve.api, id);
    await eves.next(of('channel_gone', id), 'channel_gone');
    await ann.api.send(id, 'after');
    await bobs.reach(id, rev + 1);
    expect((await heard(eves)).filter((f) => of('event', id)(f) && (f.rev as number) > rev)).toEqual([]);
  });
});
