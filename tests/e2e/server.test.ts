// PATCH /server: its name and who may register, by admins, told to everybody.
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { password, person } from './lib/api.ts';
import { at } from './lib/contract.ts';
import type { Server } from './lib/server.ts';
import { connect, settle } from './lib/socket.ts';
import { type Place, places } from './lib/target.ts';
import type { ChangePage, Token } from './lib/types.ts';

vi.setConfig({ testTimeout: 60_000 }); // it makes a database, and starts two servers

interface Settings {
  name: string;
  registration: string;
}

describe.each(places)('the settings of a server on $name', ({ open }) => {
  let place: Place | undefined;
  let server: Server | undefined;
  afterEach(settle);
  afterAll(async () => {
    await server?.stop();
    await place?.remove();
  });

  test('are an admin’s to change, are told, kept, and give way to the environment', async () => {
    place = await open();
    server = await place.start();
    const ann = await person(server.api(), 'ann');
    const bob = await person(server.api(), 'bob');
    const shown = await bob.api.ok<{ features: string[] }>('server_get');
    expect(shown.features).toEqual(at('#/components/schemas/Server/properties/features/items/examples'));
    // It is for anybody: a token that may not read gets what nobody gets.
    const writer = server.api();
    writer.bearer = (await bob.api.ok<Token>('token_create', { body: { name: 'w', scopes: ['write'] } }, 201)).token;
    expect(await writer.ok('server_get')).toEqual(await server.api().ok('server_get'));
    const patch = (body: object): Promise<Settings> => ann.api.ok<Settings>('server_patch', { body }, 200);
    const socket = await connect(server, { token: bob.signed.access_token });
    const problem = await bob.api.refused(403, 'not_allowed', 'server_patch', { body: {} });
    expect(problem.detail).toBe("only admins change the server's settings");
    expect(await patch({ name: '  Birds  ', registration: 'closed' })).toMatchObject({
      name: 'Birds',
      registration: 'closed',
    });
    const event = await socket.nextEvent(0, 'server');
    expect(event).toMatchObject({ actor_id: ann.user.id, name: 'Birds', registration: 'closed' });
    await server.api().refused(403, 'registration_closed', 'auth_register', { body: { username: 'eve', password } });
    await patch({ name: 'Birds' }); // nothing changes
    await patch({});
    await patch({ registration: null });
    const log = await bob.api.ok<ChangePage>('change_list', { path: { id: 0 }, query: { since_rev: event.rev - 1 } });
    expect(log.items.map((e) => [e.type, e.name, (e as { registration?: string | null }).registration])).toEqual([
      ['server', 'Birds', 'closed'],
      ['server', undefined, null],
    ]);
    for (const [field, body] of [
      ['name', { name: '' }],
      ['name', { name: null }],
      ['name', { name: ' \t ' }],
      ['name', { name: 'x'.repeat(65) }],
      ['name', { name: 'a\nb' }],
      ['registration', { registration: 'maybe' }],
    ] as [string, object][]) {
      const refusal = await ann.api.refused(422, 'invalid', 'server_patch', { body });
      expect(refusal.errors?.map((e) => e.field)).toEqual([field]);
    }
    const audit = await place.sql(
      "SELECT actor_id, action, before, after FROM audit WHERE target = 'server' ORDER BY id",
    );
    expect(audit.split('\n').filter((l) => l.includes('server.update'))).toEqual([
      `${ann.user.id}|server.update|{"name":"Linnet","registration":null}|{"name":"Birds","registration":"closed"}`,
      `${ann.user.id}|server.update|{"registration":"closed"}|{"registration":null}`,
    ]);
    await patch({ registration: 'closed' });
    await server.stop();
    server = await place.start({ LINNET_REGISTRATION: 'open' });
    ann.api = Object.assign(server.api(), { bearer: ann.api.bearer });
    const again = await ann.api.ok<Settings>('server_get');
    expect([again.name, again.registration]).toEqual(['Birds', 'open']);
    await ann.api.refused(409, 'conflict', 'server_patch', { body: { registration: 'invite' } });
    await ann.api.ok('server_patch', { body: { name: 'Finches' } }, 200);
  });
});
