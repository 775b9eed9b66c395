import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import type { List, User } from './lib/types.ts';

describe.each(backends)('people on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;

  beforeAll(async () => {
    server = await start();
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    await bob.api.ok('me_patch', { body: { display_name: 'Robert Ätherisch' } });
  });
  afterAll(() => server?.stop());

  test('one person, by id', async () => {
    expect(await ann.api.ok<User>('user_get', { path: { id: bob.user.id } })).toMatchObject({
      username: 'bob',
      display_name: 'Robert Ätherisch',
    });
    for (const id of [999_999, 0, -1, 'x', '1.5', '9007199254740993', '1e1'])
      await ann.api.refused(404, 'not_found', 'user_get', { path: { id } });
  });

  test('people are found by the beginning of a name', async () => {
    const find = async (q: string): Promise<string[]> =>
      (await ann.api.ok<List<User>>('user_list', { query: { q } })).items.map((u) => u.username);
    expect(await find('bo')).toEqual(['bob']);
    expect(await find('BO')).toEqual(['bob']);
    expect(await find('robert')).toEqual(['bob']);
    expect(await find('nobody')).toEqual([]);
    expect(await find('%')).toEqual([]);
    expect(await find('_')).toEqual([]);
  });

  test('people by ids; unknown ones are left out', async () => {
    const ids = `${bob.user.id},${ann.user.id},999999`;
    const { items } = await ann.api.ok<List<User>>('user_list', { query: { ids } });
    expect(items.map((u) => u.username).sort()).toEqual(['ann', 'bob']);
    for (const bad of ['x', '1,,2', '1;2', Array.from({ length: 101 }, (_, i) => i + 1).join(',')])
      await ann.api.refused(422, 'invalid', 'user_list', { query: { ids: bad } });
  });

  test('a list is read in pages, each person once', async () => {
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const query = next === null ? { limit: 1 } : { limit: 1, cursor: next };
      const page: List<User> = await ann.api.ok<List<User>>('user_list', { query });
      expect(page.items.length).toBeLessThanOrEqual(1);
      seen.push(...page.items.map((u) => u.username));
      next = page.next;
    } while (next !== null);
    expect(seen.sort()).toEqual(['ann', 'bob']);
    for (const query of [{ limit: 0 }, { limit: 101 }, { limit: 'x' }, { cursor: 'made up' }])
      await ann.api.refused(422, 'invalid', 'user_list', { query });
  });
});
