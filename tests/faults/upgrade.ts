// The upgrade of a cluster under the checker: pods of an earlier commit serve a database at its schema, a present one comes and
// brings the schema up to date while they go on, both serve side by side while things fail, and the old ones are replaced one after
// the other, with one of them taken back in between. As TAP.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { linnet, Program, root } from '../e2e/lib/process.ts';
import { drawStep, planText, type Step } from './plan.ts';
import { Random } from './random.ts';
import type { Rig } from './rig.ts';
import { type Fault, Run } from './run.ts';

const n_old = 3;
const n_clients = 100;

/** What goes wrong while both are there; the first ones make the old heal and replay what the new wrote, and the other way. */
const always = ['redis_drop', 'away', 'cut'];
const sometimes = ['redis_kill', 'redis_pause', 'postgres_kill', 'postgres_pause', 'pod_kill'];

function upgradePlan(seed: number): Step[] {
  const random = new Random(seed, 'upgrade');
  const step = (kind: string, pods?: number[]): Step => {
    const drawn = drawStep(random, kind, n_old + 1, n_clients);
    const for_ms = Math.round(drawn.for_ms * 0.6);
    return { ...drawn, for_ms, pods: pods ?? drawn.pods, pause_ms: Math.round(random.between(300, 1500)) };
  };
  const beside = random.shuffle([...always, random.pick(sometimes)]);
  const [a, b, c] = random.shuffle([0, 1, 2]) as [number, number, number];
  return [
    step('pod_joins', [n_old]),
    ...beside.slice(0, 2).map((kind) => step(kind)),
    step('pod_upgrade', [a]),
    step('pod_rollback', [a]),
    ...beside.slice(2).map((kind) => step(kind)),
    ...random.shuffle([a, b, c]).map((i) => step('pod_upgrade', [i])),
    step('cut'),
  ];
}

/** The migrations of a tree: those that each start applies. */
const present = readdirSync(`${root}src/store/migrations`)
  .filter((name) => /^\d+_/.test(name) && !/^\d+_contract_/.test(name))
  .map((name) => Number.parseInt(name, 10))
  .sort((x, y) => x - y);

const numbers = async (rig: Rig): Promise<number[]> =>
  (await rig.database.rows<{ number: number }>('SELECT number FROM migrations ORDER BY number')).map((r) => r.number);

interface Case {
  name: string;
  wrong: string[];
}

async function sideBySide(old: string, seed: number, say: (line: string) => void): Promise<[Case, Case]> {
  const held: Case = { name: `old pods beside new ones (seed ${seed})`, wrong: [] };
  const refused: Case = { name: 'an old pod refuses a contracted schema, and says so', wrong: [] };
  const steps = upgradePlan(seed);
  for (const line of planText(steps)) say(line);
  const run = new Run({
    seed,
    seconds: 0, // as long as its steps
    pods: n_old + 1,
    clients: n_clients,
    channels: 20,
    rate: 40,
    redis: true,
    steps,
    cut_after: 0.01,
    kicks_per_second: 1,
    late: 0.2,
    late_within_s: 25,
    env: {},
    binary: old,
    spare: 1,
    say,
    begun: async (rig) => say(`the schema is at ${(await numbers(rig)).at(-1)}`),
    judged: async (rig, fault) => {
      await wasReal(rig, old, fault, say);
      refused.wrong = await refusesContracted(rig, old);
    },
  });
  const result = await run.run();
  for (const name of ['acknowledged', 'edits', 'deletions', 'kicks', 'healed', 'replayed', 'resets'])
    if (!result.counts[name]) result.faults.push({ kind: 'nothing', text: `${name} is zero` });
  say(Object.entries(result.counts).map(([name, n]) => `${name} ${n}`).join(', ')); // prettier-ignore
  held.wrong = result.faults.map((f: Fault) => `${f.kind}: ${f.text}`);
  return [held, refused];
}

/** The schema is the present one, and both have served on it. */
async function wasReal(rig: Rig, old: string, fault: (kind: string, text: string) => void, say: (l: string) => void) {
  const there = await numbers(rig);
  if (String(there) !== String(present)) fault('schema', `the database has the migrations ${there}, not ${present}`);
  const by_old = rig.count('linnet_hub_delivered_total', old) - rig.delivered_before;
  const by_new = rig.count('linnet_hub_delivered_total', linnet);
  const healed = [old, linnet].map((binary) => rig.count('linnet_hub_healed_total', binary));
  say(`the schema is at ${there.at(-1)}; on it ${by_old} were delivered by old pods and ${by_new} by new ones`);
  say(`${healed[0]} were healed by old pods and ${healed[1]} by new ones`);
  if (by_old <= 0 || by_new <= 0) fault('nothing', 'one of the two versions has not served beside the other');
}

/** It must end by itself, at once, with a line that names the migration. */
async function refusesContracted(rig: Rig, old: string): Promise<string[]> {
  await rig.database.exec(
    "INSERT INTO migrations (number, name, applied_at) VALUES (9000, 'contract_what_it_reads', 0)",
  );
  const env = { DATABASE_URL: rig.database.url, JWT_SECRET: 'a secret of the tests, long enough to be accepted' };
  const program = new Program(old, ['backend', '--listen', '127.0.0.1:0'], env);
  const served = await program.log('listening').then(() => true, () => false); // prettier-ignore
  if (served) {
    await program.stop('SIGKILL');
    return ['it serves'];
  }
  const said = program.lines.some((line) => /"db\.migration_newer".*"number":9000/.test(line));
  const status = program.child.exitCode;
  return said && status === 1 ? [] : [`status ${status}`, ...program.lines.slice(-10)];
}

/** One process on a file: an old version made it, the present one takes it over, and the old one goes on with it. */
async function file(old: string): Promise<Case> {
  const made: Case = { name: 'a file of SQLite goes to the present version and back', wrong: [] };
  const dir = await mkdtemp(`${tmpdir()}/linnet-upgrade-`);
  try {
    const run = promisify(execFile);
    const args = ['admin', 'create-user', '--count', '1', '--prefix', 'person', '--tokens', `${dir}/tokens`];
    await run(old, [...args, '--data', dir]);
    const { stdout: line } = await run('head', ['-1', `${dir}/tokens`]);
    const headers = { authorization: `Bearer ${line.trim().split(' ')[1]}`, 'content-type': 'application/json' };
    const bodies: string[] = [];
    for (const [i, binary] of [old, linnet, old, linnet].entries()) {
      const program = new Program(binary, ['serve', '--listen', '127.0.0.1:0', '--data', dir]);
      const origin = `http://${String((await program.log('listening')).address)}`;
      const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
        const init = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
        const answer = await fetch(`${origin}/api${path}`, init);
        if (!answer.ok) made.wrong.push(`${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
        return answer.json();
      };
      if (i === 0) await ask('POST', '/channels', { name: 'room' });
      const { items } = (await ask('GET', '/channels')) as { items: { id: number; name: string }[] };
      const id = items.find((c) => c.name === 'room')?.id;
      const nonce = new Random(i, 'file').uuid();
      bodies.push(`said in life ${i}`);
      await ask('POST', `/channels/${id}/messages`, { nonce, body: bodies.at(-1) });
      const page = (await ask('GET', `/channels/${id}/messages`)) as { items: { body: string }[] };
      if (String(page.items.map((m) => m.body)) !== String(bodies))
        made.wrong.push(`life ${i} has ${page.items.map((m) => m.body)}`);
      await program.stop();
    }
  } catch (e) {
    made.wrong.push(String(e));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return made;
}

export async function upgrade(old: string, seed: number): Promise<boolean> {
  const say = (line: string): void => console.log(`# ${line.replaceAll('\n', '\n# ')}`);
  const cases = [...(await sideBySide(old, seed, say)), await file(old)];
  for (const [i, { name, wrong }] of cases.entries()) {
    console.log(`${wrong.length ? 'not ok' : 'ok'} ${i + 1} - ${name}`);
    for (const line of wrong) say(line);
  }
  console.log(`1..${cases.length}`);
  return cases.every(({ wrong }) => wrong.length === 0);
}
