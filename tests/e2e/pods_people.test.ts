// Two backends: who is invited, banned, silenced or told of a setting on one of them sees it on the other.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { password, person, type Person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, connect, settle } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type { Channel, List, Member } from './lib/types.ts';

interface Invite {
  code: string;
}

describe('two backends', () => {
  let pods: Pair;
  let here: Server;
  let there: Server;
  let ann: Person; // her client is here, his there
  let bob: Person;
  let made = 0;

  beforeAll(async () => {
    pods = await pair();
    ({ here, there } = pods);
    ann = await person(here.api(), 'ann');
    bob = await person(there.api(), 'bob');
  });
  afterEach(settle);
  afterAll(() => pods?.stop());

  const room = (more = {}): Promise<Channel> => ann.api.channel(`place-${++made}`, more);
  const invite = (body: object): Promise<Invite> => ann.api.ok<Invite>('invite_create', { body }, 201);
  const path = (id: number): { path: { id: number; user_id: number } } => ({ path: { id, user_id: bob.user.id } });

  test('an invite by name reaches the other, and accepting it opens the channel there', async () => {
    const { id } = await room({ private: true });
    const socket = await connect(there, { token: bob.signed.access_token });
    const { code } = await invite({ channel_id: id, user_id: bob.user.id });
    expect(await socket.nextOp('invite')).toMatchObject({ invite: { code } });
    await bob.api.ok('invite_accept', { path: { code } }, 200);
    expect(await socket.nextOp('channel')).toMatchObject({ channel: { id } });
    expect(await socket.nextOp('invite')).toMatchObject({ code });
    await ann.api.send(id, 'welcome');
    expect(await socket.nextEvent(id, 'message')).toMatchObject({ message: { body: 'welcome' } });
  });

  test('the end of an invite reaches the other, whoever ends it', async () => {
    const { id } = await room({ private: true });
    const socket = await connect(there, { token: bob.signed.access_token });
    const away = await connect(here, { token: bob.signed.access_token });
    await away.close();
    const codes: string[] = [];
    for (const api of [ann.api, bob.api]) {
      const { code } = await invite({ channel_id: id, user_id: bob.user.id });
      expect(await socket.nextOp('invite')).toMatchObject({ invite: { code } });
      await api.ok('invite_delete', { path: { code } }, 204);
      expect(await socket.nextOp('invite')).toEqual({ op: 'invite', code, user_rev: expect.any(Number) });
      codes.push(code);
    }
    const back = await connect(here, { token: bob.signed.access_token }, { user_rev: away.ready.user_rev });
    for (const code of codes) expect(await back.nextOp('invite')).toMatchObject({ code });
  });

  test('the last use of a link is taken on one of them only', async () => {
    const { id } = await room();
    const people: Person[] = [];
    for (const [i, server] of [here, there, here, there].entries())
      people.push(await person(server.api(), `guest-${made}-${i}`));
    const { code } = await invite({ channel_id: id, max_uses: 2 });
    const answers = await Promise.all(people.map((p) => p.api.call('invite_accept', { path: { code } })));
    expect(answers.map((a) => a.status).sort()).toEqual([200, 200, 410, 410]);
    const members = await ann.api.ok<List<Member>>('member_list', { path: { id } });
    expect(members.items.length).toBe(3);
  });

  test('two who register by the last use of a link on two of them: one is', async () => {
    const { code } = await invite({ max_uses: 1 });
    const answers = await Promise.all(
      [here, there].map((server, i) =>
        server.api().call('auth_register', { body: { username: `last-${i}`, password, cookie: false, invite: code } }),
      ),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([201, 410]);
  });

  test('who is banned is cut off there, and may not come back there until it is lifted', async () => {
    const { id } = await room();
    await bob.api.ok('channel_join', { path: { id } }, 200);
    const socket = await attach(there, { token: bob.signed.access_token }, id);
    await ann.api.ok('ban_put', { ...path(id), body: { reason: 'enough' } }, 204);
    await socket.next((f) => f.op === 'channel_gone' && f.channel_id === id, 'channel_gone');
    const after = await ann.api.send(id, 'without bob');
    await bob.api.refused(403, 'not_allowed', 'channel_join', { path: { id } });
    expect(socket.events(id).map((e) => e.rev)).not.toContain(after.rev);
    await ann.api.ok('ban_delete', path(id), 204);
    await bob.api.ok('channel_join', { path: { id } }, 200);
  });

  test('who is silenced here is silent there', async () => {
    const { id } = await room();
    await bob.api.ok('channel_join', { path: { id } }, 200);
    const body = { muted_until: new Date(Date.now() + 3_600_000).toISOString() };
    await ann.api.ok('member_put', { ...path(id), body }, 204);
    const nonce = crypto.randomUUID();
    await bob.api.refused(403, 'not_allowed', 'message_create', { path: { id }, body: { nonce, body: 'hm' } });
    await ann.api.ok('member_put', { ...path(id), body: { muted_until: null } }, 204);
    await bob.api.send(id, 'ah');
  });

  test('a channel that is deleted here is gone there', async () => {
    const { id } = await room();
    await bob.api.ok('channel_join', { path: { id } }, 200);
    const socket = await attach(there, { token: bob.signed.access_token }, id);
    await ann.api.ok('channel_delete', { path: { id } }, 204);
    expect(await socket.nextEvent(id, 'deleted')).toMatchObject({ actor_id: ann.user.id });
    await socket.next((f) => f.op === 'channel_gone' && f.channel_id === id, 'channel_gone');
    await bob.api.refused(404, 'not_found', 'message_list', { path: { id } });
  });

  test('a name that the server is given here is told and shown there', async () => {
    const socket = await attach(there, { token: bob.signed.access_token }, 0);
    await ann.api.ok('server_patch', { body: { name: 'Finches' } }, 200);
    expect(await socket.nextEvent(0, 'server')).toMatchObject({ name: 'Finches' });
    expect((await there.api().ok<{ name: string }>('server_get')).name).toBe('Finches');
  });
});
