// ./dev cluster as a developer starts it: two people on different backends talk through the ingress.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Api, password } from './lib/api.ts';
import { Program, root } from './lib/process.ts';
import { Server } from './lib/server.ts';
import { connect } from './lib/socket.ts';
import type { MessagePage, SignedIn } from './lib/types.ts';

let data: string;

beforeAll(async () => {
  data = await mkdtemp(`${tmpdir()}/linnet-cluster-`);
  await chmod(data, 0o711); // the user postgres has to come to its part
});
afterAll(() => rm(data, { recursive: true, force: true }));

interface Cluster {
  program: Program;
  ingress: Server;
  pods: { address: string; process: number }[];
  setup_code: string;
}

async function start(): Promise<Cluster> {
  const program = new Program(`${root}dev`, ['cluster', '--pods', '2', '--port', '0', '--data', data]);
  const found = (what: RegExp): Promise<RegExpExecArray> =>
    program.line((l) => what.exec(l) ?? undefined, `it said ${what}`);
  const pods = [];
  for (const name of ['pod-1', 'pod-2']) {
    const [, address, process] = await found(new RegExp(`${name} on http://(\\S+), process (\\d+)`));
    pods.push({ address: address as string, process: Number(process) });
  }
  const setup_code = (await found(/needs the setup code (\w+)/))[1] as string;
  const ingress = new Server(program, (await found(/open http:\/\/(\S+)/))[1] as string);
  return { program, ingress, pods, setup_code };
}

async function sockets(address: string): Promise<number> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Number(/^linnet_ws_open (\d+)$/m.exec(text)?.[1]);
}

const closed = (address: string): Promise<boolean> => fetch(`http://${address}/health`).then(() => false, () => true); // prettier-ignore

test(
  'two people on two backends talk through the ingress, also in a second life; when a part dies all of it ends',
  { timeout: 120_000 },
  async () => {
    let cluster = await start();
    const { ingress } = cluster;
    const page = await (await fetch(`${ingress.origin}/`)).text();
    for (const [, path] of page.matchAll(/(?:href=|HOST)(\/[^\s<>"]+)/g))
      expect((await fetch(ingress.origin + path)).status, path).not.toBe(404);
    expect((await fetch(`${ingress.origin}/metrics`)).status).toBe(404);
    const ann: Api = ingress.api('/api');
    const bob: Api = ingress.api('/api');
    const tokens = [await ann.register('ann', { setup_code: cluster.setup_code }), await bob.register('bob')].map(
      (signed: SignedIn) => signed.access_token,
    );
    const { id } = await ann.channel('room');
    await bob.ok('channel_join', { path: { id } });
    const anns = await connect(ingress, { token: tokens[0] as string });
    const bobs = await connect(ingress, { token: tokens[1] as string });
    expect(await Promise.all(cluster.pods.map((p) => sockets(p.address)))).toEqual([1, 1]);
    const hello = await ann.send(id, 'hello');
    await bobs.reach(id, hello.rev);
    const back = await bob.send(id, 'and you');
    await Promise.all([anns, bobs].map((socket) => socket.reach(id, back.rev)));
    for (const socket of [anns, bobs])
      expect(socket.events(id).map((e) => e.message?.body)).toEqual(['hello', 'and you']);
    // Larger than what the ingress takes: it says so itself.
    const large = { method: 'POST', body: 'x'.repeat(70_000) };
    expect((await fetch(`${ingress.origin}/api/auth/login`, large)).status).toBe(413);

    await cluster.program.stop();
    for (const { address } of cluster.pods) expect(await closed(address)).toBe(true);
    expect(await closed(`${ingress.host}:${ingress.port}`)).toBe(true);

    cluster = await start();
    const again = cluster.ingress.api('/api');
    const { access_token } = await again.ok<SignedIn>('auth_login', {
      body: { username: 'ann', password, cookie: false },
    });
    again.bearer = access_token;
    const { items } = await again.ok<MessagePage>('message_list', { path: { id } });
    expect(items.map((m) => m.body)).toEqual(['hello', 'and you']);

    process.kill(cluster.pods[1]?.process as number, 'SIGKILL');
    await cluster.program.line((l) => (/pod-2 ended by itself/.test(l) ? true : undefined), 'it said who died');
    await cluster.program.line((l) => (/stopped/.test(l) ? true : undefined), 'it had stopped');
    expect(await closed(cluster.pods[0]?.address as string)).toBe(true);
  },
);
