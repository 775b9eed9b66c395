// The contract as people read it: the page, and what a browser makes of it.
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { person } from './lib/api.ts';
import { Page } from './lib/browser.ts';
import { operationIds } from './lib/contract.ts';
import { type Server, startEmbedded } from './lib/server.ts';

vi.setConfig({ testTimeout: 120_000 }); // a browser starts

let server: Server;

beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server.stop();
});

const get = (path: string, headers: { [name: string]: string } = {}, method = 'GET'): Promise<Response> =>
  fetch(server.origin + path, { method, headers });

describe('the files', () => {
  test.each(['/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/docs/page.js', '/docs/LICENSE.txt'])(
    '%s is the same bare, under /api, compressed or not, and is not sent again',
    async (path) => {
      const packed = await get(path, { 'accept-encoding': 'gzip' });
      const plain = await get(`/api${path}`, { 'accept-encoding': 'identity' });
      expect([packed.headers.get('content-encoding'), plain.headers.get('content-encoding')]).toEqual(['gzip', null]);
      const text = await packed.text();
      expect(text.length).toBeGreaterThan(100);
      expect(await plain.text()).toBe(text);
      const tag = packed.headers.get('etag') ?? '';
      expect(tag).toMatch(/^W\/"[0-9a-f]{16}"$/);
      for (const known of [tag, '*', `"x", ${tag}`]) {
        const same = await get(path, { 'if-none-match': known });
        expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', tag]);
      }
      expect((await get(path, { 'if-none-match': '"x"' })).status).toBe(200);
      const head = await get(path, {}, 'HEAD');
      expect([head.status, await head.text(), head.headers.get('etag')]).toEqual([200, '', tag]);
    },
  );

  test('with a slash behind it, it is found as well', async () => {
    for (const prefix of ['', '/api']) {
      const moved = await fetch(`${server.origin}${prefix}/docs/`, { redirect: 'manual' });
      expect([moved.status, moved.headers.get('location')]).toEqual([308, '../docs']);
      expect((await fetch(`${server.origin}${prefix}/docs/`)).url).toBe(`${server.origin}${prefix}/docs`);
    }
  });

  test('what is none is a problem', async () => {
    const api = server.api();
    for (const name of ['none', 'page.html', 'swagger-ui-bundle.js.map'])
      await api.refused(404, 'not_found', 'docs_file', { path: { name } });
  });

  test('the licences of the viewer are served', async () => {
    expect(await (await get('/docs/LICENSE.txt')).text()).toContain('Apache License');
    expect(await (await get('/docs/NOTICE.txt')).text()).toContain('SmartBear');
    expect(await (await get('/docs/swagger-ui-bundle.js.LICENSE.txt')).text()).toContain('@license');
  });
});

describe('in a browser', () => {
  const shown = "document.documentElement.hasAttribute('data-shown') && document.querySelector('.opblock')";

  test.each(['/docs', '/api/docs'])('%s shows every operation and asks nobody else', async (path) => {
    const page = await Page.open();
    try {
      await page.visit(server.origin + path);
      await page.until(shown);
      expect(await page.evaluate<number>("document.querySelectorAll('.opblock').length")).toBe(operationIds().length);
      const prefix = path.replace('/docs', '');
      expect(page.requests).toContain(`${server.origin}${prefix}/openapi.json`);
      for (const url of page.requests)
        expect(url.startsWith(`${server.origin}${prefix}/`) || url.startsWith('data:'), url).toBe(true);
      expect(page.complaints).toEqual([]);
    } finally {
      await page.close();
    }
  });

  test('a call is tried with what was authorized', async () => {
    const ann = await person(server.api(), 'ann');
    const page = await Page.open('dark');
    const click = (what: string): Promise<void> =>
      page.evaluate(`document.querySelector(${JSON.stringify(what)}).click()`);
    try {
      await page.visit(`${server.origin}/api/docs`);
      await page.until(shown);
      expect(await page.evaluate("document.documentElement.classList.contains('dark-mode')")).toBe(true);
      await page.evaluate(`window.ui.preauthorizeApiKey('bearer', ${JSON.stringify(ann.signed.access_token)})`);
      await click('#operations-auth-me_get .opblock-summary-control');
      await page.until("document.querySelector('#operations-auth-me_get .try-out__btn')");
      await click('#operations-auth-me_get .try-out__btn');
      await page.until("document.querySelector('#operations-auth-me_get .execute')");
      await click('#operations-auth-me_get .execute');
      const answer = '#operations-auth-me_get .live-responses-table';
      await page.until(`document.querySelector('${answer} tbody .response-col_status')?.textContent.trim() === '200'`);
      expect(await page.evaluate(`document.querySelector('${answer}').textContent`)).toContain('"username": "ann"');
      expect(page.requests).toContain(`${server.origin}/api/auth/me`);
      expect(page.complaints).toEqual([]);
      if (process.env.LINNET_PICTURES) await writeFile(`${process.env.LINNET_PICTURES}/docs.png`, await page.picture());
    } finally {
      await page.close();
    }
  });
});
