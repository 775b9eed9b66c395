// Each mechanism that the promise rests on, switched off (LINNET_FAULTS, in test builds only), with a schedule made for it: the
// checker must find that the promise is broken, and by a fault of the kind that the mechanism prevents.
import { readFileSync } from 'node:fs';
import { root } from '../e2e/lib/process.ts';
import { type Kind, kinds, type Step } from './plan.ts';
import { Run, type RunOptions } from './run.ts';

interface Proof {
  off: string;
  /** the source that has the switch */
  where: string;
  /** any of these shows it */
  expect: string[];
  /** when somebody is behind the others for so long, that is a fault too; else 5 s */
  behind_ms?: number;
  pods: number;
  redis: boolean;
  rate: number;
  steps: Step[];
  cut_after: number;
  env: { [name: string]: string };
}

const n_clients = 40;
const most_seconds = 20;

function step(kind: string, pause_ms: number, for_ms: number): Step {
  const share = (kinds[kind] as Kind | undefined)?.clients ?? 0;
  const clients = Array.from({ length: Math.ceil(n_clients * share) }, (_, i) => i);
  return { kind, pause_ms, for_ms, pods: [0], clients };
}

/** Others each time. */
function cuts(n: number, pause_ms: number): Step[] {
  return Array.from({ length: n }, (_, i) => {
    const one = step('cut', pause_ms, 0);
    return { ...one, clients: one.clients.map((c) => (c + i * 7) % n_clients) };
  });
}

export const proofs: Proof[] = [
  {
    // One of ten is lost, and others come after it: each such gap stays open for longer than a healed one.
    off: 'no_heal',
    where: 'src/hub/heal.c',
    expect: ['slow'],
    behind_ms: 15_000,
    pods: 2,
    redis: true,
    rate: 40,
    steps: [step('redis_drop', 500, 10_000)],
    cut_after: 0,
    env: {},
  },
  {
    // The last of a burst is lost. With it, the check that comes each second finds it.
    off: 'no_head_check',
    where: 'src/hub/check.c',
    expect: ['behind'],
    pods: 2,
    redis: true,
    rate: 40,
    steps: [step('last_lost', 1000, 1500)],
    cut_after: 0,
    env: { LINNET_HEAD_CHECK_MS: '1000' },
  },
  {
    // Senders lose their connection in the moment after they sent, and send again.
    off: 'no_nonce',
    where: 'src/store/append_pg.c',
    expect: ['double'],
    pods: 1,
    redis: false,
    rate: 30,
    steps: [],
    cut_after: 0.5,
    env: {},
  },
  {
    // Clients come back all the time, into channels in which much is said.
    off: 'no_barrier',
    where: 'src/hub/attach.c',
    expect: ['order', 'leak'],
    pods: 1,
    redis: false,
    rate: 60,
    steps: cuts(30, 300),
    cut_after: 0,
    env: {},
  },
];

/** What it found, of the kinds that were expected; undefined: nothing. */
async function prove(proof: Proof, on: boolean, say: (line: string) => void): Promise<string | undefined> {
  const options: RunOptions = {
    seed: 7,
    seconds: 4,
    pods: proof.pods,
    clients: n_clients,
    channels: 6,
    rate: proof.rate,
    redis: proof.redis,
    steps: proof.steps,
    cut_after: proof.cut_after,
    kicks_per_second: 0,
    late: 0,
    first_behind_ms: proof.behind_ms ?? 5000,
    env: { ...proof.env, ...(on ? {} : { LINNET_FAULTS: proof.off }) },
    say,
  };
  const { faults, from, to } = await new Run(options).run(); // to: of the first fault; what ending it takes is nobody's
  say(`${((to - from) / 1000).toFixed(1)} s`);
  if (!on && to - from > most_seconds * 1000) return undefined;
  return faults.find((f) => on || proof.expect.includes(f.kind))?.kind;
}

/** A switch that the tree does not have (yet) cannot be tried. */
function known(proof: Proof): boolean {
  const has = readFileSync(root + proof.where, 'utf8').includes(`"${proof.off}"`);
  if (!has) console.log(`# ${proof.off}: ${proof.where} has no such switch`);
  return has;
}

/** As TAP. `on`: with the mechanisms at work, the same schedules must find nothing. */
export async function prove_all(only: string, on: boolean): Promise<boolean> {
  const chosen = proofs.filter((p) => (!only || only.split(',').includes(p.off)) && known(p));
  let good = true;
  for (const [i, proof] of chosen.entries()) {
    const said: string[] = [];
    const found = await prove(proof, on, (line) => said.push(line));
    const ok = (found === undefined) === on;
    good &&= ok;
    const what = on
      ? `nothing is found when ${proof.off} is not set`
      : `${proof.off} is found out${found ? ` (${found})` : ''}`;
    console.log(`${ok ? 'ok' : 'not ok'} ${i + 1} - ${what}`);
    if (!ok) for (const line of said) console.log(`# ${line}`);
  }
  console.log(`1..${chosen.length}`);
  return good;
}
