// Requests that nobody honest would send, byte by byte: each gets its exact status and code, and the server lives on.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { checkSchema } from './lib/contract.ts';
import { ask, Raw, type RawAnswer } from './lib/raw.ts';
import { type Server, startEmbedded } from './lib/server.ts';
import type { Problem } from './lib/types.ts';

let server: Server;
let hasty: Server; // its patience ends within a test; with the others it is as it comes, whatever keeps a client
let ann: Person | undefined;

beforeAll(async () => {
  server = await startEmbedded();
  hasty = await startEmbedded({ LINNET_HEADER_TIMEOUT_S: '2', LINNET_BODY_TIMEOUT_S: '2' });
});
afterAll(async () => {
  for (const one of [server, hasty]) {
    await one?.api().ok('health');
    await one?.stop();
  }
});

async function signIn(): Promise<void> {
  ann ??= await person(server.api(), 'ann');
}

function problem(answer: RawAnswer): Problem {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const body = JSON.parse(answer.body) as Problem;
  checkSchema('Problem', body);
  expect(body.status).toBe(answer.status);
  return body;
}

const head = (lines: string): string => `${lines.trim().split('\n').join('\r\n')}\r\n\r\n`;
const post = (body: string | Buffer, more = '', token = ann?.signed.access_token): Buffer =>
  Buffer.concat([
    Buffer.from(
      head(`POST /channels HTTP/1.1
Host: x
Authorization: Bearer ${token}
Content-Type: application/json
Content-Length: ${Buffer.byteLength(body)}${more}`),
    ),
    Buffer.from(body),
  ]);

describe('requests', () => {
  const cases: [string, string, number, string][] = [
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n', 400, 'malformed'],
    ['no version', 'GET /health\r\n\r\n', 400, 'malformed'],
    ['version 0.9', head('GET /health HTTP/0.9\nHost: x'), 505, 'version_not_supported'],
    ['version 2.0', head('GET /health HTTP/2.0\nHost: x'), 505, 'version_not_supported'],
    ['no Host', head('GET /health HTTP/1.1\nX: y'), 400, 'malformed'],
    ['two Hosts', head('GET /health HTTP/1.1\nHost: a\nHost: b'), 400, 'malformed'],
    ['an unknown method', head('BREW /health HTTP/1.1\nHost: x'), 501, 'not_implemented'],
    ['a known method in vain', head('DELETE /health HTTP/1.1\nHost: x'), 405, 'method_not_allowed'],
    ['a path that is none', head('GET /nowhere HTTP/1.1\nHost: x'), 404, 'not_found'],
    ['a path that climbs', head('GET /../../etc/passwd HTTP/1.1\nHost: x'), 400, 'malformed'],
    ['a path that climbs in escapes', head('GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\nHost: x'), 400, 'malformed'],
    ['a broken escape', head('GET /users/%zz HTTP/1.1\nHost: x'), 400, 'malformed'],
    ['a space in the target', head('GET /a b HTTP/1.1\nHost: x'), 400, 'malformed'],
    ['a space before the colon', head('GET /health HTTP/1.1\nHost : x'), 400, 'malformed'],
    ['an empty header name', head('GET /health HTTP/1.1\nHost: x\n: y'), 400, 'malformed'],
    ['a folded header', 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400, 'malformed'],
    ['a bare LF', 'GET /health HTTP/1.1\nHost: x\n\n', 400, 'malformed'],
    ['a bare CR', 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n', 400, 'malformed'],
    ['a NUL in a header', 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n', 400, 'malformed'],
    ['a target over 8 KiB', head(`GET /${'x'.repeat(9000)} HTTP/1.1\nHost: x`), 414, 'uri_too_long'],
    ['a head over 16 KiB', head(`GET /health HTTP/1.1\nHost: x\nA: ${'x'.repeat(17_000)}`), 431, 'headers_too_large'],
    ['a thousand headers', head(`GET /health HTTP/1.1\nHost: x\n${'A: b\n'.repeat(3000)}`), 431, 'headers_too_large'],
    [
      'both lengths',
      head('POST /auth/login HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked'),
      400,
      'malformed',
    ],
    ['two lengths', head('POST /auth/login HTTP/1.1\nHost: x\nContent-Length: 5\nContent-Length: 6'), 400, 'malformed'],
    ['a length list', head('POST /auth/login HTTP/1.1\nHost: x\nContent-Length: 5, 5'), 400, 'malformed'],
    ['a negative length', head('POST /auth/login HTTP/1.1\nHost: x\nContent-Length: -1'), 400, 'malformed'],
    ['a signed length', head('POST /auth/login HTTP/1.1\nHost: x\nContent-Length: +5'), 400, 'malformed'],
    [
      'an endless length',
      head(`POST /auth/login HTTP/1.1\nHost: x\nContent-Length: ${'9'.repeat(40)}`),
      413,
      'too_large',
    ],
    [
      'an unknown coding',
      head('POST /auth/login HTTP/1.1\nHost: x\nTransfer-Encoding: gzip, chunked'),
      501,
      'not_implemented',
    ],
    [
      'chunked twice',
      head('POST /auth/login HTTP/1.1\nHost: x\nTransfer-Encoding: chunked, chunked'),
      501,
      'not_implemented',
    ],
    ['chunked in HTTP/1.0', head('POST /auth/login HTTP/1.0\nHost: x\nTransfer-Encoding: chunked'), 400, 'malformed'],
    ['no length', head('POST /auth/login HTTP/1.1\nHost: x\nContent-Type: application/json'), 411, 'length_required'],
    [
      'an announced body over the limit',
      head('POST /auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 99999999'),
      413,
      'too_large',
    ],
    [
      'a bad chunk size',
      `${head('POST /auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nTransfer-Encoding: chunked')}zz\r\n`,
      400,
      'malformed',
    ],
    [
      'an endless chunk size',
      `${head('POST /auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nTransfer-Encoding: chunked')}${'f'.repeat(20)}\r\n`,
      413,
      'too_large',
    ],
    [
      'an unknown expectation',
      head('POST /auth/login HTTP/1.1\nHost: x\nContent-Length: 2\nExpect: 200-maybe'),
      417,
      'expectation_failed',
    ],
    ['/ws without an upgrade', head('GET /ws HTTP/1.1\nHost: x'), 426, 'upgrade_required'],
  ];
  test.each(cases)('%s', async (_, bytes, status, code) => {
    const answer = await ask(server.port, Buffer.from(bytes, 'latin1'));
    expect([answer.status, problem(answer).code]).toEqual([status, code]);
  });

  test('405 tells what is allowed', async () => {
    const answer = await ask(server.port, head('DELETE /channels HTTP/1.1\nHost: x'));
    expect(answer.status).toBe(405);
    expect(new Set(answer.headers.get('allow')?.split(/,\s*/))).toEqual(new Set(['GET', 'HEAD', 'POST', 'OPTIONS']));
  });

  test('HEAD answers as GET, without the body', async () => {
    const raw = await Raw.open(server.port);
    raw.write(head('HEAD /health HTTP/1.1\nHost: x\nConnection: close'));
    await new Promise<void>((resolve) => raw.socket.once('close', () => resolve()));
    expect(raw.bytes.toString()).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
  });

  test('/metrics and /ready are bare only', async () => {
    for (const path of ['/metrics', '/ready']) {
      expect((await ask(server.port, head(`GET ${path} HTTP/1.1\nHost: localhost`))).status).toBe(200);
      expect((await ask(server.port, head(`GET /api${path} HTTP/1.1\nHost: localhost`))).status).toBe(404);
      const forwarded = await ask(server.port, head(`GET ${path} HTTP/1.1\nHost: localhost\nX-Forwarded-For: 9.9.9.9`));
      expect(forwarded.status).toBe(404);
      expect((await ask(server.port, head(`GET ${path} HTTP/1.1\nHost: evil.example`))).status).toBe(404);
    }
  });
});

describe('bodies', () => {
  beforeAll(signIn);

  const bodies: [string, string | Buffer, number, string][] = [
    ['nothing', '', 400, 'malformed'],
    ['half an object', '{"name":', 400, 'malformed'],
    ['two values', '{"name":"x"} {}', 400, 'malformed'],
    ['a key twice', '{"name":"x","name":"y"}', 400, 'malformed'],
    ['a number that JSON does not know', '{"name":NaN}', 400, 'malformed'],
    ['single quotes', "{'name':'x'}", 400, 'malformed'],
    ['a comment', '{"name":"x"/**/}', 400, 'malformed'],
    ['a byte order mark', '\ufeff{"name":"x"}', 400, 'malformed'],
    ['bytes that are no UTF-8', Buffer.from('{"name":"\xff\xfe"}', 'latin1'), 400, 'malformed'],
    ['an overlong sequence', Buffer.from('{"name":"\xc0\xaf"}', 'latin1'), 400, 'malformed'],
    ['a lone surrogate', '{"name":"\\ud800"}', 400, 'malformed'],
    ['nesting without end', '['.repeat(30_000), 400, 'malformed'],
    ['a list', '[]', 422, 'invalid'],
    ['a text', '"name"', 422, 'invalid'],
    ['null', 'null', 422, 'invalid'],
    ['a name that is a number', '{"name":7}', 422, 'invalid'],
    ['a name that is null', '{"name":null}', 422, 'invalid'],
    ['a NUL in a name', '{"name":"a\\u0000b"}', 400, 'malformed'],
    ['an unknown field', '{"name":"fine","is_admin":true}', 422, 'invalid'],
    ['over 64 KiB', JSON.stringify({ name: 'x'.repeat(70_000) }), 413, 'too_large'],
  ];
  test.each(bodies)('%s', async (_, body, status, code) => {
    const answer = await ask(server.port, post(body));
    expect([answer.status, problem(answer).code], answer.body).toEqual([status, code]);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'multipart/form-data', ''])(
    'the content type %j is refused',
    async (type) => {
      const bytes = post('{"name":"typed"}').toString().replace('application/json', type);
      const answer = await ask(server.port, bytes);
      expect([answer.status, problem(answer).code]).toEqual([415, 'unsupported_media']);
    },
  );

  test('a charset after the content type is fine', async () => {
    const bytes = post('{"name":"charset"}').toString().replace('application/json', 'Application/JSON; charset=utf-8');
    expect((await ask(server.port, bytes)).status).toBe(201);
  });

  test('a chunked body is read as any other', async () => {
    const text = '{"name":"chunky"}';
    const chunks = [text.slice(0, 3), text.slice(3)].map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join('');
    const start = post('').toString().replace('Content-Length: 0', 'Transfer-Encoding: chunked');
    expect((await ask(server.port, `${start}${chunks}0\r\n\r\n`)).status).toBe(201);
  });

  test('a large body that is not wanted does not eat its answer', async () => {
    const raw = await Raw.open(server.port);
    raw.write(
      head(`POST /channels HTTP/1.1
Host: x
Authorization: Bearer ${ann?.signed.access_token}
Content-Type: application/json
Content-Length: 200000`),
    );
    for (let i = 0; i < 200; i++) raw.write('x'.repeat(1000));
    const [answer] = await raw.answers(1);
    expect(answer?.status).toBe(413);
    raw.end();
  });
});

describe('connections', () => {
  test('pipelined requests are answered in order', async () => {
    const raw = await Raw.open(server.port);
    const paths = ['/health', '/nowhere', '/version', '/health'];
    raw.write(paths.map((p) => head(`GET ${p} HTTP/1.1\nHost: x`)).join(''));
    expect((await raw.answers(4)).map((a) => a.status)).toEqual([200, 404, 200, 200]);
    raw.end();
  });

  test('a request that comes byte by byte is one', async () => {
    const raw = await Raw.open(server.port);
    for (const c of head('GET /health HTTP/1.1\nHost: x')) raw.write(c);
    expect((await raw.answers(1))[0]?.status).toBe(200);
    raw.end();
  });

  test('a head that never ends is 408', async () => {
    const raw = await Raw.open(hasty.port);
    raw.write('GET /health HTTP/1.1\r\nHost: x\r\nA: ');
    const [answer] = await raw.closed();
    expect([answer?.status, answer && problem(answer).code]).toEqual([408, 'request_timeout']);
  });

  test('a body that never ends is 408', async () => {
    const { signed } = await person(hasty.api(), 'bob');
    const raw = await Raw.open(hasty.port);
    raw.write(post('{"name":"slow"}', '', signed.access_token).subarray(0, -5));
    const [answer] = await raw.closed();
    expect([answer?.status, answer && problem(answer).code]).toEqual([408, 'request_timeout']);
  });

  test('a connection that says nothing is closed without a word', async () => {
    const raw = await Raw.open(hasty.port);
    expect(await raw.closed()).toEqual([]);
  });

  test('after a fault of the framing nothing more is read', async () => {
    const raw = await Raw.open(server.port);
    raw.write(`${head('GET /health HTTP/1.1\nHost : x')}${head('GET /health HTTP/1.1\nHost: x')}`);
    expect((await raw.closed()).map((a) => a.status)).toEqual([400]);
  });

  test('a smuggled second request is not answered', async () => {
    const raw = await Raw.open(server.port);
    const inner = head('GET /version HTTP/1.1\nHost: x');
    raw.write(
      `${head(`POST /auth/login HTTP/1.1\nHost: x\nContent-Length: ${inner.length}\nTransfer-Encoding: chunked`)}0\r\n\r\n${inner}`,
    );
    expect((await raw.closed()).map((a) => a.status)).toEqual([400]);
  });

  test('HTTP/1.0 gets its answer and the end', async () => {
    const raw = await Raw.open(server.port);
    raw.write(head('GET /health HTTP/1.0\nHost: x'));
    expect((await raw.closed()).map((a) => a.status)).toEqual([200]);
  });

  test('many who hang up in the middle leave nothing behind', async () => {
    for (let i = 0; i < 50; i++) {
      const raw = await Raw.open(server.port);
      raw.write(post(`{"name":"hangup-${i}"}`).subarray(0, 20 + i * 3));
      raw.end();
    }
    await server.api().ok('health');
  });
});

describe('sockets by hand', () => {
  beforeAll(signIn);

  const upgrade = (lines: string): string =>
    head(`GET /ws HTTP/1.1
Host: x
Authorization: Bearer ${ann?.signed.access_token}
Connection: Upgrade
Upgrade: websocket
${lines}`);

  const cases: [string, string, number][] = [
    ['no key', 'Sec-WebSocket-Version: 13', 400],
    ['a key of another length', 'Sec-WebSocket-Version: 13\nSec-WebSocket-Key: c2hvcnQ=', 400],
    ['another version', 'Sec-WebSocket-Version: 8\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 426],
  ];
  test.each(cases)('a handshake with %s', async (_, lines, status) => {
    expect((await ask(server.port, upgrade(lines))).status).toBe(status);
  });

  async function opened(): Promise<Raw> {
    const raw = await Raw.open(server.port);
    raw.write(upgrade('Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='));
    await new Promise<void>((resolve) => raw.socket.once('data', () => resolve()));
    expect(raw.bytes.toString('latin1')).toMatch(/^HTTP\/1\.1 101 [\s\S]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
    return raw;
  }

  const frames: [string, number[], number][] = [
    ['an unmasked frame', [0x81, 0x02, 0x7b, 0x7d], 1002],
    ['a reserved bit', [0xa1, 0x80, 1, 2, 3, 4], 1002],
    ['a reserved opcode', [0x83, 0x80, 1, 2, 3, 4], 1002],
    ['a fragmented ping', [0x09, 0x80, 1, 2, 3, 4], 1002],
    ['a ping of 126 bytes', [0x89, 0xfe, 0x00, 0x7e, 1, 2, 3, 4], 1002],
    ['a continuation of nothing', [0x80, 0x80, 1, 2, 3, 4], 1002],
    ['a length of 2^63', [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1002],
    ['a length that is too large', [0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4], 1009],
    ['text that is no UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], 1007],
    ['a close of one byte', [0x88, 0x81, 0, 0, 0, 0, 0x03], 1002],
    ['a close with a code that is none', [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], 1002],
  ];
  test.each(frames)('%s', async (_, bytes, code) => {
    const raw = await opened();
    const from = raw.bytes.length;
    raw.write(Buffer.from(bytes));
    await new Promise<void>((resolve) => raw.socket.once('close', () => resolve()));
    const last = raw.bytes.subarray(from);
    expect([last[0], last.readUInt16BE(2)]).toEqual([0x88, code]);
  });
});
